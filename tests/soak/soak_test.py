"""An hour of mixed load leaves a server as it was. SLIPWAY_SOAK_MINUTES sets how long it is (60)."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_server_stays_as_it_was_and_a_leak_is_caught():
    minutes = os.environ.get("SLIPWAY_SOAK_MINUTES", "60")
    result = subprocess.run([sys.executable, "-B", ROOT / "bench/soak.py", "--minutes", minutes], capture_output=True, text=True,
                            check=False)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, result.stdout
