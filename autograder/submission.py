"""What learners hand in, before it is graded: is it readable, and are its graded cells the ones that were released?"""

import copy
import json
from pathlib import Path

from nbformat.notebooknode import NotebookNode

from autograder.errors import GradingError
from autograder.project import Project

NOTEBOOK_LIMIT_BYTES = 50_000_000


def read_notebook(folder: Path, project: Project) -> dict:
    """The submission's notebook as JSON; GradingError naming the file when it is missing, too large or damaged."""
    path = folder / project.notebook
    again = f"Take a fresh one: cp {project.release / project.notebook} {path} (move yours aside first)."
    if not path.exists():
        raise GradingError(f"{path}: the notebook is missing.", again)
    size = path.stat().st_size
    if size > NOTEBOOK_LIMIT_BYTES:
        raise GradingError(
            f"{path}: {size / 1e6:.0f} MB is too large to grade (limit {NOTEBOOK_LIMIT_BYTES / 1e6:.0f} MB).",
            f"Clear its outputs: course notebook clean {path}",
        )
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
        assert isinstance(cells, list) and all(isinstance(cell["metadata"], dict) for cell in cells)
    except UnicodeDecodeError as error:
        raise GradingError(f"{path}: not a text file (byte {error.start} is not UTF-8).", again) from None
    except json.JSONDecodeError as error:
        raise GradingError(
            f"{path}:{error.lineno}: not valid JSON ({error.msg}).", f"Mend that line, or: {again}"
        ) from None
    except (KeyError, TypeError, AssertionError):
        raise GradingError(f"{path}: JSON, but not a notebook (no list of cells).", again) from None
    return notebook


def mend_cells(notebook: NotebookNode, released: NotebookNode, *, name: str) -> list[str]:
    """Make `notebook`'s graded cells those of `released`, in place. Returns a note a change, for the learner.

    A deleted cell is put back after the cell that it followed; the second cell of one id, and a cell of an id that was
    never released, lose their nbgrader metadata and stay as ordinary cells.
    """
    notes: list[str] = []
    originals = {c.metadata["nbgrader"]["grade_id"]: c for c in released.cells if "nbgrader" in c.metadata}
    seen: set[str] = set()
    for cell in notebook.cells:
        mark = cell.metadata.get("nbgrader")
        if mark is None:
            continue
        cell_id = mark.get("grade_id") if isinstance(mark, dict) else None
        if cell_id in seen or cell_id not in originals:
            what = "stands there twice; the first one counts" if cell_id in seen else "is not one of this project's"
            notes.append(f"{name}: the graded cell {cell_id!r} {what}.")
            del cell.metadata["nbgrader"]
            continue
        seen.add(cell_id)
        original = originals[cell_id]
        if cell.cell_type != original.cell_type:
            notes.append(f"{name}: the graded cell {cell_id!r} was a {original.cell_type} cell; it was made one again.")
            cell.clear()
            cell.update(copy.deepcopy(original))
        cell.metadata["nbgrader"] = copy.deepcopy(original.metadata["nbgrader"])
    order = list(originals)
    for position, cell_id in enumerate(order):
        if cell_id in seen:
            continue
        notes.append(
            f"{name}: the graded cell {cell_id!r} was deleted or renamed; the released one was put back for grading."
        )
        before = [i for i, c in enumerate(notebook.cells) if _id(c) in order[:position]]
        notebook.cells.insert(max(before, default=-1) + 1, copy.deepcopy(originals[cell_id]))
    return notes


def _id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")
