"""Rolling restarts behind HAProxy: clients get no error. bench/rolling_restarts.py is the long form."""

import sys

from support.server import ROOT, binary

sys.path.insert(0, str(ROOT / "bench"))

import rolling_restarts  # noqa: E402


def test_restarts_behind_a_proxy_go_unnoticed():
    args = rolling_restarts.parse_arguments(["--binary", str(binary()), "--restarts", "4", "--rate", "300"])
    result = rolling_restarts.run_restarts(args)
    assert result.restarts == 4
    assert result.answers > 300
    assert not result.problems()
