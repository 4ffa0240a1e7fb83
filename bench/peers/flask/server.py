# SPDX-License-Identifier: Apache-2.0
"""Flask before ONNX Runtime, for gunicorn. Models are in $MODELS, NAME/1/model.onnx."""

import os

import numpy as np
import onnxruntime
from flask import Flask, request


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(f"{os.environ['MODELS']}/{name}/1/model.onnx", options)


app = Flask(__name__)
breast_cancer, image150k = session("breast_cancer"), session("image150k")


@app.post("/breast_cancer")
def classify():
    features = np.array(request.get_json()["instances"], np.float32)
    probability, label = breast_cancer.run(None, {"features": features})
    return {"probability": probability.tolist(), "label": label.tolist()}


@app.post("/image150k")
def mean():
    means, = image150k.run(None, {"input": np.array(request.get_json()["instances"], np.float32)})
    return {"output": means.tolist()}


@app.post("/image150k/binary")
def mean_of_bytes():
    pixels = np.frombuffer(request.get_data(), np.float32).reshape(1, -1)
    means, = image150k.run(None, {"input": pixels})
    return {"output": means.tolist()}
