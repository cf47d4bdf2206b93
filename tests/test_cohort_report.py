"""A cohort's report, tables, sample and commands, on the small course: graded once, without the judge."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autograder.checks import read_checks
from autograder.cohort import exports, report, sample, similarity
from autograder.cohort.imports import import_sources
from autograder.cohort.journal import Journal, Result
from autograder.cohort.records import Records
from autograder.errors import GradingError
from autograder.project import Project
from tests.conftest import tree_digest

OWN = '''"""Mine."""

ALPHABET = "abc"


def tidy(value, spare=None):
    parts = [piece.strip() for piece in str(value).split(",") if piece]
    if spare is not None and len(parts) < 3:
        parts.append(str(spare))
    return {index: piece.upper() for index, piece in enumerate(parts)}


def measure(rows):
    total = 0
    for row in rows:
        for cell in row:
            total += len(cell) if isinstance(cell, str) else int(cell)
    return total / max(1, len(rows))


def count_words(text):
    found = 0
    inside = False
    for letter in text:
        if letter.isspace():
            inside = False
        elif not inside:
            inside, found = True, found + 1
    return found
'''


@pytest.fixture(autouse=True)
def course(mini_course_tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, folder in (("SOLUTIONS", "solutions"), ("RELEASES", "projects"), ("HIDDEN", "autograder/projects")):
        monkeypatch.setattr(f"autograder.project.{name}", mini_course_tree / folder)
    return mini_course_tree


@pytest.fixture
def project() -> Project:
    return Project("greeter")


@pytest.fixture
def root(tmp_path: Path, course: Path, project: Project) -> Path:
    """Seven learners: two alike, one of them in disguise; results in the journal, no gradebook yet."""
    disguise = re.sub(r"\b(total|found|inside|parts|piece|letter)\b", r"x_\1", OWN).replace('"""Mine."""', "# mine!")
    work = {
        "ada": ("greeter/counting.py", OWN),
        "bob": ("greeter/counting.py", disguise),
        "carol": None,
        "dan": None,
        "=cmd": None,
        "<script>alert(1)": None,
        "Eve Example_77_assignsubmission_file_": None,
    }
    inbox = tmp_path / "inbox"
    for student, own in work.items():
        for path in (course / "solutions" / "greeter").rglob("*.py"):
            if path.parent.name == "greeter":
                target = inbox / student / "greeter" / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(own[1] if own and own[0].endswith(path.name) else path.read_text())
        (inbox / student / "greeter.ipynb").write_bytes(
            (course / "projects" / "greeter" / "greeter.ipynb").read_bytes()
        )
    (inbox / "hollow").mkdir()
    root = tmp_path / "grading"
    import_sources(root, [inbox], "greeter")
    journal = Journal(root)
    failing = {"ada": set(), "bob": {0}, "carol": {0, 1}, "dan": {0, 1, 2}}
    for student in sorted(p.name for p in (root / "submitted").iterdir()):
        verdicts = [_verdict(check, i not in failing.get(student, {0})) for i, check in enumerate(read_checks(project))]
        problem = "greeter.ipynb: <b>odd</b>" if student == "dan" else None
        points = sum(v["points"] for v in verdicts)
        journal.record(Result(student, "greeter", "k", points, 6.0, verdicts, problem, 0.1, False), 7, "written")
    return root


def _verdict(check, passed: bool) -> dict:
    reason, where = ("", "") if passed else ("Your code raised KeyError.", "greeter/counting.py, line 3: <i>x</i>")
    return {
        "check": vars(check),
        "passed": passed,
        "reason": reason,
        "where": where,
        "points": check.points if passed else 0,
    }


class Text(HTMLParser):
    """The page's text, its ids and where its links go; fails on a script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.ids, self.links, self.labels = "", set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        assert tag not in ("script", "img", "iframe", "object")
        assert not any(name.startswith("on") for name in found)
        self.ids.add(found.get("id"))
        self.links += [found["href"]] if "href" in found else []
        self.labels += [found.get("aria-label")] if tag == "svg" else []

    def handle_data(self, data):
        self.text += data


def test_the_report_says_who_failed_at_what_hardest_first(root, project):
    data = report.build(root, project)
    shares = [b["failed"] / b["of"] for b in data["behaviours"]]
    assert shares == sorted(shares, reverse=True) and shares[0] == 6 / 7
    hardest = data["behaviours"][0]
    assert hardest["groups"][0]["how"] == "Your code raised KeyError."
    assert {s["student"] for s in hardest["groups"][0]["students"]} >= {"bob", "carol", "dan"}
    assert [b["failed"] for b in data["behaviours"]] == [6, 2, 1]
    json.dumps(report.plain(data))


def test_the_page_stands_alone_and_runs_nothing_that_a_learner_wrote(root, project):
    page = Text(report.render(report.build(root, project)))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links) and page.links
    assert "<i>x</i>" in page.text and "<b>odd</b>" in page.text  # as text
    assert all(page.labels), "each chart says in words what it shows"
    for behaviour in (check.behaviour for check in read_checks(project)):
        assert behaviour in page.text
    assert "hollow" in page.text and "it is empty" in page.text
    assert "secret" not in page.text and "randrange" not in page.text


def test_the_report_changes_nothing(root, project):
    def files() -> dict[str, bytes]:
        return {
            p: c for p, c in tree_digest(root).items() if not p.startswith("journal.sqlite")
        }  # sqlite's own side files

    before = files(), Journal(root).results("greeter")
    report.render(report.build(root, project))
    assert (files(), Journal(root).results("greeter")) == before


def test_a_copy_in_disguise_is_shown_side_by_side_and_others_are_not(root, project):
    data = report.build(root, project)
    assert [(p["first"], p["second"]) for p in data["pairs"]] == [("ada", "bob")]
    assert data["pairs"][0]["share"] > 0.9
    ((name, rows),) = data["_beside"][0]["files"]
    assert name == "greeter/counting.py"
    alike = [(row.left[1].strip(), row.right[1].strip()) for row in rows if row.alike]
    assert ("total = 0", "x_total = 0") in alike and len(alike) > 15


def test_given_and_published_code_makes_no_pair(root, project):
    codes = {s: similarity.read_code(root / "submitted" / s / "greeter", "greeter") for s in ("carol", "dan")}
    assert similarity.similar_pairs(codes, similarity.published(project), least=0.1) == []


def test_code_that_does_not_parse_is_no_obstacle(tmp_path):
    (tmp_path / "greeter").mkdir()
    (tmp_path / "greeter" / "a.py").write_bytes(b"def (:\n '''")
    (tmp_path / "greeter" / "b.py").write_bytes(b"\xff\xfe\0")
    assert similarity.read_code(tmp_path, "greeter").windows == set()


@pytest.mark.parametrize(
    ("points", "maximum", "counts"),
    [([0, 1, 3, 3], 3, [1, 1, 0, 2]), ([2.5, 9], 3, [0, 0, 1, 1]), ([], 2, [0, 0, 0]), ([-1, 0.5], 0.5, [1, 1])],
)
def test_histogram_counts_every_point_once(points, maximum, counts):
    assert [bar["count"] for bar in report.histogram(points, maximum)] == counts


def test_a_wide_histogram_has_few_bars():
    bars = report.histogram([0, 37, 38], 38)
    assert len(bars) <= 13 and [bars[0]["count"], bars[-2]["count"], bars[-1]["count"]] == [1, 1, 1]


def test_nothing_graded_says_what_to_do(tmp_path, project):
    with pytest.raises(GradingError, match="course cohort grade --project greeter"):
        report.build(tmp_path, project)
    with pytest.raises(GradingError, match="course cohort import"):
        exports.table(tmp_path, project, "csv")
    with pytest.raises(GradingError, match="course cohort grade"):
        exports.write_feedback(tmp_path, tmp_path / "out", project)


# --- tables


def row(student: str, tasks: dict, status: str = "graded", **more) -> exports.Row:
    return exports.Row(student, tasks, status, **({"lms": {"lms": "", "lms_id": "", "name": ""}} | more))


@pytest.fixture
def graded(root, monkeypatch) -> Path:
    """As the gradebook has them: a manual grade, a late penalty, an answer that waits."""
    people = Records(root)
    rows = {
        "ada": row("ada", {"greeting": 3.0, "counting": 3.0, "essay": 1.5}, first_name="Ada", last_name="Lovelace"),
        "bob": row("bob", {"greeting": 1.0, "counting": 0.0, "essay": 0.0}, penalty=2.0, late_seconds=7200.0),
        "carol": row("carol", {"greeting": 3.0, "counting": 3.0, "essay": None}, "needs a person"),
        "Eve-Example_77": row("Eve-Example_77", {"greeting": 2.0, "counting": 3.0, "essay": 2.0}),
    }
    assert people.person("Eve-Example_77")["lms_id"] == "77"
    monkeypatch.setattr(exports, "_from_gradebook", lambda root, project: rows)
    return root


def read(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_points_penalty_total_and_status(graded, project):
    found = {r["student"]: r for r in read(exports.table(graded, project, "csv"))}
    ada, bob, carol, dan = (found[s] for s in ("ada", "bob", "carol", "dan"))
    assert (ada["greeting"], ada["essay"], ada["total"], ada["maximum"], ada["status"]) == (
        "3",
        "1.5",
        "7.5",
        "8",
        "graded",
    )
    assert (bob["late_penalty"], bob["late_seconds"], bob["total"]) == ("2", "7200", "0")  # never below 0
    assert (carol["essay"], carol["status"]) == ("", "needs a person")
    assert (dan["total"], dan["status"], dan["problem"]) == ("", "not graded", "greeter.ipynb: <b>odd</b>")
    assert not any(value.startswith(("=", "+", "@")) for r in found.values() for value in r.values())


def test_a_cell_is_no_formula():
    assert [exports._cell(v) for v in ("=1+1", "@x", "-2+3", "-", "+49 40", None, 2.0, 0.1 + 0.2)] == [
        "'=1+1", "'@x", "'-2+3", "-", "'+49 40", "", "2", "0.3"]  # fmt: skip


def test_canvas_gets_its_columns_and_only_finished_grades(graded, project):
    text = exports.table(graded, project, "canvas", column="Greeter (4711)")
    assert text.splitlines()[0] == "Student,ID,SIS User ID,SIS Login ID,Section,Greeter (4711)"
    found = read(text)
    assert found[0]["Student"].strip() == "Points Possible" and found[0]["Greeter (4711)"] == "8"
    assert {r["SIS Login ID"]: r["Greeter (4711)"] for r in found[1:]} == {
        "ada": "7.5",
        "bob": "0",
        "Eve-Example_77": "7",
    }
    assert found[1]["Student"] in ("Lovelace, Ada", "Eve Example")
    assert len(read(exports.table(graded, project, "canvas", partial=True))) > len(found)


def test_moodle_gets_its_columns_and_participants(graded, project):
    found = {r["Full name"]: r for r in read(exports.table(graded, project, "moodle"))}
    eve = found["Eve Example"]
    assert eve["Identifier"] == "Participant 77" and eve["Grade"] == "7" and "Last modified (grade)" in eve


def test_a_damaged_gradebook_is_named(root, project):
    (root / "gradebook.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(GradingError, match=r"gradebook\.db"):
        exports.table(root, project, "csv")


# --- the sample cohort


def test_the_sample_has_thirty_uploads_and_is_the_same_each_time(tmp_path, project):
    first = sample.write_sample(tmp_path / "a", project)
    assert sample.write_sample(tmp_path / "b", project) == first and len(first) == 30
    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")
    lines = import_sources(tmp_path / "grading", [tmp_path / "a"], "greeter")
    outcome = {
        name: line.outcome for name, _ in first for line in lines if line.source.startswith(str(tmp_path / "a" / name))
    }
    for name, what in first:
        assert (outcome[name] == "refused") == what.startswith("refused"), (name, what)
    with pytest.raises(GradingError, match="not empty"):
        sample.write_sample(tmp_path / "a", project)


# --- the commands, from end to end


def test_the_instructors_day_on_the_sample(mini, tmp_path):
    grading = {"COURSE_GRADING": str(tmp_path / "grading"), "OMP_NUM_THREADS": "1"}
    inbox = tmp_path / "inbox"
    mini.run("cohort", "sample", str(inbox), "--project", "greeter", **grading)
    for extra in [p for p in inbox.iterdir() if p.name not in ("abebe", "chidi", "dorota.zip", "mei", "joao")]:
        extra.rename(tmp_path / extra.name)  # five are enough here
    brought = json.loads(mini.run("cohort", "import", str(inbox), "--json", **grading).stdout)
    assert brought["counts"] == {"imported": 4, "refused": 1}
    graded = json.loads(mini.run("cohort", "grade", "--workers", "1", "--seed", "7", "--json", **grading).stdout)
    assert {r["student"]: r["points"] for r in graded["results"]} == {"abebe": 6, "chidi": 0, "dorota": 0, "joao": 0}
    said = " ".join(mini.run("cohort", "grade", "--workers", "1", **grading).stdout.split())
    assert "4 unchanged" in said and "formgrader cannot open" in said and str(mini.root) in said
    page = tmp_path / "report.html"
    mini.run("cohort", "report", "-o", str(page), **grading)
    assert "3 of 4" in Text(page.read_text()).text
    table = {r["student"]: r for r in read(mini.run("cohort", "export", **grading).stdout)}
    assert table["abebe"]["greeting"] == "3" and table["abebe"]["status"] == "needs a person"
    left_out = mini.run("cohort", "export", "--format", "canvas", **grading).stderr
    assert "left out" in left_out
    pages = tmp_path / "return"
    mini.run("cohort", "feedback", str(pages), **grading)
    assert {str(p.relative_to(pages)) for p in pages.rglob("*.html")} == {
        f"{s}/greeter.html" for s in ("abebe", "chidi", "dorota", "joao")
    }
    assert "Every name is greeted" in (pages / "chidi" / "greeter.html").read_text()


def test_help_names_every_command(mini):
    text = mini.run("cohort", "--help").stdout
    for command in ("import", "grade", "regrade", "report", "export", "feedback", "sample"):
        assert re.search(rf"\b{command}\b", text)
    assert "no format 'xls'" in mini.run("cohort", "export", "--format", "xls", ok=1).stderr
    assert "--project" in mini.run("cohort", "grade", "--help").stdout
