"""Requests that arrive together run as one batch, and nobody can tell from the answers."""

import csv
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.raw_answers import read_answers
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, Server

MODEL = "breast_cancer"
COUNT = 20  # pipelined on one connection, so that one round of the event loop finds them all


def rows():
    with (EXAMPLE_DATA / "breast_cancer_heldout.csv").open() as file:
        lines = list(csv.reader(file))[1:]
    return [[float(value) for value in line[:30]] for line in lines[:COUNT]]


def body(*features):
    return json.dumps({"inputs": [{"name": "features", "shape": [len(features), 30], "datatype": "FP32",
                                   "data": [x for row in features for x in row]}]}).encode()


def wire(content, model=MODEL):
    return (f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(content)}\r\n\r\n").encode() + content


def outputs(answer):
    assert answer.status == 200, answer
    return {output["name"]: output["data"] for output in json.loads(answer.body)["outputs"]}


def together(server, contents):
    with server.connect() as connection:
        connection.sendall(b"".join(map(wire, contents)))
        return read_answers(connection, len(contents))


def runs(server, model=MODEL):
    """Rows of a run -> how often the engine ran with so many."""
    stats = server.get(f"/v2/models/{model}/stats").json()["model_stats"][0]
    return {int(size["batch_size"]): int(size["compute_infer"]["count"]) for size in stats["batch_stats"]}


@pytest.fixture
def alone():
    """What each row is answered when nothing is put together, and that nothing is."""
    with Server(EXAMPLE_MODELS, config={"batching": {"max_rows": 1}}) as server:
        answers = [outputs(answer) for answer in together(server, [body(row) for row in rows()])]
        assert set(runs(server)) == {1} and runs(server)[1] == COUNT
        yield answers


def test_answers_are_those_of_requests_that_come_alone(alone):
    with Server(EXAMPLE_MODELS) as server:
        answers = [outputs(answer) for answer in together(server, [body(row) for row in rows()])]
        assert max(runs(server)) > 1 and sum(size * count for size, count in runs(server).items()) == COUNT
        for one, expected in zip(answers, alone):
            assert one["label"] == expected["label"]
            assert one["probability"] == pytest.approx(expected["probability"], rel=1e-5, abs=1e-6)


def test_requests_of_several_rows_and_wrong_ones_keep_apart(alone):
    with Server(EXAMPLE_MODELS) as server:
        features = rows()
        good, several, wrong, last = together(
            server, [body(features[0]), body(*features[1:4]), body(features[4][:29] + ["x"]), body(features[5])])
        assert outputs(good)["label"] == alone[0]["label"]
        assert outputs(several)["label"] == [label for one in alone[1:4] for label in one["label"]]
        assert wrong.status == 400
        assert outputs(last)["label"] == alone[5]["label"]


def make_encoder(path, masked):
    """Scores a text of any length; unless `masked` the length counts, whatever the mask says."""
    rng = np.random.default_rng(7)
    weights = {"table": rng.normal(size=(50, 8)), "w": rng.normal(size=(8, 2)), "one": np.ones(1)}
    nodes = [helper.make_node("Gather", ["table", "ids"], ["words"]),
             helper.make_node("Cast", ["attention_mask"], ["flat"], to=TensorProto.FLOAT),
             helper.make_node("Unsqueeze", ["flat", "last"], ["mask"]),
             helper.make_node("Mul", ["words", "mask"], ["hidden"]),
             helper.make_node("ReduceMean", ["hidden"], ["mean"], axes=[1], keepdims=0),
             helper.make_node("ReduceMean", ["mask"], ["share"], axes=[1], keepdims=0),
             helper.make_node("Div", ["mean", "share" if masked else "one"], ["pooled"]),
             helper.make_node("MatMul", ["pooled", "w"], ["score"])]
    graph = helper.make_graph(
        nodes, "encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "length"]) for name in ("ids", "attention_mask")],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 2]),
         helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["n", "length", 8])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
        + [numpy_helper.from_array(np.array([-1], np.int64), "last")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def text(length, seed):
    ids = np.random.default_rng(seed).integers(0, 50, length).tolist()
    return json.dumps({"inputs": [{"name": "ids", "shape": [1, length], "datatype": "INT64", "data": ids},
                                  {"name": "attention_mask", "shape": [1, length], "datatype": "INT64", "data": [1] * length}]}).encode()


def texts_together(path, lengths, **config):
    """The answers to texts of those lengths, pipelined, and the sizes of the runs."""
    with Server(path, config=config) as server:
        contents = [text(length, seed) for seed, length in enumerate(lengths)]
        with server.connect() as connection:
            connection.sendall(b"".join(wire(content, "encoder") for content in contents))
            answers = [outputs(answer) for answer in read_answers(connection, len(contents))]
        return answers, runs(server, "encoder")


@pytest.mark.parametrize("lengths, masked, padded", [([12] * COUNT, False, True), ([9, 16, 11, 13] * 5, True, True),
                                                     ([9, 16, 11, 13] * 5, False, False)])
def test_rows_of_other_lengths_run_together_where_that_changes_no_answer(tmp_path, lengths, masked, padded):
    make_encoder(tmp_path / "encoder.onnx", masked)
    expected, sizes = texts_together(tmp_path / "encoder.onnx", lengths, batching={"max_rows": 1})
    assert set(sizes) == {1}
    answers, sizes = texts_together(tmp_path / "encoder.onnx", lengths)
    assert sum(size * count for size, count in sizes.items()) == COUNT
    # Without padding texts of one length still run together: five of each.
    assert max(sizes) > (5 if padded else 1) and (padded or max(sizes) <= 5), sizes
    for one, alone, length in zip(answers, expected, lengths):
        assert one["score"] == pytest.approx(alone["score"], rel=1e-4, abs=1e-5)
        assert len(one["hidden"]) == length * 8 and one["hidden"] == pytest.approx(alone["hidden"], rel=1e-4, abs=1e-5)
