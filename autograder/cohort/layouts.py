"""Who handed in what: reads folders, zips, and file names as Canvas, Moodle and nbgrader's exchange write them."""

import contextlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from autograder.cohort.trees import Entry, Limits, Refused, Tree, head, read_folder, read_zip, shown, spooled

CANVAS = re.compile(r"^(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<number>\d+)_(?P<file>.+)$", re.I)
MOODLE = re.compile(r"^(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?P<kind>file|onlinetext)_?(?P<file>.*)$")
INBOUND = re.compile(r"^(?P<student>.+)\+(?P<project>[^+]+)\+(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^+]*)(\+[^+]*)?$")
CONTAINERS = re.compile(r"^(submissions?|submitted|cohort|assignments?|inbound|exchange|uploads?|downloads?)\b", re.I)
ZIP_LIKE = (".zip",)
OTHER_ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".xz", ".bz2")


@dataclass(frozen=True)
class Label:
    """What a file name says about its learner. `number` grows with each upload (Canvas); `when` is the exchange's time."""

    student: str
    lms: str = ""
    lms_id: str = ""
    name: str = ""
    number: int = 0
    when: datetime | None = None
    late: bool = False


@dataclass(frozen=True)
class Found:
    """One learner's tree, not yet looked at; or, with `refused`, why there is none."""

    where: str
    label: Label | None
    tree: Tree | None
    refused: str = ""


def read_sources(sources: list[Path], projects: set[str], scratch: Path, limits: Limits) -> Iterator[Found]:
    """Every learner's tree in `sources`, in order. Sources are only read. Valid while the iterator runs."""
    zips = sum(source.suffix.lower() in ZIP_LIKE for source in sources)
    for source in sources:
        where = str(source)
        with contextlib.ExitStack() as stack:
            reader = _Reader(projects, scratch, limits, stack)
            try:
                if source.is_dir():
                    yield from reader.container(read_folder(source), source.resolve().name)
                elif source.suffix.lower() in ZIP_LIKE:
                    yield from reader.outer_zip(source, alone=zips == 1)
                elif not source.exists():
                    yield Found(where, None, None, "there is no such file or folder")
                else:
                    yield Found(where, None, None, "neither a folder nor a .zip: put it into one of them")
            except Refused as error:
                yield Found(where, None, None, str(error))


@dataclass
class _Reader:
    projects: set[str]
    scratch: Path
    limits: Limits
    stack: contextlib.ExitStack

    def outer_zip(self, source: Path, *, alone: bool) -> Iterator[Found]:
        """A zip that the instructor named. One of several is one learner's, whatever names are in it, unless it is called
        `submissions.zip` or so; a single one may hold all."""
        label = _lms_label(source.name)
        tree = self._open(source, str(source))
        of_all = bool(CONTAINERS.match(source.stem))
        if label:
            yield from self._learner(label, tree, depth=1)
        elif alone or of_all:
            yield from self.container(tree, source.stem, of_one=not of_all)
        elif any(_lms_label(name) for name in tree.top):
            raise Refused(
                "it seems to hold several learners: import it alone, so that no learner's zip speaks for others"
            )
        else:
            yield from self._one(tree, source.stem)

    def _open(self, source: Path, where: str) -> Tree:
        tree, archive = read_zip(source, where, self.limits)
        self.stack.callback(archive.close)
        return tree

    def container(self, tree: Tree, name: str, *, of_one: bool = False) -> Iterator[Found]:
        """A folder or zip called `name`: one learner's work, or one entry a learner."""
        top = tree.top
        for path, why in sorted(tree.unsafe.items()):
            if path.startswith("/") or path.partition("/")[0] in ("..", "") or path[1:2] == ":":
                yield Found(f"{tree.where}/{shown(path)}", None, None, f"it {why}")
                del tree.unsafe[path]
                top.pop(path.partition("/")[0], None)
        if not top:
            yield Found(tree.where, None, None, "it is empty")
            return
        for folder in sorted(tree.folders - top.keys()):
            yield Found(f"{tree.where}/{folder}", _labelled_or_plain(folder), None, "it is empty")
        if top.get("inbound") and not of_one:  # an exchange's course folder
            tree = tree.below("inbound")
            top = tree.top
        if self._is_submission(tree) or self._holds_only_projects(tree):
            yield from self._one(tree, name)
        elif len(top) == 1 and all(top.values()) and not self._labelled(next(iter(top))):
            inner = tree.below(next(iter(top)))
            inner_name = next(iter(top))
            if self._is_submission(inner) or self._holds_only_projects(inner):
                yield from self._one(inner, name if of_one else inner_name)
            else:
                yield from self.container(inner, inner_name)
        else:
            yield from self._entries(tree, top)

    def _one(self, tree: Tree, name: str) -> Iterator[Found]:
        student = student_id(name)
        if not student or self._project_like(name):
            yield Found(
                tree.where, None, None, f"no learner id: {shown(name)} is no learner's name; rename it to theirs"
            )
        else:
            yield from self._learner(_labelled_or_plain(name), tree, depth=1)

    def _entries(self, tree: Tree, top: dict[str, bool]) -> Iterator[Found]:
        """One entry a learner; Canvas puts each uploaded file beside the others, so loose files are put together."""
        loose: dict[Label, Tree] = {}
        for name, folder in top.items():
            where = f"{tree.where}/{name}"
            stem = name if folder else PurePosixPath(name).stem
            label, file = self._labelled(name) or (None, "")
            if label is None:
                if not folder and not name.lower().endswith(ZIP_LIKE):
                    if name.lower().endswith((*OTHER_ARCHIVES, ".ipynb")):
                        yield Found(where, None, None, "not imported: put each learner's work into a folder or a .zip")
                    continue
                if not student_id(stem) or self._project_like(stem):
                    why = f"no learner id: {shown(stem)} is no learner's name; rename it to theirs"
                    yield Found(where, None, None, why)
                    continue
                label = Label(student_id(stem))
            if folder:
                yield from self._learner(label, tree.below(name), depth=0)
            elif name in tree.unsafe:
                yield Found(where, label, None, f"it {tree.unsafe[name]}")
            elif name.lower().endswith(ZIP_LIKE):
                yield from self._inner_zip(label, where, tree.files[name], depth=1)
            elif file:
                key = replace(label, number=0, late=False)
                part = loose.setdefault(key, Tree(f"{tree.where}/{name.removesuffix(file)}*"))
                part.files[_without_copy_number(file)] = tree.files[name]
        for label, part in loose.items():
            yield from self._learner(label, part, depth=0)

    def _inner_zip(self, label: Label, where: str, entry: Entry, depth: int) -> Iterator[Found]:
        try:
            if depth > self.limits.zip_depth:
                raise Refused("zips within zips within zips: ask for one zip")
            tree = self._open(spooled(entry, self.scratch, self.limits), where)
        except Refused as error:
            yield Found(where, label, None, str(error))
        else:
            yield from self._learner(label, tree, depth=depth)

    def _learner(self, label: Label, tree: Tree, depth: int) -> Iterator[Found]:
        """A learner's tree; each zip in it is a submission of its own, unless one lies there unpacked."""
        zips = {p: e for p, e in tree.files.items() if p.lower().endswith(ZIP_LIKE)}
        rest = {p: e for p, e in tree.files.items() if p not in zips}
        unpacked = any(p.endswith(".ipynb") for p in rest) or any(self.projects & set(p.split("/")[:-1]) for p in rest)
        if unpacked or tree.unsafe or not zips:
            yield Found(tree.where, label, Tree(tree.where, rest, tree.unsafe))
        if not unpacked:
            for path, entry in sorted(zips.items()):
                yield from self._inner_zip(label, f"{tree.where}/{path}", entry, depth + 1)

    def _labelled(self, name: str) -> tuple[Label, str] | None:
        label = _lms_label(name)
        if label:
            match = CANVAS.match(name) or MOODLE.match(name)
            return label, match["file"] if match else ""
        return None

    def _is_submission(self, tree: Tree) -> bool:
        top = tree.top
        return any(
            (name.endswith(".ipynb") and not folder and not _lms_label(name)) or (folder and name in self.projects
             and any(p.startswith(f"{name}/") and p.endswith(".py") and p.count("/") == 1 for p in tree.files))
            for name, folder in top.items()
        )  # fmt: skip

    def _holds_only_projects(self, tree: Tree) -> bool:
        top = tree.top
        folders = [name for name, folder in top.items() if folder and not CONTAINERS.match(name)]
        zips = [name for name, folder in top.items() if not folder and name.lower().endswith(ZIP_LIKE)]
        return bool(folders) and not zips and all(self._project_like(name) for name in folders)

    def _project_like(self, name: str) -> bool:
        """`late_delivery`, `late_delivery-main`, `late_delivery (2)`: a project's name and no learner's."""
        return any(re.fullmatch(rf"{re.escape(p)}([-_ .(].*)?", name, re.I) for p in self.projects) or bool(
            CONTAINERS.match(name)
        )


def _lms_label(name: str) -> Label | None:
    # the LMS wrote its part of the name, the learner the rest: so the LMS's patterns come first
    if match := MOODLE.match(name):
        student = student_id(f"{match['name']}_{match['id']}")
        return Label(student, "moodle", match["id"], match["name"])
    if match := CANVAS.match(name):
        student = student_id(f"{match['name']}_{match['id']}")
        return Label(student, "canvas", match["id"], match["name"], int(match["number"]), late=bool(match["late"]))
    match = INBOUND.match(name)
    if match and student_id(match["student"]):
        return Label(student_id(match["student"]), when=parse_time(match["when"]))
    return None


def _labelled_or_plain(name: str) -> Label:
    return _lms_label(name) or Label(student_id(name))


def _without_copy_number(file: str) -> str:
    """Canvas numbers a second upload of one name: `model-1.py`."""
    return re.sub(r"-\d+(?=\.\w+$)", "", file)


def student_id(text: str) -> str:
    """`text` as a learner's id: letters, digits and `._@-`, so that it is a safe folder name and no glob. Empty if nothing is left."""
    text = re.sub(r"\s+", "-", unicodedata.normalize("NFC", text).strip())
    return re.sub(r"[^\w.@-]", "_", text).strip("._-")[:100]


def parse_time(text: str) -> datetime | None:
    """nbgrader's timestamps, `2026-11-02 09:30:00.5 UTC` or with another zone's name, in UTC; None when it is no time."""
    with contextlib.suppress(Exception):
        from nbgrader.utils import parse_utc

        return parse_utc(text.strip()).replace(tzinfo=UTC)
    return None


def trusted_time(tree: Tree, folder: str) -> datetime | None:
    """The time in a `timestamp.txt` of nbgrader's, in `folder` of `tree`."""
    entry = tree.files.get(f"{folder}/timestamp.txt" if folder else "timestamp.txt")
    return parse_time(head(entry, 100).decode("utf-8", "replace")) if entry else None
