"""The REST client of the Python package `kserve`, unmodified, with protocol v2."""

import asyncio

import httpx
import numpy as np
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from support import tensors
from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, Server, repository

# What its table of types has; it sends FP16 in binary only, and does not know BF16.
TYPES = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64",
         "BYTES"]


def model_of(datatype) -> str:
    return "identity_" + {"BYTES": "string"}.get(datatype, datatype.lower())


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    models = {model_of(datatype): ENGINE_MODELS / f"{model_of(datatype)}.onnx" for datatype in TYPES}
    folder = repository(tmp_path_factory.mktemp("models"), {**models, "two_inputs": ENGINE_MODELS / "two_inputs.onnx"})
    with Server(folder, EXAMPLE_MODELS) as server:
        yield server


def with_client(use):
    """What the coroutine use(client) returns."""
    async def run():
        async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0)) as client:
            return await use(client)

    return asyncio.run(run())


def an_input(name, array, binary):
    made = InferInput(name, list(array.shape), tensors.datatype(array))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def infer(shared, model, inputs, **more):
    request = InferRequest(model, inputs, **more)
    return with_client(lambda client: client.infer(shared.url, request, model_name=model))


def test_health(shared):
    assert with_client(lambda client: client.is_server_ready(shared.url)) is True
    assert with_client(lambda client: client.is_server_live(shared.url)) is True
    assert with_client(lambda client: client.is_model_ready(shared.url, "digits"))
    assert not with_client(lambda client: client.is_model_ready(shared.url, "nosuch"))


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("datatype", TYPES)
def test_every_datatype(shared, datatype, binary):
    if datatype == "BYTES":
        x = np.array([[b"", "grün".encode()], [b"c", b"a\x00b"]], np.object_)
    else:
        x = np.array([[0, 1], [1, 0]], tensors.NUMPY[datatype])
    if datatype == "FP16":
        binary = True
    parameters = {"binary_data_output": True} if binary else None
    response = infer(shared, model_of(datatype), [an_input("x", x, binary)], request_id="r-1", parameters=parameters)
    assert response.model_name == model_of(datatype) and response.id == "r-1"
    (output,) = response.outputs
    assert output.name == "y" and output.datatype == datatype and output.shape == [2, 2]
    got = output.as_numpy()
    if datatype == "BYTES":  # in JSON it makes text of strings
        assert tensors.to_binary(got) == tensors.to_binary(x)
    else:
        tensors.assert_same(got, x)


def test_requested_outputs_mixed(shared):
    inputs = [an_input("a", np.float32([[1, 2]]), True), an_input("b", np.int64([[3, 4]]), False)]
    response = infer(shared, "two_inputs", inputs, request_outputs=[
        RequestedOutput("diff", {"binary_data": True}), RequestedOutput("sum", {"binary_data": False})])
    assert [output.name for output in response.outputs] == ["diff", "sum"]
    assert response.outputs[0].as_numpy().tolist() == [[-2, -2]] and response.outputs[1].as_numpy().tolist() == [[4, 6]]


def test_dictionary_as_request(shared):
    body = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[1.5, 2.5]]}]}
    response = with_client(lambda client: client.infer(shared.url, body, model_name="identity_fp32"))
    assert response.outputs[0].data == [1.5, 2.5]


def test_errors_carry_our_message(shared):
    with pytest.raises(httpx.HTTPStatusError, match=r"input 'x': expected FP32\[-1,-1\], got INT8\[1,1\].*400"):
        infer(shared, "identity_fp32", [an_input("x", np.int8([[1]]), False)])
    with pytest.raises(httpx.HTTPStatusError, match="'nosuch'.*404"):
        infer(shared, "nosuch", [an_input("x", np.int8([[1]]), False)])


def test_held_out_digits_are_recognised(shared):
    with np.load(EXAMPLE_DATA / "digits_heldout.npz") as held_out:
        images, labels = held_out["images"], held_out["labels"]
    response = infer(shared, "digits", [an_input("image", images, True)], parameters={"binary_data_output": True})
    digits = response.get_output_by_name("digit").as_numpy()
    assert np.count_nonzero(digits == labels) == 498
