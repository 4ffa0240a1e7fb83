# SPDX-License-Identifier: Apache-2.0
"""FastAPI before ONNX Runtime: what a careful user writes by hand. Models are in $MODELS, NAME/1/model.onnx.

Requests are read and answers written without pydantic models ("Using the Request Directly" and "Return a Response
Directly" in FastAPI's documentation), which costs a fifth less.
"""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(f"{os.environ['MODELS']}/{name}/1/model.onnx", options)


app = FastAPI()
breast_cancer, image150k = session("breast_cancer"), session("image150k")


async def rows(request):
    try:
        return np.array((await request.json())["instances"], np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise HTTPException(400, str(error)) from error


@app.post("/breast_cancer")
async def classify(request: Request):
    probability, label = breast_cancer.run(None, {"features": await rows(request)})
    return JSONResponse({"probability": probability.tolist(), "label": label.tolist()})


@app.post("/image150k")
async def mean(request: Request):
    means, = image150k.run(None, {"input": await rows(request)})
    return JSONResponse({"output": means.tolist()})


@app.post("/image150k/binary")
async def mean_of_bytes(request: Request):
    pixels = np.frombuffer(await request.body(), np.float32).reshape(1, -1)
    means, = image150k.run(None, {"input": pixels})
    return JSONResponse({"output": means.tolist()})
