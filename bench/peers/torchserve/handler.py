# SPDX-License-Identifier: Apache-2.0
"""A TorchServe handler before ONNX Runtime; `model.onnx` is the archive's serialized file."""

import os

import numpy as np
import onnxruntime
from ts.torch_handler.base_handler import BaseHandler


class OnnxHandler(BaseHandler):
    def initialize(self, context):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        folder = context.system_properties["model_dir"]
        self.session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options)
        self.input = self.session.get_inputs()[0].name
        self.initialized = True

    def preprocess(self, data):
        rows = []
        for request in data:
            body = request.get("body") if "body" in request else request.get("data")
            if isinstance(body, dict):  # application/json
                rows.append(np.array(body["instances"], np.float32))
            else:
                rows.append(np.frombuffer(body, np.float32).reshape(1, -1))
        return np.concatenate(rows)

    def inference(self, data):
        return self.session.run(None, {self.input: data})[0]

    def postprocess(self, data):
        return [{"predictions": [row]} for row in data.tolist()]
