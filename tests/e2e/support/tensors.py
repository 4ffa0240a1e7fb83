"""Tensors of the Open Inference Protocol as numpy arrays, and infer requests and answers, written from the protocol's
text rather than from a client, so that a mistake in one does not hide one in the other."""

import json
import struct

import ml_dtypes
import numpy as np

NUMPY = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
NAMES = {dtype: name for name, dtype in NUMPY.items()}


def datatype(array: np.ndarray) -> str:
    return "BYTES" if array.dtype.kind in "OUS" else NAMES[array.dtype]


def to_binary(array: np.ndarray) -> bytes:
    if datatype(array) != "BYTES":
        return np.ascontiguousarray(array).tobytes()
    parts = []
    for element in array.ravel():
        data = element.encode() if isinstance(element, str) else bytes(element)
        parts += [struct.pack("<I", len(data)), data]
    return b"".join(parts)


def from_binary(name: str, shape, data: bytes) -> np.ndarray:
    if name != "BYTES":
        return np.frombuffer(data, NUMPY[name]).reshape(shape)
    elements, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        elements.append(data[at + 4:at + 4 + size])
        assert len(elements[-1]) == size, "string cut off"
        at += 4 + size
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array.reshape(shape)


def to_json(array: np.ndarray) -> list:
    """Flat; every number exact, so that the server must come to the same bits."""
    kind = datatype(array)
    if kind == "BYTES":
        return [element if isinstance(element, str) else bytes(element).decode() for element in array.ravel()]
    if kind in ("FP16", "BF16", "FP32"):
        return array.astype(np.float64).ravel().tolist()
    return array.ravel().tolist()


def from_json(name: str, shape, data: list) -> np.ndarray:
    if name == "BYTES":
        array = np.empty(len(data), np.object_)
        array[:] = [element.encode() for element in data]
        return array.reshape(shape)
    if name in ("FP16", "BF16", "FP32"):  # by way of float64, which holds each value of these exactly
        return np.array(data, np.float64).astype(NUMPY[name]).reshape(shape)
    return np.array(data, NUMPY[name]).reshape(shape)


def infer_request(inputs: dict[str, np.ndarray], binary: bool, **parameters) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an infer call, all tensors in and out binary or all in JSON."""
    described, tail = [], b""
    for name, array in inputs.items():
        one = {"name": name, "shape": list(array.shape), "datatype": datatype(array)}
        if binary:
            data = to_binary(array)
            one["parameters"] = {"binary_data_size": len(data)}
            tail += data
        else:
            one["data"] = to_json(array)
        described.append(one)
    body = {"inputs": described}
    if binary:
        parameters["binary_data_output"] = True
    if parameters:
        body["parameters"] = parameters
    text = json.dumps(body).encode()
    return text + tail, {"Inference-Header-Content-Length": str(len(text))} if binary else {}


def infer_response(headers, body: bytes) -> dict[str, np.ndarray]:
    """The outputs of a successful infer call."""
    length = int(headers.get("Inference-Header-Content-Length") or len(body))
    at, outputs = length, {}
    for output in json.loads(body[:length])["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            outputs[output["name"]] = from_json(output["datatype"], output["shape"], output["data"])
        else:
            outputs[output["name"]] = from_binary(output["datatype"], output["shape"], body[at:at + size])
            at += size
    assert at == len(body), f"{len(body) - at} bytes that belong to no output"
    return outputs


def assert_same(got: np.ndarray, want: np.ndarray) -> None:
    """Same type, shape and bits; any NaN equals any other."""
    assert datatype(got) == datatype(want)
    assert got.shape == want.shape
    if datatype(want) == "BYTES":
        assert to_binary(got) == to_binary(want)
    else:
        as_float = np.float64 if got.dtype.kind == "V" or datatype(got) in ("BF16", "FP16") else got.dtype
        np.testing.assert_array_equal(got.astype(as_float), want.astype(as_float))
        if got.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(got) & (got == 0), np.signbit(want) & (want == 0))
