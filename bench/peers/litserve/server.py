# SPDX-License-Identifier: Apache-2.0
"""LitServe before ONNX Runtime, an endpoint a model. Models are in $MODELS, NAME/1/model.onnx."""

import os

import litserve
import numpy as np
import onnxruntime


class OnnxAPI(litserve.LitAPI):
    def __init__(self, name):
        super().__init__(api_path=f"/{name}")
        self.name = name

    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(f"{os.environ['MODELS']}/{self.name}/1/model.onnx", options)
        self.input = self.session.get_inputs()[0].name

    def decode_request(self, request):
        return np.array(request["instances"], np.float32)

    def predict(self, x):
        return self.session.run(None, {self.input: x})[0]

    def encode_response(self, output):
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    litserve.LitServer([OnnxAPI("breast_cancer"), OnnxAPI("image150k")], accelerator="cpu",
                       workers_per_device=1).run(
        host="127.0.0.1", port=int(os.environ["PORT"]), num_api_servers=1, generate_client_file=False,
        log_level="warning", access_log=False)
