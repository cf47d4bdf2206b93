"""What a project's notebook calls: `check_task` runs one task's visible tests and shows what they found."""

from pathlib import Path

from coursekit.feedback import Block, Card


def check_task(project: str, task: str) -> Card:
    """Run the visible tests of `task` in the notebook's folder, and show one card.

    Never raises: a project or task that does not exist, or a missing file, is what the card says.
    """
    from autograder.errors import GradingError
    from autograder.visible import check

    try:
        results = check(project, task, folder=Path.cwd())
    except GradingError as error:
        return Card("failed", error.wrong, [Block(error.todo)])
    failed = [result for result in results if not result.passed]
    if not results:
        return Card("failed", f"Task {task}: no visible test was found", [Block("Is the folder tests/ complete?")])
    title = f"Task {task}: {len(results) - len(failed)} of {len(results)} visible tests pass"
    if failed:
        return Card("failed", title, [_block(result) for result in failed])
    return Card("passed", title, [Block(f"Hidden tests ask more of it: `course grade {project}`.")])


def _block(result) -> Block:
    from autograder.visible import NOT_WRITTEN

    name = result.test.rpartition("::")[2]
    text = result.reason if result.reason.startswith(NOT_WRITTEN) or not result.text else tail(result.text)
    return Block(text, label=name, code=True)


def tail(text: str, lines: int = 18) -> str:
    """The end of a test's report, where the reason stands."""
    kept = text.rstrip().splitlines()
    return "\n".join((["…"] if len(kept) > lines else []) + kept[-lines:])
