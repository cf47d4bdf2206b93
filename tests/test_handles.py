"""What stays on the submission's side lives as long as a test of any file holds it."""

import pytest

from autograder.judge import Judge
from autograder.project import Project

WORK = """
class Store:
    def __init__(self): self.items = []
    def add(self, item): self.items.append(item)
    def size(self): return len(self.items)

SHARED = Store()
def shared(): return SHARED
def count(text): return len(text)
"""
HIDDEN = '''
import gc

import pytest
from held.work import count, shared


@pytest.mark.check(task="count", points=1, why="w", lesson="l")
def test_in_{name}(seed):
    """All."""
    for _ in range(3):
        again = shared()
        again.add(seed)
        del again
        gc.collect()
        assert count("x" * 5) == 5
    kept = shared()
    for _ in range(3):
        assert shared() == kept and kept.size() % 3 == 0
        gc.collect()
'''


@pytest.mark.filterwarnings("ignore:Submissions are judged without a sandbox")
def test_two_files_and_two_handles_may_share_an_object(tmp_path, monkeypatch):
    hidden, package = tmp_path / "hidden" / "held", tmp_path / "solutions" / "held" / "held"
    package.mkdir(parents=True)
    hidden.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "work.py").write_text(WORK)
    for name in ("a", "b", "c"):
        (hidden / f"test_hidden_{name}.py").write_text(HIDDEN.format(name=name))
    monkeypatch.setattr("autograder.project.SOLUTIONS", tmp_path / "solutions")
    monkeypatch.setattr("autograder.project.HIDDEN", tmp_path / "hidden")
    with Judge() as judge:
        verdicts = judge.judge(Project("held"), package.parent)
    assert [(v.check.function, v.reason) for v in verdicts if not v.passed] == [] and len(verdicts) == 3
