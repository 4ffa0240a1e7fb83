"""Runs clang-tidy over sources and remembers the clean ones, so that a later run looks only at what has changed.

A source is looked at again when it, a header of ours that it includes, its compile command, .clang-tidy or the version
of clang-tidy differs from the run that found it clean. What is remembered lies in build/lint; deleting it is harmless.
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLEAN = ROOT / "build/lint"
# The commands are g++'s: some of its warnings clang does not know or takes more strictly, and its std::stable_sort() uses
# what clang calls deprecated.
FOREIGN = ["-Wno-unknown-warning-option", "-Wno-deprecated-declarations", "-Wno-error"]
# A fifth of the analyzer's default: it follows fewer paths through a function, in half of the time.
BOUNDED = ["-Xclang", "-analyzer-config", "-Xclang", "max-nodes=40000"]
# A test reads better without the latter three: reading what is not there ends it (_GLIBCXX_ASSERTIONS), and that is a
# failure too. The analyzer takes a minute for the paths that the macros of a test open.
NOT_IN_TESTS = ["clang-analyzer-*", "bugprone-unchecked-optional-access", "performance-inefficient-string-concatenation",
                "performance-inefficient-vector-operation"]


def checks(file: str) -> list[str]:
    is_test = file.endswith("_test.cc") or "/testing/" in file
    return ["--checks=" + ",".join(f"-{check}" for check in NOT_IN_TESTS)] if is_test else []


def key(command: dict, common: bytes) -> str | None:
    """Digest of all that clang-tidy's verdict of a source depends on; None where the source does not preprocess."""
    words = shlex.split(command["command"])
    words = words[1:] if words[0].endswith("ccache") else words
    output = words.index("-o")
    flags = [word for word in words[1:output] + words[output + 2:] if word not in ("-c", "-MD")]
    made = subprocess.run(["clang++-19", *flags, *FOREIGN, "-w", "-MM", "-MT", "x"], cwd=command["directory"],
                          capture_output=True, text=True)
    if made.returncode != 0:
        return None
    digest = hashlib.sha256(common + command["command"].encode() + "".join(checks(command["file"])).encode())
    for name in made.stdout.replace("\\\n", " ").split()[1:]:
        digest.update(name.encode() + b"\0" + Path(command["directory"], name).read_bytes())
    return digest.hexdigest()


def check(command: dict, folder: str, common: bytes) -> str:
    """What clang-tidy has to say about a source; "" if nothing."""
    before = key(command, common)
    if before and (CLEAN / before).exists():
        return ""
    made = subprocess.run(["clang-tidy-19", "--quiet", "--warnings-as-errors=*", "-p", folder, *checks(command["file"]),
                           *(f"--extra-arg={flag}" for flag in FOREIGN + BOUNDED), command["file"]],
                          cwd=ROOT, capture_output=True, text=True)
    if made.returncode == 0:
        if before:
            (CLEAN / before).touch()
        return ""
    return made.stdout or made.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-p", dest="folder", required=True, help="build folder with a compile_commands.json")
    parser.add_argument("files", nargs="+", help="sources; those which that build does not compile are left out")
    arguments = parser.parse_args()

    wanted = {str((ROOT / file).resolve()) for file in arguments.files}
    commands = json.loads((ROOT / arguments.folder / "compile_commands.json").read_text())
    chosen = {command["file"]: command for command in commands if command["file"] in wanted}
    version = subprocess.run(["clang-tidy-19", "--version"], capture_output=True, check=True).stdout
    common = version + (ROOT / ".clang-tidy").read_bytes()
    CLEAN.mkdir(parents=True, exist_ok=True)

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = pool.map(lambda command: check(command, arguments.folder, common), chosen.values())
        for done, (file, text) in enumerate(zip(chosen, findings), start=1):
            if sys.stderr.isatty():
                print(f"\r\x1b[K{done}/{len(chosen)} {os.path.relpath(file, ROOT)}", end="", file=sys.stderr,
                      flush=True)
            if text:
                failed += 1
                print(text, flush=True)
    print(f"clang-tidy: {len(chosen) - failed} of {len(chosen)} sources clean", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
