"""nbgrader's configuration: one function, for its stock commands (nbgrader_config.py) and for our own."""

import os
import shutil
import sys
from pathlib import Path

from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    DeduplicateIds,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)
from traitlets.config import Config

from autograder.links import copy_no_links
from autograder.pages import show_safely
from autograder.preprocessors import ClearGradedOutputs, JudgeTasks, MendCells
from autograder.project import IGNORED, RELEASES, ROOT, SOLUTIONS, all_projects

GRADING = "grading"


def configure(config: Config, root: Path | None = None) -> Config:
    """Fill in `config` for a course whose submissions, gradebook and feedback are under `root` (default: `grading/`)."""
    if shutil.which("alembic") is None:  # nbgrader stamps a new gradebook with it; the environment may not be activated
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    root = (root or Path(os.environ.get("COURSE_GRADING", ROOT / GRADING))).resolve()
    root.mkdir(parents=True, exist_ok=True)
    course = config.CourseDirectory
    course.course_id = "ninety-days"
    course.root = str(root)
    course.source_directory, course.release_directory = str(SOLUTIONS), str(RELEASES)
    # absolute: nbgrader would put a relative one into the folder that it happens to run in
    course.db_url = f"sqlite:///{root / 'gradebook.db'}"
    course.ignore = sorted(IGNORED)
    config.ClearSolutions.enforce_metadata = False
    config.GenerateAssignment.post_convert_hook = "autograder.release.strip_released_files"
    copy_no_links()
    config.Autograde.pre_convert_hook = "autograder.links.leave_out_links"
    # the learner's package must survive grading; everything else of the source replaces what was handed in
    config.Autograde.exclude_overwriting = {p.name: p.package_files() for p in all_projects()}
    config.Autograde.sanitize_preprocessors = [
        MendCells, ClearGradedOutputs, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata,
    ]  # fmt: skip
    config.Autograde.autograde_preprocessors = [
        JudgeTasks, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata,
    ]  # fmt: skip
    show_safely(config)
    return config
