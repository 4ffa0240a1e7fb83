"""HTTP/2 in cleartext on the port of HTTP/1.1: h2spec, curl, h2load, and the REST API over it."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from support import tensors
from support.server import BENCH_MODELS, ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, ROOT, Server, repository


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    names = ["identity_fp32", "two_inputs"]
    folder = repository(tmp_path_factory.mktemp("models"), {name: ENGINE_MODELS / f"{name}.onnx" for name in names})
    with Server(folder, EXAMPLE_MODELS, BENCH_MODELS) as server:
        yield server


def curl(*words, data=None, timeout=60):
    """Output of curl over HTTP/2 with prior knowledge; fails if curl fails."""
    done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", *map(str, words)], input=data,
                          capture_output=True, timeout=timeout)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def h2spec():
    local = ROOT / "build/tools/h2spec"
    return str(local) if local.exists() else shutil.which("h2spec")


def test_h2spec_finds_nothing(shared):
    """Every case of h2spec, a conformance test for RFC 7540 and 7541, strict ones included.

    One cannot pass on a port that speaks HTTP/1.1 too: what is no HTTP/2 preface is taken for an HTTP/1.1 request and
    gets 400 before the connection is closed, which h2spec reads as a frame that is cut short.
    """
    done = subprocess.run([h2spec(), "-h", shared.host, "-p", str(shared.port), "-S", "-P", "/v2/health/live", "-o", "5"],
                          capture_output=True, text=True, timeout=300)
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert summary, done.stdout + done.stderr
    total, passed, skipped, _ = map(int, summary.groups())
    _, _, failures = done.stdout.partition("Failures:")
    assert set(re.findall(r"× \d+: (.*)", failures)) <= {"Sends invalid connection preface"}, failures
    assert total >= 146 and passed >= total - 1 and skipped == 0, summary.group(0)
    with shared.connect() as connection:
        connection.sendall(b"INVALID CONNECTION PREFACE\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert shared.get("/v2/health/live").status == 200


def test_curl_gets_what_http1_gets(shared):
    for route in ("/v2", "/v2/health/ready", "/v2/models/digits", "/v2/models/digits/config", "/v2/nothing"):
        over_http1 = subprocess.run(["curl", "-sS", "-w", "%{http_code}", shared.url + route], capture_output=True,
                                    timeout=60).stdout
        assert curl("-w", "%{http_code}", shared.url + route) == over_http1
        assert curl("-w", "%{http_version}", "-o", "/dev/null", shared.url + route) == b"2"
    head = curl("-I", f"{shared.url}/v2/health/ready").decode().lower()
    assert head.startswith("http/2 200") and "connection:" not in head


def test_json_inference(shared):
    answer = json.loads(curl("-d", f"@{EXAMPLE_DATA}/digits_request.json", f"{shared.url}/v2/models/digits/infer"))
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert outputs["digit"] == [3, 3, 7, 6]


def test_binary_inference_of_6_mib(shared, tmp_path):
    x = np.arange(3 * 2**19, dtype=np.float32).reshape(1, -1)
    body, headers = tensors.infer_request({"x": x}, binary=True)
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    url = f"{shared.url}/v2/models/identity_fp32/infer"
    (tmp_path / "body").write_bytes(body)
    assert curl(*words, "--data-binary", f"@{tmp_path}/body", url).endswith(x.tobytes())
    # Without a Content-Length, and with an answer awaited before the body is sent.
    assert curl(*words, "-X", "POST", "-T", "-", url, data=body).endswith(x.tobytes())
    assert curl(*words, "-H", "Expect: 100-continue", "--data-binary", f"@{tmp_path}/body", url).endswith(x.tobytes())


def test_compressed_answers_and_requests(shared, tmp_path):
    body, _ = tensors.infer_request({"x": np.ones((1, 5000), np.float32)}, binary=False)
    (tmp_path / "body.json").write_bytes(body)
    url = f"{shared.url}/v2/models/identity_fp32/infer"
    plain = curl("-d", f"@{tmp_path}/body.json", url)
    head = curl("--compressed", "-D", "-", "-o", "/dev/null", "-d", f"@{tmp_path}/body.json", url).decode().lower()
    assert "content-encoding: " in head
    assert curl("--compressed", "-d", f"@{tmp_path}/body.json", url) == plain
    subprocess.run(["gzip", "-k", tmp_path / "body.json"], check=True)
    assert curl("-H", "Content-Encoding: gzip", "--data-binary", f"@{tmp_path}/body.json.gz", url) == plain


@pytest.mark.server(EXAMPLE_MODELS, config={"limits": {"max_body": "1MiB"}})
def test_a_client_that_is_still_sending_can_read_the_error(server, tmp_path):
    (tmp_path / "large").write_bytes(b" " * (2 * 2**20))
    got = curl("-w", ";%{http_code}", "--data-binary", f"@{tmp_path}/large", f"{server.url}/v2/models/digits/infer")
    assert got.endswith(b";413") and b"max_body" in got
    assert curl("-w", "%{http_code}", f"{server.url}/v2/health/live").endswith(b"200")


def test_h2load_without_an_error(shared):
    for connections, streams in ((1, 1), (4, 8), (16, 16)):
        done = subprocess.run(
            ["h2load", "-c", str(connections), "-m", str(streams), "-n", "20000", "-d",
             EXAMPLE_DATA / "breast_cancer_request.json", "-H", "content-type: application/json",
             f"{shared.url}/v2/models/breast_cancer/infer"], capture_output=True, text=True, timeout=120)
        assert "20000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout + done.stderr
        assert "20000 2xx" in done.stdout, done.stdout


def test_requests_in_flight_survive_a_stop(tmp_path):
    """h2load is told to leave by GOAWAY while it is busy; what was taken is answered."""
    server = Server(EXAMPLE_MODELS)
    load = subprocess.Popen(
        ["h2load", "-c", "4", "-m", "4", "-D", "20", "-d", EXAMPLE_DATA / "breast_cancer_request.json",
         f"{server.url}/v2/models/breast_cancer/infer"], stdout=subprocess.PIPE, text=True)
    try:
        load.stdout.readline()
        server.stop()
    finally:
        load.kill()
        load.wait()
