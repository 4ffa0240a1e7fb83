"""gRPC clients of other languages: grpc++, Node's, grpcurl and ghz. Python's are in grpc_test.py."""

import base64
import json
import subprocess

import numpy as np
import pytest

from support.certificates import Authority
from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, ROOT, Server, repository

TOOLS = ROOT / "build/tools"
NODE_CLIENT = ROOT / "tests/e2e/clients/node/client.js"
CPP_CLIENT = ROOT / "build/release/bin/grpc_cpp_client"
SERVICE = "inference.GRPCInferenceService"
NOT_FOUND, DEADLINE_EXCEEDED = 5, 4
MODEL, INPUT = "breast_cancer", "features"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def shared(authority, tmp_path_factory):
    """One server in cleartext and inside TLS: `address` and `secure`."""
    pair = authority.issue()
    folder = repository(tmp_path_factory.mktemp("models"), {"identity": ENGINE_MODELS / "identity_fp32.onnx"})
    options = ["--tls-cert", pair.cert, "--tls-key", pair.key, "--listen", "http=127.0.0.1:0", "--listen", "https=127.0.0.1:0"]
    with Server(EXAMPLE_MODELS, folder, options=options) as server:
        server.secure = next(url for url in server.urls if url.startswith("https://")).removeprefix("https://")
        server.clear = next(url for url in server.urls if url.startswith("http://")).removeprefix("http://")
        yield server


@pytest.fixture(params=["cleartext", "tls"])
def endpoint(request, shared, authority):
    """An address, and the certificate to trust there; None: no TLS."""
    return (shared.clear, None) if request.param == "cleartext" else (shared.secure, str(authority.cert))


@pytest.fixture(scope="module")
def row():
    body = json.loads((EXAMPLE_DATA / "breast_cancer_request.json").read_text())
    return np.array(body["inputs"][0]["data"], np.float32).reshape(-1)[:30].tolist()


@pytest.fixture(scope="module")
def expected(shared, row):
    """What REST answers to the same row."""
    body = {"inputs": [{"name": INPUT, "datatype": "FP32", "shape": [1, 30], "data": row}]}
    answer = shared.infer(MODEL, body).json()
    return answer["model_version"], answer["outputs"][0]["data"][0]


def run(*command, **more) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, **more)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_grpc_plus_plus(endpoint, row, expected):
    address, certificate = endpoint
    command = [CPP_CLIENT, address, MODEL, INPUT, *([certificate] if certificate else [])]
    out = dict(line.split("=", 1) for line in run(*command, input=" ".join(map(repr, row))).splitlines())
    assert out["version"] == expected[0]
    assert np.float32(out["output"]) == np.float32(expected[1])
    assert out["stream"] == "50" and out["side_by_side"] == "200"
    assert out["unknown"].startswith(f"{NOT_FOUND} ") and "no_such_model" in out["unknown"]
    assert out["late"] == str(DEADLINE_EXCEEDED)


def test_node(endpoint, row, expected):
    address, certificate = endpoint
    home = ROOT / "build/node"
    out = json.loads(run(home / "bin/node", NODE_CLIENT, ROOT / "proto", address, MODEL, INPUT, json.dumps(row),
                         *([certificate] if certificate else []), env={"NODE_PATH": str(home / "node_modules")}))
    assert out["version"] == expected[0]
    assert np.float32(out["output"]) == np.float32(expected[1])
    assert out["stream"] == [str(i) for i in range(50)] and out["side_by_side"] == 200
    assert out["unknown"]["code"] == NOT_FOUND and "no_such_model" in out["unknown"]["details"]
    assert out["late"]["code"] == DEADLINE_EXCEEDED


def grpcurl(endpoint, *words, data=None) -> str:
    address, certificate = endpoint
    flags = ["-cacert", certificate] if certificate else ["-plaintext"]
    if data is not None:
        flags += ["-d", json.dumps(data)]
    return run(TOOLS / "grpcurl", *flags, address, *words)


def test_grpcurl_lists_and_describes(endpoint):
    assert {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= set(grpcurl(endpoint, "list").split())
    described = grpcurl(endpoint, "describe", SERVICE)
    assert "rpc ModelInfer ( .inference.ModelInferRequest ) returns ( .inference.ModelInferResponse );" in described
    assert "repeated bytes raw_input_contents = 7;" in grpcurl(endpoint, "describe", "inference.ModelInferRequest")


def test_grpcurl_calls(endpoint, row, expected):
    assert json.loads(grpcurl(endpoint, f"{SERVICE}/ServerReady")) == {"ready": True}
    assert json.loads(grpcurl(endpoint, "grpc.health.v1.Health/Check")) == {"status": "SERVING"}
    tensor = {"name": INPUT, "datatype": "FP32", "shape": [1, 30], "contents": {"fp32_contents": row}}
    answer = json.loads(grpcurl(endpoint, f"{SERVICE}/ModelInfer", data={"model_name": MODEL, "inputs": [tensor]}))
    assert answer["modelVersion"] == expected[0]
    first = np.frombuffer(base64.b64decode(answer["rawOutputContents"][0]), np.float32)[0]
    assert first == np.float32(expected[1])


def test_ghz_loses_nothing(endpoint, row):
    address, certificate = endpoint
    security = ["--cacert", certificate] if certificate else ["--insecure"]
    tensor = {"name": INPUT, "datatype": "FP32", "shape": [1, 30], "contents": {"fp32_contents": row}}
    report = json.loads(run(TOOLS / "ghz", *security, "--call", f"{SERVICE}.ModelInfer", "-n", "2000", "-c", "16",
                            "--connections", "4", "-O", "json", "-d",
                            json.dumps({"model_name": MODEL, "inputs": [tensor]}), address))
    assert report["count"] == 2000 and report["statusCodeDistribution"] == {"OK": 2000}, report["errorDistribution"]
