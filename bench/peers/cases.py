# SPDX-License-Identifier: Apache-2.0
"""What the servers are asked, in the words of each protocol, and how their answers are read. Standard library only.

Two models: the breast cancer classifier of examples/models (30 floats, two probabilities) and tests/models/bench's
image150k (150,528 floats, their mean), which leaves the cost to the server.
"""

import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import data_plane
import measure
import run
from measure import BenchError, Request

SMALL, LARGE = "breast_cancer", "image150k"
INPUTS = {SMALL: "features", LARGE: "input"}
PROBABILITIES = [0.9979290962, 0.0020709175]  # of row(), by ONNX Runtime 1.31.1 in Python


@dataclass(frozen=True)
class Case:
    """One kind of request. `most_of_triton` is the target: our CPU at most that part of Triton's."""

    name: str
    title: str
    model: str
    connections: int
    outstanding: int
    most_of_triton: float


CASES = [
    Case("json", "small HTTP JSON, 30 floats", SMALL, 32, 1, 1 / 6),
    Case("grpc", "small gRPC, 30 floats", SMALL, 4, 8, 1 / 5),
    Case("binary-600k", "binary tensor over HTTP, 600 KB", LARGE, 8, 1, 1 / 8),
    Case("json-600k", "HTTP JSON, 150,528 numbers, 600 KB", LARGE, 8, 1, 1 / 25),
    Case("grpc-600k", "raw tensor over gRPC, 600 KB", LARGE, 8, 1, 1 / 5),
]
MOST_OF_PYTHON = 1 / 20  # small HTTP JSON: our CPU at most that part of the best Python server's


@dataclass(frozen=True)
class Call:
    """A request of ours and how to find the numbers in its answer. For gRPC the path is the method and the body one
    message."""

    request: Request
    read: Callable[[bytes], list[float]]
    grpc: bool = False


@cache
def row():
    """The first row of examples/data/breast_cancer_request.json."""
    file = measure.ROOT / "examples" / "data" / "breast_cancer_request.json"
    return json.loads(file.read_text())["inputs"][0]["data"][:30]


@cache
def pixels():
    """As many numbers as an image of 224 by 224 has, each of three characters in JSON: 600 KB of it, and of FP32."""
    rng = random.Random(1)
    return [rng.randrange(100) / 10 for _ in range(run.PIXELS)]


def values_of(model):
    return row() if model == SMALL else pixels()


def expected(model):
    return PROBABILITIES if model == SMALL else [sum(pixels()) / len(pixels())]


def right(model, answer):
    """Whether an answer is that of the model, as far as single precision and the order of adding tell."""
    wanted = expected(model)
    return len(answer) == len(wanted) and all(abs(a - b) <= 1e-4 * max(abs(b), 0.01) for a, b in zip(answer, wanted))


# --- the Open Inference protocol ----------------------------------------------------------------------------------------


def oip_json(model):
    document = {"inputs": [{"name": INPUTS[model], "shape": [1, len(values_of(model))], "datatype": "FP32",
                            "data": values_of(model)}]}
    return Call(Request(f"/v2/models/{model}/infer", compact(document)), read_oip_json)


def oip_binary(model):
    floats = struct.pack(f"<{len(values_of(model))}f", *values_of(model))
    head = compact({"inputs": [{"name": INPUTS[model], "shape": [1, len(values_of(model))], "datatype": "FP32",
                                "parameters": {"binary_data_size": len(floats)}}]})
    return Call(Request(f"/v2/models/{model}/infer", head + floats,
                        {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}),
                read_oip_json)


def oip_grpc(model, served_as=None):
    request = data_plane.grpc_request(served_as or model, values_of(model), INPUTS[model])
    return Call(Request(request.path, request.body[5:], {}), read_oip_grpc, grpc=True)


def read_oip_json(answer):
    first = json.loads(answer)["outputs"][0]
    return numbers(first["data"])


def read_oip_grpc(message):
    """The first output of a ModelInferResponse: raw_output_contents = 6, or outputs = 5 { contents = 5 { fp32 = 6 } }."""
    fields = list(wire_fields(message))
    raw = [content for number, content in fields if number == 6]
    if not raw:
        contents = [content for number, content in wire_fields(next(c for n, c in fields if n == 5)) if number == 5]
        raw = [content for number, content in wire_fields(contents[0]) if number == 6]
    return list(struct.unpack(f"<{len(raw[0]) // 4}f", raw[0]))


def wire_fields(message):
    """(number, bytes) of each length-delimited field of a protobuf message; others are passed over."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 2:
            size = varint()
            at += size
            yield key >> 3, message[at - size:at]
        elif kind == 0:
            varint()
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise BenchError(f"a protobuf field of wire type {kind}")


# --- documents of the servers' own --------------------------------------------------------------------------------------


def rows_json(path, member="instances"):
    """POST {"instances": [[...]]} to a path that holds the model's name as {}."""
    def call(model):
        return Call(Request(path.format(model), compact({member: [values_of(model)]})), read_json)
    return call


def raw_floats(path):
    """POST of the bare FP32 values."""
    def call(model):
        floats = struct.pack(f"<{len(values_of(model))}f", *values_of(model))
        return Call(Request(path.format(model), floats, {"Content-Type": "application/octet-stream"}), read_json)
    return call


def read_json(answer):
    return numbers(json.loads(answer))


def numbers(value):
    """The numbers of lists in lists; of a document only its probabilities count, or its first member."""
    if isinstance(value, dict):
        return numbers(value.get("probability") or next(iter(value.values())))
    return [number for part in value for number in numbers(part)] if isinstance(value, list) else [float(value)]


def compact(document):
    return json.dumps(document, separators=(",", ":")).encode()
