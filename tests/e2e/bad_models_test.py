"""Model files that are broken, too new or reach for what is not theirs: the reason is told, everything else serves."""

import os
import re
import shutil
import time

import numpy as np
import pytest

from support import tensors
from support.server import BENCH_MODELS, ENGINE_MODELS, Server, look_old, repository, wait_until

# What the reason must say; everything below is a file or a folder of tests/models/engine.
BAD = {
    "truncated": r"protobuf|truncated|cut|ends",
    "random": r"not.*ONNX|protobuf|model",
    "empty": r"empty|0 bytes|no graph",
    "text": r"not.*ONNX|text|protobuf",
    "no_graph": r"graph",
    "opset_too_new": r"operator set 999 .*at most \d+",
    "ir_too_new": r"IR version 999.*at most 13",
    "opset_1_no_kernel": r"'Add'.*no implementation",
    "unknown_op": r"'Frobnicate'",
    "unknown_domain": r"'Scale'.*com\.example\.unknown",
    "cyclic": r"acyclic|cycl",
    "duplicate_output": r"\(?'?y'?\)?",
    "missing_input": r"'ghost'",
    "missing_output": r"\(?'?y'?\)?",
    "wrong_types": r"Add.*float.*int64",
    "wrong_output_type": r"y.*(int64|float)",
    "nested_1000": r"nest|deep|protobuf",
    "short_initializer": r"'weight'.*8 bytes.*4000|weight.*4000",
    "huge_initializer": r"overflow|weight",
    "negative_initializer": r"dimension|weight",
    "sequence_input": r"'x'.*sequence",
    "sequence_output": r"'y'.*sequence",
    "unsupported_fp8": r"'x'.*FLOAT8E4M3FN",
    "unsupported_int4": r"'x'.*INT4",
    "unsupported_complex64": r"'x'.*COMPLEX64",
    "external_data/parent_path": r"\.\./secret\.bin",
    "external_data/parent_path_inside": r"data/\.\./\.\./secret\.bin",
    "external_data/absolute_path": r"/etc/passwd|[Aa]bsolute",
    "external_data/missing_file": r"weights\.bin",
    "external_data/no_location": r"location",
    "external_data/negative_offset": r"offset",
    "external_data/huge_offset": r"offset",
    "external_data/overflow_offset": r"offset|overflow",
    "external_data/text_offset": r"offset.*12abc",
    "external_data/negative_length": r"length",
    "external_data/huge_length": r"length",
    "external_data/short_length": r"length|64",
    "external_data/short_file": r"32|weights\.bin",
}
GOOD = {"good": BENCH_MODELS / "linear30/1", "external": ENGINE_MODELS / "external_data/good/1",
        "external_below": ENGINE_MODELS / "external_data/good_subfolder/1"}


def name_of(case):
    return case.replace("/", ".")


def put(folder, case):
    """Model `case` of tests/models/engine into the repository `folder`."""
    source = ENGINE_MODELS / case
    if source.is_dir():
        shutil.copytree(source, folder / name_of(case))
    else:
        repository(folder, {case: ENGINE_MODELS / f"{case}.onnx"})


def good_one_serves(server):
    row = {"name": "input", "datatype": "FP32", "shape": [1, 30], "data": [0] * 30}
    answer = server.infer("good", {"inputs": [row]})
    assert answer.status == 200, answer


def index(server):
    return {(model["name"], model.get("version")): model for model in server.post("/v2/repository/index").json()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server with all bad models at once, in watch mode, and good ones between them."""
    folder = repository(tmp_path_factory.mktemp("models"), GOOD)
    for case in BAD:
        put(folder, case)
    look_old(folder)
    with Server(folder) as server:
        yield server


@pytest.mark.parametrize("case", list(BAD))
def test_a_bad_model_is_told_and_hurts_nobody(shared, case):
    good_one_serves(shared)
    name = name_of(case)
    entry = index(shared)[(name, "1")]
    assert entry["state"] == "UNAVAILABLE"
    assert re.search(BAD[case], entry["reason"], re.DOTALL), entry["reason"]
    assert entry["reason"].isprintable() and len(entry["reason"]) < 2000
    assert re.search(rf"^  {re.escape(name)} FAILED: .*model '{re.escape(name)}'", shared.banner(), re.MULTILINE)
    assert f"model={name} " in shared.log() and "ERROR" in shared.log()
    answer = shared.get(f"/v2/models/{name}/ready")
    assert answer.status == 503 and name in answer.error()
    answer = shared.infer(name, {"inputs": []})
    assert answer.status == 503 and name in answer.error()


def test_external_data_inside_the_folder_is_used(shared):
    for name in ("external", "external_below"):
        answer = shared.infer(name, {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 16], "data": [1] * 16}]})
        assert answer.json()["outputs"][0]["data"] == list(range(1, 17))


def test_readiness_does_not_wait_for_what_cannot_be_loaded(shared):
    assert shared.get("/v2/health/ready").status == 200
    assert set(shared.get("/v2/models").json()["models"]) == set(GOOD)


@pytest.mark.parametrize("case", ["truncated", "unknown_op", "external_data/parent_path"])
def test_a_single_bad_file_is_told(start_server, tmp_path, case):
    source = ENGINE_MODELS / case
    server = start_server(source / "1/model.onnx" if source.is_dir() else f"{source}.onnx", options=["--name", "one"])
    assert "one FAILED: " in server.banner()
    assert server.get("/v2/health/live").status == 200


# --- links ---


@pytest.fixture
def linked(tmp_path):
    """A repository with the model `linked`, whose weights the test puts in place, and a secret beside it."""
    folder = repository(tmp_path / "models", {"good": GOOD["good"], "linked": GOOD["external"]})
    weights = folder / "linked/1/weights.bin"
    secret = tmp_path / "secret.bin"
    weights.rename(secret)
    return folder, weights, secret


def expect_refused(server, name, *patterns):
    good_one_serves(server)
    entry = wait_until(lambda: index(server).get((name, "1")))
    assert entry["state"] == "UNAVAILABLE", entry
    for pattern in patterns:
        assert pattern in entry["reason"]


def test_symbolic_link_of_weights_that_leaves_the_folder(start_server, linked):
    folder, weights, secret = linked
    weights.symlink_to(secret)
    look_old(folder)
    expect_refused(start_server(folder), "linked", "weights.bin", "symbolic link")


def test_folder_of_weights_is_a_symbolic_link_that_leaves(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"good": GOOD["good"], "linked": GOOD["external_below"]})
    data = folder / "linked/1/data"
    data.rename(tmp_path / "elsewhere")
    data.symlink_to(tmp_path / "elsewhere")
    look_old(folder)
    expect_refused(start_server(folder), "linked", "data/weights.bin", "symbolic link")


def test_symbolic_link_of_weights_that_stays_in_the_folder(start_server, linked):
    """Refused as well: where a link leads can change between the look at it and the read."""
    folder, weights, secret = linked
    secret.rename(weights.with_name("real.bin"))
    weights.symlink_to("real.bin")
    look_old(folder)
    expect_refused(start_server(folder), "linked", "weights.bin", "symbolic link")


def test_hard_link_of_weights(start_server, linked):
    """The other name may lie outside the folder."""
    folder, weights, secret = linked
    os.link(secret, weights)
    look_old(folder)
    expect_refused(start_server(folder), "linked", "weights.bin", "links", "copy the file")


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "dangling link", "loop"])
def test_weights_that_are_no_file(start_server, linked, kind):
    folder, weights, _ = linked
    if kind == "fifo":
        os.mkfifo(weights)
    elif kind == "folder":
        weights.mkdir()
    else:
        weights.symlink_to({"device": "/dev/zero", "dangling link": "nowhere", "loop": "weights.bin"}[kind])
    look_old(folder)
    expect_refused(start_server(folder), "linked", "weights.bin")


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_model_that_is_no_file(start_server, tmp_path, kind):
    folder = repository(tmp_path / "models", {"good": GOOD["good"]})
    (folder / "odd/1").mkdir(parents=True)
    model = folder / "odd/1/model.onnx"
    if kind == "fifo":
        os.mkfifo(model)
    elif kind == "folder":
        model.mkdir()
    else:
        model.symlink_to("/dev/zero")
    look_old(folder)
    server = start_server(folder)
    good_one_serves(server)
    assert server.get("/v2/models/odd/ready").status in (404, 503)
    assert server.resident_bytes() < 300 * 2**20


def test_model_that_cannot_be_read(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"good": GOOD["good"], "secret": GOOD["good"]})
    (folder / "secret/1/model.onnx").chmod(0)
    server = start_server(folder)
    good_one_serves(server)
    if os.geteuid() != 0:
        assert "ermission denied" in index(server)[("secret", "1")]["reason"]


# --- folders ---


def test_folders_that_are_no_versions_are_told_and_passed_over(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"good": GOOD["good"], "odd": GOOD["good"]})
    names = ["latest", "v2", "-3", "01", "1.5", "99999999999999999999", "2 ", ".hidden"]
    for name in names:
        shutil.copytree(GOOD["good"], folder / "odd" / name)
    shutil.copytree(GOOD["good"], folder / "a name with blanks/1")
    (folder / "no versions").mkdir()
    (folder / "empty_model").mkdir()
    (folder / "stray.txt").write_text("hello")
    look_old(folder)
    server = start_server(folder, options=["--version-policy", "all"])
    good_one_serves(server)
    assert server.get("/v2/models/odd").json()["versions"] == ["1"]
    assert set(server.get("/v2/models").json()["models"]) == {"good", "odd"}
    log = server.log()
    for name in ("latest", "v2", "a name with blanks"):
        assert name in log, log
    assert "hidden" not in log


def test_version_without_a_model_file(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"good": GOOD["good"], "odd": GOOD["good"]})
    (folder / "odd/2").mkdir()
    (folder / "odd/3").mkdir()
    (folder / "odd/3/weights.bin").write_bytes(b"12")
    look_old(folder)
    server = start_server(folder)
    assert server.get("/v2/models/odd").json()["versions"] == ["1"]


# --- while the server watches ---


@pytest.fixture
def watched(start_server, tmp_path):
    """A repository that a server watches; versions settle after 300 ms."""
    folder = repository(tmp_path / "models", {"good": GOOD["good"], "one": ENGINE_MODELS / "identity_fp32.onnx"})
    return start_server(folder, options=["--settle", "300ms"]), folder


def versions(server, name="one"):
    answer = server.get(f"/v2/models/{name}")
    return answer.json()["versions"] if answer.status == 200 else []


def ask(server):
    """The answer of model `one` to [1, 2, 3]: version 1 gives it back, version 2 adds 1."""
    one = server.get("/v2/models/one").json()["inputs"][0]
    shape = [1, 3] if len(one["shape"]) == 2 else [3]
    body, headers = tensors.infer_request({"x": np.float32([1, 2, 3]).reshape(shape)}, binary=False)
    return server.infer("one", body, headers).json()["outputs"][0]["data"]


def test_half_copied_version_is_not_loaded(watched):
    server, folder = watched
    model = (ENGINE_MODELS / "fixed_no_batch.onnx").read_bytes()
    target = folder / "one/2"
    target.mkdir()
    with (target / "model.onnx").open("wb", buffering=0) as file:  # slower than any copy, faster than the settle time
        for i in range(0, len(model), max(1, len(model) // 20)):
            file.write(model[i:i + max(1, len(model) // 20)])
            let_time_pass(0.1)
            assert versions(server) == ["1"]
            assert ("one", "2") not in index(server) or index(server)[("one", "2")].get("state") in (None, "UNKNOWN")
    wait_until(lambda: versions(server) == ["2"])
    assert ask(server) == [2, 3, 4]
    assert "ERROR" not in server.log()


def let_time_pass(seconds):
    """How slowly files are written is what these tests are about, and the server's clock is real."""
    time.sleep(seconds)


def test_weights_that_come_after_the_model(watched):
    server, folder = watched
    target = folder / "late/1"
    target.mkdir(parents=True)
    shutil.copyfile(GOOD["external"] / "model.onnx", target / "model.onnx")
    let_time_pass(0.15)
    shutil.copyfile(GOOD["external"] / "weights.bin", target / "weights.bin")
    wait_until(lambda: versions(server, "late") == ["1"])
    assert "ERROR" not in server.log()


def test_broken_version_leaves_the_old_one_and_is_replaced_by_a_good_one(watched):
    server, folder = watched
    target = folder / "one/2"
    target.mkdir()
    shutil.copyfile(ENGINE_MODELS / "unknown_op.onnx", target / "model.onnx")
    wait_until(lambda: "Frobnicate" in index(server).get(("one", "2"), {}).get("reason", ""))
    assert versions(server) == ["1"] and ask(server) == [1, 2, 3]
    assert server.get("/v2/health/ready").status == 200
    shutil.copyfile(ENGINE_MODELS / "fixed_no_batch.onnx", target / "model.onnx")
    wait_until(lambda: versions(server) == ["2"])
    assert ask(server) == [2, 3, 4]
    shutil.rmtree(target)
    wait_until(lambda: versions(server) == ["1"])
    assert ask(server) == [1, 2, 3]


def test_a_model_that_comes_and_one_that_goes(watched):
    server, folder = watched
    repository(folder, {"new": ENGINE_MODELS / "two_inputs.onnx"})
    wait_until(lambda: versions(server, "new") == ["1"])
    shutil.rmtree(folder / "one")
    wait_until(lambda: versions(server) == [])
    assert server.infer("one", {"inputs": []}).status in (404, 503)
    good_one_serves(server)


def test_a_repository_that_was_just_written_is_served_before_the_server_is_ready(start_server, tmp_path):
    """Written a moment ago, so it has to settle first; readiness waits for it."""
    shutil.copytree(GOOD["good"], tmp_path / "models/good/1", copy_function=shutil.copyfile)
    server = start_server(tmp_path / "models")
    assert server.get("/v2/models").json()["models"] == ["good"]
    good_one_serves(server)


def test_read_only_repository(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"good": GOOD["good"]})
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        good_one_serves(start_server(folder))
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
