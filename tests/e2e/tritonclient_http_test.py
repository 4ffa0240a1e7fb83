"""tritonclient.http, unmodified: the client with threads and the one for asyncio, the same tests for both."""

import asyncio
import json

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from support import tensors
from support.server import BENCH_MODELS, ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, Server, repository, wait_until

ENGINE = ["identity_" + name for name in (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "fp16", "bf16", "fp32", "fp64",
    "string")] + ["all_types", "add_scalar", "two_inputs", "fails_at_run", "optional_default", "ml_linear", "no_inputs",
                  "dynamic", "log"]

EDGES = {
    "BOOL": [True, False, False, True],
    **{name: [np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1]
       for name, dtype in tensors.NUMPY.items() if dtype.kind in "iu"},
    "FP16": [0.1, -65504.0, 6e-8, -0.0],
    "BF16": [0.1, -3.3e38, 9.2e-41, -0.0],
    "FP32": [0.1, -3.4028235e38, 1.4e-45, -0.0],
    "FP64": [0.1, -1.7976931348623157e308, 5e-324, -0.0],
    "BYTES": [b"", b"a\x00b\x00", "grün \"\\\n \U0001f6a2".encode(), b"\x00"],
}
NOT_UTF8 = np.array([[b"\xff\xfe", b"\x80"]], np.object_)


class Synchronous:
    """The asyncio client behind the interface of the other."""

    def __init__(self, address, **more):
        self.loop = asyncio.new_event_loop()
        self.client = self.loop.run_until_complete(self.make(address, more))

    @staticmethod
    async def make(address, more):
        return triton_aio.InferenceServerClient(address, **more)

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


def values(datatype) -> np.ndarray:
    if datatype == "BYTES":
        return np.array(EDGES[datatype], np.object_).reshape(2, 2)
    return np.array(EDGES[datatype], tensors.NUMPY[datatype]).reshape(2, 2)


def model_of(datatype) -> str:
    return "identity_" + {"BYTES": "string"}.get(datatype, datatype.lower())


def an_input(name, array, binary=True):
    made = triton.InferInput(name, list(array.shape), tensors.datatype(array))
    return made.set_data_from_numpy(array, binary_data=binary)


def ask(client, model, inputs, **more):
    return client.infer(model, [an_input(name, array) for name, array in inputs.items()], **more)


# --- server and model information ---


def test_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits", "2")
    assert not client.is_model_ready("digits", "1") and not client.is_model_ready("nosuch")
    metadata = client.get_server_metadata()
    assert metadata["name"] == "slipway" and metadata["version"]
    assert {"binary_tensor_data", "classification", "model_configuration", "model_repository", "parameters",
            "statistics"} <= set(metadata["extensions"])
    model = client.get_model_metadata("two_inputs")
    assert model["name"] == "two_inputs" and model["versions"] == ["1"] and model["platform"]
    assert model["inputs"] == [{"name": "a", "datatype": "FP32", "shape": [-1, 2]},
                               {"name": "b", "datatype": "INT64", "shape": [-1, 2]}]
    assert [output["name"] for output in model["outputs"]] == ["sum", "diff"]
    assert client.get_model_metadata("digits", "2")["versions"] == ["2"]


def test_config_agrees_with_metadata(client, shared):
    for name in shared.get("/v2/models").json()["models"]:
        metadata, config = client.get_model_metadata(name), client.get_model_config(name)
        assert config["name"] == name and config["platform"] == metadata["platform"]
        for side, plural in (("input", "inputs"), ("output", "outputs")):
            for tensor, described in zip(config[side], metadata[plural], strict=True):
                assert tensor["name"] == described["name"]
                kind = tensor["data_type"].removeprefix("TYPE_")
                assert {"STRING": "BYTES"}.get(kind, kind) == described["datatype"]
                batch = [-1] if config["max_batch_size"] > 0 else []
                assert batch + tensor["dims"] == described["shape"]


def test_error_is_an_exception_with_our_message(client):
    with pytest.raises(InferenceServerException, match="nosuch") as caught:
        client.get_model_metadata("nosuch")
    assert caught.value.status() == "404"
    with pytest.raises(InferenceServerException, match=r"input 'x': expected FP32\[-1,-1\], got INT8\[1,1\]") as caught:
        ask(client, "identity_fp32", {"x": np.int8([[1]])})
    assert caught.value.status() == "400"
    with pytest.raises(InferenceServerException, match="input 'b' is missing"):
        ask(client, "two_inputs", {"a": np.float32([[1, 2]])})
    with pytest.raises(InferenceServerException, match="out of data bounds|idx=4"):
        ask(client, "fails_at_run", {"index": np.int64([4])})
    result = ask(client, "fails_at_run", {"index": np.int64([1])})  # the connection is still good
    assert result.as_numpy("value").tolist() == [20]


# --- tensors ---


@pytest.mark.parametrize("binary_out", [True, False], ids=["to_binary", "to_json"])
@pytest.mark.parametrize("binary_in", [True, False], ids=["from_binary", "from_json"])
@pytest.mark.parametrize("datatype", list(EDGES))
def test_every_datatype_comes_back_bit_for_bit(client, datatype, binary_in, binary_out):
    x = values(datatype)
    if not binary_in and datatype in ("BF16", "FP16"):
        given = json_input("x", x)  # the client sends BF16 in binary only
    else:
        given = an_input("x", x, binary_in)
    wanted = [triton.InferRequestedOutput("y", binary_data=binary_out)]
    result = client.infer(model_of(datatype), [given], outputs=wanted, request_id="7")
    described = result.get_output("y")
    assert described["datatype"] == datatype and described["shape"] == [2, 2]
    assert ("data" in described) != binary_out
    assert result.get_response()["id"] == "7"
    if not binary_out and datatype in ("BF16", "FP16"):
        got = tensors.from_json(datatype, [2, 2], described["data"])
    elif not binary_out and datatype == "BYTES":  # the client makes text of it
        got = np.array([text.encode() for text in described["data"]], np.object_).reshape(2, 2)
    else:
        got = result.as_numpy("y")
    tensors.assert_same(got, x)


def json_input(name, array):
    made = triton.InferInput(name, list(array.shape), tensors.datatype(array))
    made._data = tensors.to_json(array)
    return made


def test_bytes_that_are_not_utf8_go_in_binary_only(client):
    result = ask(client, "identity_string", {"x": NOT_UTF8})
    assert result.as_numpy("y").tolist() == NOT_UTF8.tolist()
    with pytest.raises(InferenceServerException, match="output 'y'.*UTF-8.*binary"):
        ask(client, "identity_string", {"x": NOT_UTF8}, outputs=[triton.InferRequestedOutput("y", binary_data=False)])


def test_not_finite_numbers(client):
    x = np.float32([[np.nan, np.inf, -np.inf]])
    np.testing.assert_array_equal(ask(client, "identity_fp32", {"x": x}).as_numpy("y"), x)
    # The client writes NaN and Infinity into JSON as Python does.
    result = client.infer("identity_fp32", [an_input("x", x, binary=False)])
    np.testing.assert_array_equal(result.as_numpy("y"), x)
    as_json = [triton.InferRequestedOutput("y", binary_data=False)]
    with pytest.raises(InferenceServerException, match="output 'y'.*binary_data"):
        ask(client, "identity_fp32", {"x": x}, outputs=as_json)
    result = ask(client, "identity_fp32", {"x": x}, outputs=as_json, parameters={"nan": "literal"})
    np.testing.assert_array_equal(result.as_numpy("y"), x)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)], ids=str)
@pytest.mark.parametrize("datatype", ["FP32", "INT8", "BYTES"])
def test_tensors_without_elements(client, datatype, shape, binary):
    x = np.empty(shape, tensors.NUMPY[datatype])
    outputs = [triton.InferRequestedOutput("y", binary_data=binary)]
    result = client.infer(model_of(datatype), [an_input("x", x, binary)], outputs=outputs)
    assert result.get_output("y")["shape"] == list(shape)
    assert result.as_numpy("y").shape == shape


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_scalars(client, binary):
    inputs = [an_input(name, np.array(value, np.float32), binary) for name, value in (("a", 1.5), ("b", 2))]
    result = client.infer("add_scalar", inputs, outputs=[triton.InferRequestedOutput("sum", binary_data=binary)])
    assert result.as_numpy("sum").shape == () and result.as_numpy("sum") == 3.5


def test_json_and_binary_mixed_in_one_request(client):
    inputs, expected = [], {}
    for i, datatype in enumerate(EDGES):
        x = values(datatype).ravel()
        name = model_of(datatype).removeprefix("identity_")
        binary = i % 2 == 0 or datatype == "BF16"
        inputs.append(an_input(f"in_{name}", x, binary))
        expected[f"out_{name}"] = x
    outputs = [triton.InferRequestedOutput(name, binary_data=i % 3 != 0) for i, name in enumerate(expected)]
    result = client.infer("all_types", inputs[::-1], outputs=outputs[::-1])
    response = result.get_response()
    assert [output["name"] for output in response["outputs"]] == list(expected)[::-1]
    for i, (name, x) in enumerate(expected.items()):
        described = result.get_output(name)
        assert ("data" in described) == (i % 3 == 0)
        if "data" in described:
            tensors.assert_same(tensors.from_json(described["datatype"], described["shape"], described["data"]), x)
        else:
            tensors.assert_same(result.as_numpy(name), x)


def test_only_the_requested_outputs_in_their_order(client):
    inputs = {"a": np.float32([[1, 2]]), "b": np.int64([[3, 4]])}
    everything = ask(client, "two_inputs", inputs)
    assert [output["name"] for output in everything.get_response()["outputs"]] == ["sum", "diff"]
    one = ask(client, "two_inputs", inputs, outputs=[triton.InferRequestedOutput("diff")])
    assert one.as_numpy("sum") is None and one.as_numpy("diff").tolist() == [[-2, -2]]
    with pytest.raises(InferenceServerException, match="'product'"):
        ask(client, "two_inputs", inputs, outputs=[triton.InferRequestedOutput("product")])


def test_optional_input_and_no_input(client):
    x = np.float32([[1, 2]])
    assert ask(client, "optional_default", {"x": x}).as_numpy("y").tolist() == [[10, 20]]
    both = {"x": x, "scale": np.float32([3])}
    assert ask(client, "optional_default", both).as_numpy("y").tolist() == [[3, 6]]
    assert client.infer("no_inputs", []).as_numpy("y").tolist() == [1, 2]


def test_versions_and_parameters(client):
    x = np.zeros((1, 1, 8, 8), np.float32)
    result = ask(client, "digits", {"image": x}, model_version="2", priority=1, timeout=5_000_000, sequence_id=5,
                 sequence_start=True, sequence_end=True, parameters={"mine": "text", "number": 3, "flag": True})
    assert result.get_response()["model_version"] == "2"
    with pytest.raises(InferenceServerException, match="1") as caught:
        ask(client, "digits", {"image": x}, model_version="1")
    assert caught.value.status() in ("404", "503")


def test_held_out_digits_are_recognised(client):
    with np.load(EXAMPLE_DATA / "digits_heldout.npz") as held_out:
        images, labels = held_out["images"], held_out["labels"]
    got = np.concatenate([ask(client, "digits", {"image": images[i:i + 50]}).as_numpy("digit")
                          for i in range(0, len(images), 50)])
    assert np.count_nonzero(got == labels) == 498


# --- classification ---


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_classification_of_a_batch(client, binary):
    x = np.float32([[3, 1], [-4, 2], [0, 0]])  # scores x0, x1, -x0-x1
    wanted = [triton.InferRequestedOutput("scores", binary_data=binary, class_count=2)]
    result = ask(client, "ml_linear", {"x": x}, outputs=wanted)
    described = result.get_output("scores")
    assert described["datatype"] == "BYTES" and described["shape"] == [3, 2]
    got = [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy("scores").ravel()]
    assert got == ["3.000000:0", "1.000000:1", "2.000000:1", "2.000000:2", "0.000000:0", "0.000000:1"]


def test_classification_with_more_classes_than_there_are(client):
    x = np.float32([[3, 1]])
    result = ask(client, "ml_linear", {"x": x}, outputs=[triton.InferRequestedOutput("scores", class_count=99)])
    assert result.as_numpy("scores").tolist() == [[b"3.000000:0", b"1.000000:1", b"-4.000000:2"]]


def test_classification_refuses_what_cannot_be_ranked(client):
    wanted = [triton.InferRequestedOutput("y", class_count=1)]
    with pytest.raises(InferenceServerException, match="classification is not available for BYTES"):
        ask(client, "identity_string", {"x": values("BYTES")}, outputs=wanted)


# --- compression ---


@pytest.mark.parametrize("response", [None, "gzip", "deflate"])
@pytest.mark.parametrize("request_", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_compression_both_ways(client, request_, response, binary):
    x = np.arange(5000, dtype=np.float32).reshape(5, 1000)
    outputs = [triton.InferRequestedOutput("y", binary_data=binary)]
    result = client.infer("identity_fp32", [an_input("x", x, binary)], outputs=outputs,
                          request_compression_algorithm=request_, response_compression_algorithm=response)
    tensors.assert_same(result.as_numpy("y"), x)


def test_errors_are_readable_though_compression_was_asked_for(client):
    with pytest.raises(InferenceServerException, match="nosuch"):
        ask(client, "nosuch", {"x": np.float32([[1]])}, request_compression_algorithm="gzip",
            response_compression_algorithm="gzip")


# --- many at once ---


def test_async_infer_of_many(shared):
    client = triton.InferenceServerClient(shared.address, concurrency=8)
    x = [np.full((1, 4), i, np.float32) for i in range(200)]
    calls = [client.async_infer("identity_fp32", [an_input("x", one)], request_id=str(i)) for i, one in enumerate(x)]
    for i, (call, one) in enumerate(zip(calls, x)):
        result = call.get_result()
        assert result.get_response()["id"] == str(i)
        tensors.assert_same(result.as_numpy("y"), one)
    client.close()


def test_gathered_coroutines(shared):
    async def run():
        client = triton_aio.InferenceServerClient(shared.address)
        x = [np.full((1, 4), i, np.float32) for i in range(200)]
        results = await asyncio.gather(*(client.infer("identity_fp32", [an_input("x", one)]) for one in x))
        await client.close()
        return zip(results, x)

    for result, one in asyncio.run(run()):
        tensors.assert_same(result.as_numpy("y"), one)


# --- statistics ---


def test_statistics_rise(client):
    def read():
        (one,) = client.get_inference_statistics("two_inputs")["model_stats"]
        return one

    before = read()
    rows = {"a": np.ones((3, 2), np.float32), "b": np.ones((3, 2), np.int64)}
    for _ in range(4):
        ask(client, "two_inputs", rows)
    with pytest.raises(InferenceServerException):
        ask(client, "two_inputs", {"a": rows["a"]})
    after = read()
    assert after["name"] == "two_inputs" and after["version"] == "1"
    assert after["inference_count"] - before["inference_count"] == 12
    assert after["execution_count"] - before["execution_count"] == 4
    assert after["last_inference"] >= before["last_inference"] > -1
    for key in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert after["inference_stats"][key]["count"] - before["inference_stats"][key]["count"] == 4, key
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]
    assert after["inference_stats"]["fail"]["count"] - before["inference_stats"]["fail"]["count"] == 1
    assert after["inference_stats"]["cache_hit"] == after["inference_stats"]["cache_miss"] == {"count": 0, "ns": 0}
    everything = client.get_inference_statistics()["model_stats"]
    assert {"digits", "two_inputs", "linear30"} <= {one["name"] for one in everything}


# --- the repository ---


@pytest.fixture(params=list(CLIENTS))
def explicit(request, tmp_path):
    """A server of the test's own whose models only the API loads, and a client of it; its folder is client.folder."""
    models = {"one": ENGINE_MODELS / "identity_fp32.onnx", "two": ENGINE_MODELS / "two_inputs.onnx"}
    folder = repository(tmp_path, models)
    with Server(folder, options=["--control", "explicit", "--load", "one"]) as server:
        client = CLIENTS[request.param](server.address)
        client.folder = folder
        yield client
        client.close()


def states(client):
    return {(model["name"], model.get("version")): model.get("state") for model in client.get_model_repository_index()}


def test_repository_index_load_and_unload(explicit):
    assert states(explicit) == {("one", "1"): "READY", ("two", None): None}
    explicit.load_model("two")
    assert explicit.is_model_ready("two")
    assert states(explicit) == {("one", "1"): "READY", ("two", "1"): "READY"}
    explicit.unload_model("two", unload_dependents=True)
    assert not explicit.is_model_ready("two")
    wait_until(lambda: states(explicit)[("two", "1")] == "UNAVAILABLE")
    (two,) = [model for model in explicit.get_model_repository_index() if model["name"] == "two"]
    assert two["reason"] == "unloaded"
    with pytest.raises(InferenceServerException, match="two"):
        ask(explicit, "two", {"a": np.float32([[1, 2]]), "b": np.int64([[1, 2]])})
    explicit.unload_model("nosuch")
    with pytest.raises(InferenceServerException, match="nosuch"):
        explicit.load_model("nosuch")


def test_load_with_a_config(explicit):
    explicit.load_model("one", config=json.dumps({"max_batch_size": 4, "parameters": {"a": {"string_value": "b"}}}))
    config = explicit.get_model_config("one")
    assert config["max_batch_size"] == 4 and config["parameters"] == {"a": {"string_value": "b"}}
    for bad, match in (("{", "JSON"), ("[]", "object"), ('{"max_batch_sise": 1}', "max_batch_sise.*max_batch_size")):
        with pytest.raises(InferenceServerException, match=match):
            explicit.load_model("one", config=bad)
    assert explicit.is_model_ready("one")


def test_load_with_files(explicit):
    model = (ENGINE_MODELS / "fixed_no_batch.onnx").read_bytes()
    explicit.load_model("three", config="{}", files={"file:7/model.onnx": model})
    result = ask(explicit, "three", {"x": np.float32([1, 2, 3])})
    assert result.get_response()["model_version"] == "7" and result.as_numpy("y").tolist() == [2, 3, 4]
    # The files stand in for what is stored, without changing it.
    explicit.load_model("one", config="{}", files={"file:2/model.onnx": model})
    assert explicit.get_model_metadata("one")["versions"] == ["2"]
    assert not (explicit.folder / "one/2").exists() and not (explicit.folder / "three").exists()
    with pytest.raises(InferenceServerException, match="config"):
        explicit.load_model("one", files={"file:1/model.onnx": model})
    for name in ("file:../model.onnx", "file:1/../../x", "file:1//etc/x", "file:one/model.onnx"):
        with pytest.raises(InferenceServerException, match="file:"):
            explicit.load_model("one", config="{}", files={name: model})
    assert explicit.get_model_metadata("one")["versions"] == ["2"]


def test_failed_reload_keeps_the_old_version(explicit):
    x = np.float32([[1, 2]])
    for bad in ("truncated", "random", "unknown_op"):
        with pytest.raises(InferenceServerException, match="one.*1"):
            explicit.load_model("one", config="{}",
                                files={"file:1/model.onnx": (ENGINE_MODELS / f"{bad}.onnx").read_bytes()})
        tensors.assert_same(ask(explicit, "one", {"x": x}).as_numpy("y"), x)
    (explicit.folder / "one/1/model.onnx").write_bytes((ENGINE_MODELS / "cyclic.onnx").read_bytes())
    with pytest.raises(InferenceServerException, match="one.*acyclic|one.*cycl"):
        explicit.load_model("one")
    tensors.assert_same(ask(explicit, "one", {"x": x}).as_numpy("y"), x)
    (explicit.folder / "one/1/model.onnx").write_bytes((ENGINE_MODELS / "fixed_no_batch.onnx").read_bytes())
    explicit.load_model("one")
    assert ask(explicit, "one", {"x": np.float32([1, 2, 3])}).as_numpy("y").tolist() == [2, 3, 4]


# --- size ---

HUNDRED_MIB = np.zeros((100, 2**18), np.float32)


def test_a_body_over_the_limit_is_refused_with_the_limit(client):
    with pytest.raises(InferenceServerException) as caught:
        ask(client, "identity_fp32", {"x": HUNDRED_MIB})
    assert caught.value.status() == "413" and "67108864" in caught.value.message()
    x = np.float32([[1]])
    tensors.assert_same(ask(client, "identity_fp32", {"x": x}).as_numpy("y"), x)


@pytest.mark.parametrize("kind", list(CLIENTS))
def test_a_hundred_mebibytes_when_the_limit_is_raised(start_server, tmp_path, kind):
    folder = repository(tmp_path, {"identity": ENGINE_MODELS / "identity_fp32.onnx"})
    server = start_server(folder, config={"limits": {"max_body": "128MiB", "max_decompressed_body": "128MiB"}})
    client = CLIENTS[kind](server.address)
    x = HUNDRED_MIB.copy()
    x[::7, ::5] = 3.25
    assert np.array_equal(ask(client, "identity", {"x": x}).as_numpy("y"), x)
    client.close()


