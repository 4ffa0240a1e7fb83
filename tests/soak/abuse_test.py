"""Floods of HTTP/2 hurt nobody else. SLIPWAY_FLOOD_SECONDS sets how long each is (60)."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_good_client_does_not_notice_floods():
    seconds = os.environ.get("SLIPWAY_FLOOD_SECONDS", "60")
    result = subprocess.run([sys.executable, "-B", ROOT / "bench/abuse.py", "--seconds", seconds], capture_output=True, text=True,
                            check=False)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, result.stdout
