"""wrk, a load generator: many connections for a short while, no error."""

import re
import subprocess

import pytest

from support.server import BENCH_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS

SCRIPT = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
local counted = {{}}
function setup(thread) table.insert(counted, thread) end
function init(args) bad = 0 end
function response(status, headers, body)
  if status ~= 200 or not body:find('"outputs"') then bad = bad + 1 end
end
function done(summary, latency, requests)
  local bad = 0
  for _, thread in ipairs(counted) do bad = bad + thread:get("bad") end
  print("bad answers: " .. bad)
  print("errors: " .. summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout)
  print("requests: " .. summary.requests)
end
"""


@pytest.mark.server(EXAMPLE_MODELS, BENCH_MODELS)
@pytest.mark.parametrize("connections", [1, 64, 500])
def test_short_run_without_an_error(server, tmp_path, connections):
    script = tmp_path / "post.lua"
    script.write_text(SCRIPT.format(body=EXAMPLE_DATA / "breast_cancer_request.json"))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", "-d2s", "--timeout", "10s", "-s", script,
         f"{server.url}/v2/models/breast_cancer/infer"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    counts = {name: int(value) for name, value in re.findall(r"^([a-z ]+): (\d+)$", done.stdout, re.MULTILINE)}
    assert counts["bad answers"] == 0 and counts["errors"] == 0, done.stdout
    assert counts["requests"] > 1000, done.stdout
    (stats,) = server.get("/v2/models/breast_cancer/stats").json()["model_stats"]
    # What was on its way when time was up was answered, but not counted.
    assert counts["requests"] <= stats["inference_stats"]["success"]["count"] <= counts["requests"] + connections
    assert stats["inference_stats"]["fail"]["count"] == 0
