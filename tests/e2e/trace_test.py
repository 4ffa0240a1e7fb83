"""Traces of single requests, with Triton's clients: settings of all and of one model, and what is written."""

import json

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient

from support.server import EXAMPLE_MODELS, repository, wait_until
from support.slow_models import SLOW

CANCER = np.full((1, 30), 0.5, np.float32)
MOMENTS = ["{receive}_START", "{receive}_END", "REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END",
           "COMPUTE_OUTPUT_START", "COMPUTE_END", "REQUEST_END", "{send}_START", "{send}_END"]


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path / "models", {"breast_cancer": EXAMPLE_MODELS / "breast_cancer/1", "slow": SLOW,
                                            "digits": EXAMPLE_MODELS / "digits/2"})


def client_of(protocol, server):
    kind = {"http": httpclient, "grpc": grpcclient}[protocol]
    return kind, kind.InferenceServerClient(server.address)


def settings(client, protocol, model=""):
    """As REST has them, whatever the protocol."""
    now = client.get_trace_settings(model)
    if protocol == "http":
        return now
    lists = {name: list(setting.value) for name, setting in now.settings.items()}
    return {name: values if name == "trace_level" else values[0] for name, values in lists.items()}


def infer(client, kind, model="breast_cancer", **more):
    metadata = client.get_model_metadata(model)
    name = metadata["inputs"][0]["name"] if isinstance(metadata, dict) else metadata.inputs[0].name
    tensor = kind.InferInput(name, CANCER.shape, "FP32")
    tensor.set_data_from_numpy(CANCER)
    return client.infer(model, [tensor], **more)


def traces_in(file):
    """id -> (what is said of it, {moment: ns})"""
    found = {}
    for element in json.loads(file.read_text()):
        if "timestamps" in element:
            found[element["id"]] = (found[element["id"]], {one["name"]: one["ns"] for one in element["timestamps"]})
        else:
            found[element["id"]] = element
    return found


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_what_triton_clients_ask_for_is_traced(start_server, models, tmp_path, protocol):
    file = tmp_path / "trace.json"
    server = start_server(models, config={"trace": {"file": str(file)}})
    kind, client = client_of(protocol, server)
    assert settings(client, protocol) == {"trace_level": ["OFF"], "trace_rate": "1000", "trace_count": "-1",
                                          "log_frequency": "0", "trace_file": str(file), "trace_mode": "triton"}
    assert "trace" in server.get("/v2").json()["extensions"]
    infer(client, kind)
    client.update_trace_settings(settings={"trace_level": ["TIMESTAMPS"], "trace_rate": "2", "trace_count": "2"})
    for number in range(8):
        infer(client, kind, request_id=f"number {number}")
    wait_until(lambda: file.exists() and len(traces_in(file)) == 2)
    receive, send = ("HTTP_RECV", "HTTP_SEND") if protocol == "http" else ("GRPC_WAITREAD", "GRPC_SEND")
    names = [name.format(receive=receive, send=send) for name in MOMENTS]
    for said, moments in traces_in(file).values():
        assert said["model_name"] == "breast_cancer" and said["model_version"] == 1 and said["code"] == "OK"
        assert sorted(moments) == sorted(names)
        times = [moments[name] for name in names]
        assert times == sorted(times), "one after the other"
    assert settings(client, protocol)["trace_count"] == "0", "so many are left"
    client.update_trace_settings(settings={"trace_count": None, "trace_rate": None, "trace_level": None})
    assert settings(client, protocol)["trace_level"] == ["OFF"]
    assert settings(client, protocol)["trace_rate"] == "1000"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_one_model_can_be_traced(start_server, models, tmp_path, protocol):
    file = tmp_path / "trace.json"
    server = start_server(models, config={"trace": {"file": str(file), "rate": 1}})
    kind, client = client_of(protocol, server)
    client.update_trace_settings("breast_cancer", {"trace_level": ["TIMESTAMPS"]})
    assert settings(client, protocol, "breast_cancer")["trace_level"] == ["TIMESTAMPS"]
    assert settings(client, protocol, "digits")["trace_level"] == ["OFF"]
    for _ in range(3):
        infer(client, kind)
        assert server.get("/v2/models/digits").status == 200
    wait_until(lambda: file.exists() and len(traces_in(file)) == 3)
    with pytest.raises(Exception, match="not found"):
        client.get_trace_settings("no_such_model")


def test_the_configuration_can_trace_from_the_start_and_into_several_files(start_server, models, tmp_path):
    file = tmp_path / "trace"
    server = start_server(models, config={"trace": {"file": str(file), "level": "TIMESTAMPS", "rate": 1, "log_frequency": 2}})
    for _ in range(5):
        header = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]}
        assert server.infer("slow", body, headers=header).status == 200
    assert server.infer("slow", {"inputs": []}).status == 400
    files = [tmp_path / f"trace.{number}" for number in range(3)]
    wait_until(lambda: all(one.exists() for one in files) and len(traces_in(files[2])) == 2)
    everything = [one for each in files for one in traces_in(each).values()]
    assert [said["code"] for said, _ in everything] == ["OK"] * 5 + ["INVALID_ARGUMENT"]
    assert everything[0][0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "COMPUTE_START" not in everything[5][1] and "REQUEST_START" in everything[5][1]


@pytest.mark.parametrize("wish, status, message", [
    ({"trace_level": ["TENSORS"]}, 501, "TENSORS is not supported"),
    ({"trace_level": ["MAX"]}, 400, "expected OFF or TIMESTAMPS, got 'MAX'"),
    ({"trace_level": ["OFF", "TIMESTAMPS"]}, 400, "OFF goes with nothing else"),
    ({"trace_rate": "0"}, 400, "expected a whole number of at least 1, got '0'"),
    ({"trace_rate": ["1", "2"]}, 400, "expected one value, got 2"),
    ({"trace_count": "-2"}, 400, "of at least -1"),
    ({"trace_count": "1e3"}, 400, "expected a whole number"),
    ({"trace_file": "/tmp/elsewhere"}, 501, "can be set at start only"),
    ({"trace_mode": "opentelemetry"}, 501, "can only be 'triton'"),
    ({"trace_speed": "1"}, 400, "unknown setting 'trace_speed'"),
    ({"trace_rate": {}}, 400, "trace_rate"),
])
def test_settings_that_cannot_be_are_refused_and_nothing_is_changed(start_server, models, tmp_path, wish, status, message):
    server = start_server(models, config={"trace": {"file": str(tmp_path / "t")}})
    before = server.get("/v2/trace/setting").json()
    refused = server.post("/v2/trace/setting", json.dumps({"trace_rate": "7", **wish}))
    assert refused.status == status and message in refused.error(), refused
    assert server.get("/v2/trace/setting").json() == before


def test_without_a_file_nothing_can_be_traced(start_server, models):
    server = start_server(models)
    refused = server.post("/v2/trace/setting", '{"trace_level": ["TIMESTAMPS"]}')
    assert refused.status == 400 and "trace.file" in refused.error(), refused
    assert "trace" not in server.get("/v2").json()["extensions"]
    assert server.get("/v2/trace/setting").json()["trace_level"] == ["OFF"]
