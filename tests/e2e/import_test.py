"""slipway import: every model of tests/models/sklearn against the answers of scikit-learn, and what is refused."""

import collections
import datetime
import decimal
import json
import pathlib
import pickle
import pickletools
import subprocess
import types
import uuid

import numpy as np
import pytest

from support.server import ROOT, Server, binary

MODELS = ROOT / "tests/models/sklearn"
INVALID, FAILED_PRECONDITION, UNIMPLEMENTED = 2, 19, 22


def slipway(*words):
    return subprocess.run([str(binary()), *map(str, words)], capture_output=True, text=True, cwd=ROOT, timeout=120)


@pytest.mark.parametrize("model", ["table_logistic.joblib", "forest_classifier.joblib", "svc_rbf.joblib"])
def test_an_imported_model_answers_as_scikit_learn_does(model, tmp_path):
    out = tmp_path / "model.onnx"
    answers = (MODELS / model).with_suffix(".npz")
    result = slipway("import", MODELS / model, "-o", out, "--verify", answers, "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["framework_version"] == "1.9.1"
    assert report["verified"]["passed"]
    assert report["verified"]["rows"] == len(np.load(answers)["label"])
    assert out.stat().st_size == report["bytes"]


def test_a_model_that_answers_otherwise_is_not_written(tmp_path):
    arrays = dict(np.load(MODELS / "logistic.npz"))
    arrays["probabilities"][0, 0] += 1e-5
    np.savez(tmp_path / "wrong.npz", **arrays)
    out = tmp_path / "model.onnx"
    result = slipway("import", MODELS / "logistic.joblib", "-o", out, "--verify", tmp_path / "wrong.npz")
    assert result.returncode == FAILED_PRECONDITION
    assert "1 of 90 beyond it" in result.stdout
    assert not out.exists()


@pytest.mark.parametrize("model, dtype", [("text_counts", np.int64), ("text_counts", np.int32), ("missing_indicator", bool)])
def test_whole_numbers_and_truths_are_answers_too(model, dtype, tmp_path):
    """As scikit-learn itself answers, where our numbers are doubles."""
    arrays = dict(np.load(MODELS / f"{model}.npz"))
    output = arrays["output"].astype(dtype)
    for name, values, status in (("right", output, 0), ("wrong", ~output if dtype is bool else output + 1, FAILED_PRECONDITION)):
        np.savez(tmp_path / f"{name}.npz", x=arrays["x"], output=values)
        result = slipway("import", MODELS / f"{model}.joblib", "-o", tmp_path / "m.onnx", "--verify", tmp_path / f"{name}.npz")
        assert result.returncode == status, result.stderr + result.stdout


def test_a_file_of_several_objects_tells_them_and_one_is_chosen(tmp_path):
    """{"model": model, "columns": [...]}, as many a notebook ends."""
    model = (MODELS / "table_forest.pkl").read_bytes()
    file = tmp_path / "all.pkl"
    file.write_bytes(b"\x80\x04}\x8c\x05model" + model[2:-1] + b"s\x8c\x07columns]s.")
    result = slipway("import", file)
    assert result.returncode == INVALID
    assert "all.pkl': the file holds a dict, expected a model; in it: 'model' (Pipeline), 'columns' (a list); choose one" in result.stderr
    result = slipway("import", file, "--member", "model", "--verify", MODELS / "table_forest.npz", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["verified"]["passed"]
    result = slipway("import", ROOT / "tests/models/boosted/xgb_rank_pairwise.json", "--member", "model", "-o", tmp_path / "m.onnx")
    assert result.returncode == INVALID
    assert "a member can be chosen of a pickle, joblib or skops file" in result.stderr


@pytest.mark.parametrize("value", [
    datetime.datetime(2026, 1, 1), datetime.date(2026, 1, 1), datetime.timedelta(1), decimal.Decimal("0.93"),
    uuid.UUID(int=1), pathlib.Path("train.csv"), collections.Counter("ab"), types.SimpleNamespace(auc=0.93), 1j, np.float64(0.93)],
    ids=lambda value: type(value).__name__)
def test_plain_data_may_stand_beside_a_model(value, tmp_path):
    model = (MODELS / "table_forest.pkl").read_bytes()
    without_memo = pickletools.optimize(pickle.dumps(value, 4))
    assert not any(opcode.name.endswith("GET") for opcode, _, _ in pickletools.genops(without_memo))
    file = tmp_path / "all.pkl"
    file.write_bytes(b"\x80\x04}\x8c\x05model" + model[2:-1] + b"s\x8c\x05about" + without_memo[2:-1] + b"s.")
    result = slipway("import", file, "--member", "model")
    assert result.returncode == 0, result.stderr


def test_arrays_are_no_models(tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(np.zeros((3, 2))))
    result = slipway("import", tmp_path / "x.pkl")
    assert result.returncode == INVALID
    assert "the file holds an array, expected a model" in result.stderr


def test_answers_may_stand_in_a_csv(tmp_path):
    arrays = np.load(MODELS / "linear_regression.npz")
    table = np.concatenate([arrays["x"], arrays["prediction"]], axis=1)
    np.savetxt(tmp_path / "rows.csv", table, delimiter=",", header="a,b,c,d,prediction", comments="", fmt="%.17g")
    result = slipway("import", MODELS / "linear_regression.joblib", "-o", tmp_path / "m.onnx", "--verify", tmp_path / "rows.csv")
    assert result.returncode == 0, result.stderr
    assert "verified  30 rows" in result.stdout


class Call:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_a_command_is_refused_by_name(protocol, tmp_path):
    trace = tmp_path / "was_run"
    evil = tmp_path / "model.pkl"
    evil.write_bytes(pickle.dumps({"model": [Call(subprocess.check_call, ["touch", str(trace)])]}, protocol))
    for command in (["import", evil], ["inspect", evil], ["predict", evil, "--input", MODELS / "logistic.npz"]):
        result = slipway(*command)
        assert result.returncode == INVALID
        # Protocols up to 2 call the module as Python 2 did: commands.
        assert "check_call' at model[0]" in result.stderr
    assert not trace.exists()


def test_a_server_serves_a_joblib_file_as_it_is():
    arrays = np.load(MODELS / "labels_text.npz")
    with Server(MODELS / "labels_text.joblib") as server:
        body = {"inputs": [{"name": "x", "datatype": "FP64", "shape": list(arrays["x"].shape), "data": arrays["x"].ravel().tolist()}]}
        answer = server.infer("labels_text", body)
        assert answer.status == 200, answer.body
        outputs = {one["name"]: one["data"] for one in answer.json()["outputs"]}
        assert outputs["label"] == arrays["label"].tolist()


def test_a_repository_has_foreign_models_too(tmp_path):
    for path, source in {"texts/1/model.joblib": "labels_text.joblib", "line/4/model.pkl": "linear_regression.joblib"}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes((MODELS / source).read_bytes())
    with Server(tmp_path) as server:
        ready = {(one["name"], one["version"]) for one in server.post("/v2/repository/index").json() if one["state"] == "READY"}
        assert ready == {("texts", "1"), ("line", "4")}
        assert server.get("/v2/models/line/config").json()["default_model_filename"] == "model.pkl"


def test_the_proof_is_kept_in_the_file_and_inspect_shows_it(tmp_path):
    out = tmp_path / "model.onnx"
    result = slipway("import", MODELS / "logistic.joblib", "-o", out, "--verify", MODELS / "logistic.npz", "--json")
    assert result.returncode == 0, result.stderr
    inspected = slipway("inspect", out, "--json")
    assert inspected.returncode == 0, inspected.stderr
    proof = json.loads(json.loads(inspected.stdout)["metadata"]["slipway.proof"])
    assert proof == json.loads(result.stdout)["verified"]
    assert proof["passed"]
    with Server(out) as server:
        name = server.get("/v2/models").json()["models"][0]
        properties = server.get(f"/v2/models/{name}").json()["properties"]
    assert json.loads(properties["slipway.proof"]) == proof
    assert properties["slipway.framework"] == "scikit-learn"


def test_texts_are_classified():
    arrays = np.load(MODELS / "text_logistic.npz")
    texts = [str(text) for text in arrays["x"].ravel()]
    with Server(MODELS / "text_logistic.joblib") as server:
        answer = server.post("/predict", body=json.dumps({"input": texts}).encode(), headers={"Content-Type": "application/json"})
        assert answer.status == 200, answer.body
        assert answer.json()["label"] == [str(label) for label in arrays["label"]]
        assert np.allclose(answer.json()["probabilities"], arrays["probabilities"], rtol=1e-6)


def test_only_portable_models_are_written_on_request(tmp_path):
    out = tmp_path / "model.onnx"
    result = slipway("import", MODELS / "text_logistic.joblib", "-o", out, "--portable")
    assert result.returncode == UNIMPLEMENTED
    assert "needs org.slipway." in result.stderr and "without --portable" in result.stderr
    assert not out.exists()
    result = slipway("import", MODELS / "table_logistic.joblib", "-o", out, "--portable")
    assert result.returncode == 0, result.stderr
    assert out.exists()


PMML = ROOT / "tests/models/pmml_verification"


def test_a_file_that_holds_answers_is_checked_by_them(tmp_path):
    out = tmp_path / "model.onnx"
    result = slipway("import", PMML / "holds_number.pmml", "-o", out)
    assert result.returncode == 0, result.stderr
    assert "verified  by 3 rows of the file" in result.stdout
    report = json.loads(slipway("import", PMML / "holds_number.pmml", "-o", out, "--json").stdout)
    assert report["verified_by_file"] == {"rows": 3}


def test_a_file_whose_own_answers_differ_is_not_written(tmp_path):
    out = tmp_path / "model.onnx"
    result = slipway("import", PMML / "differs_number.pmml", "-o", out)
    assert result.returncode == FAILED_PRECONDITION
    assert "row 2, field 'y': expected 2.1, got 2" in result.stderr
    assert not out.exists()


ONNX = ROOT / "tests/models/engine"


def test_probabilities_that_are_maps_are_served_as_a_tensor():
    with Server(ONNX / "ml_zipmap.onnx") as server:
        metadata = server.get("/v2/models/ml_zipmap").json()
        assert [(o["name"], o["datatype"], o["shape"]) for o in metadata["outputs"]] == [
            ("label", "INT64", [-1]), ("output_probability", "FP32", [-1, 3])]
        answer = server.infer("ml_zipmap", {"inputs": [
            {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [2, 0, 0, 2]}]})
        assert answer.json()["outputs"][1]["data"] == [2, 0, -2, 0, 2, -2]


def test_an_onnx_file_is_cleaned(tmp_path):
    out = tmp_path / "whole.onnx"
    result = slipway("import", ONNX / "external_data/good/1/model.onnx", "-o", out)
    assert result.returncode == 0, result.stderr
    assert "tensors of other files are in the model" in result.stdout
    assert slipway("inspect", out).returncode == 0
    kept = slipway("import", ONNX / "ml_zipmap.onnx", "-o", tmp_path / "kept.onnx", "--keep", "zipmap")
    assert kept.returncode == 0 and "sequence" in kept.stdout


def test_a_model_of_half_precision_stays_one(tmp_path):
    out = tmp_path / "half.onnx"
    result = slipway("import", ROOT / "tests/models/onnx/types/float16_mlp.onnx", "-o", out)
    assert result.returncode == 0, result.stderr
    assert "operators of ai.onnx 12 became those of 21" in result.stdout
    assert "x FP16[batch,4]" in result.stdout
    np.save(tmp_path / "x.npy", np.linspace(-1, 1, 8).reshape(2, 4).astype(np.float16))
    answer = slipway("predict", out, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert answer.returncode == 0, answer.stderr
    half = np.load(tmp_path / "y.npy")
    assert half.dtype == np.float16 and half.shape == (2, 3)
    assert np.allclose(half.sum(axis=1, dtype=np.float64), 1, atol=2e-3)


def test_nodes_that_keep_an_old_operator_set_are_named(tmp_path):
    model = ROOT / "tests/models/onnx/old/kept_group_normalization_18.onnx"
    result = slipway("import", model, "-o", tmp_path / "model.onnx")
    assert result.returncode == 0, result.stderr
    assert "the operators stay those of ai.onnx 18: node 'groupnormalization_y'" in result.stdout + result.stderr


def test_arrays_are_scored_in_bulk(tmp_path):
    arrays = np.load(MODELS / "logistic.npz")
    rows = np.repeat(arrays["x"], 400, axis=0)
    np.save(tmp_path / "X.npy", rows)
    result = slipway("predict", MODELS / "logistic.joblib", "--input", tmp_path / "X.npy", "--output", tmp_path / "Y.npy")
    assert result.returncode == 0, result.stderr
    expected = np.repeat(arrays["probabilities"], 400, axis=0)
    assert np.allclose(np.load(tmp_path / "Y.npy"), expected, rtol=1e-9, atol=0, equal_nan=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["X.npy", "Y.npy"]


WINE = ROOT / "examples/scikit-learn"


def test_columns_of_a_csv_are_matched_by_their_names(tmp_path):
    lines = [line.split(",") for line in (WINE / "wine.csv").read_text().splitlines()]
    (tmp_path / "reversed.csv").write_text("\n".join(",".join(reversed(line)) for line in lines))
    renamed = (WINE / "wine.csv").read_text().replace(",ash,", ",Ash,", 1)
    (tmp_path / "renamed.csv").write_text(renamed)
    model = WINE / "wine.joblib"
    expected = slipway("predict", model, "--input", WINE / "wine.csv", "--format", "csv")
    assert expected.returncode == 0, expected.stderr
    with Server(model) as server:
        for target in (model, server.url):
            answer = slipway("predict", target, "--input", tmp_path / "reversed.csv", "--format", "csv")
            assert answer.stdout == expected.stdout, answer.stderr
            refused = slipway("predict", target, "--input", tmp_path / "renamed.csv")
            assert "column 'ash' FP64[-1,1] is missing; 'Ash' is no column of the model" in refused.stderr
            mapped = slipway("predict", target, "--input", tmp_path / "renamed.csv", "--map", "ash=Ash", "--format", "csv")
            assert mapped.stdout == expected.stdout, mapped.stderr
            by_position = slipway("predict", target, "--input", tmp_path / "renamed.csv", "--by-position", "--format", "csv")
            assert by_position.stdout == expected.stdout, by_position.stderr
