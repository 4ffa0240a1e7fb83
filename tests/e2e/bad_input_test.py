"""Requests that are wrong: each gets the right status and a message that names the field, the server goes on serving,
and its memory stays bounded."""

import gzip
import json
import re
import struct
import zlib

import numpy as np
import pytest

from support import tensors
from support.raw_answers import exchange, read_answers
from support.server import ENGINE_MODELS, Server, repository, wait_until

MIB = 2**20
MODELS = ["identity_bool", "identity_uint8", "identity_int8", "identity_int32", "identity_int64", "identity_uint64",
          "identity_fp16", "identity_bf16", "identity_fp32", "identity_fp64", "identity_string", "two_inputs",
          "fixed_no_batch", "add_scalar", "optional_default", "fails_at_run", "log", "all_types", "dynamic_rank"]
TYPES = {"BOOL": "bool", "UINT8": "uint8", "INT8": "int8", "INT32": "int32", "INT64": "int64", "UINT64": "uint64",
         "FP16": "fp16", "BF16": "bf16", "FP32": "fp32", "FP64": "fp64", "BYTES": "string"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    models = {name: ENGINE_MODELS / f"{name}.onnx" for name in MODELS}
    with Server(repository(tmp_path_factory.mktemp("models"), models)) as server:
        yield server


@pytest.fixture(autouse=True)
def server(shared):
    """The server, which after the test serves as before and has not grown: what one request may hold is bounded by the
    limit of its body, 64 MiB, and what is pooled by a few of those."""
    still_serves(shared)
    before = shared.resident_bytes()
    yield shared
    still_serves(shared)
    assert shared.running()
    assert shared.resident_bytes() < before + 300 * MIB


def still_serves(server):
    answer = server.infer("two_inputs", {"inputs": [tensor("a", "FP32", [1, 2], [1, 2]),
                                                    tensor("b", "INT64", [1, 2], [3, 4])]})
    assert answer.status == 200, answer
    assert [output["data"] for output in answer.json()["outputs"]] == [[4, 6], [-2, -2]]


def tensor(name="x", datatype="FP32", shape=(1, 2), data=(1, 2), **more):
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": data, **more}


def request(*inputs, **more):
    return {"inputs": list(inputs), **more}


def without(key, tensor_):
    return {name: value for name, value in tensor_.items() if name != key}


def raw(data: str, datatype="FP32", shape="[1,2]") -> str:
    """A request whose data is this text."""
    return f'{{"inputs":[{{"name":"x","datatype":"{datatype}","shape":{shape},"data":{data}}}]}}'


X = tensor()
A, B = tensor("a", "FP32"), tensor("b", "INT64")

# What is wrong: model, request, and what the message must say. Status 400.
WRONG_TENSORS = {
    "other datatype": ("identity_fp32", request(tensor(datatype="INT32")),
                       r"input 'x': expected FP32\[-1,-1\], got INT32"),
    "unknown datatype": ("identity_fp32", request(tensor(datatype="FP8")), r"input 'x': .*datatype 'FP8'"),
    "datatype in small letters": ("identity_fp32", request(tensor(datatype="fp32")), r"input 'x': .*datatype 'fp32'"),
    "datatype is a number": ("identity_fp32", request(tensor(datatype=3)), r"'x'.*datatype|datatype.*string"),
    "rank": ("identity_fp32", request(tensor(shape=[2])), r"input 'x': expected FP32\[-1,-1\], got FP32\[2\]"),
    "fixed dimension": ("fixed_no_batch", request(tensor(shape=[4], data=[1, 2, 3, 4])),
                        r"input 'x': expected FP32\[3\], got FP32\[4\]"),
    "scalar as vector": ("add_scalar", request(tensor("a", shape=[1], data=[1]), tensor("b", shape=[], data=[1])),
                         r"input 'a': expected FP32\[\], got FP32\[1\]"),
    "unknown name": ("identity_fp32", request(tensor("z")), r"input 'z': .*no such input.*'x'"),
    "empty name": ("identity_fp32", request(tensor("")), r"input ''"),
    "name is a number": ("identity_fp32", request(tensor(5)), r"name"),
    "no name": ("identity_fp32", request(without("name", X)), r"'inputs'.*'name'"),
    "no datatype": ("identity_fp32", request(without("datatype", X)), r"input 'x': .*datatype.*missing"),
    "no shape": ("identity_fp32", request(without("shape", X)), r"input 'x': .*shape.*missing"),
    "no data": ("identity_fp32", request(without("data", X)), r"input 'x': .*'data'.*neither"),
    "data and binary": ("identity_fp32", request({**X, "parameters": {"binary_data_size": 8}}),
                        r"input 'x': .*'data'.*both"),
    "missing input": ("two_inputs", request(A), r"input 'b' is missing.*INT64\[-1,2\]"),
    "extra input": ("two_inputs", request(A, B, tensor("c")), r"input 'c'.*no such input"),
    "input twice": ("two_inputs", request(A, A, B), r"input 'a'.*twice"),
    "no inputs": ("two_inputs", {"id": "1"}, r"'inputs'.*missing"),
    "inputs empty": ("two_inputs", request(), r"input 'a' is missing"),
    "inputs an object": ("two_inputs", {"inputs": {"a": 1}}, r"inputs.*(array|'\[')"),
    "input a number": ("two_inputs", {"inputs": [1]}, r"inputs.*(object|'\{')"),
    "different batch sizes": ("two_inputs",
                              request(tensor("a", shape=[2, 2], data=[1] * 4), tensor("b", "INT64", [3, 2], [1] * 6)),
                              r"batch|broadcast|dimension|dim 0|shape"),
    "too little data": ("identity_fp32", request(tensor(data=[1])), r"input 'x': .*expected 2 elements, got 1"),
    "too much data": ("identity_fp32", request(tensor(data=[1, 2, 3])),
                      r"input 'x': .*expected 2 elements, got (3|more)"),
    "no elements": ("identity_fp32", request(tensor(data=[])), r"input 'x': .*expected 2 elements, got 0"),
    "elements for an empty shape": ("identity_fp32", request(tensor(shape=[0, 2], data=[1])),
                                    r"input 'x': .*expected 0 elements, got (1|more)"),
    "ragged": ("identity_fp32", request(tensor(shape=[2, 2], data=[[1, 2], [3]])), r"input 'x'"),
    "ragged, right in number": ("identity_fp32", request(tensor(shape=[2, 2], data=[[1, 2, 3], [4]])), r"input 'x'"),
    "ragged in depth": ("identity_fp32", request(tensor(shape=[2, 2], data=[[1, 2], 3, 4])), r"input 'x'"),
    "data is a number": ("identity_fp32", request(tensor(data=5)), r"input 'x'.*(array|'\[')"),
    "data is text": ("identity_fp32", request(tensor(data="1,2")), r"input 'x'.*(array|'\[')"),
    "data is an object": ("identity_fp32", request(tensor(data={"0": 1})), r"input 'x'.*(array|'\[')"),
    "128 for INT8": ("identity_int8", request(tensor(datatype="INT8", data=[1, 128])),
                     r"input 'x': .*INT8.*128|input 'x': .*128.*INT8"),
    "-129 for INT8": ("identity_int8", request(tensor(datatype="INT8", data=[-129, 1])), r"input 'x': .*-129"),
    "-1 for UINT8": ("identity_uint8", request(tensor(datatype="UINT8", data=[-1, 1])), r"input 'x': .*-1"),
    "2^63 for INT64": ("identity_int64", request(tensor(datatype="INT64", data=[2**63, 1])),
                       r"input 'x': .*9223372036854775808"),
    "2^64 for UINT64": ("identity_uint64", request(tensor(datatype="UINT64", data=[2**64, 1])),
                        r"input 'x': .*18446744073709551616"),
    "fraction for INT32": ("identity_int32", request(tensor(datatype="INT32", data=[1.5, 1])), r"input 'x': .*1\.5"),
    "1e2 for INT32": ("identity_int32", raw("[1e2,1]", "INT32"), r"input 'x': .*1e2"),
    "2.0 for INT32": ("identity_int32", raw("[1,2.0]", "INT32"), r"input 'x': .*2\.0"),
    "1e400 for INT32": ("identity_int32", raw("[1e400,1]", "INT32"), r"input 'x': .*1e400"),
    "true for INT32": ("identity_int32", request(tensor(datatype="INT32", data=[True, 1])), r"input 'x': .*true"),
    "1 for BOOL": ("identity_bool", request(tensor(datatype="BOOL", data=[1, 0])), r"input 'x': .*(BOOL|true)"),
    "text for BOOL": ("identity_bool", request(tensor(datatype="BOOL", data=["true", "false"])),
                      r"input 'x': .*(BOOL|true)"),
    "text for FP32": ("identity_fp32", request(tensor(data=["1", "2"])), r"input 'x'"),
    "number for BYTES": ("identity_string", request(tensor(datatype="BYTES", data=[1, 2])),
                         r"input 'x': .*(string|text)"),
    "null for FP32": ("identity_fp32", request(tensor(data=[None, 1])), r"input 'x': .*null"),
    "null for INT32": ("identity_int32", request(tensor(datatype="INT32", data=[1, None])), r"input 'x': .*null"),
    "null for BYTES": ("identity_string", request(tensor(datatype="BYTES", data=["a", None])), r"input 'x': .*null"),
    "null for data": ("identity_fp32", request(tensor(data=None)), r"input 'x'"),
    "NaN for INT32": ("identity_int32", raw("[NaN,1]", "INT32"), r"input 'x': .*NaN"),
    "Infinity for INT64": ("identity_int64", raw("[1,Infinity]", "INT64"), r"input 'x': .*Infinity"),
    "-Infinity for INT64": ("identity_int64", raw("[1,-Infinity]", "INT64"), r"input 'x'"),
    "1e400 for FP64": ("identity_fp64", raw("[1e400,1]", "FP64"), r"input 'x': .*1e400"),
    "1e39 for FP32": ("identity_fp32", raw("[1,1e39]"), r"input 'x': .*1e39"),
    "65520 for FP16": ("identity_fp16", raw("[1,65520]", "FP16"), r"input 'x': .*65520"),
    "1e39 for BF16": ("identity_bf16", raw("[1,1e39]", "BF16"), r"input 'x': .*1e39"),
    "hexadecimal": ("identity_int32", raw("[0x10,1]", "INT32"), r"input 'x'|JSON"),
    "leading zero": ("identity_int32", raw("[01,1]", "INT32"), r"input 'x'|JSON"),
    "leading plus": ("identity_fp32", raw("[+1,1]"), r"input 'x'|JSON"),
    "point without digits": ("identity_fp32", raw("[1.,1]"), r"input 'x'|JSON"),
    "trailing comma": ("identity_fp32", raw("[1,2,]"), r"input 'x'|JSON"),
    "no comma": ("identity_fp32", raw("[1 2]"), r"input 'x'|JSON"),
    "lone surrogate": ("identity_string", raw(r'["\ud800","b"]', "BYTES"), r"input 'x'|JSON"),
    "line end in text": ("identity_string", raw('["a\nb","b"]', "BYTES"), r"input 'x'|JSON"),
    "negative dimension": ("identity_fp32", request(tensor(shape=[-1, 2])), r"input 'x': .*shape.*-1"),
    "dimension is text": ("identity_fp32", request(tensor(shape=["1", "2"])), r"input 'x': .*shape|shape"),
    "dimension is a fraction": ("identity_fp32", request(tensor(shape=[1.5, 2])), r"input 'x'.*shape|shape|1\.5"),
    "shape is a number": ("identity_fp32", '{"inputs":[{"name":"x","datatype":"FP32","shape":2,"data":[1,2]}]}',
                          r"input 'x'|shape"),
    "shape of rank 1000": ("identity_fp32", request(tensor(shape=[1] * 1000, data=[1])),
                           r"input 'x': .*shape.*at most"),
    "dimension 2^63-1": ("identity_fp32", request(tensor(shape=[2**63 - 1, 1])), r"input 'x'"),
    "dimension 2^63": ("identity_fp32", request(tensor(shape=[2**63, 1])), r"input 'x'"),
    "dimension 2^64+1": ("identity_fp32", request(tensor(shape=[2**64 + 1, 2])), r"input 'x'"),
    "product overflows": ("identity_fp32", request(tensor(shape=[2**32, 2**32])), r"input 'x'"),
    "product overflows to a small number": ("identity_fp32", request(tensor(shape=[2**63, 2])), r"input 'x'"),
    "product overflows, then zero": ("dynamic_rank", request(tensor(shape=[2**62, 2**62, 0], data=[])), r"input 'x'"),
    "bytes overflow": ("identity_fp64", request(tensor(datatype="FP64", shape=[2**61, 1])), r"input 'x'"),
    "huge, but no overflow": ("identity_fp32", request(tensor(shape=[2**40, 1])),
                              r"input 'x'.*expected 1099511627776 elements, got 2"),
    "huge BYTES": ("identity_string", request(tensor(datatype="BYTES", shape=[2**40, 1], data=["a"])),
                   r"input 'x'.*1099511627776"),
    "output of another name": ("identity_fp32", request(X, outputs=[{"name": "z"}]), r"output 'z'.*'y'"),
    "output twice": ("identity_fp32", request(X, outputs=[{"name": "y"}, {"name": "y"}]), r"output 'y'.*twice"),
    "output without a name": ("identity_fp32", request(X, outputs=[{}]), r"output.*'name'"),
    "outputs an object": ("identity_fp32", request(X, outputs={"name": "y"}), r"outputs.*(array|'\[')"),
    "binary_data is text": ("identity_fp32", request(X, outputs=[{"name": "y", "parameters": {"binary_data": "yes"}}]),
                            r"binary_data"),
    "classification of 0": ("identity_fp32", request(X, outputs=[{"name": "y", "parameters": {"classification": 0}}]),
                            r"classification"),
    "classification is text": ("identity_fp32",
                               request(X, outputs=[{"name": "y", "parameters": {"classification": "3"}}]),
                               r"classification"),
    "timeout is negative": ("identity_fp32", request(X, parameters={"timeout": -5}), r"timeout"),
    "priority is text": ("identity_fp32", request(X, parameters={"priority": "high"}), r"priority"),
    "reserved parameter": ("identity_fp32", request(X, parameters={"triton_final_response": True}),
                           r"triton_final_response.*reserved"),
    "parameter is an object": ("identity_fp32", request(X, parameters={"mine": {}}), r"mine"),
    "parameters an array": ("identity_fp32", request(X, parameters=[]), r"parameters.*(object|'\{')"),
    "id is a number": ("identity_fp32", request(X, id=5), r"id"),
}

WRONG_JSON = {
    "empty body": "",
    "blank body": "  \n",
    "array": "[]",
    "number": "5",
    "text": '"inputs"',
    "two objects": "{}{}",
    "rubbish behind": raw("[1,2]") + "x",
    "nul behind": raw("[1,2]") + "\0",
    "truncated in a number": raw("[1,2]")[:-5],
    "truncated in text": raw("[1,2]")[:20],
    "truncated in a key": '{"inp',
    "truncated in an escape": '{"id":"\\u12',
    "key without quotes": "{inputs:[]}",
    "single quotes": "{'inputs':[]}",
    "comment": '{/* */"inputs":[]}',
    "byte order mark": "\ufeff" + raw("[1,2]"),
    "UTF-16": raw("[1,2]").encode("utf-16"),
    "invalid UTF-8 in a value": b'{"id":"\xff\xfe","inputs":[]}',
    "invalid UTF-8 in a key": b'{"\xc3\x28":1,"inputs":[]}',
    "overlong UTF-8": b'{"id":"\xc0\xaf","inputs":[]}',
    "surrogate in UTF-8": b'{"id":"\xed\xa0\x80","inputs":[]}',
    "10^6 brackets": "[" * 10**6,
    "10^6 brackets in data": raw("[" * 10**6 + "1" + "]" * 10**6),
    "10^6 brackets in an unknown field": '{"extra":' + "[" * 10**6 + "]" * 10**6 + ',"inputs":[]}',
    "10^6 braces in an unknown field": '{"extra":' + '{"a":' * 10**6 + "1" + "}" * 10**6 + ',"inputs":[]}',
    "10^6 brackets in a parameter": '{"parameters":{"p":' + "[" * 10**6 + "]" * 10**6 + '},"inputs":[]}',
    "inputs twice": '{"inputs":[],"inputs":[]}',
    "name twice": '{"inputs":[{"name":"x","name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
    "shape twice": '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"shape":[1,1],"data":[1,2]}]}',
    "data twice": '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2],"data":[3,4]}]}',
    "key twice by an escape": '{"inputs":[{"name":"x","n\\u0061me":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
    "huge exponent": raw("[1e999999999999999999999,1]"),
    "1e999": raw("[1e999,1]"),
    "a million digits": raw("[" + "9" * 10**6 + ",1]"),
}


@pytest.mark.parametrize("case", list(WRONG_TENSORS))
def test_wrong_tensor(server, case):
    model, body, pattern = WRONG_TENSORS[case]
    answer = server.infer(model, body)
    assert answer.status == 400, answer
    assert_says(answer, pattern)


def assert_says(answer, pattern):
    message = answer.error()
    assert re.search(pattern, message), f"expected {pattern!r} in {message!r}"
    assert len(message) < 2000, f"{len(message)} characters"


@pytest.mark.parametrize("case", list(WRONG_JSON))
def test_wrong_json(server, case):
    body = WRONG_JSON[case]
    answer = server.infer("identity_fp32", body.encode() if isinstance(body, str) else body)
    assert answer.status == 400, answer
    assert_says(answer, r"JSON|input|expected|twice")


@pytest.mark.parametrize("route", ["/v2/repository/index", "/v2/repository/models/two_inputs/load",
                                   "/v2/repository/models/two_inputs/unload", "/v2/logging",
                                   "/v2/models/identity_fp32/generate"])
@pytest.mark.parametrize("case", ["array", "truncated in a key", "10^6 brackets", "10^6 brackets in an unknown field",
                                  "10^6 braces in an unknown field", "10^6 brackets in a parameter", "rubbish behind"])
def test_wrong_json_on_other_routes(server, route, case):
    answer = server.post(route, WRONG_JSON[case].encode())
    assert answer.status in (400, 503), answer  # 503: only in explicit mode
    assert answer.error()


# --- right, though it may not look so ---

RIGHT = {
    "integers as floats": ("identity_fp32", raw("[1,2]"), [1, 2]),
    "tiny numbers become zero": ("identity_fp32", raw("[1e-999,1e-60]"), [0, 0]),
    "white space": ("identity_fp32", raw(" [ 1 ,\r\n\t2 ] "), [1, 2]),
    "nested deeper than the shape": ("identity_fp32", raw("[[[[1,2]]]]"), [1, 2]),
    "nested as the shape": ("identity_fp32", raw("[[1,2]]"), [1, 2]),
    "data first": ("identity_fp32", '{"inputs":[{"data":[1,2],"shape":[1,2],"datatype":"FP32","name":"x"}]}', [1, 2]),
    "escapes": ("identity_string", raw(r'["\u0061\u0000\ud83d\udea2\n","\\\"\/"]', "BYTES"),
                ["a\0\U0001f6a2\n", '\\"/']),
    "zero bytes in BYTES": ("identity_string", raw(r'["\u0000","a\u0000b"]', "BYTES"), ["\0", "a\0b"]),
    "no elements": ("identity_fp32", raw("[]", shape="[0,9223372036854775807]"), []),
    "largest integers": ("identity_uint64", raw("[18446744073709551615,0]", "UINT64"), [2**64 - 1, 0]),
}


@pytest.mark.parametrize("case", list(RIGHT))
def test_right_though_odd(server, case):
    model, body, expected = RIGHT[case]
    answer = server.infer(model, body)
    assert answer.status == 200, answer
    assert answer.json()["outputs"][0]["data"] == expected


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
def test_not_a_number_where_the_type_has_it(server, datatype):
    model = f"identity_{TYPES[datatype]}"
    body = {"inputs": [tensor(datatype=datatype, shape=[1, 3], data=[np.nan, np.inf, -np.inf])]}
    answer = server.infer(model, body)
    assert answer.status == 400, answer
    assert_says(answer, r"output 'y'.*element 0.*not a finite number.*binary_data.*nan")
    answer = server.infer(model, {**body, "parameters": {"nan": "literal"}})
    assert answer.status == 200 and b'"data":[NaN,Infinity,-Infinity]' in answer.body
    assert server.infer(model, {**body, "parameters": {"nan": "maybe"}}).status == 400
    assert "literal" in server.infer(model, {**body, "parameters": {"nan": "maybe"}}).error()


# --- binary tensors ---


def binary(header: dict, tail: bytes, length=None):
    text = json.dumps(header).encode()
    return text + tail, {"Inference-Header-Content-Length": str(len(text) if length is None else length)}


def sized(size, name="x", datatype="FP32", shape=(1, 2)):
    return {"name": name, "datatype": datatype, "shape": list(shape), "parameters": {"binary_data_size": size}}


EIGHT = struct.pack("<2f", 1, 2)
WRONG_BINARY = {
    "size too small": ("identity_fp32", request(sized(4)), EIGHT[:4], r"input 'x'.*(8|2 x 4) bytes.*got 4"),
    "size too large": ("identity_fp32", request(sized(12)), EIGHT + EIGHT[:4], r"input 'x'.*(8|2 x 4) bytes.*got 12"),
    "size beyond the body": ("identity_fp32", request(sized(8)), EIGHT[:7], r"input 'x'.*8.*7"),
    "size negative": ("identity_fp32", request(sized(-8)), EIGHT, r"input 'x'.*binary_data_size.*-8"),
    "size 2^63": ("identity_fp32", request(sized(2**63)), EIGHT, r"input 'x'.*9223372036854775808"),
    "size 2^64-1": ("identity_fp32", request(sized(2**64 - 1)), EIGHT, r"input 'x'"),
    "size 2^64+8": ("identity_fp32", request(sized(2**64 + 8)), EIGHT, r"input 'x'.*binary_data_size"),
    "size a fraction": ("identity_fp32", request(sized(8.5)), EIGHT, r"input 'x'.*binary_data_size"),
    "size is text": ("identity_fp32", request(sized("8")), EIGHT, r"input 'x'.*binary_data_size"),
    "rest behind": ("identity_fp32", request(sized(8)), EIGHT + b"x", r"9 bytes.*8"),
    "tail without a size": ("identity_fp32", request(X), EIGHT, r"8 bytes.*0"),
    "two inputs overlap": ("two_inputs", request(sized(8, "a"), sized(16, "b", "INT64")), EIGHT + bytes(8),
                           r"input 'b'.*16.*8"),
    "sizes whose sum overflows": ("two_inputs", request(sized(2**64 - 8, "a"), sized(16, "b", "INT64")), EIGHT,
                                  r"input 'a'"),
    "shape overflows": ("identity_fp32", request(sized(0, shape=[2**32, 2**32])), b"", r"input 'x'"),
    "bytes overflow to 8": ("identity_fp64", request(sized(8, datatype="FP64", shape=[2**61 + 1, 1])), EIGHT,
                            r"input 'x'"),
    "dimension 2^63-1": ("identity_fp32", request(sized(8, shape=[2**63 - 1, 1])), EIGHT, r"input 'x'"),
    "string length beyond the tensor": ("identity_string", request(sized(6, datatype="BYTES", shape=[1, 1])),
                                        struct.pack("<I", 100) + b"ab", r"input 'x'"),
    "string length 2^32-1": ("identity_string", request(sized(4, datatype="BYTES", shape=[1, 1])), b"\xff\xff\xff\xff",
                             r"input 'x'"),
    "string length cut off": ("identity_string", request(sized(3, datatype="BYTES", shape=[1, 1])), b"\0\0\0",
                              r"input 'x'"),
    "too few strings": ("identity_string", request(sized(4, datatype="BYTES", shape=[1, 2])), bytes(4), r"input 'x'"),
    "too many strings": ("identity_string", request(sized(8, datatype="BYTES", shape=[1, 1])), bytes(8), r"input 'x'"),
    "2^40 strings": ("identity_string", request(sized(8, datatype="BYTES", shape=[2**40, 1])), bytes(8), r"input 'x'"),
    "2 in BOOL": ("identity_bool", request(sized(2, datatype="BOOL")), b"\1\2", r"input 'x'.*(BOOL|2)"),
}


@pytest.mark.parametrize("case", list(WRONG_BINARY))
def test_wrong_binary_data(server, case):
    model, header, tail, pattern = WRONG_BINARY[case]
    body, headers = binary(header, tail)
    answer = server.infer(model, body, headers)
    assert answer.status == 400, answer
    assert_says(answer, pattern)


@pytest.mark.parametrize("length", ["-1", "abc", "", "1e2", "0x10", "18446744073709551616", "99999", "12 ", "1, 1"])
def test_wrong_header_length(server, length):
    body, _ = binary(request(sized(8)), EIGHT)
    answer = server.infer("identity_fp32", body, {"Inference-Header-Content-Length": length})
    if length == "12 ":  # the blank is the header's, not the value's: the JSON is cut off after 12 bytes
        assert answer.status == 400 and answer.error()
    else:
        assert answer.status == 400 and "inference-header-content-length" in answer.error().lower(), answer


def test_raw_request_of_the_wrong_size(server):
    answer = server.infer("fixed_no_batch", b"\0" * 11, {"Inference-Header-Content-Length": "0"})
    assert answer.status == 400
    assert_says(answer, r"input 'x'.*12 bytes.*11|input 'x'")
    answer = server.infer("two_inputs", b"\0" * 8, {"Inference-Header-Content-Length": "0"})
    assert answer.status == 400 and "one input" in answer.error()


# --- what is not understood ---


def test_unknown_fields_bring_a_warning(server):
    body = request({**X, "colour": "red", "parameters": {"mine": 1}}, extra={"a": [1, {}]},
                   parameters={"temperature": 0.5}, outputs=[{"name": "y", "units": "m", "parameters": {"other": 1}}])
    answer = server.infer("identity_fp32", body)
    assert answer.status == 200 and answer.json()["outputs"][0]["data"] == [1, 2]
    warning = answer.headers["slipway-warning"]
    for name in ("colour", "mine", "extra", "temperature", "units", "other"):
        assert name in warning
    assert server.infer("identity_fp32", request(X)).headers["slipway-warning"] is None


@pytest.mark.parametrize("how", ["parameter", "query"])
def test_unknown_fields_are_an_error_when_strict(server, how):
    body = request({**X, "colour": "red"}, parameters={"strict": True} if how == "parameter" else {})
    path = "/v2/models/identity_fp32/infer" + ("?strict=1" if how == "query" else "")
    answer = server.post(path, body)
    assert answer.status == 400 and "colour" in answer.error()
    body["inputs"] = [X]
    assert server.post(path, body).status == 200


def test_a_warning_stays_short_and_clean(server):
    body = request(X, **{f"\r\nset-cookie: a{i}" + "x" * 1000: 1 for i in range(100)})
    answer = server.infer("identity_fp32", body)
    assert answer.status == 200 and "set-cookie" not in answer.headers
    assert sum(len(name) + len(value) for name, value in answer.headers.items()) < 8000


def test_messages_stay_short_and_clean(server):
    for body in (request(tensor("z" * 10**6)), request(tensor(datatype="F" * 10**6)), request(tensor("\x1b[31m\n"))):
        message = server.infer("identity_fp32", body).error()
        assert len(message) < 2000 and message.isprintable()
    answer = server.get("/v2/models/" + "n" * 5000)
    assert answer.status == 404 and len(answer.error()) < 2000


# --- failures of the engine ---


def test_failure_in_run_is_told(server):
    answer = server.infer("fails_at_run", request(tensor("index", "INT64", [2], [1, 4])))
    assert answer.status in (400, 500) and "fails_at_run" in answer.error()
    answer = server.infer("fails_at_run", request(tensor("index", "INT64", [2], [1, 3])))
    assert answer.json()["outputs"][0]["data"] == [20, 40]


def test_failures_do_not_grow_memory(server):
    bodies = [json.dumps(body).encode() if not isinstance(body, str) else body.encode()
              for model, body, _ in WRONG_TENSORS.values() if model == "identity_fp32"]

    def round_():
        for body in bodies:
            assert server.infer("identity_fp32", body).status == 400

    for _ in range(5):
        round_()
    before = server.resident_bytes()
    for _ in range(20):
        round_()
    assert server.resident_bytes() < before + 16 * MIB


# --- size and compression ---


def bomb(size) -> bytes:
    """A gzip stream of `size` zeros: one packed block, over and over. It does not end, as nobody should get that far."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, again = (packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (size // MIB - 1)


@pytest.mark.parametrize("size", [65, 1024])
def test_gzip_bomb(server, size):
    body = bomb(size * MIB)
    before = server.resident_bytes()
    answer = server.infer("identity_fp32", body, {"Content-Encoding": "gzip"})
    assert answer.status == 413, answer
    assert_says(answer, "decompressed body|compressed more than")
    assert server.resident_bytes() < before + 150 * MIB


def test_many_gzip_bombs(server):
    body = bomb(256 * MIB)
    for _ in range(20):
        assert server.infer("identity_fp32", body, {"Content-Encoding": "gzip"}).status == 413


def test_gzip_in_gzip_is_not_unpacked_twice(server):
    body = gzip.compress(gzip.compress(raw("[1,2]").encode()))
    assert server.infer("identity_fp32", body, {"Content-Encoding": "gzip"}).status == 400
    assert server.infer("identity_fp32", body, {"Content-Encoding": "gzip, gzip"}).status == 501


WRONG_GZIP = {
    "not gzip": (b"hello, this is plain", "gzip"),
    "empty": (b"", "gzip"),
    "truncated": (gzip.compress(raw("[1,2]").encode())[:-9], "gzip"),
    "wrong checksum": (gzip.compress(raw("[1,2]").encode())[:-8] + bytes(8), "gzip"),
    "raw deflate": (zlib.compress(raw("[1,2]").encode())[2:-4], "deflate"),
    "rubbish behind": (gzip.compress(raw("[1,2]").encode()) + b"rubbish", "gzip"),
}


@pytest.mark.parametrize("case", list(WRONG_GZIP))
def test_wrong_compression(server, case):
    body, coding = WRONG_GZIP[case]
    answer = server.infer("identity_fp32", body, {"Content-Encoding": coding})
    assert answer.status == 400 and answer.error(), answer


def test_unknown_compression(server):
    answer = server.infer("identity_fp32", b"x", {"Content-Encoding": "br"})
    assert answer.status == 501 and "gzip" in answer.error() and answer.headers["accept-encoding"] == "gzip, deflate"


def test_body_over_the_limit_is_refused_before_it_is_sent(server):
    head = (f"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {65 * MIB}\r\n"
            "Expect: 100-continue\r\n\r\n").encode()
    answer, closed = exchange(server, head)
    assert answer.status == 413 and closed
    assert_says(answer, r"max_body")


@pytest.mark.parametrize("length", ["18446744073709551616", "9223372036854775808", "99999999999999999999999999", "-1",
                                    "+5", "0x5", "5 5", "5,6", "", "1e3", "５"])
def test_content_length_that_is_none(server, length):
    answer, closed = exchange(server, "POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: "
                              f"{length}\r\n\r\n12345".encode())
    assert answer.status in (400, 413) and closed, answer
    if not length.isdecimal() or not length.isascii():
        assert answer.status == 400


def test_chunked_body_over_the_limit(server):
    with server.connect() as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
        try:
            for _ in range(80):
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        (answer,) = read_answers(connection, 1)
    assert answer.status == 413
    assert_says(answer, "max_body")


# --- the HTTP layer ---

HEAD = "POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = "GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n"
WRONG_HTTP = {
    "TE and CL": HEAD + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "CL and TE": HEAD + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two CL": HEAD + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n12345",
    "two equal CL": HEAD + "Content-Length: 4\r\nContent-Length: 4\r\n\r\n1234",
    "CL list": HEAD + "Content-Length: 4, 4\r\n\r\n1234",
    "folded header": HEAD + "X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "folded first header": "GET /v2 HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare LF in the head": "GET /v2 HTTP/1.1\nHost: x\n\n",
    "bare LF behind a header": "GET /v2 HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "bare LF at the end": "GET /v2 HTTP/1.1\r\nHost: x\r\n\n",
    "bare CR": "GET /v2 HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
    "NUL in a header": "GET /v2 HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "blank before the colon": HEAD + "Content-Length : 0\r\n\r\n",
    "no colon": HEAD + "Content-Length\r\n\r\n",
    "empty name": "GET /v2 HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "no Host": "GET /v2 HTTP/1.1\r\n\r\n",
    "two Hosts": "GET /v2 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "TE twice": HEAD + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE identity": HEAD + "Transfer-Encoding: identity\r\n\r\n",
    "TE with something before": HEAD + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE chunked not last": HEAD + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": HEAD.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE with a vertical tab": HEAD + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunk size negative": HEAD + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
    "chunk size 0x": HEAD + "Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
    "chunk size overflows": HEAD + "Transfer-Encoding: chunked\r\n\r\n10000000000000004\r\nabcd\r\n0\r\n\r\n",
    "chunk size missing": HEAD + "Transfer-Encoding: chunked\r\n\r\n\r\nabcd\r\n0\r\n\r\n",
    "chunk longer than said": HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
    "chunk ends with LF": HEAD + "Transfer-Encoding: chunked\r\n\r\n4\nabcd\n0\n\n",
    "method of nonsense": "G(T /v2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "two blanks": "GET  /v2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "blank in the path": "GET /v2 /x HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": "GET /v2\r\nHost: x\r\n\r\n",
    "version of nonsense": "GET /v2 HTTX/1.1\r\nHost: x\r\n\r\n",
    "path without a slash": "GET v2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "a" * 200,
}

UNKNOWN_CODINGS = ("TE identity", "TE with something before", "TE chunked not last", "TE twice")


@pytest.mark.parametrize("case", list(WRONG_HTTP))
def test_wrong_http_is_refused_and_the_connection_closed(server, case):
    answer, closed = exchange(server, WRONG_HTTP[case].encode("latin-1"))
    assert closed
    if case == "TLS":
        assert answer is None or answer.status == 400
        return
    # 501 is for a Transfer-Encoding that is none of ours.
    assert answer.status == 400 or answer.status == 501 and case in UNKNOWN_CODINGS, answer
    assert answer.headers["connection"] == "close" and answer.error()


HTTP_LIMITS = {
    "long path": ("GET /" + "a" * 10_000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "long header": ("GET /v2 HTTP/1.1\r\nHost: x\r\nX: " + "a" * 40_000 + "\r\n\r\n", 431),
    "many headers": ("GET /v2 HTTP/1.1\r\nHost: x\r\n" + "X: a\r\n" * 200 + "\r\n", 431),
    "head without end": ("GET /v2 HTTP/1.1\r\nHost: x\r\nX: " + "a" * 10**6, 431),
    "request line without end": ("GET /" + "a" * 10**6, (414, 431)),
    "HTTP/2.0": ("GET /v2 HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "unknown expectation": (HEAD + "Content-Length: 1\r\nExpect: a-miracle\r\n\r\n1", 417),
    "CONNECT": ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
}


@pytest.mark.parametrize("case", list(HTTP_LIMITS))
def test_limits_of_the_head(server, case):
    sent, status = HTTP_LIMITS[case]
    answer, closed = exchange(server, sent.encode())
    assert answer.status in np.atleast_1d(status) and answer.error(), answer
    assert closed


PATHS = {
    "/v2/models/%zz": (400, 404), "/v2/models/%": (400, 404), "/v2/models/%00": (400, 404), "/v2/models/a%2fb": (404,),
    "/v2/models//infer": (404, 405), "/v2/models/identity_fp32/versions/0/ready": (404,),
    "/v2/models/identity_fp32/versions/-1/ready": (404,), "/v2/models/identity_fp32/versions/1x/ready": (404,),
    "/v2/models/identity_fp32/versions/99999999999999999999/ready": (404,), "/v2/": (404,), "/V2": (404,),
    "/v2/models/../../etc/passwd": (404,), "/v2/models/%2e%2e": (400, 404), "/v2/models/identity_fp32/": (404,),
}


@pytest.mark.parametrize("path", list(PATHS))
def test_paths_that_lead_nowhere(server, path):
    answer = server.get(path)
    assert answer.status in PATHS[path] and answer.error(), answer


def test_an_error_does_not_close_the_connection(server):
    body = json.dumps(request(tensor(datatype="INT8")))
    one = f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(one)
            (answer,) = read_answers(connection, 1)
            assert answer.status == 400 and answer.headers["connection"] != "close"


@pytest.mark.parametrize("cut", [1, 30, 70, 200])
def test_client_gone_in_the_middle(server, cut):
    body = json.dumps(request(tensor(shape=[1, 1000], data=[1] * 1000)))
    one = f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    for _ in range(50):
        with server.connect() as connection:
            connection.sendall(one[:cut])
    wait_until(lambda: open_connections(server) <= 1)


def open_connections(server) -> int:
    return int(float(next(line.split()[1] for line in server.get("/metrics").body.decode().splitlines()
                          if line.startswith("slipway_connections "))))


def test_client_gone_before_the_answer(server):
    body = json.dumps(request(tensor(shape=[1, 20000], data=[0.1] * 20000)))
    one = f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    for _ in range(50):
        with server.connect() as connection:
            connection.sendall(one * 2)
    wait_until(lambda: open_connections(server) <= 1)


# --- model control ---

WRONG_CONFIG = {
    "policy of a wrong type": {"version_policy": {"latest": 5}},
    "policy a number": {"version_policy": 3},
    "specific a number": {"version_policy": {"specific": 3}},
    "specific versions text": {"version_policy": {"specific": {"versions": "1"}}},
    "num_versions 0": {"version_policy": {"latest": {"num_versions": 0}}},
    "num_versions 2^63": {"version_policy": {"latest": {"num_versions": 2**63}}},
    "num_versions an object": {"version_policy": {"latest": {"num_versions": {}}}},
    "max_batch_size text": {"max_batch_size": "many"},
    "instances on a GPU": {"instance_group": [{"count": 1, "kind": "KIND_GPU"}]},
    "a sequence batcher": {"sequence_batching": {}},
}


@pytest.fixture
def explicit(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"two_inputs": ENGINE_MODELS / "two_inputs.onnx"})
    return start_server(folder, options=["--control", "explicit"])


def load(server, parameters, name="two_inputs"):
    return server.post(f"/v2/repository/models/{name}/load", {"parameters": parameters})


@pytest.mark.parametrize("case", list(WRONG_CONFIG))
def test_wrong_model_config(explicit, case):
    answer = load(explicit, {"config": json.dumps(WRONG_CONFIG[case])})
    assert answer.status == (501 if case in ("instances on a GPU", "a sequence batcher") else 400), answer
    assert_says(answer, r"model config, \w+")
    still_serves(explicit)
    assert explicit.get("/v2/models/two_inputs/config").status == 200


@pytest.mark.parametrize("opening, middle, closing", [("[", "", "]"), ('{"a":', "1", "}")])
def test_deeply_nested_model_config(explicit, opening, middle, closing):
    depth = 10**5
    config = '{"parameters":' + opening * depth + middle + closing * depth + "}"
    answer = load(explicit, {"config": config})
    assert answer.status in (200, 400), answer
    explicit.get("/v2/models/two_inputs/config")
    load(explicit, {"config": "{}"})
    still_serves(explicit)


WRONG_LOAD = {
    "parameter unknown": {"colour": "red"},
    "config a number": {"config": 3},
    "config an object": {"config": {}},
    "file without config": {"file:1/model.onnx": "AAAA"},
    "file not base64": {"config": "{}", "file:1/model.onnx": "?"},
    "file a number": {"config": "{}", "file:1/model.onnx": 3},
    "file not a model": {"config": "{}", "file:1/model.onnx": "AAAA"},
    "file empty": {"config": "{}", "file:1/model.onnx": ""},
    "file of another name": {"config": "{}", "file:1/other.onnx": "AAAA"},
    "file leaves": {"config": "{}", "file:1/../../model.onnx": "AAAA"},
    "file leaves by a dot": {"config": "{}", "file:1/./../model.onnx": "AAAA"},
    "file absolute": {"config": "{}", "file:1//etc/model.onnx": "AAAA"},
    "file with NUL": {"config": "{}", "file:1/a\0b": "AAAA"},
    "file of version -1": {"config": "{}", "file:-1/model.onnx": "AAAA"},
    "file of version 2^64": {"config": "{}", "file:18446744073709551616/model.onnx": "AAAA"},
    "file of no version": {"config": "{}", "file:model.onnx": "AAAA"},
    "file of a folder": {"config": "{}", "file:1/": "AAAA"},
    "file with a very long name": {"config": "{}", "file:1/" + "n" * 10000: "AAAA"},
}


@pytest.mark.parametrize("case", list(WRONG_LOAD))
def test_wrong_load(explicit, case):
    answer = load(explicit, WRONG_LOAD[case])
    assert answer.status == 400 and answer.error(), answer
    still_serves(explicit)


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2f..%2f..%2fb", "%00", "", "-x", "n" * 1000, "caf%C3%A9", "%ff"])
def test_load_of_a_name_that_is_none(explicit, name):
    answer = explicit.post(f"/v2/repository/models/{name}/load")
    assert answer.status in (400, 404) and answer.error(), answer
    answer = explicit.post(f"/v2/repository/models/{name}/load",
                           {"parameters": {"config": "{}", "file:1/model.onnx": "AAAA"}})
    assert answer.status in (400, 404), answer


def test_client_gone_during_a_load(explicit):
    sent = b"POST /v2/repository/models/two_inputs/load HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    for _ in range(20):
        with explicit.connect() as connection:
            connection.sendall(sent * 3)
    wait_until(lambda: open_connections(explicit) <= 1)
    still_serves(explicit)
