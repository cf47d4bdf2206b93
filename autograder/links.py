"""Links in what learners hand in: nbgrader's commands copy what a link points to, and ours must not let them."""

import os
import stat
from pathlib import Path

from nbgrader import utils
from nbgrader.converters import base
from traitlets.log import get_logger


def plain_files(path: str, exclude: list[str] | None = None) -> list[str]:
    """nbgrader's list of the files below `path`, without links and special files."""
    return [file for file in utils.find_all_files(path, exclude) if stat.S_ISREG(os.lstat(file).st_mode)]


def copy_no_links() -> None:
    """From now on nbgrader's converters copy neither what a link points to nor from a pipe or device."""
    base.find_all_files = plain_files


def leave_out_links(assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's `pre_convert_hook`: names the links in a submission, and takes a notebook that is one from `notebooks`."""
    folder = Path(os.path.dirname(notebooks[0]))
    places = [Path(parent) / name for parent, folders, names in os.walk(folder) for name in (*folders, *names)]
    links = sorted(str(place.relative_to(folder)) for place in places if place.is_symlink())
    if links:
        get_logger().warning(
            "%s: %s left out: a link, and what it points to was not handed in. Ask for the file itself.",
            folder,
            ", ".join(map(repr, links)),
        )
    notebooks[:] = [notebook for notebook in notebooks if stat.S_ISREG(os.lstat(notebook).st_mode)]
