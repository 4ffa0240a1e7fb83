"""Models come and go for as long as the server runs, so what one took must come back when it goes.

SLIPWAY_TEST_CYCLES sets how often the four models come and go (40).
"""

import base64
import json
import os
import sys

import pytest

from support.server import EXAMPLE_MODELS, ROOT, wait_until

CYCLES = int(os.environ.get("SLIPWAY_TEST_CYCLES", "40"))
WARM = 10  # cycles until allocators and caches have what they keep
SLACK = 2 << 20
BODIES = {
    "mlp_8mb": {"datatype": "FP32", "shape": [1, 1024], "data": [0.5] * 1024},
    "conv_6mb": {"datatype": "FP32", "shape": [1, 3, 32, 32], "data": [0.5] * 3072},
    "trees_1000": {"datatype": "FP32", "shape": [1, 30], "data": [0.5] * 30},
    "strings_50k": {"datatype": "BYTES", "shape": [1, 2], "data": ["abcdefghijkl", "no such word"]},
}


@pytest.fixture(scope="module")
def big_models(tmp_path_factory):
    """A repository of four kinds of models, some megabytes each."""
    folder = tmp_path_factory.mktemp("big")
    sys.path.insert(0, str(ROOT / "scripts/fixtures"))
    try:
        import engine_big  # pylint: disable=import-outside-toplevel
    finally:
        sys.path.pop(0)
    engine_big.write_big(folder)
    return folder


@pytest.fixture
def server(start_server, big_models):
    return start_server(big_models, config={"control": "explicit", "load": "none"})


def cycle(server, models):
    """Each model is loaded, used once and unloaded; returns what is resident when all are gone."""
    for model in models:
        assert (answer := server.post(f"/v2/repository/models/{model}/load")).status == 200, answer
        answer = server.infer(model, {"inputs": [{"name": "input", **BODIES[model]}]})
        assert answer.status == 200, answer
        assert server.post(f"/v2/repository/models/{model}/unload").status == 200
    wait_until(lambda: not any(entry.get("state") in ("READY", "UNLOADING") and entry["name"] in models
                               for entry in server.post("/v2/repository/index").json()))
    return server.resident_bytes()


def growth(samples):
    """Bytes by which the last cycles are above those when the server was warm, beyond what chance explains: 5 % and
    some slack. More than 0 is a leak. The least of five cycles each, for what is in flight only ever adds."""
    return min(samples[-5:]) - min(samples[WARM - 2:WARM + 3]) * 1.05 - SLACK


def report(samples):
    return " ".join(f"{sample / (1 << 20):.1f}" for sample in samples) + " MiB"


def test_memory_comes_back_when_models_go(server):
    samples = [cycle(server, BODIES) for _ in range(CYCLES)]
    assert growth(samples) <= 0, report(samples)


def test_the_check_finds_a_leak(server):
    """The control: the same, but each cycle leaves one more small model behind."""
    content = base64.b64encode((EXAMPLE_MODELS / "digits/2/model.onnx").read_bytes()).decode()
    samples = []
    for number in range(CYCLES):
        parameters = {"config": json.dumps({"name": f"left_{number}"}), "file:1/model.onnx": content}
        answer = server.post(f"/v2/repository/models/left_{number}/load", {"parameters": parameters})
        assert answer.status == 200, answer
        samples.append(cycle(server, ["mlp_8mb"]))
    assert growth(samples) > 0, report(samples)


def test_a_failed_load_leaves_nothing_behind(server):
    """Failing is a path of its own through loading, and a watched repository may try for weeks."""
    parameters = {"config": "{}", "file:1/model.onnx": base64.b64encode(os.urandom(1 << 20)).decode()}
    samples = []
    for _ in range(max(30, CYCLES // 2)):
        answer = server.post("/v2/repository/models/broken/load", {"parameters": parameters})
        assert answer.status >= 400, answer
        samples.append(server.resident_bytes())
    assert growth(samples) <= 0, report(samples)
