"""Versions of a model are exchanged under load: nobody gets an error or the answer of a version under another's name.

SLIPWAY_TEST_SWAPS sets how often the model is swapped (100); watching files costs more time per swap, so it gets a
tenth of that.
"""

import contextlib
import hashlib
import json
import os
import shutil

import pytest

from support.load import Load
from support.raw_http import Connection
from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, wait_until

SWAPS = int(os.environ.get("SLIPWAY_TEST_SWAPS", "100"))
CONNECTIONS = 4
DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
CANCER = (EXAMPLE_DATA / "breast_cancer_request.json").read_bytes()
NEIGHBOURS = ("breast_cancer", "breast_cancer_forest")
FAST_SETTLE = ["--settle", "100ms"]


def file_digest(version):
    return "sha256:" + hashlib.sha256((EXAMPLE_MODELS / f"digits/{version}/model.onnx").read_bytes()).hexdigest()


def probabilities(response):
    return next(output["data"] for output in response.json()["outputs"] if output["name"] == "probabilities")


@pytest.fixture
def repository(tmp_path):
    """Both neighbours and digits with both versions, in a place where tests may change it."""
    shutil.copytree(EXAMPLE_MODELS, tmp_path / "models", ignore=shutil.ignore_patterns("*.md"))
    return tmp_path / "models"


def aside(repository, version):
    """Where a version waits that is not served. On the same file system, so that a rename moves it."""
    return repository.parent / f"digits-{version}"


def withdraw(repository, version):
    (repository / "digits" / str(version)).rename(aside(repository, version))


def publish(repository, version):
    aside(repository, version).rename(repository / "digits" / str(version))


def load_version(server, version):
    """The version alone is served when this returns."""
    config = json.dumps({"version_policy": {"specific": {"versions": [version]}}})
    answer = server.post("/v2/repository/models/digits/load", {"parameters": {"config": config}})
    assert answer.status == 200, answer


def index(server):
    """(model, version) -> entry of the repository index."""
    entries = server.post("/v2/repository/index").json()
    return {(entry["name"], int(entry.get("version", 0))): entry for entry in entries}


def state(server, version, model="digits"):
    return index(server).get((model, version), {}).get("state")


def served(server):
    """Which version answers."""
    return int(server.infer("digits", DIGITS).json()["model_version"])


class Witness:
    """Knows what each version of digits answers, and so finds an answer that mixes two."""

    def __init__(self, expected):
        self.expected = expected  # version -> probabilities

    def __call__(self, response):
        answer = response.json()
        version = int(answer["model_version"])
        assert response.headers["slipway-model-digest"] == file_digest(version), response
        assert probabilities(response) == self.expected[version], f"version {version} answers {response}"
        return version


def one_answer(server, version):
    response = server.infer("digits", DIGITS)
    assert int(response.json()["model_version"]) == version
    return probabilities(response)


def answers_of_both(server, repository):
    """What each version answers; version 1 is served and 2 is withdrawn afterwards."""
    wait_until(lambda: state(server, 2) == "READY")
    second = one_answer(server, 2)
    withdraw(repository, 2)
    wait_until(lambda: served(server) == 1)
    return {1: one_answer(server, 1), 2: second}


def unchanged(server, model):
    """A check for a neighbour: every answer is the same as now."""
    with Connection(server) as connection:
        first = connection.infer(model, CANCER)
    assert first.status == 200, first
    digest = first.headers["slipway-model-digest"]

    def check(response):
        assert (response.body, response.headers["slipway-model-digest"]) == (first.body, digest), response
        return "same"

    return check


@contextlib.contextmanager
def under_load(server, witness):
    """Clients at digits and one at each neighbour; on leaving, nobody must have seen a failure."""
    with contextlib.ExitStack() as stack:
        digits = stack.enter_context(Load(server, "digits", DIGITS, CONNECTIONS, witness))
        neighbours = [stack.enter_context(Load(server, name, CANCER, 1, unchanged(server, name)))
                      for name in NEIGHBOURS]
        yield digits
        for load in neighbours:
            load.wait_for(1)
    for load in (digits, *neighbours):
        assert not load.failures, f"{len(load.failures)} failures, first: {load.failures[0]}"


def test_swaps_by_request_fail_no_request_and_mix_no_answers(start_server, repository):
    server = start_server(repository, options=["--control", "explicit"])
    expected = {}
    for version in (1, 2):
        load_version(server, version)
        expected[version] = one_answer(server, version)
    assert expected[1] != expected[2]

    with under_load(server, Witness(expected)) as load:
        for swap in range(SWAPS):
            version = 1 + swap % 2
            load_version(server, version)
            assert served(server) == version, "a request that begins after the load gets the new version"
            load.wait_for(1)
        load.wait_for(2 * CONNECTIONS)
    assert set(load.kinds) == {1, 2}


def test_swaps_by_rename_fail_no_request_and_mix_no_answers(start_server, repository):
    server = start_server(repository, options=FAST_SETTLE)
    expected = answers_of_both(server, repository)

    with under_load(server, Witness(expected)) as load:
        for swap in range(max(2, SWAPS // 10)):
            (publish if swap % 2 == 0 else withdraw)(repository, 2)
            wait_until(lambda: served(server) == 2 - swap % 2)
            load.wait_for(1)
        load.wait_for(2 * CONNECTIONS)
    assert set(load.kinds) == {1, 2}


def test_replacing_the_file_of_a_version_swaps_it_in_place(start_server, repository):
    withdraw(repository, 2)
    server = start_server(repository, options=FAST_SETTLE)
    wait_until(lambda: state(server, 1) == "READY")
    old, new = file_digest(1), file_digest(2)

    def which(response):
        assert response.json()["model_version"] == "1"
        return response.headers["slipway-model-digest"]

    with Load(server, "digits", DIGITS, CONNECTIONS, which) as load:
        load.wait_for(CONNECTIONS)
        incoming = repository / "digits/1/incoming"
        shutil.copyfile(aside(repository, 2) / "model.onnx", incoming)
        incoming.rename(repository / "digits/1/model.onnx")
        wait_until(lambda: server.infer("digits", DIGITS).headers["slipway-model-digest"] == new)
        load.wait_for(CONNECTIONS)
    assert not load.failures, load.failures[0]
    assert set(load.kinds) == {old, new}


@pytest.mark.parametrize("file, reason", [
    ("truncated.onnx", ""), ("empty.onnx", ""), ("random.onnx", ""), ("unknown_op.onnx", "Frobnicate"),
])
def test_a_broken_version_leaves_the_old_one_serving(start_server, repository, file, reason):
    shutil.rmtree(repository / "digits/2")
    server = start_server(repository, options=["--control", "explicit"])
    (repository / "digits/2").mkdir()
    shutil.copyfile(ENGINE_MODELS / file, repository / "digits/2/model.onnx")

    with under_load(server, Witness({1: one_answer(server, 1)})) as load:
        answer = server.post("/v2/repository/models/digits/load")
        assert answer.status >= 400, answer
        assert reason in answer.error()
        load.wait_for(CONNECTIONS)
    entries = index(server)
    assert entries["digits", 1]["state"] == "READY"
    assert entries["digits", 2]["state"] == "UNAVAILABLE"
    assert entries["digits", 2]["reason"] in answer.error()
    assert reason in entries["digits", 2]["reason"] and entries["digits", 2]["reason"]
    assert server.get("/v2/models/digits/versions/2/ready").status >= 400
    assert server.get("/v2/health/ready").status == 200


def test_a_broken_version_that_appears_leaves_the_old_one_serving(start_server, repository):
    good = aside(repository, 2)
    withdraw(repository, 2)
    server = start_server(repository, options=FAST_SETTLE)
    wait_until(lambda: state(server, 1) == "READY")
    broken = repository.parent / "broken"
    broken.mkdir()
    shutil.copyfile(ENGINE_MODELS / "unknown_op.onnx", broken / "model.onnx")

    with under_load(server, Witness({1: one_answer(server, 1)})) as load:
        broken.rename(repository / "digits/2")
        wait_until(lambda: state(server, 2) == "UNAVAILABLE")
        load.wait_for(CONNECTIONS)
    assert "Frobnicate" in index(server)["digits", 2]["reason"]
    assert state(server, 1) == "READY"

    # The repaired file is taken without a restart.
    shutil.rmtree(repository / "digits/2")
    good.rename(repository / "digits/2")
    wait_until(lambda: served(server) == 2)
    assert index(server)["digits", 2]["reason"] == ""


def test_removing_the_new_version_rolls_back(start_server, repository):
    server = start_server(repository, options=FAST_SETTLE)
    expected = answers_of_both(server, repository)
    publish(repository, 2)
    wait_until(lambda: served(server) == 2)

    with under_load(server, Witness(expected)) as load:
        load.wait_for(CONNECTIONS)
        withdraw(repository, 2)
        wait_until(lambda: state(server, 2) == "UNAVAILABLE")
        assert served(server) == 1
    assert set(load.kinds) == {1, 2}


def test_all_versions_can_be_served_side_by_side(start_server, repository):
    server = start_server(repository, options=["--control", "explicit", "--version-policy", "all"])
    answers = {version: server.infer("digits", DIGITS, version=str(version)) for version in (1, 2)}
    for version, answer in answers.items():
        assert answer.status == 200, answer
        assert answer.json()["model_version"] == str(version)
        assert answer.headers["slipway-model-digest"] == file_digest(version)
    assert probabilities(answers[1]) != probabilities(answers[2])
    assert served(server) == 2
