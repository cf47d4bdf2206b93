"""Grading on a cluster: what can be shown without Dask, and the three processes of the documentation where it is installed."""

import contextlib
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import psutil
import pytest
import yaml

from autograder.cohort import scheduler, worker
from autograder.errors import GradingError
from coursekit import curriculum
from tests.graded_cohort import POINTS, RIGHT, SCAFFOLD, assert_sound, grade, hand_in, in_gradebook

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


class ThreeProcesses:
    """A scheduler and two workers on this machine, as the documentation starts them."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._folder, self._running = folder, []
        self.start()

    def start(self):
        self.scheduler = self._dask("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        self.workers = [
            self._dask("worker", self.address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard") for _ in range(2)
        ]

    def _dask(self, *arguments):
        command = [
            sys.executable,
            "-c",
            "from dask.__main__ import main\nif __name__ == '__main__': main()",
            *arguments,
        ]
        environment = os.environ | {"PYTHONPATH": str(curriculum.ROOT), "OMP_NUM_THREADS": "1"}
        with open(self._folder / f"{arguments[0]}.log", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, env=environment)
        self._running.append(process)
        return process

    @staticmethod
    def kill(process):
        for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()

    def close(self):
        for process in self._running:
            if process.poll() is None:
                self.kill(process)


@pytest.mark.timeout(400)
def test_three_dask_processes_grade_a_cohort_whatever_is_killed(course, root, tmp_path):
    """Runs where Dask is installed: `pip install distributed`."""
    pytest.importorskip("distributed")
    kinds = {f"{kind}{i}": kind for i in range(4) for kind in (RIGHT, SCAFFOLD)}
    for student, kind in kinds.items():
        hand_in(course, root, student, kind)
    cluster, told = ThreeProcesses(tmp_path), []

    def disturb(done, total, result):
        told.append(result.student)
        if done == 2:
            cluster.kill(cluster.workers[0])
        if done == 4:
            cluster.kill(cluster.scheduler)
            cluster.start()  # Dask's workers end with their scheduler

    try:
        results = grade(root, scheduler=cluster.address, tell=disturb)
    finally:
        cluster.close()
    assert {s: r.points for s, r in results.items()} == {s: POINTS[k] for s, k in kinds.items()} == in_gradebook(root)
    assert sorted(told) == sorted(kinds), "each once"
    assert_sound(root)


def test_the_manifest_for_kubernetes_is_yaml_whose_parts_fit_together():
    page = (curriculum.ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    parts = [one for block in re.findall(r"```yaml\n(.*?)```", page, re.S) for one in yaml.safe_load_all(block)]
    by_kind = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in parts}
    assert all("apiVersion" in one for one in parts) and len(by_kind) == len(parts) == 5
    service = by_kind["Service", "course-scheduler"]
    pods = {name: spec["template"] for (kind, name), spec in by_kind.items() if kind in ("Deployment", "Job")}
    for (kind, _), spec in by_kind.items():
        if kind == "Deployment":
            assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    assert service["selector"] == pods["course-scheduler"]["metadata"]["labels"]
    [scheduler_pod] = pods["course-scheduler"]["spec"]["containers"]
    port = scheduler_pod["ports"][0]["containerPort"]
    assert service["ports"] == [{"port": port, "targetPort": port}] and str(port) in scheduler_pod["command"]
    for name in ("course-worker", "course-grade"):
        [container] = pods[name]["spec"]["containers"]
        assert f"tcp://course-scheduler:{port}" in container["command"] and container["image"] == scheduler_pod["image"]
        volumes = {volume["name"] for volume in pods[name]["spec"]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    [allowed] = by_kind["NetworkPolicy", "course-scheduler"]["ingress"][0]["from"]
    assert set(allowed["podSelector"]["matchExpressions"][0]["values"]) == set(pods) - {"course-scheduler"}
