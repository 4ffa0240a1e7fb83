"""docs/formats.md lists the models of the zoo, and each still answers as its framework does."""

import os
import subprocess
import sys

from support.server import ROOT, binary


def test_the_table_of_models_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "scripts/make_formats_doc.py", "--check"], capture_output=True, text=True,
                          timeout=600, env={**os.environ, "SLIPWAY": str(binary())}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
