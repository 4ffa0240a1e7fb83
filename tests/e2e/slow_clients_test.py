"""slowhttptest: clients that hold connections by being slow. The server lets go of them and serves everybody else."""

import re
import subprocess

import pytest

from support.raw_http import Connection
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, repository, wait_until
from support.slow_models import metric

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
ATTACKERS = 200
MODES = {
    "headers": ["-H", "-i", "1"],
    "body": ["-B", "-i", "1", "-s", "100000"],
    "ranges": ["-R", "-t", "HEAD"],
    "read": ["-X", "-k", "10", "-n", "1", "-z", "5", "-w", "1", "-y", "64"],
}


@pytest.mark.parametrize("mode", MODES)
def test_slow_clients_are_let_go_and_nobody_else_notices(start_server, tmp_path, mode):
    server = start_server(repository(tmp_path, {"digits": EXAMPLE_MODELS / "digits/2"}), config={"limits": {
        "header_deadline": "1s", "body_grace": "1s", "min_body_bytes_per_second": 1000, "write_timeout": "1s",
        "idle_timeout": "2s", "max_connections": ATTACKERS + 10, "max_connections_per_address": ATTACKERS + 10}})
    attack = subprocess.Popen(["slowhttptest", *MODES[mode], "-c", str(ATTACKERS), "-r", str(ATTACKERS), "-l", "60",
                               "-p", "10", "-v", "1", "-u", f"{server.url}/metrics"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    with Connection(server) as good:
        def they_came_and_are_gone():
            assert good.infer("digits", DIGITS).status == 200
            return (metric(server, "slipway_connections_accepted_total") > ATTACKERS
                    and metric(server, "slipway_connections") <= 3)  # ours, and the one that the tool tries out

        wait_until(they_came_and_are_gone, 40, lambda: f"{metric(server, 'slipway_connections')} connections are open")
        assert attack.poll() is None or "No open connections left" in attack.stdout.read()
    attack.terminate()
    output = re.sub(r"\x1b\[[0-9;]*m", "", attack.communicate()[0])
    assert "service available:   NO" not in output, output
