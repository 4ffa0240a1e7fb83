"""`slipway bench` against the shipped server: protocols, arrivals, several targets, bad input, servers that go away.

Durations are small and nothing depends on how fast the machine is; counts that must hold are those of the server's own
statistics.
"""

import html.parser
import json
import signal
import subprocess

import pytest

from support.certificates import Authority
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, Server, binary, wait_until

BRIEF = ["--warmup", "100ms", "--duration", "400ms", "--quiet"]
CANCER = EXAMPLE_DATA / "breast_cancer_request.json"


@pytest.fixture(scope="module")
def shared():
    with Server(EXAMPLE_MODELS) as server:
        yield server


def run(*words, timeout=60):
    return subprocess.run([str(word) for word in (binary(), "bench", *words)], capture_output=True, text=True,
                          timeout=timeout, check=False)


def report_of(*words):
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def inferences(server, model):
    stats = server.get(f"/v2/models/{model}/stats").json()["model_stats"][0]
    return stats["inference_stats"]["success"]["count"]


PROTOCOLS = {
    "json": [],
    "binary": ["--format", "binary"],
    "http2": ["--http2", "--connections", "2", "--outstanding", "3"],
    "http2-binary": ["--http2", "--format", "binary"],
    "grpc": ["--protocol", "grpc"],
    "grpc-outstanding": ["--protocol", "grpc", "--connections", "2", "--outstanding", "8"],
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_answered_and_counted_by_the_server(shared, name):
    before = inferences(shared, "digits")
    report = report_of(shared.url, "--model", "digits", "--batch", "2", *BRIEF, *PROTOCOLS[name])
    assert report["failed"] == 0 and report["answered"] > 0, report
    # The first try, the warm-up and what was under way at the end come on top.
    assert inferences(shared, "digits") - before > report["answered"]
    assert report["rows_per_s"] == pytest.approx(2 * report["requests_per_s"])
    assert report["server"]["cpu_us_per_request"] > 0
    assert {"p50", "p90", "p95", "p99", "p99.9", "max"} <= set(report["latency_ms"])


@pytest.mark.parametrize("name", ["json", "http2", "grpc-outstanding"])
def test_every_protocol_works_inside_tls(tmp_path, name):
    authority = Authority(tmp_path)
    pair = authority.issue()
    with Server(EXAMPLE_MODELS, options=["--tls-cert", pair.cert, "--tls-key", pair.key]) as server:
        url = server.urls[0]
        report = report_of(url, "--model", "digits", "--cacert", authority.cert, *BRIEF, *PROTOCOLS[name])
        assert report["failed"] == 0 and report["answered"] > 0, report
        refused = run(url, "--model", "digits", *BRIEF, *PROTOCOLS[name])
        assert refused.returncode == 26 and "--cacert" in refused.stderr, refused.stderr


def test_same_answer_over_every_protocol(shared):
    digests = set()
    for options in PROTOCOLS.values():
        report = report_of(shared.url, "--model", "digits", "--distinct", *BRIEF, *options)
        assert len(report["distinct"]) == 1 and report["other_distinct"] == 0, report["distinct"]
        digests.add(report["distinct"][0]["digest"])
    assert len(digests) == 1


def test_targets_have_rates_of_their_own(shared):
    report = report_of(shared.url, "--target", "digits@300", "--target", f"breast_cancer@100:{CANCER}",
                       "--warmup", "100ms", "--duration", "1s")
    targets = {target["name"]: target for target in report["targets"]}
    assert set(targets) == {"digits", "breast_cancer"}
    assert targets["digits"]["load"]["rate_per_s"] == 300
    assert targets["breast_cancer"]["format"] == "as given"
    assert report["answered"] == sum(target["answered"] for target in targets.values())
    assert targets["digits"]["requests"] > targets["breast_cancer"]["requests"]


@pytest.mark.parametrize("arrivals", ["poisson", "constant", "gamma:4", "on-off:50ms,100ms"])
def test_arrivals(shared, arrivals):
    report = report_of(shared.url, "--model", "digits", "--rate", "200", "--arrivals", arrivals, *BRIEF)
    assert report["failed"] == 0 and report["answered"] > 0
    assert report["send_delay_ms"]["count"] == report["answered"]
    if arrivals == "constant":
        assert report["answered"] + report["unsent"] + report["unanswered"] in (79, 80, 81)


def test_trace_sends_each_line_once(shared, tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("offset_s,model,rows\n0,digits,1\n0.02,breast_cancer,3\n0.01,digits,2\n")
    before = inferences(shared, "digits"), inferences(shared, "breast_cancer")
    report = report_of(shared.url, "--trace", trace)
    answered = {target["name"]: target["answered"] for target in report["targets"]}
    assert answered == {"digits": 2, "breast_cancer": 1}
    # One first try for each kind of request: two of digits, one of breast_cancer.
    assert (inferences(shared, "digits"), inferences(shared, "breast_cancer")) == (before[0] + 4, before[1] + 2)


BAD = {
    "unknown column": ("offset_s,when\n1,2\n", "line 1: unknown column 'when'"),
    "negative time": ("offset_s\n-1\n", "line 2: expected seconds"),
    "empty": ("", "got none"),
    "not text": ("\0\1\2", "line 1: unknown column"),
    "unknown model": ("offset_s,model\n0,nope\n", "nope"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_traces_are_named(shared, tmp_path, name):
    trace = tmp_path / "trace.csv"
    trace.write_text(BAD[name][0])
    done = run(shared.url, "--trace", trace)
    assert done.returncode in (2, 15) and BAD[name][1] in done.stderr, done.stderr


@pytest.mark.parametrize("words, part", [
    (["--target", "digits@-1"], "--target 'digits@-1'"),
    (["--target", "digits", "--model", "digits"], "--target does not go with"),
    (["--model", "digits", "--arrivals", "often"], "--arrivals 'often'"),
    (["--model", "digits", "--rate", "0"], "--rate '0'"),
    (["--model", "digits", "--outstanding", "4"], "--outstanding is for gRPC"),
    (["--model", "digits", "--protocol", "grpc", "--format", "binary"], "--protocol grpc"),
])
def test_flags_that_make_no_sense(shared, words, part):
    done = run(shared.url, *words)
    assert done.returncode == 2 and part in done.stderr, done.stderr


def test_unreadable_files_are_named(shared, tmp_path):
    for words in (["--trace", tmp_path / "none.csv"], ["--input", tmp_path / "none.json"]):
        done = run(shared.url, "--model", "digits", *words)
        assert done.returncode == 15 and "none." in done.stderr, done.stderr


def test_errors_are_counted_by_code_with_the_first_message(shared, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    done = run(shared.url, "--model", "digits", "--input", wrong, *BRIEF)
    assert done.returncode == 2 and "the first request failed" in done.stderr, done.stderr


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_server_that_dies_in_the_middle(protocol):
    with Server(EXAMPLE_MODELS) as server:
        bench = subprocess.Popen(
            [binary(), "bench", server.url, "--model", "digits", "--protocol", protocol, "--duration", "600s", "--warmup",
             "0s", "--connections", "4", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: inferences(server, "digits") > 100)
        server.process.kill()
        server.process.wait()
        server.stopped = True
    assert bench.poll() is None
    bench.send_signal(signal.SIGINT)
    out, problems = bench.communicate(timeout=60)
    report = json.loads(out)
    assert bench.returncode == 0 and report["interrupted"], problems
    assert report["answered"] > 0 and report["failed"] > 0
    assert any("conn" in error["kind"] for error in report["errors"]), report["errors"]


def test_ctrl_c_ends_with_what_was_measured(shared):
    bench = subprocess.Popen(
        [binary(), "bench", shared.url, "--target", "digits@50", "--target", "breast_cancer@50", "--duration", "600s",
         "--warmup", "0s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    before = inferences(shared, "breast_cancer")
    wait_until(lambda: inferences(shared, "breast_cancer") > before + 20)
    bench.send_signal(signal.SIGINT)
    out, problems = bench.communicate(timeout=60)
    assert bench.returncode == 0, problems
    assert "interrupted" in out and "breast_cancer" in out, out


def test_sweep_over_concurrency_has_a_row_for_each_step(shared, tmp_path):
    page = tmp_path / "sweep.html"
    sweep = report_of(shared.url, "--model", "digits", "--concurrency", "4,1,2", "--html", page, "--warmup", "50ms",
                      "--duration", "200ms")
    assert sweep["sweep"] == "concurrency" and sweep["knee"]
    assert [(step["value"], step["load"]["concurrency"]) for step in sweep["steps"]] == [(1, 1), (2, 2), (4, 4)]
    assert all(step["answered"] > 0 and step["server"]["cpu_us_per_request"] > 0 for step in sweep["steps"])
    check_page(page, plots=4)


def test_sweep_over_rates_prints_the_knee(shared):
    done = run(shared.url, "--model", "digits", "--rate", "100,300", "--warmup", "50ms", "--duration", "300ms")
    assert done.returncode == 0, done.stderr
    assert "knee: " in done.stdout and "CPU/request" in done.stdout, done.stdout


class Page(html.parser.HTMLParser):
    """Collects tags; complains of ones that are not closed, and of anything that would be fetched."""

    EMPTY = {"meta", "br", "link", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.wrong = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        if any(name in ("src", "href", "xlink:href") for name, _ in attributes):
            self.wrong.append(f"{tag} fetches {attributes}")
        if any("nan" in (value or "") or "inf" in (value or "") for name, value in attributes if name in ("d", "x", "y")):
            self.wrong.append(f"{tag} {attributes}")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")


def check_page(path, plots):
    """A whole page with that many plots, which fetches nothing."""
    text = path.read_text()
    page = Page()
    page.feed(text)
    assert not page.wrong and not page.open, (page.wrong, page.open)
    assert page.seen.count("svg") == plots, page.seen
    assert "url(" not in text and "@import" not in text and "<script" not in text


def test_html_report_of_a_test(shared, tmp_path):
    page = tmp_path / "report.html"
    report_of(shared.url, "--model", "digits", "--rate", "300", "--html", page, "--warmup", "50ms", "--duration", "700ms")
    check_page(page, plots=3)
    report_of(shared.url, "--target", "digits@100", "--target", "breast_cancer@100", "--html", page, "--warmup", "50ms",
              "--duration", "700ms")
    check_page(page, plots=3)


def test_two_servers_in_turn(shared, start_server, tmp_path):
    other = start_server(EXAMPLE_MODELS)
    page, before = tmp_path / "against.html", (inferences(shared, "digits"), inferences(other, "digits"))
    both = report_of(shared.url, "--against", other.url, "--model", "digits", "--rounds", "3", "--warmup", "50ms",
                     "--duration", "200ms", "--html", page)
    assert [report["url"] for report in both["against"]] == [shared.url, other.url]
    assert all(len(report["rounds"]) == 3 for report in both["against"])
    assert inferences(shared, "digits") > before[0] and inferences(other, "digits") > before[1]
    assert both["comparison"]["samples"] == "rounds, alternating"
    figures = {figure["figure"]: figure for figure in both["comparison"]["figures"]}
    assert set(figures) == {"requests_per_s", "p50", "p90", "p99", "cpu_us_per_request"}
    assert all(figure["low"] <= figure["ratio"] <= figure["high"] for figure in figures.values())
    check_page(page, plots=3)


def test_two_reports_beside_each_other(shared, tmp_path):
    first, second, page = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "page.html"
    load = ["--model", "digits", "--rate", "500", "--warmup", "50ms", "--duration", "1s", "--quiet"]
    assert run(shared.url, *load, "--output", first).returncode == 0
    done = run(shared.url, *load, "--output", second, "--baseline", first)
    assert done.returncode == 0 and "B / A" in done.stdout, done.stderr
    done = run("compare", first, second, "--html", page)
    assert done.returncode == 0 and str(first) in done.stdout and "95 % interval" in done.stdout, done.stderr
    assert json.loads(run("compare", first, second, "--json").stdout)["figures"]
    check_page(page, plots=3)


@pytest.mark.parametrize("content", ["", "not JSON", "[]", "{}", '{"sweep": "rate", "steps": []}', '{"a":' * 100_000])
def test_what_is_no_report_cannot_be_compared(shared, tmp_path, content):
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    for words in (("compare", bad, bad), (shared.url, "--model", "digits", "--baseline", bad, *BRIEF)):
        done = run(*words)
        assert done.returncode == 2 and "report" in done.stderr, (done.returncode, done.stderr)


@pytest.mark.parametrize("words, part", [
    (["--concurrency", "1,2", "--rate", "5,6"], "not over both"),
    (["--concurrency", "1,2", "--connections", "3"], "--concurrency does not go with"),
    (["--concurrency", "1,0"], "--concurrency '1,0'"),
    (["--rate", "1,2", "--against", "http://127.0.0.1:1"], "a sweep does not go with"),
])
def test_sweeps_that_make_no_sense(shared, words, part):
    done = run(shared.url, "--model", "digits", *words)
    assert done.returncode == 2 and part in done.stderr, done.stderr
