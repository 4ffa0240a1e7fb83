"""/metrics for Prometheus, request ids and trace context, and log lines for machines."""

import collections
import json
import re
import subprocess

import pytest

from support.raw_answers import exchange
from support.server import BENCH_MODELS, ENGINE_MODELS, EXAMPLE_MODELS, Server, repository, wait_until

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GOOD = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [2, 30], "data": [0.5] * 60}]}
BAD = {"inputs": [{"name": "input", "datatype": "INT8", "shape": [2, 30], "data": [0] * 60}]}


@pytest.fixture
def server(start_server, tmp_path):
    folder = repository(tmp_path / "models", {
        "fails_at_run": ENGINE_MODELS / "fails_at_run.onnx", "broken": ENGINE_MODELS / "unknown_op.onnx"})
    return start_server(EXAMPLE_MODELS, BENCH_MODELS, folder,
                        options=["--log-format", "json", "--log-level", "debug"])


def metrics(server):
    answer = server.get("/metrics")
    assert answer.status == 200
    return answer.body.decode()


def samples(text):
    """(name, labels) -> value."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"([a-z_:A-Z0-9]+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            key = (name, tuple(sorted(pairs)))
            assert key not in found, line
            found[key] = float(value)
    return found


def total(text, name, **labels):
    return sum(value for (sample, pairs), value in samples(text).items()
               if sample == name and labels.items() <= dict(pairs).items())


def traffic(server):
    """One of each kind, and how many reached a model, by code."""
    for _ in range(7):
        assert server.infer("linear30", GOOD).status == 200
    for _ in range(3):
        assert server.infer("linear30", BAD).status == 400
    index = {"inputs": [{"name": "index", "datatype": "INT64", "shape": [1], "data": [9]}]}
    assert server.infer("fails_at_run", index).status in (400, 500)
    for name in ("nosuch", "a" * 300, "%22%7D%0A", "broken"):
        assert server.infer(name, GOOD).status in (404, 503)
    server.get("/nowhere")
    server.post("/v2/models/linear30")
    exchange(server, b"rubbish\r\n\r\n")
    return 11


def test_promtool_accepts_the_page(server):
    for when in ("before", "after"):
        text = metrics(server)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, f"{when}: {done.stdout}{done.stderr}"
        traffic(server)


def test_form_of_the_page(server):
    traffic(server)
    answer = server.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.body.decode()
    assert text.endswith("\n")
    families = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert len(families) == len(set(families))
    assert {"slipway_requests_total", "slipway_request_duration_seconds", "slipway_queue_duration_seconds",
            "slipway_inference_duration_seconds", "slipway_batch_size", "slipway_queue_depth",
            "slipway_inflight_requests", "slipway_model_state", "slipway_model_load_duration_seconds",
            "slipway_model_memory_bytes", "slipway_build_info", "process_cpu_seconds_total",
            "process_resident_memory_bytes", "process_start_time_seconds", "process_open_fds"} <= set(families)
    assert total(text, "slipway_model_state", model="broken", version="1", state="UNAVAILABLE") == 1
    assert total(text, "slipway_model_load_failures_total", model="broken") >= 1
    phases = {dict(pairs)["phase"] for name, pairs in samples(text) if name == "slipway_phase_duration_seconds_sum"}
    assert phases == {"receive", "queue", "input", "infer", "output", "send"}


def test_requests_are_conserved(server):
    """What is sent is counted, once: by code, in every histogram and every phase."""
    assert traffic(server) == 11
    text = metrics(server)
    assert total(text, "slipway_requests_total") == 11
    assert total(text, "slipway_requests_total", model="linear30", code="OK") == 7
    assert total(text, "slipway_requests_total", model="linear30", code="INVALID_ARGUMENT") == 3
    assert total(text, "slipway_requests_total", model="fails_at_run") == 1
    assert total(text, "slipway_request_duration_seconds_count", model="linear30") == 10
    assert total(text, "slipway_inference_duration_seconds_count", model="linear30") == 7
    assert total(text, "slipway_batch_size_count", model="linear30") == 7
    assert total(text, "slipway_batch_size_sum", model="linear30") == 14
    assert total(text, "slipway_inference_rows_total", model="linear30") == 14
    for phase in ("receive", "queue", "input", "infer", "output", "send"):
        assert total(text, "slipway_phase_duration_seconds_count", model="linear30", phase=phase) == 7
    assert total(text, "slipway_inflight_requests") == 0
    # 11 inferences, 4 for models that are not there, 2 on wrong routes, and what asked for this page.
    assert total(text, "slipway_http_requests_total") == 18
    assert total(text, "slipway_protocol_errors_total") == 1


def test_counters_never_fall(server):
    before = samples(metrics(server))
    traffic(server)
    after = samples(metrics(server))
    for (name, pairs), value in before.items():
        if name.endswith(("_total", "_count", "_sum", "_bucket")):
            assert after[(name, pairs)] >= value, name


def test_unknown_names_make_no_series(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"linear30": BENCH_MODELS / "linear30/1"})
    server = start_server(folder, options=["--control", "explicit"])
    assert server.infer("linear30", GOOD).status == 200
    server.post("/v2/repository/models/nosuch/load")
    before = len(samples(metrics(server)))
    for i in range(100):
        server.infer(f"nosuch{i}", GOOD)
        server.get(f"/v2/models/nosuch{i}/ready")
        server.post(f"/v2/repository/models/nosuch{i}/load")
        server.post(f"/v2/repository/models/nosuch{i}/unload")
        server.get(f"/nowhere{i}")
    text = metrics(server)
    assert "nosuch" not in text and "nowhere" not in text
    assert len(samples(text)) == before


def test_metrics_survive_a_swap_of_the_model(start_server, tmp_path):
    folder = repository(tmp_path / "models", {"linear30": BENCH_MODELS / "linear30/1"})
    server = start_server(folder, options=["--control", "explicit"])
    for _ in range(5):
        assert server.infer("linear30", GOOD).status == 200
        assert server.post("/v2/repository/models/linear30/load").status == 200
    text = metrics(server)
    assert total(text, "slipway_model_loads_total", model="linear30") >= 1
    subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True, timeout=60)


def test_compressed_for_a_scraper_that_asks(server):
    answer = server.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


# --- ids ---


def test_trace_context_is_carried_on(server):
    answer = server.infer("linear30", GOOD, {"traceparent": TRACE, "X-Request-Id": "my-request.7"})
    assert answer.headers["x-request-id"] == "my-request.7"
    version, trace, span, flags = answer.headers["traceresponse"].split("-")
    assert (version, trace, flags) == ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01")
    assert re.fullmatch(r"[0-9a-f]{16}", span) and span not in ("00f067aa0ba902b7", "0" * 16)
    other = server.infer("linear30", GOOD, {"traceparent": TRACE})
    assert other.headers["traceresponse"] != answer.headers["traceresponse"]
    failed = server.infer("nosuch", GOOD, {"traceparent": TRACE, "X-Request-Id": "r"})
    assert failed.headers["x-request-id"] == "r"
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in failed.headers["traceresponse"]
    newer = server.infer("linear30", GOOD, {"traceparent": TRACE.replace("00-", "cc-", 1) + "-what-the-future-brings"})
    assert newer.headers["traceresponse"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    lines = [json.loads(line) for line in wait_for_lines(server, "my-request.7")]
    assert any(line.get("request_id") == "my-request.7" and line.get("trace_id") == trace for line in lines)


@pytest.mark.parametrize("wrong", [
    TRACE.upper(), TRACE + "-x", "ff" + TRACE[2:], TRACE[:3] + "0" * 32 + TRACE[35:],
    TRACE[:36] + "0" * 16 + TRACE[52:], TRACE[:-1], "rubbish", TRACE.replace("-", "_"), "\xff" * 55], ids=range(9))
def test_wrong_trace_context_is_dropped(server, wrong):
    answer = server.infer("linear30", GOOD, {"traceparent": wrong})
    assert answer.status == 200
    assert "4bf92f3577b34da6a3ce929d0e0e4736" not in (answer.headers["traceresponse"] or "").lower()


@pytest.mark.parametrize("wrong", ["a" * 1000, "a b", "\xe4"])
def test_wrong_request_id_is_dropped(server, wrong):
    answer = server.infer("linear30", GOOD, {"X-Request-Id": wrong})
    assert answer.status == 200 and answer.headers["x-request-id"] != wrong


# --- log ---


def wait_for_lines(server, text):
    """The log so far, once it has `text`; it is written by a thread of its own."""
    wait_until(lambda: text in server.log())
    return server.log().splitlines()


def test_every_log_line_is_json(server):
    traffic(server)
    server.infer("linear30", GOOD, {"X-Request-Id": 'quote"back\\slash'})
    lines = [json.loads(line) for line in wait_for_lines(server, 'back')]
    assert len(lines) > 10
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] in ("DEBUG", "INFO", "WARN", "ERROR") and line["message"]
    asked = [line for line in lines if line["message"] == "inference request" and line.get("model") == "linear30"]
    assert collections.Counter(line["code"] for line in asked) == {"OK": 8, "INVALID_ARGUMENT": 3}
    assert not any("0.5" in str(line.get("inputs", "")) for line in lines)


def test_state_changes_are_logged_once(start_server):
    server = start_server(EXAMPLE_MODELS, options=["--log-format", "json"])
    lines = [json.loads(line) for line in wait_for_lines(server, "digits")]
    ready = collections.Counter(line["model"] for line in lines if line["message"] == "version ready")
    assert ready == {"breast_cancer": 1, "breast_cancer_forest": 1, "digits": 1}


def test_human_log_lines():
    with Server(EXAMPLE_MODELS) as server:
        for line in wait_for_lines(server, "digits"):
            assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO |WARN |ERROR) \S", line), line


def test_log_level_off_is_silent(start_server):
    server = start_server(EXAMPLE_MODELS, options=["--log-level", "off"])
    server.infer("nosuch", GOOD)
    assert server.log() == ""
