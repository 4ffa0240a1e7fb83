# SPDX-License-Identifier: Apache-2.0
"""An MLServer runtime before ONNX Runtime, which has none of its own."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(await get_model_uri(self._settings), options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        answers = self.session.run(None, {tensor.name: NumpyCodec.decode_input(tensor)})
        names = [output.name for output in self.session.get_outputs()]
        return InferenceResponse(model_name=self.name, outputs=[
            NumpyCodec.encode_output(name, answer) for name, answer in zip(names, answers)])
