# SPDX-License-Identifier: Apache-2.0
"""A KServe custom predictor before ONNX Runtime. Models are in $MODELS, NAME/1/model.onnx."""

import os

import numpy as np
import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.logging import KSERVE_LOG_CONFIG
from kserve.utils.utils import generate_uuid


class OnnxModel(Model):
    """Answers version 1 of the protocol with {"predictions"} and version 2 with tensors."""

    def __init__(self, name):
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(f"{os.environ['MODELS']}/{name}/1/model.onnx", options)
        self.input = self.session.get_inputs()[0].name
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        if not isinstance(payload, InferRequest):
            rows = np.array(payload["instances"], np.float32)
            return {"predictions": self.session.run(None, {self.input: rows})[0].tolist()}
        answers = self.session.run(None, {self.input: payload.inputs[0].as_numpy()})
        outputs = []
        for name, answer in zip(self.outputs, answers):
            outputs.append(InferOutput(name, list(answer.shape), "FP32" if answer.dtype == np.float32 else "INT64"))
            outputs[-1].set_data_from_numpy(answer, binary_data=payload.from_grpc)
        return InferResponse(payload.id or generate_uuid(), self.name, outputs)


if __name__ == "__main__":
    KSERVE_LOG_CONFIG["loggers"]["uvicorn.access"]["level"] = "WARNING"
    ModelServer(workers=1, http_port=int(os.environ["PORT"]), grpc_port=int(os.environ["GRPC_PORT"]),
                enable_docs_url=False, enable_latency_logging=False, access_log_format=None).start(
        [OnnxModel("breast_cancer"), OnnxModel("image150k")])
