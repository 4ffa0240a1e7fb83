"""The response cache: equal requests get the same bytes without a run, and nobody gets anything else."""

import concurrent.futures
import contextlib
import json
import shutil
import subprocess
import time

import grpc
import numpy as np
import pytest

from support import tensors
from support.raw_http import Connection
from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, repository, wait_until
from support.slow_models import (SLOW, SPIN, in_flight, infer_bytes, keep_spin_off_the_io_threads, metric, queue_depth,
                                 send_and_see_it_run, slow, spin)
from support.triton_grpc import triton

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
CANCER = (EXAMPLE_DATA / "breast_cancer_request.json").read_bytes()
MIB = 1 << 20
CACHED = {"cache": {"max_bytes": "8MiB"}}


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path / "models", {
        "slow": SLOW, "spin": SPIN, "digits": EXAMPLE_MODELS / "digits/2", "fails": ENGINE_MODELS / "fails_at_run.onnx",
        "echo": ENGINE_MODELS / "identity_fp32.onnx", "text": ENGINE_MODELS / "identity_string.onnx"})


def cached(answer):
    return answer.headers["slipway-cache"]


def stats(server, model):
    return server.get(f"/v2/models/{model}/stats").json()["model_stats"][0]


def counts(server, model):
    """(runs of the model, hits, misses), as Triton's clients see them."""
    found = stats(server, model)
    cache = found["inference_stats"]
    return found["execution_count"], cache["cache_hit"]["count"], cache["cache_miss"]["count"]


def echo(*values):
    return {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, len(values)], "data": values}]}


def test_equal_requests_are_answered_with_the_same_bytes_without_a_run(start_server):
    server = start_server(EXAMPLE_MODELS, config=CACHED)
    for model, body in (("digits", DIGITS), ("breast_cancer", CANCER), ("breast_cancer_forest", CANCER)):
        first, second = server.infer(model, body), server.infer(model, body)
        assert first.status == 200 and cached(first) is None, first
        assert second.status == 200 and cached(second) == "hit", second
        assert second.body == first.body
        assert second.headers["slipway-model-digest"] == first.headers["slipway-model-digest"]
        assert counts(server, model) == (1, 1, 1)
        found = stats(server, model)["inference_stats"]
        assert found["success"]["count"] == 2 and found["compute_infer"]["count"] == 1
        assert found["cache_hit"]["ns"] > 0 and found["cache_miss"]["ns"] > 0
        assert server.get(f"/v2/models/{model}/config").json()["response_cache"] == {"enable": True}


def test_every_protocol_and_form_shares_the_entries(start_server, models):
    server = start_server(models, config=CACHED)
    values = np.array([[1.5, -0.0, np.nan, 3e38]], np.float32)
    body, headers = tensors.infer_request({"x": values}, binary=True, binary_data_output=True)
    first = server.infer("echo", body, headers)
    assert first.status == 200 and cached(first) is None, first
    with triton.InferenceServerClient(server.address) as client:
        tensor = triton.InferInput("x", [1, 4], "FP32")
        tensor.set_data_from_numpy(values)
        answer = client.infer("echo", [tensor])
        assert answer.as_numpy(answer.get_response().outputs[0].name).tobytes() == values.tobytes()
    again = server.infer("echo", body, headers)
    assert cached(again) == "hit" and again.body == first.body
    assert counts(server, "echo") == (1, 2, 1)
    text = server.infer("echo", {**echo(1, 2), "id": "one"})
    hit = server.infer("echo", {"id": "two", **echo(1, 2), "parameters": {"timeout": 9_000_000}})
    assert cached(text) is None and cached(hit) == "hit"
    assert hit.json()["id"] == "two" and hit.json()["outputs"] == text.json()["outputs"]


def test_grpc_says_it_in_its_metadata(start_server, models):
    server = start_server(models, config=CACHED)
    tensor = triton.InferInput("x", [1, 2], "BYTES")
    tensor.set_data_from_numpy(np.array([[b"a", b"bc"]], object))
    request = triton._utils._get_inference_request(  # what its infer() sends
        model_name="text", inputs=[tensor], model_version="", request_id="", outputs=None, sequence_id=0,
        sequence_start=False, sequence_end=False, priority=0, timeout=None, parameters=None)
    with grpc.insecure_channel(server.address) as channel:
        method = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer",
                                     request_serializer=lambda message: message.SerializeToString())
        (first, ran), (second, hit) = (method.with_call(request, timeout=30) for _ in range(2))
    assert "slipway-cache" not in dict(ran.initial_metadata())
    assert dict(hit.initial_metadata())["slipway-cache"] == "hit"
    assert second == first


def test_what_differs_is_run(start_server, models):
    server = start_server(models, config=CACHED)
    bodies = [echo(0.0), echo(-0.0), echo(0.0, 0.0), echo(1e-45), echo(1.0)]
    for number, body in enumerate(bodies, 1):
        answer = server.infer("echo", body)
        assert answer.status == 200 and cached(answer) is None, answer
        assert counts(server, "echo")[0] == number
    for body in bodies:
        answer = server.infer("echo", body)
        assert cached(answer) == "hit"
        got, want = answer.json()["outputs"][0]["data"], body["inputs"][0]["data"]
        assert np.array(got, np.float32).tobytes() == np.array(want, np.float32).tobytes()


def test_without_a_setting_there_is_no_cache(start_server, models):
    server = start_server(models, config={"model_settings": {"digits": CACHED}})
    for _ in range(2):
        assert cached(server.infer("slow", slow(1))) is None
    assert counts(server, "slow") == (2, 0, 0)
    assert "response_cache" not in server.get("/v2/models/slow/config").json()
    text = server.get("/metrics").body.decode()
    assert 'slipway_cache_bytes{model="digits"' in text and 'slipway_cache_bytes{model="slow"' not in text
    server.stop()
    server = start_server(models)
    assert "slipway_cache" not in server.get("/metrics").body.decode()


def test_a_version_never_answers_for_another(start_server, tmp_path):
    shutil.copytree(EXAMPLE_MODELS, tmp_path / "models")
    server = start_server(tmp_path / "models", config={**CACHED, "control": "explicit", "version_policy": "all"})
    answers = {}
    for version in (1, 2):
        ran, hit = (server.infer("digits", DIGITS, version=version) for _ in range(2))
        assert cached(ran) is None and cached(hit) == "hit" and hit.body == ran.body
        assert hit.json()["model_version"] == str(version)
        answers[version] = hit.json()["outputs"]
    assert answers[1] != answers[2]


def test_a_reload_empties_the_cache(start_server, models):
    server = start_server(models, config={**CACHED, "control": "explicit"})
    assert [cached(server.infer("digits", DIGITS)) for _ in range(2)] == [None, "hit"]
    config = {"parameters": {"config": json.dumps({"parameters": {}})}}  # a configuration forces the reload
    assert server.post("/v2/repository/models/digits/load", config).status == 200
    assert [cached(server.infer("digits", DIGITS)) for _ in range(2)] == [None, "hit"]


def test_equal_requests_at_the_same_time_run_once(start_server, models):
    server = start_server(models, config={**CACHED, "io_threads": 2})
    keep_spin_off_the_io_threads(server)
    before = counts(server, "spin")[0]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.infer("spin", spin(400_000)), range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert counts(server, "spin")[0] == before + 1
    found = sorted(cached(answer) or "" for answer in answers)
    assert found.count("") == 1 and set(found) <= {"", "hit", "shared"} and "shared" in found, found
    assert metric(server, "slipway_cache_requests_total", model="spin", version="1", result="shared") == found.count("shared")


def test_who_waits_keeps_the_deadline_it_has(start_server, models):
    server = start_server(models, config={**CACHED, "queue_threads": 3})
    keep_spin_off_the_io_threads(server)
    with Connection(server) as patient:
        send_and_see_it_run(server, patient, "spin", spin(timeout=60_000_000))
        begin = time.monotonic()
        hurried = server.infer("spin", spin(timeout=300_000))
        assert hurried.status in (429, 504) and time.monotonic() - begin < 30, hurried


def test_those_that_waited_go_on_when_the_first_client_leaves(start_server, models):
    server = start_server(models, config={**CACHED, "queue_threads": 2})
    keep_spin_off_the_io_threads(server)
    trips = 2_000_000
    with Connection(server) as leaves, Connection(server) as stays:
        send_and_see_it_run(server, leaves, "spin", spin(trips, timeout=600_000_000))
        stays.send(infer_bytes("spin", spin(trips, timeout=600_000_000)))
        wait_until(lambda: in_flight(server, "spin") == 2)
        leaves.close()
        answer = stays.read()
    assert answer.status == 200 and "slipway-cache" not in answer.headers, answer


def test_failures_are_not_kept(start_server, models):
    server = start_server(models, config=CACHED)
    body = {"inputs": [{"name": "index", "datatype": "INT64", "shape": [1], "data": [9]}]}
    for number in (1, 2):
        answer = server.infer("fails", body)
        assert answer.status in (400, 500) and cached(answer) is None
        assert counts(server, "fails") == (number, 0, number)
    assert metric(server, "slipway_cache_entries", model="fails", version="1") == 0


def test_a_full_queue_still_answers_what_is_known(start_server, models):
    server = start_server(models, config={**CACHED, "queue_threads": 1, "max_queued": 1})
    keep_spin_off_the_io_threads(server)
    assert server.infer("spin", spin(7)).status == 200
    with contextlib.ExitStack() as stack:
        running, waiting = (stack.enter_context(Connection(server)) for _ in range(2))
        send_and_see_it_run(server, running, "spin", spin(timeout=60_000_000))
        waiting.send(infer_bytes("spin", spin((1 << 60) + 1, timeout=60_000_000)))
        wait_until(lambda: queue_depth(server, "spin") == 1)
        assert server.infer("spin", spin(8)).status == 429
        known = server.infer("spin", spin(7))
        assert known.status == 200 and cached(known) == "hit"


def test_memory_is_bounded_and_counted(start_server, models):
    limit = 64 * 1024
    server = start_server(models, config={"cache": {"max_bytes": limit}})
    for number in range(300):
        assert server.infer("echo", echo(*[float(number)] * 64)).status == 200
    labels = {"model": "echo", "version": "1"}
    entries = metric(server, "slipway_cache_entries", **labels)
    assert 0 < entries < 300 and metric(server, "slipway_cache_evictions_total", **labels) == 300 - entries
    assert limit / 2 < metric(server, "slipway_cache_bytes", **labels) <= limit
    page = server.get("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done


def test_the_models_memory_has_room_for_its_answers(start_server, models):
    plain = start_server(models)
    without = metric(plain, "slipway_model_memory_bytes", model="digits", version="1")
    plain.stop()
    server = start_server(models, config={"model_settings": {"digits": {"cache": {"max_bytes": "64MiB"}}}})
    assert metric(server, "slipway_model_memory_bytes", model="digits", version="1") == without + 64 * MIB
    server.stop()
    short = start_server(models, config={"memory_budget": "64MiB", "model_settings": {"digits": {"cache": {"max_bytes": "64MiB"}}}})
    assert "digits FAILED" in short.banner(), short.output()


def test_large_requests_are_run_without_a_look(start_server, models):
    server = start_server(models, config={"cache": {"max_bytes": "8MiB", "max_request": 16}})
    for count, expected in ((4, [None, "hit"]), (5, [None, None])):
        assert [cached(server.infer("echo", echo(*[1.0] * count))) for _ in range(2)] == expected
