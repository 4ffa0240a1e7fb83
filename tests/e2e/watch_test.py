"""A server that follows its model repository: copies in progress, renames, removals, and disks that misbehave."""

import contextlib
import os
import resource
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from support.raw_http import Connection
from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, wait_until
from support.slow_models import SLOW, metric, send_and_see_it_run, slow

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
FAST_SETTLE = ["--settle", "100ms"]
# Standard input, output and error, the first event loop and its eventfd: open from start to end.
ALWAYS_IN_USE = 5


def put(repository, model, version, source):
    """A version directory appears at once, as one that was copied elsewhere and then renamed."""
    ready = repository.parent / f"{model}-{version}"
    ready.mkdir()
    shutil.copyfile(source, ready / "model.onnx")
    target = repository / model / str(version)
    target.parent.mkdir(exist_ok=True)
    ready.rename(target)
    return target


def digits(version):
    return EXAMPLE_MODELS / f"digits/{version}/model.onnx"


@pytest.fixture
def repository(tmp_path):
    """A model repository with version 1 of digits."""
    folder = tmp_path / "models"
    folder.mkdir()
    put(folder, "digits", 1, digits(1))
    return folder


def entries(server, model):
    index = server.post("/v2/repository/index").json()
    return {int(entry["version"]): entry for entry in index if entry["name"] == model and "version" in entry}


def state(server, model, version):
    return entries(server, model).get(version, {}).get("state")


def wait_ready(server, model, version):
    wait_until(lambda: state(server, model, version) == "READY", 60,
               lambda: f"{model} {version} is not ready: {entries(server, model)}\n{server.log()}")


def served(server):
    return server.infer("digits", DIGITS).json()["model_version"]


def load_failures(server, model):
    return metric(server, "slipway_model_load_failures_total", model=model)


@contextlib.contextmanager
def mounted(folder, *options):
    """A small file system in memory at `folder`; skips the test where we may not mount."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_version_that_is_being_copied_is_not_loaded_before_it_settles(start_server, repository):
    server = start_server(repository, options=["--settle", "1s"])
    wait_ready(server, "digits", 1)
    content = digits(2).read_bytes()
    piece = len(content) // 25 + 1
    target = repository / "digits/2/model.onnx"
    target.parent.mkdir()
    pause = threading.Event()
    with target.open("wb") as file:
        for start in range(0, len(content), piece):
            file.write(content[start:start + piece])
            file.flush()
            pause.wait(0.1)
            if start + piece < len(content):
                assert state(server, "digits", 2) is None, entries(server, "digits")
    wait_ready(server, "digits", 2)
    assert load_failures(server, "digits") == 0
    assert served(server) == "2"


def test_files_of_a_version_are_waited_for_together(start_server, tmp_path):
    """The graph is there at once; its weights come later, in a file of their own."""
    folder = tmp_path / "models"
    (folder / "scaled/1").mkdir(parents=True)
    server = start_server(folder, options=["--settle", "1s"])
    source = ENGINE_MODELS / "external_data/good/1"
    weights = (source / "weights.bin").read_bytes()
    shutil.copyfile(source / "model.onnx", folder / "scaled/1/model.onnx")
    pause = threading.Event()
    with (folder / "scaled/1/weights.bin").open("wb") as file:
        for byte in weights:
            file.write(bytes([byte]))
            file.flush()
            pause.wait(0.03)
    wait_ready(server, "scaled", 1)
    assert load_failures(server, "scaled") == 0
    answer = server.infer("scaled", {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 16], "data": [1] * 16}]})
    assert answer.json()["outputs"][0]["data"] == list(range(1, 17))


def test_a_version_renamed_into_place_is_served(start_server, repository):
    server = start_server(repository, options=FAST_SETTLE)
    wait_ready(server, "digits", 1)
    put(repository, "digits", 2, digits(2))
    wait_until(lambda: served(server) == "2")
    assert load_failures(server, "digits") == 0


def test_the_directory_of_one_model_serves_that_model(start_server, repository):
    put(repository, "adder", 1, ENGINE_MODELS / "fixed_no_batch.onnx")
    server = start_server(repository / "digits", options=FAST_SETTLE)
    wait_ready(server, "digits", 1)
    assert {entry["name"] for entry in server.post("/v2/repository/index").json()} == {"digits"}
    put(repository, "digits", 2, digits(2))
    wait_until(lambda: served(server) == "2")


def test_a_name_for_a_directory_is_refused(start_server, repository):
    for source in (repository, repository / "digits"):
        server = start_server(source, options=["--name", "other"], wait=False)
        assert server.process.wait(60) == 2
        assert "a name can be given for a model file only" in server.output()
        server.kill()


def test_a_removed_version_finishes_what_it_runs(start_server, repository):
    version = put(repository, "slow", 1, SLOW)
    server = start_server(repository, options=FAST_SETTLE)
    wait_ready(server, "slow", 1)
    body = slow(256)
    with Connection(server) as connection:
        send_and_see_it_run(server, connection, "slow", body)
        shutil.rmtree(version)
        wait_until(lambda: server.get("/v2/models/slow/ready").status != 200)
        response = connection.read()
        assert response.status == 200, response
        assert response.json()["outputs"][0]["data"] == body["inputs"][0]["data"]
        assert connection.infer("slow", body).status == 503
    wait_until(lambda: state(server, "slow", 1) == "UNAVAILABLE")
    assert entries(server, "slow")[1]["reason"] == "unloaded"
    assert served(server) == "1"


def test_a_directory_that_is_no_version_is_noted_and_passed_over(start_server, repository):
    put(repository, "digits", "v2", digits(2))
    (repository / "digits/4").mkdir()
    server = start_server(repository, options=FAST_SETTLE)
    wait_ready(server, "digits", 1)
    assert entries(server, "digits").keys() == {1}
    assert "v2" in server.log() and "passed over" in server.log()
    # Those that come later are noted too, and none of them stands in the way of a good one.
    put(repository, "digits", "final", digits(2))
    put(repository, "digits", "-3", digits(2))
    put(repository, "digits", 2, digits(2))
    wait_until(lambda: served(server) == "2")
    assert entries(server, "digits").keys() == {1, 2}
    for name in ("v2", "final", "-3", "'4'"):
        assert name in server.log(), f"no note of {name}"
    assert server.get("/v2/health/ready").status == 200


def test_a_new_model_directory_is_served_and_its_removal_ends_that(start_server, repository):
    server = start_server(repository, options=FAST_SETTLE)
    wait_ready(server, "digits", 1)
    put(repository, "adder", 1, ENGINE_MODELS / "fixed_no_batch.onnx")
    wait_ready(server, "adder", 1)
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [3], "data": [1, 2, 3]}]}
    assert server.infer("adder", body).json()["outputs"][0]["data"] == [2, 3, 4]
    shutil.rmtree(repository / "adder")
    wait_until(lambda: server.infer("adder", body).status == 503)
    assert served(server) == "1"


def test_a_server_that_follows_files_refuses_load_and_unload(server):
    for verb in ("load", "unload"):
        answer = server.post(f"/v2/repository/models/digits/{verb}")
        assert answer.status == 503, answer
        assert "explicit" in answer.error()
    assert server.infer("digits", DIGITS).status == 200


def test_a_missing_repository_is_an_error_that_names_it(start_server, tmp_path):
    server = start_server(tmp_path / "nowhere", wait=False)
    assert server.process.wait(60) > 0
    assert str(tmp_path / "nowhere") in server.output()
    server.kill()


def test_a_repository_that_goes_away_leaves_what_is_loaded(start_server, repository):
    server = start_server(repository, options=FAST_SETTLE)
    wait_ready(server, "digits", 1)
    away = repository.parent / "away"
    repository.rename(away)
    wait_until(lambda: "models cannot be listed" in server.log())
    assert served(server) == "1"
    assert server.get("/v2/health/ready").status == 200
    away.rename(repository)
    wait_until(lambda: "models can be listed again" in server.log(), 60)
    put(repository, "digits", 2, digits(2))
    wait_until(lambda: served(server) == "2", 60)


def test_a_server_without_descriptors_keeps_what_it_serves(start_server, repository):
    """A version that it cannot look at is not taken for removed."""
    server = start_server(repository, options=FAST_SETTLE)
    wait_ready(server, "digits", 1)
    with Connection(server) as early:
        assert early.infer("digits", DIGITS).json()["model_version"] == "1"
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (ALWAYS_IN_USE, hard))
        put(repository, "digits", 2, digits(2))
        wait_until(lambda: "models cannot be listed" in server.log(), 60)
        assert "ulimit -n" in server.log()
        assert early.infer("digits", DIGITS).json()["model_version"] == "1"
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        wait_until(lambda: early.infer("digits", DIGITS).json()["model_version"] == "2", 60)


def test_a_repository_on_a_read_only_disk_is_served(start_server, tmp_path):
    with mounted(tmp_path / "models") as folder:
        put_copy(folder, "digits", 1, digits(1))
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        server = start_server(folder, options=FAST_SETTLE)
        wait_ready(server, "digits", 1)
        assert served(server) == "1"
        server.stop()


def test_a_copy_that_fills_the_disk_leaves_the_old_version_serving(start_server, tmp_path):
    with mounted(tmp_path / "models", "-o", "size=128k") as folder:
        put_copy(folder, "digits", 1, digits(1))
        server = start_server(folder, options=FAST_SETTLE)
        wait_ready(server, "digits", 1)
        with pytest.raises(OSError, match="No space left"):
            put_copy(folder, "digits", 2, digits(2))
        wait_until(lambda: state(server, "digits", 2) == "UNAVAILABLE")
        assert entries(server, "digits")[2]["reason"]
        assert served(server) == "1"
        server.stop()


def test_a_full_disk_under_the_log_changes_no_answer(start_server, repository, tmp_path):
    with mounted(tmp_path / "logs", "-o", "size=64k") as folder:
        log = folder / "slipway.log"
        server = start_server(repository, config={"log": {"file": str(log), "level": "debug"}}, options=FAST_SETTLE)
        wait_ready(server, "digits", 1)
        fill(folder / "filler")
        before = log.stat().st_size
        for _ in range(200):
            assert server.infer("digits", DIGITS).status == 200
        put(repository, "digits", 2, digits(2))
        wait_until(lambda: served(server) == "2")
        assert log.stat().st_size - before < 8192, "the rest of a page at most: the disk was full"
        server.stop()


def test_the_program_writes_nothing_beside_its_models(start_server, repository):
    """So a full or read-only disk cannot stop it."""
    before = sorted(path for path in repository.rglob("*"))
    server = start_server(repository, options=FAST_SETTLE)
    wait_ready(server, "digits", 1)
    assert server.infer("digits", DIGITS).status == 200
    opened = []
    for link in Path(f"/proc/{server.pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{server.pid}/fd/{link.name}")
            flags = int(next(line.split()[1] for line in link.read_text().splitlines() if line.startswith("flags")), 8)
            if target.startswith("/") and not target.startswith("/dev/") and flags & (os.O_WRONLY | os.O_RDWR):
                opened.append(target)
    assert set(opened) <= {str(server.stdout), str(server.stderr)}
    assert sorted(path for path in repository.rglob("*")) == before


def put_copy(repository, model, version, source):
    """As `cp` does it, within a file system that put() could not rename into."""
    target = repository / model / str(version)
    target.mkdir(parents=True)
    shutil.copyfile(source, target / "model.onnx")


def fill(file):
    with pytest.raises(OSError, match="No space left"), file.open("wb", buffering=0) as out:
        while out.write(bytes(4096)):
            pass
