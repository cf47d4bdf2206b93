"""The files of a source, a folder or a zip, listed without unpacking anything: what is unsafe is named, never followed."""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from autograder.project import IGNORED

JUNK = IGNORED | {"__MACOSX", "Thumbs.db", "desktop.ini", ".git", ".venv"}
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How large a source may be. Bytes are of the unpacked content, and counted while reading, whatever a zip declares."""

    submission_bytes: int = 70_000_000  # the grader takes a notebook of 50 MB and a package of 20
    submission_files: int = 2_000
    zip_bytes: int = 200_000_000  # a zip inside another one: it is read into a temporary file
    zip_index_bytes: int = 20_000_000  # a zip's own table of contents: about 200,000 names
    zip_depth: int = 3


class Refused(Exception):
    """Why a source, or a part of it, is not imported: one line."""


@dataclass(frozen=True)
class Entry:
    """One file: its declared size in bytes, its time as the source has it (seconds since 1970), and how to open it."""

    size: int
    when: float
    open: Callable[[], BinaryIO]


@dataclass
class Tree:
    """Files by POSIX path below `where` (how the source is named to the instructor). `unsafe`: path to reason."""

    where: str
    files: dict[str, Entry] = field(default_factory=dict)
    unsafe: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)  # those at the top, empty ones too

    def below(self, folder: str) -> "Tree":
        """The part of the tree in `folder`, with paths relative to it."""
        head = f"{folder}/"
        return Tree(
            f"{self.where}/{folder}",
            {path.removeprefix(head): entry for path, entry in self.files.items() if path.startswith(head)},
            {path.removeprefix(head): why for path, why in self.unsafe.items() if path.startswith(head)},
        )

    @property
    def top(self) -> dict[str, bool]:
        """Names at the top, in order; True for folders."""
        names = sorted({*self.files, *self.unsafe})
        return {path.partition("/")[0]: "/" in path for path in names}

    def refuse_unsafe(self) -> None:
        for path, why in sorted(self.unsafe.items()):
            more = f" (and {len(self.unsafe) - 1} more)" if len(self.unsafe) > 1 else ""
            raise Refused(f"{shown(path)} {why}{more}")


def shown(text: str) -> str:
    """A file name as it may be printed: no control characters, not endless."""
    clean = "".join(c if c.isprintable() else "�" for c in text)
    return repr(clean if len(clean) <= 80 else clean[:60] + "…" + clean[-15:])


def read_folder(folder: Path) -> Tree:
    """The files below `folder`. Links and special files are unsafe; nothing is followed."""
    tree = Tree(str(folder))
    tree.folders = {p.name for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and p.name not in JUNK}
    for parent, folders, names in os.walk(folder, followlinks=False):
        relative = Path(parent).relative_to(folder)
        for name in sorted(folders):
            if (Path(parent) / name).is_symlink():
                tree.unsafe[(relative / name).as_posix()] = "is a link: hand in the folder itself"
        folders[:] = sorted(f for f in folders if f not in JUNK and not (Path(parent) / f).is_symlink())
        for name in sorted(names):
            path, key = Path(parent) / name, (relative / name).as_posix()
            if name in JUNK:
                continue
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                tree.files[key] = Entry(status.st_size, status.st_mtime, lambda path=path: path.open("rb"))
            else:
                kind = "a link: hand in the file itself" if stat.S_ISLNK(status.st_mode) else "no ordinary file"
                tree.unsafe[key] = f"is {kind}"
    return tree


def read_zip(source: Path | BinaryIO, where: str, limits: Limits) -> tuple[Tree, zipfile.ZipFile]:
    """The files of a zip, and the open zip, which the caller closes.

    Raises:
        Refused: not a zip, a damaged one, or one whose table of contents alone is too large.
    """
    stream = source.open("rb") if isinstance(source, Path) else source
    try:
        end = zipfile._EndRecData(stream)  # the only way to see the table's size before it is read into memory
        if end is None:
            raise Refused("this is no zip file, or a damaged one: ask for a .zip")
        if end[5] > limits.zip_index_bytes:
            raise Refused(f"its table of contents is {end[5] / 1e6:.0f} MB (limit {limits.zip_index_bytes / 1e6:.0f})")
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Refused(f"the zip is damaged ({error}): ask for it again") from None
    tree = Tree(where)
    for info in archive.infolist():
        path, unsafe = _safe_path(info)
        if path is None or JUNK & set(path.split("/")) or (not unsafe and info.filename.endswith(("/", "\\"))):
            continue
        if unsafe:
            tree.unsafe[path] = unsafe
        else:
            tree.files[path] = Entry(info.file_size, _time(info), lambda info=info: archive.open(info))
    return tree, archive


def _safe_path(info: zipfile.ZipInfo) -> tuple[str | None, str]:
    """A member's path within its zip, and why it is unsafe (empty when it is not)."""
    name = info.filename.replace("\\", "/")  # as some Windows programs write them
    parts = [part for part in name.split("/") if part not in ("", ".")]
    path = "/".join(parts)
    if not parts:
        return None, ""
    if ".." in parts:
        return name, "leaves its folder (path traversal)"
    if name.startswith("/") or parts[0].endswith(":"):
        return name, "has an absolute path"
    if any(not c.isprintable() for c in path):
        return path, "has control characters in its name"
    if stat.S_ISLNK(info.external_attr >> 16):
        return path, "is a link: hand in the file itself"
    if info.flag_bits & 1:
        return path, "is encrypted: ask for a zip without a password"
    return path, ""


def _time(info: zipfile.ZipInfo) -> float:
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def copy_file(entry: Entry, target: Path, left: int) -> int:
    """Write the file to `target`, at most `left` bytes of it. Returns the bytes written.

    Raises:
        Refused: it is longer, or its content cannot be read.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("wb") as out:
        try:
            with entry.open() as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    written += len(chunk)
                    if written > left:
                        raise Refused("it unpacks to more than it may")
                    out.write(chunk)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
            raise Refused(f"the zip is damaged at {shown(target.name)} ({error}): ask for it again") from None
    target.chmod(0o644)
    return written


def spooled(entry: Entry, scratch: Path, limits: Limits) -> Path:
    """A zip inside a zip, as a file of its own below `scratch`."""
    if entry.size > limits.zip_bytes:
        raise Refused(f"{entry.size / 1e6:.0f} MB is too large (limit {limits.zip_bytes / 1e6:.0f} MB)")
    target = scratch / f"zip-{len(list(scratch.iterdir()))}"
    copy_file(entry, target, limits.zip_bytes)
    return target


def head(entry: Entry, count: int) -> bytes:
    """The file's first `count` bytes."""
    with entry.open() as stream:
        return stream.read(count)
