#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the five models of bench/batching.py: make_models.py FOLDER. Needs onnx and numpy, as build/venv has.

Weights are random, from a fixed seed; what they answer means nothing, but they take the time of a real model of their
shape. All have one input with a free first dimension, whose rows are independent.
"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

SEED = 20261122
OPSET = 17


class Graph:
    """Nodes and weights as they are added; `x` names the tensor that the next node reads."""

    def __init__(self, random):
        self.random = random
        self.nodes = []
        self.weights = []
        self.made = 0

    def weight(self, *shape, scale=None):
        scale = scale if scale is not None else 1 / np.sqrt(np.prod(shape[:-1] if len(shape) > 1 else shape))
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def constant(self, array):
        self.made += 1
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w{self.made}"))
        return self.weights[-1].name

    def add(self, operator, *inputs, **attributes):
        self.made += 1
        self.nodes.append(helper.make_node(operator, list(inputs), [f"t{self.made}"], **attributes))
        return f"t{self.made}"

    def dense(self, x, rows, columns):
        return self.add("Add", self.add("MatMul", x, self.weight(rows, columns)), self.weight(columns))

    def save(self, path, x, shape, y, columns, dtype=TensorProto.FLOAT):
        self.nodes.append(helper.make_node("Identity", [y], ["y"]))
        graph = helper.make_graph(self.nodes, path.stem, [helper.make_tensor_value_info(x, dtype, ["rows", *shape])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", columns])], self.weights)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        checker.check_model(model)
        save(model, path)


def linear(path, random):
    graph = Graph(random)
    graph.save(path, "x", [30], graph.add("Sigmoid", graph.dense("x", 30, 1)), 1)


def mlp(path, random):
    """1.8 M weights, which one row reads as 64 do."""
    graph = Graph(random)
    y = "x"
    for rows, columns in ((512, 1024), (1024, 1024), (1024, 256)):
        y = graph.add("Relu", graph.dense(y, rows, columns))
    graph.save(path, "x", [512], graph.dense(y, 256, 10), 10)


def trees(path, random, count=500, depth=8, features=40):
    """Whole trees of `depth`: nodes in order of their level."""
    inner = 2**depth - 1
    ids = np.arange(2 * inner + 1)
    graph = Graph(random)
    y = graph.add(
        "TreeEnsembleRegressor", "x", domain="ai.onnx.ml", n_targets=1, post_transform="NONE",
        nodes_treeids=np.repeat(np.arange(count), len(ids)).tolist(), nodes_nodeids=np.tile(ids, count).tolist(),
        nodes_featureids=random.integers(0, features, count * len(ids)).tolist(),
        nodes_values=random.standard_normal(count * len(ids)).tolist(),
        nodes_modes=(["BRANCH_LEQ"] * inner + ["LEAF"] * (inner + 1)) * count,
        nodes_truenodeids=np.tile(np.where(ids < inner, 2 * ids + 1, 0), count).tolist(),
        nodes_falsenodeids=np.tile(np.where(ids < inner, 2 * ids + 2, 0), count).tolist(),
        target_treeids=np.repeat(np.arange(count), inner + 1).tolist(), target_nodeids=np.tile(ids[inner:], count).tolist(),
        target_ids=[0] * (count * (inner + 1)), target_weights=random.standard_normal(count * (inner + 1)).tolist())
    graph.save(path, "x", [features], y, 1)


def cnn(path, random):
    """Three convolutions over an image of 32 x 32."""
    graph = Graph(random)
    y = "x"
    for before, after, stride in ((3, 32, 1), (32, 64, 2), (64, 128, 1)):
        y = graph.add("Conv", y, graph.weight(after, before, 3, 3, scale=0.1), graph.weight(after), kernel_shape=[3, 3],
                      pads=[1, 1, 1, 1], strides=[stride, stride])
        y = graph.add("Relu", y)
    y = graph.add("Flatten", graph.add("GlobalAveragePool", y))
    graph.save(path, "x", [3, 32, 32], graph.dense(y, 128, 10), 10)


def attention(graph, x, words, width, heads):
    split = graph.constant(np.array([0, words, heads, width // heads], np.int64))
    merge = graph.constant(np.array([0, words, width], np.int64))
    query, key, value = (graph.add("Reshape", graph.dense(x, width, width), split) for _ in range(3))
    query, value = (graph.add("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
    key = graph.add("Transpose", key, perm=[0, 2, 3, 1])
    scores = graph.add("Mul", graph.add("MatMul", query, key), graph.constant(np.float32((width // heads) ** -0.5)))
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    return graph.dense(graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), merge), width, width)


def encoder(path, random, layers=3, words=32, width=128, heads=4):
    """A transformer's encoder over 32 tokens, and the mean of what it makes of them."""
    graph = Graph(random)
    x = graph.add("Gather", graph.weight(1000, width), "tokens")
    for _ in range(layers):
        for part in (lambda x: attention(graph, x, words, width, heads),
                     lambda x: graph.dense(graph.add("Relu", graph.dense(x, width, 4 * width)), 4 * width, width)):
            x = graph.add("LayerNormalization", graph.add("Add", x, part(x)), graph.constant(np.ones(width, np.float32)),
                          graph.constant(np.zeros(width, np.float32)), axis=-1)
    y = graph.dense(graph.add("ReduceMean", x, axes=[1], keepdims=0), width, 8)
    graph.save(path, "tokens", [words], y, 8, TensorProto.INT64)


MODELS = {"linear": linear, "mlp": mlp, "trees": trees, "cnn": cnn, "encoder": encoder}


def main(folder):
    for name, make in MODELS.items():
        make(Path(folder) / f"{name}.onnx", np.random.default_rng(SEED))


if __name__ == "__main__":
    main(sys.argv[1])
