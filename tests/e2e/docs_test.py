"""The pages of docs/ whose commands a reader would copy, run word for word (but for the port, which must be free)."""

import os
import re
import subprocess

import pytest

from support.ports import free_port
from support.server import ROOT, binary


def shell_blocks(page) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL))


@pytest.mark.parametrize("page, promises", [
    ("models.md", ['"model_version":"2"', ":three", "expected FP32[-1,1,8,8], got FP64",
                   "warmed up with recorded requests", '"model_version":"3"']),
    ("scheduling.md", ['"slow": {', "answered: True refused: True else: set()", "no slipway-cache",
                       "slipway-cache: hit", "the same bytes", 'model="digits",version="2",result="hit"} 1', "the same bytes, of another process",
                       '"data":[30,0]', '"data":[200,0]', "sequence 7 is not there", 'slipway_sequences{model="running_mean"} 1']),
    ("security.md", ["/v2/models -H Host: models.example.com\n403 for", "/v2/models -H Host: evil.example\n403 for"]),
    ("shared-memory.md", ["the answer only describes {'name': 'label', 'datatype': 'INT64', 'shape': [4]}",
                          "the labels lie there: ["]),
])
def test_the_commands_of_a_page_do_what_it_says(tmp_path, page, promises):
    port = free_port()
    script = shell_blocks(page).replace("localhost:8000", f"localhost:{port}")
    script = script.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    script = script.replace("slipway serve models &", f"slipway serve models --listen 127.0.0.1:{port} &")
    assert f":{port}" in script and script
    path = f"{binary().resolve().parent}:{ROOT / 'build/venv/bin'}:{os.environ['PATH']}"
    result = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script + "\nwait"], cwd=tmp_path,
                            env={**os.environ, "PATH": path, "SLIPWAY_ROOT": str(ROOT)}, capture_output=True,
                            text=True, timeout=120)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    for promise in promises:
        assert promise in output, output
