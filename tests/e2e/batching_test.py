"""Requests that arrive together run as one batch, and nobody can tell from the answers."""

import csv
import json

import pytest

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


def wire(content):
    return (f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(content)}\r\n\r\n").encode() + content


def outputs(answer):
    assert answer.status == 200, answer
    return {output["name"]: output["data"] for output in json.loads(answer.body)["outputs"]}


def together(server, contents):
    with server.connect() as connection:
        connection.sendall(b"".join(map(wire, contents)))
        return read_answers(connection, len(contents))


def runs(server):
    """Rows of a run -> how often the engine ran with so many."""
    stats = server.get(f"/v2/models/{MODEL}/stats").json()["model_stats"][0]
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
