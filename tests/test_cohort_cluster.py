"""Grading on a cluster: what can be shown without Dask, and the three processes of the documentation where it is installed."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest

from autograder.cohort import scheduler, worker
from autograder.errors import GradingError
from tests.graded_cohort import POINTS, RIGHT, SCAFFOLD, grade, hand_in, in_gradebook

pytest_plugins = ["tests.graded_cohort"]


def test_without_dask_a_scheduler_is_refused_with_what_to_install(course, root, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    hand_in(course, root, "ada")
    with pytest.raises(GradingError, match="pip install distributed"):
        grade(root, scheduler="tcp://127.0.0.1:8786")


class _Cluster(ModuleType):
    """Stands in for `distributed`: tasks run in a thread, and the first connection breaks after one answer."""

    def __init__(self):
        super().__init__("distributed")
        self.threads, self.connections, self.tasks = ThreadPoolExecutor(1), 0, 0
        self.Client = lambda *a, **k: _Connection(self)
        self.wait = self.first_of

    def first_of(self, futures, timeout, return_when):
        if self.connections == 1 and self.tasks > 2:
            raise OSError("connection reset")
        futures[0].result()


class _Connection:
    def __init__(self, cluster):
        self.cluster = cluster
        cluster.connections += 1

    def nthreads(self):
        return {"tcp://one": 1}

    def submit(self, function, job, pure):
        assert function is worker.judge_files and not pure
        self.cluster.tasks += 1
        future = self.cluster.threads.submit(function, job)
        future.status = "finished"
        return future

    def close(self, timeout):
        pass


def test_a_cluster_that_breaks_off_is_asked_again_for_what_is_missing(course, root, monkeypatch):
    cluster = _Cluster()
    monkeypatch.setitem(sys.modules, "distributed", cluster)
    monkeypatch.setattr(scheduler, "PAUSE_S", 0.0)
    kinds = {f"{kind}{i}": kind for i in (1, 2) for kind in (RIGHT, SCAFFOLD)}
    for student, kind in kinds.items():
        hand_in(course, root, student, kind)
    told = []
    results = grade(root, scheduler="tcp://cluster:8786", tell=lambda d, t, r: told.append(r.student))
    assert {s: r.points for s, r in results.items()} == {s: POINTS[k] for s, k in kinds.items()} == in_gradebook(root)
    assert cluster.connections == 2 and sorted(told) == sorted(kinds), "each once"
