"""curl, as people use it: what the banner prints, forms, big bodies, compression, Unix sockets; and raw pipelining."""

import json
import subprocess

import numpy as np
import pytest

from support import tensors
from support.raw_answers import read_answers
from support.server import BENCH_MODELS, ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, Server, repository


def curl(*words, data=None, timeout=60):
    """Output of `curl -sS WORDS`; fails if curl fails."""
    done = subprocess.run(["curl", "-sS", *map(str, words)], input=data, capture_output=True, timeout=timeout)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    names = ["identity_fp32", "identity_string", "two_inputs", "add_scalar"]
    folder = repository(tmp_path_factory.mktemp("models"), {name: ENGINE_MODELS / f"{name}.onnx" for name in names})
    with Server(folder, EXAMPLE_MODELS, BENCH_MODELS) as server:
        yield server


# A model that needs more numbers than fit a command line, names that a shell would trip over, no input, ...
PRINTED = {
    "linear30": BENCH_MODELS / "linear30/1/model.onnx",
    "image150k": BENCH_MODELS / "image150k/1/model.onnx",
    "digits": EXAMPLE_MODELS / "digits/2/model.onnx",
    **{name: ENGINE_MODELS / f"{name}.onnx" for name in (
        "all_types", "add_scalar", "odd_names", "dynamic_rank", "no_inputs", "optional_default", "two_inputs",
        "identity_string", "identity_bool", "identity_fp16", "identity_bf16")},
}


@pytest.mark.parametrize("listen", ["tcp", "unix"])
@pytest.mark.parametrize("model", list(PRINTED))
def test_the_line_that_the_banner_prints_works_in_a_shell(start_server, tmp_path, model, listen):
    address = "127.0.0.1:0" if listen == "tcp" else f"unix:{tmp_path}/s.sock"
    server = start_server(PRINTED[model], options=["--listen", address])
    line = server.banner().split("try it:\n")[1].splitlines()[0].strip()
    assert "curl -s " in line
    done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["outputs"] and all("data" in output for output in answer["outputs"]), answer


def test_files_that_the_documentation_sends(shared):
    answer = json.loads(curl("-d", f"@{EXAMPLE_DATA}/digits_request.json", f"{shared.url}/v2/models/digits/infer"))
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert outputs["digit"] == [3, 3, 7, 6]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "text/plain", ""])
def test_content_type_does_not_matter(shared, content_type):
    body = '{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[7]}]}'
    got = curl("-H", f"Content-Type: {content_type}".rstrip(), "-d", body,
               f"{shared.url}/v2/models/identity_fp32/infer")
    assert json.loads(got)["outputs"][0]["data"] == [7]


def big_body():
    x = np.arange(3 * 2**19, dtype=np.float32).reshape(1, -1)  # 6 MiB
    return x, *tensors.infer_request({"x": x}, binary=True)


def test_expect_100_continue(shared, tmp_path):
    """curl asks before it sends so much, and waits a second if nobody answers."""
    x, body, headers = big_body()
    (tmp_path / "body").write_bytes(body)
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    got = curl("-v", "--stderr", tmp_path / "trace", "-w", "\n%{time_total}", "-H", "Expect: 100-continue", *words,
               "--data-binary", f"@{tmp_path}/body", "-o", tmp_path / "answer", "-D", tmp_path / "head",
               f"{shared.url}/v2/models/identity_fp32/infer")
    trace = (tmp_path / "trace").read_text(errors="replace")
    assert "< HTTP/1.1 100 Continue" in trace and "Done waiting for 100-continue" not in trace
    answer_head = dict(line.split(": ", 1) for line in (tmp_path / "head").read_text().splitlines() if ": " in line)
    length = int(next(value for name, value in answer_head.items() if name.lower().startswith("inference-header")))
    assert (tmp_path / "answer").read_bytes()[length:] == x.tobytes()
    assert float(got) < 30


def test_chunked_from_standard_input(shared):
    x, body, headers = big_body()
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    got = curl(*words, "-X", "POST", "-T", "-", f"{shared.url}/v2/models/identity_fp32/infer", data=body)
    assert got.endswith(x.tobytes())


def test_compressed_answers_and_requests(shared, tmp_path):
    x = np.ones((1, 5000), np.float32)
    body, _ = tensors.infer_request({"x": x}, binary=False)
    (tmp_path / "body.json").write_bytes(body)
    url = f"{shared.url}/v2/models/identity_fp32/infer"
    plain = curl("-d", f"@{tmp_path}/body.json", url)
    assert curl("--compressed", "-d", f"@{tmp_path}/body.json", url) == plain
    head = curl("--compressed", "-D", "-", "-o", "/dev/null", "-d", f"@{tmp_path}/body.json", url).decode().lower()
    assert "content-encoding: " in head
    size = int(curl("--compressed", "-w", "%{size_download}", "-o", "/dev/null", "-d", f"@{tmp_path}/body.json", url))
    assert size < len(plain) / 10
    for route in ("/v2", "/v2/models/identity_fp32", "/v2/models/stats", "/v2/models/nosuch/infer"):
        words = ["-d", "{}"] if route.endswith("infer") else []
        head = curl("--compressed", "-D", "-", "-o", "/dev/null", *words, shared.url + route).decode().lower()
        assert "content-encoding" not in head, route
    subprocess.run(["gzip", "-k", tmp_path / "body.json"], check=True)
    assert curl("-H", "Content-Encoding: gzip", "--data-binary", f"@{tmp_path}/body.json.gz", url) == plain


def test_raw_binary_request_with_header_length_0(shared):
    x = np.float32(np.arange(30))
    got = curl("-H", "Inference-Header-Content-Length: 0", "--data-binary", "@-", "-D", "/dev/stderr",
               f"{shared.url}/v2/models/linear30/infer", data=x.tobytes())
    answer, end = json.JSONDecoder().raw_decode(got.decode("latin-1"))
    assert answer["outputs"][0]["shape"] == [1, 1] and len(got) == end + 4
    text = curl("-H", "Inference-Header-Content-Length: 0", "--data-binary", "héllo",
                f"{shared.url}/v2/models/identity_string/infer")
    assert text.endswith(tensors.to_binary(np.array(["héllo"], np.object_)))


def test_unix_socket_beside_tcp(start_server, tmp_path):
    server = start_server(EXAMPLE_MODELS, options=["--listen", f"unix:{tmp_path}/s.sock", "--listen", "127.0.0.1:0"])
    assert len(server.urls) == 2
    over_socket = curl("--unix-socket", tmp_path / "s.sock", "http://localhost/v2/models/digits")
    assert over_socket == curl(f"{server.url}/v2/models/digits")


def test_unix_socket_is_gone_after_the_server_is(tmp_path):
    with Server(EXAMPLE_MODELS, options=["--listen", f"unix:{tmp_path}/s.sock"]):
        assert (tmp_path / "s.sock").is_socket()
    assert not (tmp_path / "s.sock").exists()
    with Server(EXAMPLE_MODELS, options=["--listen", f"unix:{tmp_path}/s.sock"]) as server:
        assert server.urls == [f"unix:{tmp_path}/s.sock"]


def test_head_and_wrong_methods(shared):
    assert b"200 OK" in curl("-I", f"{shared.url}/v2/health/ready")
    for words, route, allowed in ((["-X", "GET"], "/v2/models/digits/infer", "post"),
                                  (["-d", "{}"], "/v2/models/digits", "get, head"),
                                  (["-X", "DELETE"], "/v2", "get, head"),
                                  (["-d", ""], "/metrics", "get, head")):
        answer = curl("-i", *words, shared.url + route).decode().lower()
        assert answer.startswith("http/1.1 405") and f"allow: {allowed}\r\n" in answer and '"error"' in answer
    assert b'{"error":' in curl(f"{shared.url}/v3")


def test_pipelined_requests_are_answered_in_order(shared):
    count = 100
    with shared.connect() as connection:
        parts = []
        for i in range(count):
            body = f'{{"id":"{i}","inputs":[{{"name":"x","shape":[1,1],"datatype":"FP32","data":[{i}]}}]}}'
            parts.append("POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\n"
                         f"Content-Length: {len(body)}\r\n\r\n{body}"
                         "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.sendall("".join(parts).encode())
        answers = read_answers(connection, 2 * count)
    assert all(answer.status == 200 for answer in answers)
    assert [answer.json()["id"] for answer in answers[::2]] == [str(i) for i in range(count)]
    assert all(answer.json() == {"live": True} for answer in answers[1::2])
