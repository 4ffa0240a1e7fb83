# SPDX-License-Identifier: Apache-2.0
"""A BentoML service before ONNX Runtime. Models are in $MODELS, NAME/1/model.onnx."""

import os

import bentoml
import numpy as np
import onnxruntime


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(f"{os.environ['MODELS']}/{name}/1/model.onnx", options)


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Models:
    def __init__(self):
        self.breast_cancer_session, self.image150k_session = session("breast_cancer"), session("image150k")

    @bentoml.api
    async def breast_cancer(self, instances: np.ndarray) -> np.ndarray:
        return self.breast_cancer_session.run(None, {"features": instances.astype(np.float32)})[0]

    @bentoml.api
    async def image150k(self, instances: np.ndarray) -> np.ndarray:
        return self.image150k_session.run(None, {"input": instances.astype(np.float32)})[0]
