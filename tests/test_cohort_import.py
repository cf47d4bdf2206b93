"""`course cohort import`: every layout that submissions arrive in, and every kind of bad input, on tiny files."""

import io
import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from autograder.cohort.imports import import_sources
from autograder.cohort.records import Records
from autograder.cohort.trees import Limits
from tests.conftest import tree_digest

DAY = 86_400
START = 1_780_000_000  # a day in 2026, in seconds


@pytest.fixture
def course(mini_course_tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small course, in this process."""
    for name, folder in (("SOLUTIONS", "solutions"), ("RELEASES", "projects"), ("HIDDEN", "autograder/projects")):
        monkeypatch.setattr(f"autograder.project.{name}", mini_course_tree / folder)
    return mini_course_tree


@pytest.fixture
def work(course: Path) -> dict[str, bytes]:
    """A learner's files, by path: the reference's package in the released notebook."""
    release, source = course / "projects" / "greeter", course / "solutions" / "greeter" / "greeter"
    files = {"greeter.ipynb": (release / "greeter.ipynb").read_bytes()}
    return files | {f"greeter/{p.name}": p.read_bytes() for p in source.glob("*.py")}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "grading"


def put(folder: Path, files: dict[str, bytes], day: int = 0) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (START + day * DAY,) * 2)
    return folder


def zipped(files: dict[str, bytes], day: int = 1, links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 5, day, 12, 0, 0)), content)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name, (2026, 5, day, 12, 0, 0))
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return buffer.getvalue()


def run(root: Path, *sources: Path, project: str | None = "greeter", **limits: int) -> dict[str | None, list]:
    """Import, with the sources unchanged; lines by learner."""
    before = {source: tree_digest(source) for source in sources if source.is_dir()}
    lines = import_sources(root, list(sources), project, limits=Limits(**limits))
    assert {source: tree_digest(source) for source in before} == before
    assert not list(root.glob(".import-*"))
    by_student: dict[str | None, list] = {}
    for line in lines:
        assert "\n" not in line.text and line.source
        by_student.setdefault(line.student, []).append(line)
    return by_student


def there(root: Path) -> set[str]:
    return {str(p.relative_to(root / "submitted")) for p in root.glob("submitted/*/*")}


def outcomes(lines: dict) -> dict:
    return {student: [line.outcome for line in of_one] for student, of_one in lines.items()}


# --- layouts


def test_folders_zips_and_lms_names_in_one_folder(root, inbox, work):
    put(inbox / "ada", work)
    put(inbox / "grace" / "greeter", work)
    put(inbox / "mary" / "my stuff" / "v2", work)
    put(inbox, {"alan.zip": zipped(work)})
    put(inbox, {"barbara.zip": zipped({f"greeter-main/{n}": c for n, c in work.items()})})
    put(inbox, {"lovelace_12345_67890_greeter.zip": zipped(work)})
    put(inbox, {"hopper_LATE_222_67891_greeter-1.zip": zipped(work)})
    put(inbox / "Turing Alan_333_assignsubmission_file_", {"greeter.zip": zipped(work)})
    put(inbox / "Liskov Barbara_444_assignsubmission_file", work)
    put(inbox, {"notes.txt": b"mine"})
    lines = run(root, inbox)
    assert there(root) == {
        f"{s}/greeter" for s in ("ada", "grace", "mary", "alan", "barbara", "lovelace_12345", "hopper_222",
                                 "Turing-Alan_333", "Liskov-Barbara_444")
    }  # fmt: skip
    assert set(map(tuple, outcomes(lines).values())) == {("imported",)}
    assert [s for s in lines if Records(root).late_in_lms(s, "greeter")] == ["hopper_222"]
    for folder in root.glob("submitted/*/greeter"):
        assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == set(work)


def test_one_zip_with_all(root, inbox, work):
    everyone = {f"{s}/{n}": c for s in ("ada", "bob") for n, c in work.items()}
    put(inbox, {"all.zip": zipped({f"wrapped/{n}": c for n, c in everyone.items()})})
    run(root, inbox / "all.zip")
    assert there(root) == {"ada/greeter", "bob/greeter"}


def test_canvas_and_moodle_downloads_as_one_zip(root, inbox, work):
    put(inbox, {"submissions.zip": zipped({"lovelace_1_10_greeter.zip": zipped(work)})})
    moodle = {f"Hopper Grace_2_assignsubmission_file_/{n}": c for n, c in work.items()}
    put(inbox, {"course-greeter-77.zip": zipped(moodle | {"Hopper Grace_2_assignsubmission_onlinetext_/a.html": b"-"})})
    lines = run(root, inbox / "submissions.zip", inbox / "course-greeter-77.zip")
    assert there(root) == {"lovelace_1/greeter"} and "import it alone" in lines[None][0].text
    run(root, inbox / "course-greeter-77.zip")
    assert there(root) == {"lovelace_1/greeter", "Hopper-Grace_2/greeter"}


def test_a_folder_or_zip_of_one_learner_is_named_after_it(root, inbox, work):
    put(inbox / "ada", work)
    put(inbox, {"bob.zip": zipped({f"greeter/{n}": c for n, c in work.items()})})
    run(root, inbox / "ada", inbox / "bob.zip")
    assert there(root) == {"ada/greeter", "bob/greeter"}


def test_one_of_several_zips_cannot_speak_for_others(root, inbox, work):
    put(inbox, {"mallory.zip": zipped({f"{s}/{n}": c for s in ("ada", "bob") for n, c in work.items()})})
    put(inbox, {"carol.zip": zipped(work)})
    run(root, inbox / "mallory.zip", inbox / "carol.zip")
    assert there(root) <= {"mallory/greeter", "carol/greeter"}


@pytest.mark.parametrize("at", ["exchange/ninety-days", "exchange/ninety-days/inbound"])
def test_an_exchange_keeps_its_times(root, inbox, work, at):
    inbound = inbox / "exchange" / "ninety-days" / "inbound"
    put(inbound / "ada+greeter+2026-11-02 09:30:00 UTC", work | {"timestamp.txt": b"2026-11-02 09:30:00 UTC"}, day=5)
    put(inbound / "ada+greeter+2026-11-03 09:30:00.25 UTC+x1", work | {"greeter/__init__.py": b"# second\n"}, day=4)
    lines = run(root, inbox / at)
    assert sorted(outcomes(lines)["ada"]) == ["imported", "older"]
    kept = root / "submitted/ada/greeter"
    assert (kept / "greeter/__init__.py").read_bytes() == b"# second\n"
    assert (kept / "timestamp.txt").read_text().startswith("2026-11-03 09:30:00.25")


def test_nbgraders_own_layout(root, inbox, work):
    put(inbox / "ada" / "greeter", work | {"timestamp.txt": b"2026-11-02 09:30:00 UTC"})
    put(inbox / "bob" / "greeter", work)
    run(root, inbox)
    assert (root / "submitted/ada/greeter/timestamp.txt").read_text().startswith("2026-11-02 09:30:00")
    assert not (root / "submitted/bob/greeter/timestamp.txt").exists()


def test_a_time_in_a_learners_own_zip_is_not_believed(root, inbox, work):
    put(inbox, {"ada.zip": zipped(work | {"timestamp.txt": b"2020-01-01 00:00:00 UTC"})})
    run(root, inbox)
    assert not (root / "submitted/ada/greeter/timestamp.txt").exists()


def test_files_uploaded_one_by_one_are_put_together(root, inbox, work):
    put(inbox, {f"ada_1_{i}_{n.rpartition('/')[2]}": c for i, (n, c) in enumerate(work.items(), 20)})
    lines = run(root, inbox)
    assert there(root) == {"ada_1/greeter"} and "loose" in lines["ada_1"][0].text
    assert (root / "submitted/ada_1/greeter/greeter/counting.py").exists()


def test_a_renamed_notebook_is_known_by_its_cells(root, inbox, work):
    files = {n.replace("greeter.ipynb", "greeter (1).ipynb"): c for n, c in work.items()}
    lines = run(
        root, put(inbox / "x", {f"ada/{n}": c for n, c in files.items()} | {f"bob/{n}": c for n, c in work.items()})
    )
    assert there(root) == {"ada/greeter", "bob/greeter"} and "renamed" in lines["ada"][0].text


# --- the same learner twice


def test_of_two_uploads_the_newer_wins_and_the_older_is_named(root, inbox, work):
    put(inbox, {"ada_1_10_greeter.zip": zipped(work, day=9)})  # by Canvas's number, whatever time the files pretend
    put(inbox, {"ada_1_11_greeter-1.zip": zipped(work | {"greeter/__init__.py": b"# newer\n"}, day=2)})
    lines = run(root, inbox)["ada_1"]
    assert [line.outcome for line in lines] == ["imported", "older"]
    assert "ada_1_10_greeter.zip" in lines[1].source and "ada_1_11" in lines[1].text
    assert (root / "submitted/ada_1/greeter/greeter/__init__.py").read_bytes() == b"# newer\n"


def test_only_a_newer_one_replaces_and_the_old_one_is_kept(root, inbox, tmp_path, work):
    run(root, put(inbox, {f"ada/{n}": c for n, c in work.items()} | {"bob/x.txt": b""}, day=2))
    before = tree_digest(root / "submitted")
    assert outcomes(run(root, inbox))["ada"] == ["unchanged"]
    older = put(tmp_path / "older", {f"{s}/{n}": c + b"\n" for s in ("ADA", "carol") for n, c in work.items()}, day=1)
    line = run(root, older)["ada"][0]
    assert line.outcome == "older" and "stays" in line.text
    assert {k: v for k, v in tree_digest(root / "submitted").items() if k.startswith("ada/")} == before
    newer = put(tmp_path / "newer", {f"{s}/{n}": c + b"\n" for s in ("Ada", "carol") for n, c in work.items()}, day=3)
    line = run(root, newer)["ada"][0]
    assert line.outcome == "replaced" and "history/ada/greeter/" in line.text
    (kept,) = root.glob("history/ada/greeter/*")
    assert {f"ada/greeter/{k}": v for k, v in tree_digest(kept).items()} == before


def test_a_broken_newer_upload_leaves_the_older_one(root, inbox, work):
    put(inbox, {"ada_1_10_greeter.zip": zipped(work), "ada_1_11_greeter-1.zip": zipped(work)[:-30]})
    assert sorted(outcomes(run(root, inbox))["ada_1"]) == ["imported", "refused"]
    assert there(root) == {"ada_1/greeter"}


def test_a_learner_keeps_one_id_by_the_lms_number(root, inbox, tmp_path, work):
    run(root, put(inbox, {"lovelace_1_10_greeter.zip": zipped(work), "b_2_3_greeter.zip": zipped(work)}))
    later = {
        "king-lovelace_1_12_greeter.zip": zipped(work | {"greeter/__init__.py": b"#\n"}),
        "b_2_3_g.zip": zipped(work),
    }
    assert outcomes(run(root, put(tmp_path / "later", later)))["lovelace_1"] == ["replaced"]


# --- bad input: one line each, the others imported


def bad(work: dict[str, bytes], course: Path) -> dict[str, tuple[dict[str, bytes], str]]:
    """Learner to (files in the inbox, what the line must say)."""
    notebook = json.loads(work["greeter.ipynb"])
    other = json.loads(work["greeter.ipynb"])
    for cell in other["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["grade_id"] += "-of-week-2"
    del notebook["cells"][0]["metadata"]
    package = {n: c for n, c in work.items() if n != "greeter.ipynb"}
    bomb = zipped(work | {"greeter/zeros.bin": bytes(3_000_000)})
    return {
        "traversal": ({"traversal.zip": zipped(work | {"../../bob/greeter.ipynb": b"{}"})}, "path traversal"),
        "absolute": ({"absolute.zip": zipped(work | {"/etc/cron.d/x": b""})}, "absolute path"),
        "windows": ({"windows.zip": zipped(work | {"..\\..\\x.py": b""})}, "path traversal"),
        "link": ({"link.zip": zipped(work, links={"greeter/secret.py": "/etc/passwd"})}, "is a link"),
        "bomb": ({"bomb.zip": bomb}, "too large"),
        "many": ({"many.zip": zipped(work | {f"greeter/f{i}.py": b"" for i in range(60)})}, "files are too many"),
        "cut": ({"cut.zip": zipped(work)[:-40]}, "no zip file"),
        "flipped": ({"flipped.zip": _flipped(work)}, "damaged"),
        "nozip": ({"nozip.zip": b"Rar!\x1a\x07"}, "no zip file"),
        "empty": ({"empty.zip": zipped({})}, "it is empty"),
        "nothing": ({"nothing/README": b"to do"}, "no notebook"),
        "other": ({f"other/{n}": c for n, c in (package | {"greeter.ipynb": json.dumps(other).encode()}).items()},
                  "another assignment"),
        "week2": ({"week2/week2.ipynb": json.dumps(other).encode()}, "another assignment"),
        "json": ({f"json/{n}": c for n, c in (work | {"greeter.ipynb": work["greeter.ipynb"][:-20]}).items()}, "not valid JSON"),
        "bytes": ({f"bytes/{n}": c for n, c in (work | {"greeter.ipynb": b"\xff\xfe\0"}).items()}, "not a text file"),
        "shape": ({f"shape/{n}": c for n, c in (work | {"greeter.ipynb": json.dumps(notebook).encode()}).items()},
                  "not a notebook"),
        "packed": ({"packed.zip": zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"d.zip": b""})})})})}, "zips within"),
        "packageless": ({f"packageless/{n}": c for n, c in package.items()}, "the notebook is missing"),
    }  # fmt: skip


def _flipped(work: dict[str, bytes]) -> bytes:
    content = bytearray(zipped(work))
    content[80] ^= 0xFF
    return bytes(content)


def test_each_bad_upload_costs_one_line_and_the_rest_is_imported(root, inbox, work, course):
    cases = bad(work, course)
    put(inbox / "ada", work)
    for files, _ in cases.values():
        put(inbox, files)
    (inbox / "hollow").mkdir()
    lines = run(root, inbox, submission_bytes=1_000_000, submission_files=50)
    assert there(root) == {"ada/greeter"}
    assert outcomes(lines) == {"ada": ["imported"]} | {student: ["refused"] for student in [*cases, "hollow"]}
    for student, (_, said) in cases.items():
        assert said in lines[student][0].text, lines[student]
        assert student in lines[student][0].source
    assert not list(root.parent.rglob("bob"))


def test_accepted_with_a_note(root, inbox, work):
    notebook = json.loads(work["greeter.ipynb"])
    graded = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade")]
    notebook["cells"].remove(graded[0])
    notebook["cells"].append(graded[1] | {"id": "again"})
    put(inbox / "mangled", work | {"greeter.ipynb": json.dumps(notebook).encode()})
    put(inbox / "binary", work | {"greeter/counting.py": b"\x7fELF\0\xff"})
    put(inbox / "bare", {"greeter.ipynb": work["greeter.ipynb"]})
    put(inbox / "messy", work | {"holiday.jpg": b"x", "data/big.csv": b"y" * 2_000_000})
    lines = run(root, inbox, submission_bytes=1_000_000)
    assert outcomes(lines) == {s: ["imported"] for s in ("mangled", "binary", "bare", "messy")}
    assert "greeting, counting" in lines["mangled"][0].text or "counting, greeting" in lines["mangled"][0].text
    assert "counting.py is not text" in lines["binary"][0].text
    assert "package folder greeter/ is missing" in lines["bare"][0].text
    assert "2 other files left" in lines["messy"][0].text
    assert not (root / "submitted/messy/greeter/data").exists()


def test_a_link_in_a_folder_is_refused_and_named(root, inbox, work):
    put(inbox / "ada", work)
    put(inbox / "bob", work)
    (inbox / "bob" / "greeter" / "keys.py").symlink_to("/etc/passwd")
    lines = run(root, inbox)
    assert outcomes(lines) == {"ada": ["imported"], "bob": ["refused"]}
    assert "keys.py" in lines["bob"][0].text and "link" in lines["bob"][0].text


@pytest.mark.parametrize("name", ["greeter", "greeter (2)", "...", "submissions"])
def test_a_name_that_is_no_learners_is_said(root, inbox, work, name):
    put(inbox / name, work)
    put(inbox, {"ada.zip": zipped(work)})
    lines = run(root, inbox)
    assert outcomes(lines) == {"ada": ["imported"], None: ["refused"]}
    assert "no learner id" in lines[None][0].text


def test_a_learners_zip_cannot_climb_out_of_the_zip_with_all(root, inbox, work):
    everyone = {f"{s}/{n}": c for s in ("ada", "bob", "eve") for n, c in work.items()}
    put(inbox, {"all.zip": zipped(everyone | {"../../outside.txt": b"", "eve/../ada/greeter.ipynb": b"{}"})})
    lines = run(root, inbox / "all.zip")
    assert there(root) == {"ada/greeter", "bob/greeter"}
    assert [line.outcome for line in lines["eve"]] == ["refused"] and "outside.txt" in lines[None][0].source


def test_half_a_gigabyte_is_refused_without_being_copied(root, inbox, work):
    put(inbox / "ada", work)
    put(inbox / "heavy", work)
    with open(inbox / "heavy" / "greeter" / "model.bin", "wb") as file:
        file.truncate(500_000_000)
    [line] = [one for one in import_sources(root, [inbox], "greeter") if one.student == "heavy"]
    assert line.outcome == "refused"
    assert "500 MB is too large (limit 70 MB)" in line.text and "model.bin" in line.text
    assert there(root) == {"ada/greeter"}


def test_what_is_neither_folder_nor_zip_is_said(root, inbox, work):
    put(inbox, {"ada.tar.gz": b"", "greeter.rar": b""})
    put(inbox / "bob", work)
    lines = run(root, inbox, inbox / "gone", inbox / "greeter.rar")
    assert outcomes(lines)["bob"] == ["imported"] and len(lines[None]) == 4
    assert all(line.outcome == "refused" for line in lines[None])


def test_a_full_disk_is_said_and_what_is_there_stays(root, inbox, work, monkeypatch):
    run(root, put(inbox, {f"{s}/{n}": c for s in ("ada", "bob") for n, c in work.items()}))
    before = tree_digest(root)

    def full(*_):
        raise OSError(28, "No space left on device", "/x")

    monkeypatch.setattr("autograder.cohort.pick.copy_file", full)
    from autograder.errors import GradingError

    with pytest.raises(GradingError, match="the disk is full"):
        import_sources(root, [put(inbox, {f"carol/{n}": c for n, c in work.items()})], "greeter")
    assert tree_digest(root) == before


def test_a_damaged_record_is_named(root, inbox, work):
    from autograder.errors import GradingError

    root.mkdir()
    (root / "imports.json").write_text("{")
    with pytest.raises(GradingError, match=r"imports\.json: damaged"):
        import_sources(root, [inbox], "greeter")
    shutil.rmtree(root)
