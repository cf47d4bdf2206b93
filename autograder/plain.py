"""Plain nbgrader, to compare the judge with: hidden tests in the notebook's cells, run in the submission's own kernel.

This is how nbgrader's documentation has it: the instructor's notebook holds the tests between `### BEGIN HIDDEN TESTS` and
`### END HIDDEN TESTS`, the release lacks them, `nbgrader autograde` puts them back and executes the notebook. Nothing is
graded with it: `make cheats` and `make bench` print what it would have given.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat

from autograder.checks import read_checks
from autograder.gradebook import automatic_points
from autograder.project import IGNORED, Project

# Its own process table, and nothing survives its end: a hostile submission runs in nbgrader's own kernel here.
SHUT_IN = ("bwrap", "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--die-with-parent")
KEPT = ("PATH", "LANG", "LC_ALL", "COURSE_OFFLINE", "COURSE_ROOT")
# nbgrader's defaults, said aloud: the environment's own nbgrader_config.py, which is read before, says otherwise.
CONFIGURATION = """
from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader.preprocessors import *
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.source_directory, c.CourseDirectory.release_directory = "source", "release"
c.CourseDirectory.db_url = {book!r}
c.GenerateAssignment.post_convert_hook = "builtins.dict"  # takes any arguments, does nothing
c.ClearSolutions.enforce_metadata = False
c.Autograde.exclude_overwriting = {kept!r}
c.Autograde.sanitize_preprocessors = [ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
c.Autograde.autograde_preprocessors = [
    Execute, IgnorePattern, ClearMetadataPreprocessor, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata
]
c.Execute.timeout = {cell_s}
"""
SCORE = """
_points = 0.0
for _check, _worth in ({checks}):
    try:
        _check({seed})
        _points += _worth
    except (Exception, pytest.fail.Exception):
        pass
_points"""


class PlainCourse:
    """A course of one project under `root`, which must not exist, the way plain nbgrader wants it. Make it, `add`, `autograde`.

    `seed` is that of the hidden tests; each must take no other argument. `cell_s`: seconds that a cell may run.
    """

    def __init__(self, root: Path, project: Project, *, seed: int, cell_s: int = 60) -> None:
        self.root, self.project = root, project
        source = root / "source" / project.name
        shutil.copytree(project.source, source, ignore=shutil.ignore_patterns(*IGNORED))
        notebook = nbformat.read(source / project.notebook, as_version=4)
        for cell in notebook.cells:
            mark = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and mark.get("grade"):
                cell.source = self._tests_of(mark["grade_id"], seed)
        nbformat.write(notebook, source / project.notebook)
        (root / "nbgrader_config.py").write_text(self._configuration(cell_s), encoding="utf-8")
        self._nbgrader("generate_assignment", project.name)

    def _tests_of(self, task: str, seed: int) -> str:
        checks = [c for c in read_checks(self.project) if c.task == task]
        texts = [(self.project.hidden / name).read_text() for name in sorted({c.file for c in checks})]
        pairs = "".join(f"({c.function}, {c.points}), " for c in checks)
        code = "\n".join([*texts, "import pytest", SCORE.format(checks=pairs, seed=seed)])
        return f"### BEGIN HIDDEN TESTS\n{code}\n### END HIDDEN TESTS"

    def _configuration(self, cell_s: int) -> str:
        return CONFIGURATION.format(
            root=str(self.root), book=f"sqlite:///{self.root / 'gradebook.db'}", cell_s=cell_s,
            kept={self.project.name: [str(name) for name in self.project.package_files()]},
        )  # fmt: skip

    def add(
        self, student: str, files: Mapping[str, str | bytes], *, notebook: nbformat.NotebookNode | None = None
    ) -> Path:
        """Hand in for `student`: the release, `files` over it (path to content), and `notebook` in place of its notebook."""
        folder = self.root / "submitted" / student / self.project.name
        shutil.copytree(self.root / "release" / self.project.name, folder)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        if notebook is not None:
            nbformat.write(notebook, folder / self.project.notebook)
        return folder

    def released(self) -> nbformat.NotebookNode:
        """The notebook as learners get it: graded cells are empty."""
        return nbformat.read(self.root / "release" / self.project.name / self.project.notebook, as_version=4)

    def autograde(self, student: str = "*", *, shut_in: bool = False, limit_s: float | None = None) -> None:
        """Run `nbgrader autograde`; a submission that cannot be graded leaves the others be.

        `shut_in`: in a process table of its own, where bubblewrap is installed. `limit_s`: then it is ended.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._nbgrader(
                "autograde", self.project.name, f"--student={student}", shut_in=shut_in, limit_s=limit_s, check=False
            )

    def points(self) -> dict[str, float]:
        """The automatic points of every learner in the gradebook."""
        return automatic_points(self.root / "gradebook.db")

    def _nbgrader(
        self, *arguments: str, shut_in: bool = False, limit_s: float | None = None, check: bool = True
    ) -> None:
        command = [sys.executable, "-m", "nbgrader", *arguments]
        if shut_in and shutil.which(SHUT_IN[0]):
            command = [*SHUT_IN, *command]
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        # what the judge's processes have: one thread each, no screen, nothing of this account
        environment = kept | {
            "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1", "HOME": str(self.root), "PYTHONPATH": "",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
        }  # fmt: skip
        done = subprocess.run(command, cwd=self.root, env=environment, timeout=limit_s, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"nbgrader {' '.join(arguments)} failed in {self.root}:\n{done.stderr[-2000:]}")
