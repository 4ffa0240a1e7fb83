"""gRPC: tritonclient.grpc, unmodified (the client with threads, the one for asyncio, streams), and what no client of
ours or Triton's speaks (health, reflection, other dialects) through plain grpcio channels."""

import asyncio
import json
import queue
import subprocess
import time

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tritonclient.utils import InferenceServerException

from support import tensors
from support.server import BENCH_MODELS, ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, ROOT, Server, repository, wait_until
from support.slow_models import SPIN, in_flight, metric
from support.triton_grpc import triton, triton_aio

ENGINE = ["identity_" + name for name in (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "fp16", "bf16", "fp32", "fp64",
    "string")] + ["all_types", "add_scalar", "two_inputs", "fails_at_run", "optional_default", "ml_linear", "no_inputs"]

EDGES = {
    "BOOL": [True, False, False, True],
    **{name: [np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1]
       for name, dtype in tensors.NUMPY.items() if dtype.kind in "iu"},
    "FP16": [0.1, -65504.0, 6e-8, -0.0],
    "BF16": [0.1, -3.3e38, 9.2e-41, -0.0],
    "FP32": [np.nan, -3.4028235e38, 1.4e-45, np.inf],
    "FP64": [0.1, -1.7976931348623157e308, 5e-324, -0.0],
    "BYTES": [b"", b"a\x00b\x00", b"\xff\xfe", b"\x00"],
}
UNARY = "/inference.GRPCInferenceService/"


class Synchronous:
    """The asyncio client behind the interface of the other."""

    def __init__(self, address):
        self.loop = asyncio.new_event_loop()
        self.client = self.loop.run_until_complete(self.make(address))

    @staticmethod
    async def make(address):
        return triton_aio.InferenceServerClient(address)

    def __getattr__(self, name):
        return lambda *args, **more: self.loop.run_until_complete(getattr(self.client, name)(*args, **more))

    def close(self):
        self.loop.run_until_complete(self.client.close())
        self.loop.close()


CLIENTS = {"sync": triton.InferenceServerClient, "aio": Synchronous}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server with all models that the tests ask and do not change."""
    models = {name: ENGINE_MODELS / f"{name}.onnx" for name in ENGINE}
    folder = repository(tmp_path_factory.mktemp("models"), models)
    with Server(folder, EXAMPLE_MODELS, BENCH_MODELS) as server:
        yield server


@pytest.fixture(params=list(CLIENTS))
def client(request, shared):
    client = CLIENTS[request.param](shared.address)
    yield client
    client.close()


@pytest.fixture
def channel(shared):
    with grpc.insecure_channel(shared.address) as channel:
        yield channel


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """Message classes of proto/ by full name."""
    out = tmp_path_factory.mktemp("proto") / "set.bin"
    files = [str(file.relative_to(ROOT / "proto")) for file in (ROOT / "proto").rglob("*.proto")]
    subprocess.run(["protoc", f"--descriptor_set_out={out}", "--include_imports", *files], cwd=ROOT / "proto", check=True)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
        pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def values(datatype) -> np.ndarray:
    if datatype == "BYTES":
        return np.array(EDGES[datatype], np.object_).reshape(2, 2)
    return np.array(EDGES[datatype], tensors.NUMPY[datatype]).reshape(2, 2)


def model_of(datatype) -> str:
    return "identity_" + {"BYTES": "string"}.get(datatype, datatype.lower())


def an_input(name, array):
    return triton.InferInput(name, list(array.shape), tensors.datatype(array)).set_data_from_numpy(array)


def ask(client, model, inputs, **more):
    return client.infer(model, [an_input(name, array) for name, array in inputs.items()], **more)


def code_of(caught) -> str:
    return caught.value.status().removeprefix("StatusCode.")


# --- server and model information ---


def test_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits", "2")
    assert not client.is_model_ready("digits", "1") and not client.is_model_ready("nosuch")
    metadata = client.get_server_metadata()
    assert metadata.name == "slipway" and metadata.version and "statistics" in metadata.extensions
    model = client.get_model_metadata("two_inputs", as_json=True)
    assert model["name"] == "two_inputs" and model["versions"] == ["1"] and model["platform"]
    assert model["inputs"] == [{"name": "a", "datatype": "FP32", "shape": ["-1", "2"]},
                               {"name": "b", "datatype": "INT64", "shape": ["-1", "2"]}]
    assert [output["name"] for output in model["outputs"]] == ["sum", "diff"]


def test_config_agrees_with_metadata_and_rest(client, shared):
    for name in shared.get("/v2/models").json()["models"]:
        metadata, config = client.get_model_metadata(name), client.get_model_config(name).config
        rest = shared.get(f"/v2/models/{name}/config").json()
        assert config.name == name and config.platform == metadata.platform == rest["platform"]
        assert config.max_batch_size == rest["max_batch_size"] and config.backend == rest["backend"]
        for ours, plural, theirs in ((config.input, "inputs", rest["input"]), (config.output, "outputs", rest["output"])):
            for tensor, described, same in zip(ours, getattr(metadata, plural), theirs, strict=True):
                assert tensor.name == described.name == same["name"]
                assert list(tensor.dims) == same["dims"]
                batch = [-1] if config.max_batch_size > 0 else []
                assert batch + list(tensor.dims) == list(described.shape)


def test_errors_have_codes_and_our_messages(client):
    with pytest.raises(InferenceServerException, match="nosuch") as caught:
        client.get_model_metadata("nosuch")
    assert code_of(caught) == "NOT_FOUND"
    with pytest.raises(InferenceServerException, match=r"input 'x': expected FP32\[-1,-1\], got INT8\[1,1\]") as caught:
        ask(client, "identity_fp32", {"x": np.int8([[1]])})
    assert code_of(caught) == "INVALID_ARGUMENT"
    with pytest.raises(InferenceServerException, match="version") as caught:
        ask(client, "identity_fp32", {"x": np.float32([[1]])}, model_version="newest")
    assert code_of(caught) == "INVALID_ARGUMENT"
    with pytest.raises(InferenceServerException, match="input 'b' is missing"):
        ask(client, "two_inputs", {"a": np.float32([[1, 2]])})
    with pytest.raises(InferenceServerException, match="out of data bounds|idx=4"):
        ask(client, "fails_at_run", {"index": np.int64([4])})
    assert ask(client, "fails_at_run", {"index": np.int64([1])}).as_numpy("value").tolist() == [20]


# --- tensors ---


@pytest.mark.parametrize("datatype", list(EDGES))
def test_every_datatype_comes_back_bit_for_bit(client, datatype):
    x = values(datatype)
    result = ask(client, model_of(datatype), {"x": x}, request_id="7",
                 outputs=[triton.InferRequestedOutput("y")])
    described = result.get_output("y")
    assert described.datatype == datatype and list(described.shape) == [2, 2]
    assert result.get_response().id == "7"
    got = result.as_numpy("y")
    if datatype == "BF16":
        got = got.astype(tensors.NUMPY["BF16"])
    assert got.shape == x.shape
    assert tensors.to_binary(got) == tensors.to_binary(x)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)], ids=str)
@pytest.mark.parametrize("datatype", ["FP32", "INT8", "BYTES"])
def test_tensors_without_elements(client, datatype, shape):
    result = ask(client, model_of(datatype), {"x": np.empty(shape, tensors.NUMPY[datatype])})
    assert list(result.get_output("y").shape) == list(shape)
    assert list(result.get_response().raw_output_contents) == [b""]


def test_everything_at_once_and_requested_outputs_in_their_order(client):
    inputs = {f"in_{model_of(kind).removeprefix('identity_')}": values(kind).ravel() for kind in EDGES}
    names = [name.replace("in_", "out_", 1) for name in inputs][::-1]
    result = ask(client, "all_types", inputs, outputs=[triton.InferRequestedOutput(name) for name in names])
    assert [output.name for output in result.get_response().outputs] == names
    for name, x in inputs.items():
        got = result.as_numpy(name.replace("in_", "out_", 1))
        if tensors.datatype(x) == "BF16":
            got = got.astype(tensors.NUMPY["BF16"])
        assert tensors.to_binary(got) == tensors.to_binary(x), name
    one = ask(client, "two_inputs", {"a": np.float32([[1, 2]]), "b": np.int64([[3, 4]])},
              outputs=[triton.InferRequestedOutput("diff")])
    assert one.as_numpy("sum") is None and one.as_numpy("diff").tolist() == [[-2, -2]]


def test_optional_input_no_input_and_scalars(client):
    assert ask(client, "optional_default", {"x": np.float32([[1, 2]])}).as_numpy("y").tolist() == [[10, 20]]
    assert client.infer("no_inputs", []).as_numpy("y").tolist() == [1, 2]
    result = ask(client, "add_scalar", {"a": np.array(1.5, np.float32), "b": np.array(2, np.float32)})
    assert result.as_numpy("sum") == 3.5


def test_large_tensors_come_back(client):
    x = np.arange(2_000_000, dtype=np.float32).reshape(1000, 2000)
    tensors.assert_same(ask(client, "identity_fp32", {"x": x}).as_numpy("y"), x)


@pytest.mark.parametrize("compression", ["gzip", "deflate", None])
def test_compressed_messages(client, compression):
    x = np.arange(5000, dtype=np.float32).reshape(5, 1000)
    if compression == "deflate":
        with pytest.raises(InferenceServerException) as caught:
            ask(client, "identity_fp32", {"x": x}, compression_algorithm=compression)
        assert code_of(caught) == "UNIMPLEMENTED"
        return
    tensors.assert_same(ask(client, "identity_fp32", {"x": x}, compression_algorithm=compression).as_numpy("y"), x)


def test_typed_contents(channel, messages):
    request = messages("inference.ModelInferRequest")(
        model_name="two_inputs", inputs=[
            {"name": "a", "datatype": "FP32", "shape": [1, 2], "contents": {"fp32_contents": [1, 2]}},
            {"name": "b", "datatype": "INT64", "shape": [1, 2], "contents": {"int64_contents": [3, 4]}}])
    answer = call(channel, messages, UNARY + "ModelInfer", request, "inference.ModelInferResponse")
    got = {output.name: np.frombuffer(raw, np.float32).tolist()
           for output, raw in zip(answer.outputs, answer.raw_output_contents)}
    assert got == {"sum": [4, 6], "diff": [-2, -2]}
    request.raw_input_contents.append(b"12345678")
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, messages, UNARY + "ModelInfer", request, "inference.ModelInferResponse")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_versions_and_parameters(client):
    x = np.zeros((1, 1, 8, 8), np.float32)
    result = ask(client, "digits", {"image": x}, model_version="2", priority=1, timeout=5_000_000, sequence_id=5,
                 sequence_start=True, sequence_end=True, parameters={"mine": "text", "number": 3, "flag": True})
    assert result.get_response().model_version == "2"
    with pytest.raises(InferenceServerException, match="1") as caught:
        ask(client, "digits", {"image": x}, model_version="1")
    assert code_of(caught) in ("NOT_FOUND", "UNAVAILABLE")


def test_held_out_digits_are_recognised(client):
    with np.load(EXAMPLE_DATA / "digits_heldout.npz") as held_out:
        images, labels = held_out["images"], held_out["labels"]
    got = np.concatenate([ask(client, "digits", {"image": images[i:i + 50]}).as_numpy("digit")
                          for i in range(0, len(images), 50)])
    assert np.count_nonzero(got == labels) == 498


def test_classification(client):
    x = np.float32([[3, 1], [-4, 2], [0, 0]])
    wanted = [triton.InferRequestedOutput("scores", class_count=2)]
    result = ask(client, "ml_linear", {"x": x}, outputs=wanted)
    assert result.get_output("scores").datatype == "BYTES"
    got = [text.decode() for text in result.as_numpy("scores").ravel()]
    assert got == ["3.000000:0", "1.000000:1", "2.000000:1", "2.000000:2", "0.000000:0", "0.000000:1"]


def test_many_calls_on_one_channel(shared):
    client = triton.InferenceServerClient(shared.address)
    done = queue.Queue()
    x = [np.full((1, 4), i, np.float32) for i in range(200)]
    for i, one in enumerate(x):
        client.async_infer("identity_fp32", [an_input("x", one)], request_id=str(i),
                           callback=lambda result, error: done.put((result, error)))
    for _ in x:
        result, error = done.get(timeout=60)
        assert error is None
        tensors.assert_same(result.as_numpy("y"), x[int(result.get_response().id)])
    client.close()


def test_metadata_names_the_model_and_carries_ids(channel, messages):
    request = messages("inference.ModelInferRequest")(model_name="no_inputs")
    method = channel.unary_unary(UNARY + "ModelInfer", request_serializer=type(request).SerializeToString,
                                 response_deserializer=messages("inference.ModelInferResponse").FromString)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, answered = method.with_call(request, metadata=(("x-request-id", "q"), ("traceparent", trace)), timeout=30)
    metadata = dict(answered.initial_metadata())
    assert metadata["slipway-model-digest"].startswith("sha256:") and metadata["x-request-id"] == "q"
    assert metadata["traceresponse"].startswith("00-0af7651916cd43dd8448eb211c80319c-")


# --- statistics and metrics ---


def test_statistics_rise_and_metrics_say_grpc(client, shared):
    def read():
        (one,) = client.get_inference_statistics("two_inputs").model_stats
        return one

    labels = {"model": "two_inputs", "version": "1", "protocol": "grpc", "method": "infer", "code": "OK"}
    before, counted = read(), metric(shared, "slipway_requests_total", **labels) or 0
    rows = {"a": np.ones((3, 2), np.float32), "b": np.ones((3, 2), np.int64)}
    for _ in range(4):
        ask(client, "two_inputs", rows)
    after = read()
    assert after.inference_count - before.inference_count == 12
    assert after.execution_count - before.execution_count == 4
    for key in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert getattr(after.inference_stats, key).count - getattr(before.inference_stats, key).count == 4, key
    assert metric(shared, "slipway_requests_total", **labels) - counted == 4
    assert {"digits", "two_inputs"} <= {one.name for one in client.get_inference_statistics().model_stats}


# --- the repository and settings ---


@pytest.fixture(params=list(CLIENTS))
def explicit(request, tmp_path):
    models = {"one": ENGINE_MODELS / "identity_fp32.onnx", "two": ENGINE_MODELS / "two_inputs.onnx"}
    folder = repository(tmp_path, models)
    with Server(folder, options=["--control", "explicit", "--load", "one"]) as server:
        client = CLIENTS[request.param](server.address)
        yield client
        client.close()


def states(client):
    return {(model.name, model.version): model.state for model in client.get_model_repository_index().models}


def test_repository_index_load_and_unload(explicit):
    assert states(explicit) == {("one", "1"): "READY", ("two", ""): ""}
    explicit.load_model("two")
    assert explicit.is_model_ready("two")
    explicit.unload_model("two", unload_dependents=True)
    assert not explicit.is_model_ready("two")
    wait_until(lambda: states(explicit)[("two", "1")] == "UNAVAILABLE")
    explicit.unload_model("nosuch")
    with pytest.raises(InferenceServerException, match="nosuch"):
        explicit.load_model("nosuch")


def test_load_with_files_and_config(explicit):
    model = (ENGINE_MODELS / "fixed_no_batch.onnx").read_bytes()
    explicit.load_model("three", config="{}", files={"file:7/model.onnx": model})
    result = ask(explicit, "three", {"x": np.float32([1, 2, 3])})
    assert result.get_response().model_version == "7" and result.as_numpy("y").tolist() == [2, 3, 4]
    explicit.load_model("one", config=json.dumps({"max_batch_size": 4, "parameters": {"a": {"string_value": "b"}}}))
    config = explicit.get_model_config("one").config
    assert config.max_batch_size == 4 and config.parameters["a"].string_value == "b"
    with pytest.raises(InferenceServerException, match="JSON"):
        explicit.load_model("one", config="{")


def test_log_settings(explicit):
    settings = explicit.get_log_settings().settings
    assert settings["log_info"].bool_param and settings["log_verbose_level"].uint32_param == 0
    changed = explicit.update_log_settings({"log_verbose_level": 1}).settings
    assert changed["log_verbose_level"].uint32_param == 1


def test_shared_memory_is_off(client):
    assert not client.get_system_shared_memory_status().regions
    assert not client.get_cuda_shared_memory_status().regions
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    with pytest.raises(InferenceServerException, match="shared memory") as caught:
        client.register_system_shared_memory("r", "/r", 10)
    assert code_of(caught) == "UNIMPLEMENTED"


# --- streams ---


class Stream:
    """A stream of the client with threads; read() gives (result, error) in order."""

    def __init__(self, server, **more):
        self.client = triton.InferenceServerClient(server.address)
        self.answers = queue.Queue()
        self.client.start_stream(lambda result, error: self.answers.put((result, error)), **more)

    def send(self, model, array, request_id, name="x", **more):
        self.client.async_stream_infer(model, [an_input(name, array)], request_id=request_id, **more)

    def read(self):
        return self.answers.get(timeout=60)

    def close(self):
        self.client.stop_stream()
        self.client.close()


def test_stream_answers_in_order_and_survives_errors(shared):
    stream = Stream(shared)
    for i in range(100):
        wrong = i % 10 == 3
        stream.send("identity_int8" if wrong else "identity_fp32", np.full((1, 4), i, np.float32), str(i),
                    enable_empty_final_response=True)
    for i in range(100):
        result, error = stream.read()
        if i % 10 == 3:
            assert "input 'x'" in str(error)
            continue
        assert error is None and result.get_response().id == str(i)
        assert result.get_response().parameters["triton_final_response"].bool_param
        tensors.assert_same(result.as_numpy("y"), np.full((1, 4), i, np.float32))
    stream.close()


def test_stream_can_be_cancelled(start_server):
    server = start_server(SPIN)
    stream = Stream(server)
    stream.send("spin", np.int64([1 << 60]), "1", name="trips")
    wait_until(lambda: in_flight(server, "spin") == 1)
    stream.client.stop_stream(cancel_requests=True)
    _, error = stream.read()
    assert "CANCELLED" in str(error.status())
    wait_until(lambda: in_flight(server, "spin") == 0)
    stream.client.close()


def test_stream_ends_at_the_first_error_where_that_is_asked_for(channel, messages):
    request = messages("inference.ModelInferRequest")
    stream = channel.stream_stream(UNARY + "ModelStreamInfer", request_serializer=request.SerializeToString,
                                   response_deserializer=messages("inference.ModelStreamInferResponse").FromString)
    answers = stream(iter([request(model_name="no_inputs"), request(model_name="nosuch")]),
                     metadata=(("triton_grpc_error", "true"),), timeout=60)
    assert next(answers).infer_response.model_name == "no_inputs"
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_stream_of_the_asyncio_client(shared):
    async def run():
        client = triton_aio.InferenceServerClient(shared.address)

        async def requests():
            for i in range(50):
                yield {"model_name": "identity_fp32", "inputs": [an_input("x", np.full((1, 2), i, np.float32))],
                       "request_id": str(i)}

        got = [(result, error) async for result, error in client.stream_infer(requests())]
        await client.close()
        return got

    got = asyncio.run(run())
    assert [result.get_response().id for result, _ in got] == [str(i) for i in range(50)]
    assert all(error is None for _, error in got)


def test_stream_of_large_tensors_to_a_slow_reader(shared, channel, messages):
    request = messages("inference.ModelInferRequest")
    x = np.zeros((1000, 1000), np.float32)
    one = request(model_name="identity_fp32", inputs=[{"name": "x", "datatype": "FP32", "shape": x.shape}],
                  raw_input_contents=[x.tobytes()]).SerializeToString()
    stream = channel.stream_stream(UNARY + "ModelStreamInfer", request_serializer=lambda message: message,
                                   response_deserializer=lambda message: message)
    answers = stream(iter([one] * 30), timeout=120)
    time.sleep(0.5)  # the server meanwhile must not answer them all into memory
    assert shared.resident_bytes() < 1 << 30
    assert sum(len(answer) > x.nbytes for answer in answers) == 30


# --- time ---


def test_deadlines_and_cancellation(start_server):
    server = start_server(SPIN)
    client = triton.InferenceServerClient(server.address)
    endless = [an_input("trips", np.int64([1 << 60]))]
    with pytest.raises(InferenceServerException) as caught:
        client.infer("spin", endless, client_timeout=0.3)
    assert code_of(caught) == "DEADLINE_EXCEEDED"
    wait_until(lambda: in_flight(server, "spin") == 0)
    with pytest.raises(InferenceServerException, match="deadline|time") as caught:
        client.infer("spin", endless, timeout=200_000)
    assert code_of(caught) == "DEADLINE_EXCEEDED"
    call = client.async_infer("spin", endless, callback=lambda result, error: None)
    wait_until(lambda: in_flight(server, "spin") == 1)
    call.cancel()
    wait_until(lambda: in_flight(server, "spin") == 0)
    assert client.infer("spin", [an_input("trips", np.int64([1]))]) is not None
    client.close()


# --- health, reflection, dialects ---


def call(channel, messages, path, request, response):
    method = channel.unary_unary(path, request_serializer=type(request).SerializeToString,
                                 response_deserializer=messages(response).FromString)
    return method(request, timeout=60)


def test_health_check_and_watch(messages):
    server = Server(EXAMPLE_MODELS, options=["--drain-delay", "2s"])
    request, response = messages("grpc.health.v1.HealthCheckRequest"), "grpc.health.v1.HealthCheckResponse"
    with grpc.insecure_channel(server.address) as channel:
        for service in ("", "inference.GRPCInferenceService", "digits"):
            assert call(channel, messages, "/grpc.health.v1.Health/Check", request(service=service), response).status == 1
        with pytest.raises(grpc.RpcError) as caught:
            call(channel, messages, "/grpc.health.v1.Health/Check", request(service="nosuch"), response)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch", request_serializer=request.SerializeToString,
                                     response_deserializer=messages(response).FromString)
        assert next(watch(request(service="nosuch"), timeout=60)).status == 3
        answers = watch(request(service=""), timeout=60)
        assert next(answers).status == 1
        server.send_signal()
        assert next(answers).status == 2
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    try:
        assert server.process.wait(60) == 0, server.output()
    finally:
        server.kill()


def test_reflection_gives_a_client_all_it_needs(channel, messages):
    request = messages("grpc.reflection.v1.ServerReflectionRequest")
    for version in ("v1", "v1alpha"):
        method = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                       request_serializer=request.SerializeToString,
                                       response_deserializer=messages("grpc.reflection.v1.ServerReflectionResponse").FromString)
        listed, found = method(iter([request(list_services=""),
                                     request(file_containing_symbol="inference.GRPCInferenceService")]), timeout=60)
        assert "inference.GRPCInferenceService" in {service.name for service in listed.list_services_response.service}
        pool = descriptor_pool.DescriptorPool()
        for file in reversed(found.file_descriptor_response.file_descriptor_proto):
            pool.AddSerializedFile(file)
        service = pool.FindServiceByName("inference.GRPCInferenceService")
        assert service.FindMethodByName("ModelStreamInfer").server_streaming


def test_other_dialects(channel, messages):
    ready = messages("inference.ModelReadyRequest")(name="digits")
    path = "/org.pytorch.serve.grpc.openinference.GRPCInferenceService/ModelReady"
    assert call(channel, messages, path, ready, "inference.ModelReadyResponse").ready
    index = messages("inference.RepositoryIndexRequest")()
    path = "/inference.model_repository.ModelRepositoryService/RepositoryIndex"
    assert call(channel, messages, path, index, "inference.RepositoryIndexResponse").models
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, messages, UNARY + "Nothing", ready, "inference.ModelReadyResponse")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED and "Nothing" in caught.value.details()


def test_broken_messages_are_refused(channel):
    method = channel.unary_unary(UNARY + "ModelInfer", request_serializer=lambda message: message,
                                 response_deserializer=lambda message: message)
    for broken in (b"\xff", b"\x0a\x05m", b"\x0a\x01\xff", b"\x0a\x80\x80\x80\x80\x80\x01"):
        with pytest.raises(grpc.RpcError, match="damaged at byte") as caught:
            method(broken, timeout=60)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
