"""The operator cases that ONNX publishes for those who run its models (PyPI `onnx`, onnx.backend.test): models with
inputs and the outputs that ONNX's authors expect."""

import itertools
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

from support import tensors

# Kinds whose models and data the package carries; `real` and `light` are whole networks that it would download.
KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")


@dataclass
class Case:
    name: str
    kind: str
    model: onnx.ModelProto
    data: list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]  # inputs and expected outputs, by name
    rtol: float
    atol: float

    @property
    def model_name(self) -> str:
        """Its name in a model repository."""
        return self.name.replace("/", ".")

    def difference(self, outputs: dict[str, np.ndarray], data_set: int) -> str:
        """How `outputs` differ from what is expected; empty if they do not. Judges as the suite itself does, in
        onnx.backend.test.runner, assert_similar_outputs."""
        for name, want in self.data[data_set][1].items():
            got = outputs[name]
            if got.shape != want.shape:
                return f"{name}: shape {list(got.shape)}, expected {list(want.shape)}"
            if got.dtype != want.dtype:
                return f"{name}: {tensors.datatype(got)}, expected {tensors.datatype(want)}"
            rtol = self.rtol
            if tensors.datatype(want) == "BF16":
                rtol = max(rtol, 2**-6)  # two units in the last place
                got, want = got.astype(np.float32), want.astype(np.float32)
            same = got == want if got.dtype.kind == "O" else np.isclose(got, want, rtol, self.atol, equal_nan=True)
            if not np.all(same):
                return f"{name}: {np.size(same) - np.count_nonzero(same)} of {np.size(same)} values differ"
        return ""


def load_cases() -> list[Case]:
    """All of them, in the order of their names; takes some ten seconds, as the package computes most of the data.
    Cases whose values are not tensors of types that the protocol has come without data."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = [make_case(kind, case) for kind in KINDS for case in load_model_tests(kind=kind)]
    return sorted(cases, key=lambda case: (KINDS.index(case.kind), case.name))


def make_case(kind, case) -> Case:
    model = case.model or onnx.load(Path(case.model_dir) / "model.onnx")
    made = Case(case.name if kind == "node" else f"{kind}/{case.name}", kind, model, [], case.rtol, case.atol)
    if unservable_type(model):
        return made
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in weights]
    outputs = [value.name for value in model.graph.output]
    for given, expected in case.data_sets if case.data_sets is not None else read_data(Path(case.model_dir)):
        made.data.append((named(inputs, given), named(outputs, expected)))
    assert any(expected for _, expected in made.data), made.name
    return made


def read_data(folder: Path):
    """The data sets of a case that lies in files: input_0.pb, ..., output_0.pb, ..."""
    for data_set in sorted(folder.glob("test_data_set_*")):
        sides = []
        for side in ("input", "output"):
            files = itertools.takewhile(Path.exists, (data_set / f"{side}_{i}.pb" for i in itertools.count()))
            sides.append([TensorProto.FromString(file.read_bytes()) for file in files])
        yield tuple(sides)


def named(names, values) -> dict[str, np.ndarray]:
    assert len(values) <= len(names), f"{len(values)} values for {names}"
    return {name: to_array(value) for name, value in zip(names, values)}


def to_array(value) -> np.ndarray:
    """As the tests hold arrays; strings as bytes."""
    if isinstance(value, TensorProto):
        value = numpy_helper.to_array(value)
    array = np.asarray(value)
    if array.dtype.kind in "OUS":
        return tensors.from_binary("BYTES", array.shape, tensors.to_binary(array))
    return array


def unservable_type(model) -> str:
    """`sequence`, `optional`, or the name of the element type that keeps an input or output out of the protocol."""
    for value in [*model.graph.input, *model.graph.output]:
        kind = value.type.WhichOneof("value") or "untyped"
        if kind != "tensor_type":
            return kind.removesuffix("_type")
        if value.type.tensor_type.elem_type not in SERVED:
            return TensorProto.DataType.Name(value.type.tensor_type.elem_type)
    return ""


SERVED = {TensorProto.STRING, TensorProto.BFLOAT16} | {
    onnx.helper.np_dtype_to_tensor_dtype(dtype)
    for name, dtype in tensors.NUMPY.items() if name not in ("BYTES", "BF16")
}
