"""HTTP/2 and gRPC inside TLS: h2spec, h2load, Triton's client and plain channels."""

import re
import subprocess

import grpc
import numpy as np
import pytest

from support.certificates import Authority
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, ROOT, Server
from support.triton_grpc import triton


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def shared(authority):
    pair = authority.issue()
    options = ["--tls-cert", pair.cert, "--tls-key", pair.key, "--listen", "127.0.0.1:0"]
    with Server(EXAMPLE_MODELS, options=options) as server:
        server.secure = next(url for url in server.urls if url.startswith("https://")).removeprefix("https://")
        yield server


def test_h2spec_finds_nothing(shared):
    """Every case, strict ones included: with ALPN even the one about a wrong preface."""
    host, _, port = shared.secure.rpartition(":")
    done = subprocess.run([ROOT / "build/tools/h2spec", "-t", "-k", "-h", host, "-p", port, "-S", "-P",
                           "/v2/health/live", "-o", "5"], capture_output=True, text=True, timeout=300)
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert summary, done.stdout + done.stderr
    total, _, skipped, failed = map(int, summary.groups())
    assert total >= 146 and skipped == 0 and failed == 0, done.stdout.partition("Failures:")[2]


def test_h2load_loses_nothing(shared):
    done = subprocess.run(["h2load", "-n", "2000", "-c", "8", "-m", "8", "-d", EXAMPLE_DATA / "breast_cancer_request.json",
                           f"https://{shared.secure}/v2/models/breast_cancer/infer"],
                          capture_output=True, text=True, timeout=120)
    assert "2000 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout
    assert "Application protocol: h2" in done.stdout, done.stdout


def test_tritonclient_over_tls(shared, authority):
    client = triton.InferenceServerClient(shared.secure, ssl=True, root_certificates=str(authority.cert))
    assert client.is_model_ready("breast_cancer")
    features = triton.InferInput("features", [2, 30], "FP32")
    features.set_data_from_numpy(np.ones((2, 30), np.float32))
    answer = client.infer("breast_cancer", [features])
    assert answer.as_numpy("probability").shape == (2, 2)
    client.close()


def test_a_channel_that_does_not_trust_us_fails(shared):
    with grpc.secure_channel(shared.secure, grpc.ssl_channel_credentials()) as channel:
        with pytest.raises(grpc.RpcError) as failed:
            channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=10)
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
