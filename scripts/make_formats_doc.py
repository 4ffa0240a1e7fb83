#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Imports every model of the zoo (tests/models/), holds it to the answers of its framework, and writes docs/formats.md.

    scripts/make_formats_doc.py            # needs build/release/bin/slipway
    scripts/make_formats_doc.py --check    # fails when a model is not as the table says, writes nothing

The table lies between the marks in docs/formats.md. Errors are written as powers of ten, and --check does not compare
them, because they depend on the processor; each must be within the tolerance of its precision all the same.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOC = ROOT / "docs" / "formats.md"
BEGIN, END = "<!-- zoo: begin -->\n", "<!-- zoo: end -->\n"
FOLDERS = ("sklearn", "boosted", "pmml")
FLOAT_TOLERANCE, DOUBLE_TOLERANCE = 1e-5, 1e-6


def program() -> Path:
    return Path(os.environ.get("SLIPWAY", ROOT / "build/release/bin/slipway"))


def models() -> list[tuple[Path, Path]]:
    """Every model file and the arrays beside it: inputs, and what the framework answered."""
    found = []
    for folder in FOLDERS:
        for arrays in sorted((ROOT / "tests/models" / folder).glob("*.npz")):
            found += [(file, arrays) for file in sorted(arrays.parent.glob(arrays.stem + ".*")) if file != arrays]
    return found


def run_import(model: Path, arrays: Path, tolerance: float, out: Path):
    done = subprocess.run([program(), "import", model, "-o", out, "--verify", arrays, "--tolerance", str(tolerance),
                           "--json"], capture_output=True, text=True, check=False, timeout=120)
    return (json.loads(done.stdout), "") if done.returncode == 0 else (None, done.stderr.strip())


def power(error: float) -> str:
    return "0" if error == 0 else f"1e{math.ceil(math.log10(error))}"


def row(model: Path, arrays: Path, out: Path) -> tuple[str, str, str]:
    """The family, the line of the table up to the error, and the error."""
    tolerance = FLOAT_TOLERANCE if model.name.startswith("xgb_") else DOUBLE_TOLERANCE
    report, problem = run_import(model, arrays, tolerance, out)
    if report is None:
        raise SystemExit(f"{model.relative_to(ROOT)}: {problem}")
    written_by = " ".join(filter(None, (report["framework"], report["framework_version"])))
    what = report["structure"][0].strip() if report["structure"] else ""
    verified = report["verified"]
    error = max((output.get("max_relative_error", 0.0) for output in verified["outputs"]), default=0.0)
    cells = [f"`{model.name}`", what.replace("|", "\\|"), written_by, str(verified["rows"])]
    return report["format"].split(",")[0], "| " + " | ".join(cells) + " | ", power(error)


def table() -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        return [row(model, arrays, Path(folder) / "model.onnx") for model, arrays in models()]


def render(rows: list[tuple[str, str, str]]) -> str:
    lines = [f"{len(rows)} models, every label equal.\n"]
    for family in dict.fromkeys(family for family, _, _ in rows):
        lines += [f"\n### {family}\n", "\n| Model | What it is | Written by | Rows | Largest relative error |\n",
                  "|---|---|---|---|---|\n"]
        lines += [f"{line}{error} |\n" for name, line, error in rows if name == family]
    return "".join(lines)


def without_errors(text: str) -> list[str]:
    return [line.rsplit("|", 2)[0] if line.startswith("| `") else line for line in text.splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = DOC.read_text()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    new = render(table())
    if arguments.check:
        if without_errors(old) == without_errors(new):
            return 0
        print("docs/formats.md does not list the models of tests/models: run scripts/make_formats_doc.py", file=sys.stderr)
        return 1
    DOC.write_text(before + BEGIN + new + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
