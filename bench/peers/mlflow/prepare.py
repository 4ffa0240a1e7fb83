# SPDX-License-Identifier: Apache-2.0
"""prepare.py MODELS FOLDER: the ONNX files of a repository as MLflow models, FOLDER/NAME."""

import sys
from pathlib import Path

import mlflow.onnx
import onnx

models, folder = map(Path, sys.argv[1:])
for file in sorted(models.glob("*/1/model.onnx")):
    mlflow.onnx.save_model(onnx.load(file), folder / file.parent.parent.name,
                           onnx_session_options={"intra_op_num_threads": 1})
