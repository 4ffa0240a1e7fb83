"""Models in processes of their own: they crash, spin and are ended, and the server and its neighbours go on."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, ROOT, Server, repository, wait_until
from support.slow_models import SPIN, metric, spin

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
SKLEARN_MODELS = ROOT / "tests/models/sklearn"
CANCER = (EXAMPLE_DATA / "breast_cancer_request.json").read_bytes()


def workers(server):
    """Process ids of the worker processes of a server."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        parent = int(stat[stat.rindex(")") + 2:].split()[1])
        if parent == server.process.pid and words[1:2] == [b"worker"]:
            found.append(int(entry.name))
    return found


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path, {"digits": EXAMPLE_MODELS / "digits/2", "spin": SPIN,
                                 "breast_cancer": EXAMPLE_MODELS / "breast_cancer/1"})


def config(tmp_path, models, settings):
    path = tmp_path / "slipway.yaml"
    path.write_text(f"models: [{models}]\ncontrol: explicit\nmodel_settings: {settings}\n")
    return path


def test_only_who_asks_for_a_process_gets_one(tmp_path, models):
    with Server(config(tmp_path, models, "{digits: {isolation: process}}")) as server:
        assert len(workers(server)) == 1
        assert server.infer("digits", DIGITS).status == 200
        assert server.infer("breast_cancer", CANCER).status == 200
        server.post("/v2/repository/models/digits/unload")
        wait_until(lambda: not workers(server))


def test_a_worker_has_what_is_its_own_and_no_more(models):
    with Server(models, options=["--control", "explicit", "--isolation", "process"]) as server:
        seen = [{os.stat(f"/proc/{pid}/fd/{fd}").st_ino for fd in os.listdir(f"/proc/{pid}/fd")
                 if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(("/memfd:slipway", "socket:"))} for pid in workers(server)]
        assert len(seen) == 3 and all(seen)
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]


def test_answers_are_the_same_in_a_process(models):
    with Server(models, options=["--control", "explicit"]) as inside, \
            Server(models, options=["--control", "explicit", "--isolation", "process"]) as apart:
        assert inside.infer("digits", DIGITS).json()["outputs"] == apart.infer("digits", DIGITS).json()["outputs"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=lambda number: number.name)
def test_a_killed_worker_comes_back_and_nobody_else_notices(tmp_path, models, number):
    with Server(config(tmp_path, models, "{digits: {isolation: process}}")) as server:
        for _ in range(3):
            old, = workers(server)
            os.kill(old, number)
            wait_until(lambda: old not in workers(server) or server.infer("digits", DIGITS).status == 200)
            wait_until(lambda: server.infer("digits", DIGITS).status == 200)
            assert workers(server) != [old]
            assert server.infer("breast_cancer", CANCER).status == 200
        assert metric(server, "slipway_worker_restarts_total", model="digits", version="1") == 3
        assert metric(server, "slipway_worker_restarts_total", model="breast_cancer", version="1") is None


def test_a_foreign_model_runs_in_a_process(tmp_path):
    arrays = np.load(SKLEARN_MODELS / "labels_text.npz")
    rows = {"inputs": [{"name": "x", "datatype": "FP64", "shape": list(arrays["x"].shape), "data": arrays["x"].tolist()}]}
    with Server(SKLEARN_MODELS / "labels_text.joblib", options=["--isolation", "process"]) as server:
        for _ in range(2):
            wait_until(lambda: server.infer("labels_text", rows).status == 200)
            outputs = {one["name"]: one["data"] for one in server.infer("labels_text", rows).json()["outputs"]}
            assert outputs["label"] == arrays["label"].tolist()
            worker, = workers(server)
            os.kill(worker, signal.SIGKILL)  # the next one gets the imported model again


def test_a_run_that_is_too_long_is_stopped_in_its_process(tmp_path, models):
    settings = "{spin: {isolation: process, max_run_time: 300ms, queue_threads: 1}}"
    with Server(config(tmp_path, models, settings)) as server:
        before = workers(server)
        answer = server.infer("spin", spin())
        assert answer.status == 500 and "max_run_time" in answer.error(), answer
        assert workers(server) == before, "a run that stops when it is told to keeps its process"
        assert server.infer("breast_cancer", CANCER).status == 200


def test_workers_end_with_a_server_that_is_killed(tmp_path, models):
    server = Server(models, options=["--control", "explicit", "--isolation", "process"])
    pids = workers(server)
    assert len(pids) == 3
    server.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids))


def test_an_unknown_isolation_is_refused(tmp_path, models):
    server = Server(config(tmp_path, models, "{digits: {isolation: vm}}"), wait=False)
    assert server.process.wait(30) != 0
    assert "isolation: expected 'none' or 'process', got 'vm'" in server.output()
    server.kill()
