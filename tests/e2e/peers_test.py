"""What bench/peers.py asks, reads and concludes, and that it goes on without a server which does not start."""

import json
import math
import os
import struct
import subprocess
import sys

import pytest

from support.server import ROOT, binary

sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench" / "peers")]
try:
    import cases
    import measure
    import probes
    import report
    import table
finally:
    del sys.path[:2]


def result(name, cpu_us, **facts):
    loads = {"json": [measure.Load(100, 0, per_second=1e6 / us, p50_ms=1, p99_ms=2, cpu_us=us) for us in cpu_us]}
    kind = {"slipway": "ours", "triton": "triton"}.get(name, "python")
    return report.Result(name, name.title(), kind, loads=loads, **facts)


def test_answers_are_read_from_each_form_of_them():
    two = struct.pack("<2f", *cases.PROBABILITIES)
    contents = b"\x2a" + bytes([4 + len(two)]) + b"\x2a" + bytes([2 + len(two)]) + b"\x32" + bytes([len(two)]) + two
    for message in (b"\x32" + bytes([len(two)]) + two, contents):
        assert cases.right(cases.SMALL, cases.read_oip_grpc(message))
    for document in ([cases.PROBABILITIES], {"predictions": [cases.PROBABILITIES]},
                     {"label": [0], "probability": [cases.PROBABILITIES]},
                     {"predictions": {"probability": [cases.PROBABILITIES], "label": [0]}}):
        assert cases.right(cases.SMALL, cases.read_json(json.dumps(document).encode()))


@pytest.mark.parametrize("answer", [[], [0.9979], [0.0020709175, 0.9979290962], [0.9971, 0.0029], [math.nan, math.nan]])
def test_another_answer_is_not_right(answer):
    assert not cases.right(cases.SMALL, answer)


def test_every_call_holds_the_values_of_its_model():
    for peer in table.PEERS:
        for name, call in peer.calls.items():
            case, = (case for case in cases.CASES if case.name == name)
            body = call(case.model).request.body
            last = cases.values_of(case.model)[-2:]
            assert (",".join(map(str, last)).encode() in body) == ("json" in name), peer.name
            assert (struct.pack("<2f", *last) in body) == ("json" not in name), peer.name


def test_each_mistake_is_in_its_request():
    for call in (cases.oip_json(cases.SMALL), cases.rows_json("/{}")(cases.SMALL)):
        bodies = [body for _what, body in probes.faulty_requests(call)]
        assert len({*bodies, call.request.body}) == 6
        assert [word in body for word, body in zip((b"NaN", b"1e400"), bodies[2:4])] == [True, True]


def test_ratios_and_targets_compare_medians():
    results = [result("slipway", [8, 9, 80], idle_mb=[30]), result("triton", [54, 40, 60], idle_mb=[60]),
               result("fastapi", [200], idle_mb=[20]), result("flask", [500])]
    _, rows = report.ratio_table(results)
    assert [row[1] for row in rows] == ["6.00x", "22.2x", "55.6x"]
    assert [row[6] for row in rows] == ["2.00x", "**0.67x**", ""]
    assert [(row[2], row[3]) for row in report.targets(results)] == [("1/6.0", "met"), ("1/22.2", "met")]
    assert report.targets([result("slipway", [9.1]), result("triton", [54])])[0][3] == "MISSED"


def test_a_column_in_which_a_peer_is_better_is_bold():
    _, rows = report.case_table(cases.CASES[0], [result("slipway", [10]), result("other", [5])])
    assert rows == [["Other", "**5.00**", "**200,000**", "1.00", "2.00"], ["Slipway", "10.0", "100,000", "1.00", "2.00"]]


def test_a_server_that_does_not_start_is_listed_and_the_rest_goes_on(tmp_path):
    start = tmp_path / "environments" / "triton" / "start.sh"
    start.parent.mkdir(parents=True)
    start.write_text("#!/bin/sh\necho 'no such backend' >&2\nexit 3\n")
    start.chmod(0o755)
    done = subprocess.run([sys.executable, ROOT / "bench/peers.py", "--binary", binary(), "--short", "--peers", "triton",
                           "--cases", "json,grpc", "--environments", tmp_path / "environments",
                           "--out", tmp_path / "figures.md", "--json", tmp_path / "runs.json"],
                          capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "figures.md").read_text()
    assert "- Triton on CPU: it ended at its start: no such backend" in text
    assert "- Slipway: nothing" in text  # no mistake in a request was answered
    slipway, triton = json.loads((tmp_path / "runs.json").read_text())["results"]
    assert slipway["problems"] == {} and triton["loads"] == {}
    for case in ("json", "grpc"):
        load, = slipway["loads"][case]
        assert load["requests"] > 0 and load["cpu_us"] > 0
