"""Notebooks as files: reading them with a clear error, and cleaning what running them leaves behind."""

import json
from pathlib import Path
from typing import Any

KEPT_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookError(Exception):
    """A file is not a notebook that can be read. The message names it and says what to do."""


def read(path: Path) -> dict[str, Any]:
    """The notebook as JSON; NotebookError where it is missing, not JSON, or has no cells."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotebookError(f"{path}: there is no such file. Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NotebookError(f"{path}: cannot be read ({error}).") from None
    except json.JSONDecodeError as error:
        text = f"is not valid JSON (line {error.lineno}: {error.msg}). Restore it: git checkout -- {path.name}"
        raise NotebookError(f"{path}: {text}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise NotebookError(
            f"{path}: has no list of cells, so it is not a notebook. Restore it: git checkout -- {path.name}"
        )
    return notebook


def source(cell: dict[str, Any]) -> str:
    """A cell's text, which the format allows to be one string or a list of lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def code_cells(notebook: dict[str, Any]) -> list[str]:
    """The sources of the code cells, in order."""
    return [source(cell) for cell in notebook["cells"] if cell.get("cell_type") == "code"]


def leftovers(notebook: dict[str, Any]) -> list[str]:
    """What a clean notebook does not have: outputs, execution counts, the machine's own metadata. One line each."""
    found = []
    for number, cell in enumerate(notebook["cells"], 1):
        if cell.get("cell_type") == "code":
            if cell.get("outputs"):
                found.append(f"cell {number} has outputs")
            if cell.get("execution_count") is not None:
                found.append(f"cell {number} has an execution count")
        if "execution" in cell.get("metadata", {}):
            found.append(f"cell {number} has execution times")
    if "widgets" in notebook.get("metadata", {}):
        found.append("the notebook has widget state")
    return found


def clean(path: Path) -> bool:
    """Remove outputs, execution counts and run-time metadata from the file, in place. True when it changed.

    Cell sources, cell ids, tags and nbgrader's metadata stay as they are. The file is replaced in one step.
    """
    notebook = read(path)
    for cell in notebook["cells"]:
        if cell.get("cell_type") == "code":
            cell["outputs"], cell["execution_count"] = [], None
        for key in ("execution", "ExecuteTime", "collapsed"):
            cell.get("metadata", {}).pop(key, None)
    metadata = notebook.setdefault("metadata", {})
    metadata.pop("widgets", None)
    metadata.update(KEPT_METADATA)
    text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if text == path.read_text(encoding="utf-8"):
        return False
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return True


def find(paths: list[Path]) -> list[Path]:
    """The notebooks among `paths`: files as they are, folders searched, Jupyter's checkpoints left out."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = path.rglob("*.ipynb")
            found.extend(
                sorted(p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts))
            )
        else:
            found.append(path)
    return found
