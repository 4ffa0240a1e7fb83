"""Models with state: tritonclient's HTTP and gRPC clients and its streams send steps of several sequences at once, and
each comes out as ONNX Runtime's own binding has computed it alone (scripts/fixtures/make_sequence_models.py)."""

import concurrent.futures
import contextlib
import json
import os
import queue
import re
import shutil
import signal

import numpy as np
import pytest
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from support.server import ENGINE_MODELS, ROOT, look_old, repository, wait_until
from support.slow_models import metric
from support.triton_grpc import triton as triton_grpc

MODELS = ROOT / "tests/models/sequence"
MEAN = {"state": [{"input": "total", "output": "total_out"}, {"input": "steps", "output": "steps_out"}]}
GRU = {"state": [{"input": "h", "output": "h_out", "shape": [1, 1, 4]}]}
CLIENTS = {"http": triton_http, "grpc": triton_grpc}


def settings(**more):
    return {"model_settings": {"running_mean": {"sequence": {**MEAN, **more}}, "gru": {"sequence": {**GRU, **more}}}}


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path / "models", {name: MODELS / f"{name}.onnx" for name in ("running_mean", "gru")})


@pytest.fixture
def server(start_server, models):
    return start_server(models, config=settings())


def sequence(model, number):
    """Inputs and answers of the steps of one sequence."""
    known = np.load(MODELS / f"{model}.npz")
    x, y = known["x"][number], known["y"][number]
    sizes = [1] * len(x) if model == "running_mean" else [1, 2, 3] * 2
    ends = np.cumsum(sizes)
    return [(x[end - size:end], y[end - size:end]) for size, end in zip(sizes, ends, strict=True)]


def output_of(model):
    return "mean" if model == "running_mean" else "y"


def input_of(module, x):
    return module.InferInput("x", list(x.shape), "FP32").set_data_from_numpy(x)


def place(i, count):
    return {"sequence_start": i == 0, "sequence_end": i == count - 1}


def interleaved(send, model, ids):
    """Sends the first steps of all sequences by turns, and compares every answer: bit by bit, for the kernels are the
    same."""
    sequences = {name: sequence(model, number) for number, name in enumerate(ids)}
    for i in range(6):
        for name, steps in sequences.items():
            x, y = steps[i]
            np.testing.assert_array_equal(send(name, x, place(i, 6)), y, err_msg=f"{name} {i}")


def error_of(call):
    with pytest.raises(InferenceServerException) as caught:
        call()
    return caught.value.message()


def body(x, **parameters):
    return {"parameters": parameters, "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [x, 0]}]}


def step(server, number, x, **more):
    return server.infer("running_mean", body(x, sequence_id=number, **more))


def value(answer):
    assert answer.status == 200, answer
    return answer.json()["outputs"][0]["data"][0]


@pytest.mark.parametrize("model", ["running_mean", "gru"])
@pytest.mark.parametrize("protocol", CLIENTS)
def test_interleaved_sequences_come_out_as_if_each_had_run_alone(server, protocol, model):
    module = CLIENTS[protocol]
    with contextlib.closing(module.InferenceServerClient(server.address)) as client:
        def send(name, x, flags):
            answer = client.infer(model, [input_of(module, x)], sequence_id=name, **flags)
            return answer.as_numpy(output_of(model))
        interleaved(send, model, [5, 2**63 - 1, "five", "5"])
    assert metric(server, "slipway_sequences", model=model) == 0


@pytest.mark.parametrize("model", ["running_mean", "gru"])
def test_a_stream_carries_sequences_without_waiting_for_answers(server, model):
    sequences = {name: sequence(model, number) for number, name in enumerate([1, 2, "three"])}
    answers = queue.Queue()
    with contextlib.closing(triton_grpc.InferenceServerClient(server.address)) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        for i in range(6):
            for name, steps in sequences.items():
                client.async_stream_infer(model, [input_of(triton_grpc, steps[i][0])], request_id=f"{name}/{i}",
                                          sequence_id=name, **place(i, 6))
        for i in range(6):
            for name, steps in sequences.items():
                result, error = answers.get(timeout=30)
                assert error is None, error
                assert result.get_response().id == f"{name}/{i}"
                np.testing.assert_array_equal(result.as_numpy(output_of(model)), steps[i][1])
        client.stop_stream()


def test_many_sequences_at_once_do_not_mix(server):
    """Sequences on connections of their own; each of them in order, all of them at once."""
    def run(number):
        with contextlib.closing(triton_grpc.InferenceServerClient(server.address)) as client:
            for i, (x, y) in enumerate(sequence("running_mean", number)):
                answer = client.infer("running_mean", [input_of(triton_grpc, x)], sequence_id=number + 1,
                                      **place(i, 30))
                np.testing.assert_array_equal(answer.as_numpy("mean"), y, err_msg=f"{number} {i}")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(32)))


def test_clients_see_neither_the_state_nor_how_it_is_kept(server):
    metadata = server.get("/v2/models/running_mean").json()
    assert [one["name"] for one in metadata["inputs"]] == ["x"]
    assert [one["name"] for one in metadata["outputs"]] == ["mean"]
    assert {"sequence", "sequence(string_id)"} <= set(server.get("/v2").json()["extensions"])
    assert [one["name"] for one in value_outputs(step(server, 1, 3, sequence_start=True))] == ["mean"]
    config = server.get("/v2/models/running_mean/config").json()
    assert config["sequence_batching"] == {
        "max_sequence_idle_microseconds": 60_000_000,
        "state": [{"input_name": "total", "output_name": "total_out", "data_type": "TYPE_FP32", "dims": [2]},
                  {"input_name": "steps", "output_name": "steps_out", "data_type": "TYPE_INT64", "dims": []}]}
    with contextlib.closing(triton_grpc.InferenceServerClient(server.address)) as client:
        states = client.get_model_config("gru").config.sequence_batching.state
        assert [(one.input_name, list(one.dims)) for one in states] == [("h", [1, 1, 4])]
    sent = body(1, sequence_id=1)
    sent["inputs"].append({"name": "steps", "datatype": "INT64", "shape": [1], "data": [1]})
    assert "input 'steps': it is a state, which the server keeps" in server.infer("running_mean", sent).error()
    asked = {**body(1, sequence_id=1), "outputs": [{"name": "steps_out"}]}
    assert "output 'steps_out': it is a state, which the server keeps" in server.infer("running_mean", asked).error()


def value_outputs(answer):
    assert answer.status == 200, answer
    return answer.json()["outputs"]


def test_predict_and_generate_take_sequences_too(server):
    predict = "/v2/models/running_mean/predict"
    first = server.post(predict, {"input": [[2, 0]], "sequence_id": "p", "sequence_start": True})
    then = server.post(predict, {"input": [[4, 0]], "sequence_id": "p", "sequence_end": True})
    assert first.json()["mean"] == [[2, 0]], first
    assert then.json()["mean"] == [[3, 0]], then
    first = server.post("/v2/models/running_mean/generate", {"x": [2, 0], "sequence_id": 9, "sequence_start": True})
    then = server.post("/v2/models/running_mean/generate", {"x": [4, 0], "sequence_id": 9})
    assert first.json()["mean"] == [2, 0], first
    assert then.json()["mean"] == [3, 0], then
    sent = server.post("/v2/models/running_mean/generate", {"x": [4, 0], "steps": 1, "sequence_id": 9})
    assert "input 'steps': it is a state" in sent.error()


@pytest.mark.parametrize("protocol", CLIENTS)
def test_what_is_no_step_of_a_sequence_is_refused_with_what_is_missing(server, protocol):
    module = CLIENTS[protocol]
    x = np.zeros((1, 2), np.float32)
    with contextlib.closing(module.InferenceServerClient(server.address)) as client:
        def send(inputs=x, **more):
            return client.infer("running_mean", [input_of(module, inputs)], **more)
        assert "expected the parameter 'sequence_id'" in error_of(send)
        assert "expected the parameter 'sequence_id'" in error_of(lambda: send(sequence_id=0, sequence_start=True))
        assert re.search("sequence 5 is not there: it never started, was idle for longer than 60 s",
                         error_of(lambda: send(sequence_id=5)))
        two_rows = np.zeros((2, 2), np.float32)
        assert "has one row, got 2" in error_of(lambda: send(two_rows, sequence_id=5, sequence_start=True))
    answer = step(server, -1, 1)
    assert answer.status == 400 and "sequence_id" in answer.error()


def test_a_failed_step_leaves_the_state_as_it_was(server):
    assert value(step(server, 1, 10, sequence_start=True)) == 10
    late = step(server, 1, 1000, timeout=1)
    assert late.status in (200, 504), late  # a microsecond, which may be enough
    assert value(step(server, 1, 20)) == pytest.approx(15 if late.status == 504 else 1030 / 3)


def test_a_state_that_does_not_keep_its_shape_fails_and_stays(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"growing": MODELS / "growing.onnx"})
    states = [{"input": "past", "output": "past_out", "shape": [1, 3]}]
    server = start_server(folder, config={"model_settings": {"growing": {"sequence": {"state": states}}}})
    sent = {"parameters": {"sequence_id": 1, "sequence_start": True},
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]}
    answer = server.infer("growing", sent)
    assert answer.status == 500
    assert "state 'past' became FP32[1,4]: expected FP32[1,3]" in answer.error()


@pytest.mark.parametrize("states, said", [
    ([{"input": "totl", "output": "total_out"}], "the model has no input 'totl'; its inputs: 'x' FP32\\[-1,2\\]"),
    ([{"input": "steps", "output": "total_out"}], "expected one datatype, got INT64 as the input and FP32"),
    ([{"input": "total", "output": "total_out", "shape": [3]}], "which does not take \\[3\\]"),
])
def test_a_state_that_the_model_does_not_have_fails_the_load(start_server, models, states, said):
    config = {"model_settings": {"running_mean": {"sequence": {"state": states}}}}
    server = start_server(models, config=config)
    answer = step(server, 1, 1, sequence_start=True)
    assert answer.status == 503 and re.search(said, answer.error()), answer


def test_sequences_are_bounded_and_idle_ones_forgotten(start_server, models):
    server = start_server(models, config=settings(max_sequences=2, idle_timeout="5s"))
    assert value(step(server, 1, 1, sequence_start=True)) == 1
    assert value(step(server, 2, 1, sequence_start=True)) == 1
    full = step(server, 3, 1, sequence_start=True)
    assert full.status == 429 and full.headers["retry-after"] == "1", full
    assert "it has 2 sequences, as many as it may" in full.error()
    assert value(step(server, 1, 1, sequence_end=True)) == 1
    assert value(step(server, 3, 1, sequence_start=True)) == 1
    wait_until(lambda: metric(server, "slipway_sequences", model="running_mean") == 0)
    assert metric(server, "slipway_sequences_evicted_total", model="running_mean") == 2
    assert "idle for longer than 5 s" in step(server, 3, 1).error()


def test_the_states_count_to_the_memory_of_the_model(start_server, models):
    few = start_server(models, config=settings(max_sequences=1))
    many = start_server(models, config=settings(max_sequences=10_001))
    used = [metric(one, "slipway_model_memory_bytes", model="running_mean", version="1") for one in (few, many)]
    assert used[1] - used[0] == 10_000 * (2 * 4 + 8)
    none = start_server(models, config={**settings(max_sequences=2**31 - 1), "memory_budget": "1GiB"})
    assert "the states of 2147483647 sequences: needs 32 GiB" in none.output()


def add_version(models, number, file):
    ready = models.parent / "next"
    ready.mkdir()
    shutil.copyfile(MODELS / f"{file}.onnx", ready / "model.onnx")
    look_old(ready)
    ready.rename(models / "running_mean" / str(number))


def test_a_sequence_stays_with_its_version_and_new_ones_take_the_new(start_server, models):
    server = start_server(models, options=["--control", "explicit"], config=settings())
    assert value(step(server, 1, 10, sequence_start=True)) == 10
    add_version(models, 2, "running_mean_x10")
    assert server.post("/v2/repository/models/running_mean/load").status == 200
    assert value(step(server, 2, 10, sequence_start=True)) == 100
    old = step(server, 1, 20)
    assert (value(old), old.json()["model_version"]) == (15, "1")
    named = server.infer("running_mean", body(1, sequence_id=1), version="2")
    assert "sequence 1 runs on version 1" in named.error()
    assert metric(server, "slipway_inflight_requests", model="running_mean", version="2") == 0
    assert value(step(server, 1, 30, sequence_end=True)) == 20
    def states():
        index = server.post("/v2/repository/index").json()
        return {one["version"]: one["state"] for one in index if one["name"] == "running_mean"}
    wait_until(lambda: states().get("1") != "READY" and metric(server, "slipway_model_unloads_total",
                                                              model="running_mean") == 1)
    assert value(step(server, 2, 20)) == 150


def test_unloading_a_model_ends_its_sequences(start_server, models):
    server = start_server(models, options=["--control", "explicit"], config=settings())
    assert value(step(server, 1, 10, sequence_start=True)) == 10
    assert server.post("/v2/repository/models/running_mean/unload").status == 200
    wait_until(lambda: metric(server, "slipway_model_unloads_total", model="running_mean") == 1)
    assert server.post("/v2/repository/models/running_mean/load").status == 200
    assert "sequence 1 is not there" in step(server, 1, 20).error()


def workers(server):
    """Processes of models."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and f"\nPPid:\t{server.pid}\n" in open(f"/proc/{entry}/status").read():
                found.append(int(entry))
    return found


def test_the_state_survives_the_process_of_the_model(start_server, models):
    server = start_server(models, options=["--isolation", "process"], config=settings())
    assert value(step(server, 1, 10, sequence_start=True)) == 10
    for worker in workers(server):
        os.kill(worker, signal.SIGKILL)
    # The first request may come before the server has noticed; it fails, and changes nothing.
    answers = []
    wait_until(lambda: answers.append(step(server, 1, 20)) or answers[-1].status != 503)
    assert value(answers[-1]) == 15


def test_a_load_call_may_say_what_the_state_is(start_server, models):
    server = start_server(models, options=["--control", "explicit"])
    assert step(server, 1, 1).status == 400, "without its state the model wants three inputs"
    states = [{"input_name": "total", "output_name": "total_out", "data_type": "TYPE_FP32", "dims": [2]},
              {"input_name": "steps", "output_name": "steps_out", "data_type": "TYPE_INT64"}]

    def load(**batching):
        config = {"max_batch_size": 4, "sequence_batching": batching}
        return server.post("/v2/repository/models/running_mean/load", {"parameters": {"config": json.dumps(config)}})
    for refused in ({}, {"state": states, "oldest": {"max_candidate_sequences": 4}}):
        assert load(**refused).status == 501
    assert load(state=states, max_sequence_idle_microseconds=7_000_000).status == 200
    assert value(step(server, 1, 10, sequence_start=True)) == 10
    assert value(step(server, 1, 30)) == 20
    assert "idle for longer than 7 s" in step(server, 2, 1).error()


def test_models_without_state_note_that_they_ignore_sequences(start_server):
    server = start_server(ENGINE_MODELS / "identity_fp32.onnx")
    sent = {"parameters": {"sequence_id": 5, "sequence_start": True},
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]}
    answer = server.infer("identity_fp32", sent)
    assert answer.status == 200
    assert answer.headers["slipway-warning"] == "ignored parameter 'sequence_id', parameter 'sequence_start'"
