# SPDX-License-Identifier: Apache-2.0
"""FastAPI before ONNX Runtime: what a careful user writes by hand. Models are in $MODELS, NAME/1/model.onnx."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request
from pydantic import BaseModel


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(f"{os.environ['MODELS']}/{name}/1/model.onnx", options)


app = FastAPI()
breast_cancer, image150k = session("breast_cancer"), session("image150k")


class Rows(BaseModel):
    instances: list[list[float]]


class Classes(BaseModel):
    probability: list[list[float]]
    label: list[int]


class Means(BaseModel):
    output: list[list[float]]


@app.get("/health")
async def health():
    return {}


@app.post("/breast_cancer")
async def classify(rows: Rows) -> Classes:
    features = np.array(rows.instances, np.float32)
    probability, label = breast_cancer.run(None, {"features": features})
    return Classes(probability=probability.tolist(), label=label.tolist())


@app.post("/image150k")
async def mean(rows: Rows) -> Means:
    means, = image150k.run(None, {"input": np.array(rows.instances, np.float32)})
    return Means(output=means.tolist())


@app.post("/image150k/binary")
async def mean_of_bytes(request: Request) -> Means:
    pixels = np.frombuffer(await request.body(), np.float32).reshape(1, -1)
    means, = image150k.run(None, {"input": pixels})
    return Means(output=means.tolist())
