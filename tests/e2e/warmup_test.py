"""Requests recorded beside a model: they run before it becomes ready, and one that fails keeps the version out."""

import json
import re

import numpy as np
import pytest

from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, look_old, repository, wait_until

DIGITS = json.loads((EXAMPLE_DATA / "digits_request.json").read_text())
IMAGES = np.array(DIGITS["inputs"][0]["data"], np.float32).reshape(DIGITS["inputs"][0]["shape"])
FAST_SETTLE = ["--settle", "100ms"]


def digits(folder, version):
    """A version directory of digits in `folder`, without the warm-up that a test puts there."""
    target = folder / "digits" / str(version)
    repository(folder / "made", {str(version): EXAMPLE_MODELS / f"digits/{version}/model.onnx"})
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / "made" / str(version) / "1").rename(target)
    (target / "warmup").mkdir()
    return target


def versions(server):
    index = server.post("/v2/repository/index").json()
    return {entry["version"]: entry for entry in index if entry["name"] == "digits" and "version" in entry}


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    np.savez(digits(folder, 1) / "warmup/a.npz", image=IMAGES)
    look_old(folder)
    (folder / "made").rename(tmp_path / "made")
    return folder


def put_second(models, **arrays):
    """Version 2 with one recorded request, in one step."""
    version = digits(models.parent / "next", 2)
    np.savez_compressed(version / "warmup/b.npz", **arrays)
    version.rename(models / "digits/2")


def test_recorded_requests_run_before_the_version_is_ready(start_server, models):
    (models / "digits/1/warmup/b.json").write_text(json.dumps(DIGITS))
    look_old(models)
    server = start_server(models, config={"log": {"format": "json"}})
    lines = [json.loads(line) for line in server.log().splitlines()]
    messages = [line["message"] for line in lines]
    warmed = messages.index("model warmed up with recorded requests")
    assert lines[warmed]["model"] == "digits" and lines[warmed]["requests"] == 2
    assert warmed < messages.index("version ready")


def test_what_the_model_says_to_a_recorded_request_decides(start_server, tmp_path):
    """This one refuses an index only when it runs, so that the reason proves that the request was run."""
    folder = repository(tmp_path / "models", {"picky": ENGINE_MODELS / "fails_at_run.onnx"})
    server = start_server(folder)
    assert server.get("/v2/models/picky/ready").status == 200, "made-up requests may be refused"
    server.stop()
    (folder / "picky/1/warmup").mkdir()
    np.savez(folder / "picky/1/warmup/bad.npz", index=np.array([9]))
    look_old(folder)
    server = start_server(folder)
    entry = server.post("/v2/repository/index").json()[0]
    assert entry["state"] == "UNAVAILABLE"
    assert re.search("warm-up with 'warmup/bad.npz': .*idx=9", entry["reason"]), entry


@pytest.mark.parametrize("arrays, reason", [
    ({"image": IMAGES.astype(np.float64)},
     r"warm-up file 'warmup/b\.npz': input 'image': expected FP32\[-1,1,8,8\], got FP64\[4,1,8,8\]"),
    ({"image": IMAGES[:, :, :7]}, r"input 'image': expected FP32\[-1,1,8,8\], got FP32\[4,1,7,8\]"),
    ({"picture": IMAGES}, r"array 'picture': expected the name of an input, 'image'"),
])
def test_a_broken_request_keeps_the_version_out_and_the_old_one_serving(start_server, models, arrays, reason):
    server = start_server(models, options=FAST_SETTLE)
    put_second(models, **arrays)
    wait_until(lambda: versions(server).get("2", {}).get("state") == "UNAVAILABLE")
    assert re.search("model 'digits' version 2: .*" + reason, versions(server)["2"]["reason"]), versions(server)
    assert versions(server)["1"]["state"] == "READY"
    assert server.infer("digits", DIGITS).json()["model_version"] == "1"
    # Mending the file is enough: the version is tried again.
    np.savez(models / "digits/2/warmup/b.npz", image=IMAGES)
    wait_until(lambda: server.infer("digits", DIGITS).json()["model_version"] == "2")


def test_a_single_file_is_warmed_up_from_the_directory_beside_it(start_server, tmp_path):
    model = repository(tmp_path, {"m": EXAMPLE_MODELS / "digits/1/model.onnx"}) / "m/1/model.onnx"
    model = model.rename(tmp_path / "net.onnx")
    (tmp_path / "net.onnx.warmup").mkdir()
    np.savez(tmp_path / "net.onnx.warmup/a.npz", image=IMAGES)
    look_old(tmp_path)
    server = start_server(model)
    assert re.search(r"warmed up with recorded requests.*model=net .*requests=1", server.log()), server.log()
