"""docs/onnx-backend.md: which of ONNX's operator cases are answered right, and why the others are not.

    build/venv/bin/python tests/e2e/support/onnx_table.py --write     serve all cases and write the document
    build/venv/bin/python tests/e2e/support/onnx_table.py CASE ...    serve these cases, say what came of each
"""

import argparse
import collections
import re
import sys
import textwrap
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import onnx  # noqa: E402

from support.onnx_cases import KINDS, load_cases  # noqa: E402
from support.onnx_serving import NOT_SERVED, RIGHT, RIGHT_IN_BINARY, Outcome, serve_cases  # noqa: E402
from support.server import ROOT  # noqa: E402

DOCUMENT = ROOT / "docs/onnx-backend.md"

INTRODUCTION = """\
# ONNX's operator cases, served

ONNX publishes a test suite for those who run its models: small models with inputs and the outputs that its authors
expect, in the Python package `onnx` (`onnx.backend.test`). `./test` loads each model into a running server, asks it
over REST, once with binary tensors and once in JSON, compares the answers with the tolerances of the suite, and
unloads it. The counts below are those of onnx {version}; whole networks, which the package would download, are left
out.

| Cases | What came of them |
|---:|---|
{counts}

Wherever a case is not answered, the call that loads or asks the model gets an error that says why. Where the runtime
computes something else, ONNX Runtime used by itself, without a server, does the same; four of these cases draw random
numbers (`training_dropout`).

`StringNormalizer` asks for the locale `en_US.UTF-8`, which a bare Debian does not have (`apt-get install locales`, then
`locale-gen`); the test lends it one.

`build/venv/bin/python tests/e2e/support/onnx_table.py --write` serves the cases and writes this page anew.
"""


def table(outcomes: list[Outcome]) -> str:
    by_verdict = collections.defaultdict(list)
    for outcome in outcomes:
        by_verdict[outcome.verdict].append(outcome.name)
    order = [RIGHT, RIGHT_IN_BINARY, *NOT_SERVED]
    order += sorted(by_verdict.keys() - set(order))
    verdicts = [verdict for verdict in order if verdict in by_verdict]
    counts = "\n".join(f"| {len(by_verdict[verdict]):,} | {verdict} |" for verdict in verdicts)
    counts += f"\n| {len(outcomes):,} | all cases: " + ", ".join(
        f"{sum(outcome.kind == kind for outcome in outcomes):,} of kind `{kind}`" for kind in KINDS) + " |"
    text = INTRODUCTION.format(version=onnx.__version__, counts=counts)
    for verdict in verdicts:
        if verdict != RIGHT:
            names = textwrap.fill(" ".join(by_verdict[verdict]), 118, break_long_words=False, break_on_hyphens=False)
            text += f"\n## {verdict[0].upper()}{verdict[1:]}\n\n{names}\n"
    return text


def read_table(text: str) -> dict[str, str]:
    """What the page says of each case that it names."""
    verdicts = {}
    for section in text.split("\n## ")[1:]:
        title, names = section.split("\n", 1)
        for name in names.split():
            verdicts[name] = title[0].lower() + title[1:]
    return verdicts


def read_counts(text: str) -> dict[str, int]:
    """The first table of the page: verdict -> number of cases."""
    return {verdict: int(count.replace(",", "")) for count, verdict in re.findall(r"^\| ([\d,]+) \| (.*) \|$", text,
                                                                                re.MULTILINE)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Serves the operator cases that ONNX publishes.")
    parser.add_argument("cases", nargs="*", help="cases to serve; without any, all")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}")
    args = parser.parse_args()
    if args.write and args.cases:
        parser.error("--write serves all cases")
    outcomes = serve_cases([case for case in load_cases() if not args.cases or case.name in args.cases])
    if args.write:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(table(outcomes))
    elif args.cases:
        print(*(f"{outcome.name}: {outcome.verdict}  {outcome.detail}" for outcome in outcomes), sep="\n")
    counts = collections.Counter(outcome.verdict for outcome in outcomes)
    print(*(f"{count:6} {verdict}" for verdict, count in counts.most_common()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
