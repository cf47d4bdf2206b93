"""nbgrader preprocessors: mend a submission's cells, then score its graded cells by the judge's verdicts."""

import os
from pathlib import Path
from typing import ClassVar

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.feedback import notes_to_markdown, summary_to_markdown, verdicts_to_html, verdicts_to_text
from autograder.judge import Verdict, judge
from autograder.project import Project
from autograder.submission import mend_cells


class MendCells(NbGraderPreprocessor):
    """Puts deleted graded cells back, takes the marks off duplicated or unknown ones, and says so at the top."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        project = Project(resources["nbgrader"]["assignment"])
        released = nbformat.read(project.release / project.notebook, as_version=4)
        notes = mend_cells(nb, released, name=project.notebook)
        if notes:
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(notes_to_markdown(notes)))
        return nb, resources


class ClearGradedOutputs(NbGraderPreprocessor):
    """Graded cells lose the outputs that they were handed in with; the learner's own plots stay."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.outputs, cell.execution_count = [], None
        return cell, resources


class JudgeTasks(NbGraderPreprocessor):
    """Gives each automatically graded cell its points as nbgrader reads them, and the explanation beside them.

    `COURSE_SEED` fixes the seed of the hidden tests' inputs. `last_verdicts` are those of the submission judged last.
    `given` holds, by (project, student), verdicts that were reached before: those submissions are not judged again.
    """

    last_verdicts: ClassVar[list[Verdict]] = []
    given: ClassVar[dict[tuple[str, str], list[Verdict]]] = {}

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        project = Project(resources["nbgrader"]["assignment"])
        verdicts = self.given.get((project.name, resources["nbgrader"]["student"]))
        if verdicts is None:
            seed = os.environ.get("COURSE_SEED")
            verdicts = judge(project, Path(resources["metadata"]["path"]), seed=int(seed) if seed else None)
        type(self).last_verdicts = verdicts
        for cell in nb.cells:
            mark = cell.metadata.get("nbgrader", {})
            if cell.cell_type != "code" or not mark.get("grade"):
                continue
            of_task = [v for v in verdicts if v.check.task == mark["grade_id"]]
            # No verdict is no points, never full points: nbgrader reads a graded cell without output as right.
            points = min(sum(v.points for v in of_task), float(mark["points"]))
            shown = nbformat.v4.new_output(
                "display_data", {"text/html": verdicts_to_html(of_task), "text/plain": verdicts_to_text(of_task)}
            )
            score = nbformat.v4.new_output("execute_result", {"text/plain": repr(float(points))}, execution_count=1)
            cell.outputs = [shown, score]
        summary = summary_to_markdown(verdicts, sum(_points_by_hand(cell) for cell in nb.cells))
        nb.cells.insert(0, nbformat.v4.new_markdown_cell(summary))
        return nb, resources


def _points_by_hand(cell: NotebookNode) -> float:
    """What the cell is worth, if a person grades it."""
    mark = cell.metadata.get("nbgrader", {})
    return float(mark["points"]) if mark.get("grade") and mark.get("solution") else 0.0
