"""Runs every kind of test Slipway has and counts the cases; started by ./test, which see.

Steps whose files do not exist are skipped. Reports and logs go to build/test. The last line is `N passed, N failed`;
the exit status is 1 if a case failed or none ran.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
REPORTS = BUILD / "test"
# Rooms that every run also tests with AddressSanitizer: cheap to build, and they read outside bytes.
SANITIZED_BY_DEFAULT = ("base", "tensor", "net", "graph", "dataset")


@dataclass
class Tally:
    """Cases of one step. `failures` has a line for each failed case: its name and where to read more."""

    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures

    def cases(self) -> int:
        return self.passed + self.skipped + len(self.failures)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(command: list, log: Path, timeout: float, env: dict | None = None) -> int:
    """Runs `command` in the root with its output in `log`; 124 if it took longer than `timeout` seconds."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as out:
        print("$", *command, file=out, flush=True)
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            print(f"stopped after {timeout:.0f} s", file=out)
            return 124
        finally:
            if process.poll() is None:  # too slow, or we are being interrupted: its children end with it
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def show_end_of(log: Path) -> None:
    """Prints the last lines of a log: on a machine that is gone afterwards nobody can look them up."""
    lines = log.read_text(errors="replace").splitlines()[-40:] if log.exists() else []
    print(f"--- end of {shown(log)}", *lines, "---", sep="\n", flush=True)


def one_case(name: str, command: list, timeout: float, env: dict | None = None) -> Tally:
    """A command that is one test case: it passes if it exits with 0."""
    log = REPORTS / f"{name.replace(' ', '_')}.log"
    status = run(command, log, timeout, env)
    if status == 0:
        return Tally(passed=1)
    show_end_of(log)
    return Tally(failures=[f"{name}: exit status {status}, see {shown(log)}"])


def read_report(report: Path, name: str, status: int, log: Path) -> Tally:
    """Counts the cases in a JUnit report, which both GoogleTest and pytest write. A program that failed without naming
    a failed case, for one because it crashed, is a failed case itself."""
    tally = Tally()
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        cases = []
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failures.append(f"{name}: {case.get('classname')}.{case.get('name')}, see {shown(log)}")
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            tally.skipped += 1
        else:
            tally.passed += 1
    if status != 0 and not tally.failures:
        tally.failures.append(f"{name}: exit status {status}, see {shown(log)}")
    if tally.failures:
        show_end_of(log)
    return tally


def build(preset: str, targets: list[str], options: list[str]) -> str:
    """Configures and builds; returns an error line, empty when all went well."""
    log = REPORTS / f"build-{preset}.log"
    commands = [["cmake", "--preset", preset, *options], ["cmake", "--build", "--preset", preset]]
    if targets:
        commands[1] += ["--target", *targets]
    for command in commands:
        if run(command, log, timeout=7200) != 0:
            show_end_of(log)
            return f"build of preset '{preset}', see {shown(log)}"
    return ""


def unit_programs(preset: str) -> list[Path]:
    """The test programs CTest knows and finds built, so that leftovers of earlier builds are not run."""
    listing = subprocess.run(
        ["ctest", "--preset", preset, "--show-only=json-v1"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [Path(test["command"][0]) for test in json.loads(listing)["tests"] if "command" in test]


def unit_tests(preset: str, rooms: tuple[str, ...] = ()) -> Tally:
    """Builds a preset and runs its test programs, all of them or those of `rooms`."""
    prefix = "" if preset == "release" else f"{preset} "
    targets = [f"{room}_test" for room in rooms if (ROOT / f"src/{room}/CMakeLists.txt").exists()]
    if rooms and not targets:
        return Tally()
    if error := build(preset, targets, ["-DSLIPWAY_WERROR=ON"]):
        return Tally(failures=[error])
    env = {
        "ASAN_OPTIONS": "allocator_may_return_null=1",  # tests ask for memory that no machine has
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={ROOT}/tests/sanitizers/leak.txt",
        "TSAN_OPTIONS": f"suppressions={ROOT}/tests/sanitizers/thread.txt:allocator_may_return_null=1",
    }
    # GCC 12's ThreadSanitizer does not know the address layout of newer kernels.
    launcher = ["setarch", "--addr-no-randomize"] if preset == "tsan" else []
    tally = Tally()
    for program in unit_programs(preset):
        if targets and program.name not in targets:
            continue
        name = f"{prefix}{program.name}"
        log = REPORTS / preset / f"{program.name}.log"
        report = log.with_suffix(".xml")
        status = run([*launcher, program, f"--gtest_output=xml:{report}"], log, timeout=900, env=env)
        tally.add(read_report(report, name, status, log))
    return tally


def python_tests(folder: str, timeout: float, venv: str = "venv") -> Tally:
    """Tests in Python that start the shipped program; `venv` is the environment below build/ that they run in."""
    if not list((ROOT / folder).rglob("*_test.py")):
        return Tally()
    name = folder.removeprefix("tests/")
    log = REPORTS / f"{name}.log"
    report = log.with_suffix(".xml")
    command = [BUILD / venv / "bin/python", "-m", "pytest", folder, "-o", "python_files=*_test.py", "-p", "no:cacheprovider",
               "-o", "faulthandler_timeout=300", f"--junitxml={report}"]
    env = {"SLIPWAY": str(BUILD / "release/bin/slipway"), "PATH": f"{BUILD / 'tools'}:{os.environ['PATH']}",
           "PYTHONDONTWRITEBYTECODE": "1"}
    return read_report(report, name, run(command, log, timeout, env), log)


def fuzz(seconds: int) -> Tally:
    """Runs every fuzz target for a while, starting from its committed corpus; what it learns is kept under build/."""
    names = re.findall(r"^slipway_fuzz\(\s*(\w+)", (ROOT / "fuzz/CMakeLists.txt").read_text(), re.MULTILINE)
    if not names:
        return Tally()
    if error := build("fuzz", [], []):
        return Tally(failures=[error])

    def one(name: str) -> Tally:
        learned = BUILD / "fuzz-corpus" / name
        learned.mkdir(parents=True, exist_ok=True)
        seeds, words = ROOT / "fuzz/corpus" / name, ROOT / f"fuzz/{name}.dict"
        command = [BUILD / "fuzz/fuzz" / name, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2560",
                   "-print_final_stats=1", f"-artifact_prefix={REPORTS}/{name}-"]
        command += [f"-dict={words}"] if words.exists() else []
        command += [learned] + ([seeds] if seeds.is_dir() else [])
        return one_case(f"fuzz {name}", command, timeout=seconds + 300)

    tally = Tally()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(one, names):
            tally.add(result)
    return tally


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./test", description="Builds Slipway and runs its tests.")
    parser.add_argument("--quick", action="store_true", help="unit, end-to-end and layering tests only")
    parser.add_argument("--sanitize", action="store_true", help="all unit tests also with asan and tsan")
    parser.add_argument("--fuzz", type=int, nargs="?", const=60, metavar="SECONDS",
                        help="each fuzz target for SECONDS (60; without this option 5)")
    parser.add_argument("--oracles", action="store_true", help="also compare with other frameworks (tests/oracles)")
    parser.add_argument("--soak", action="store_true", help="also the long runs (tests/soak)")
    parser.add_argument("--lint", action="store_true", help="also clang-tidy over everything")
    return parser.parse_args()


def main() -> int:
    args = options()
    extras = not args.quick
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    groups = ["--test"] + (["--lint"] if extras or args.lint else []) + (["--fuzz"] if extras or args.fuzz else [])
    groups += ["--oracles"] if args.oracles else []
    if subprocess.run([ROOT / "scripts/setup", *groups]).returncode != 0:
        print("FAILED scripts/setup\n0 passed, 1 failed")
        return 1

    python = "/usr/bin/python3"
    steps = [("layering", lambda: one_case("layering", [python, "tests/layering_test.py"], 60))]
    if extras:
        steps += [("layout", lambda: one_case("layout", ["scripts/lint", "--format"], 300))]
    steps += [("unit", lambda: unit_tests("release")), ("end to end", lambda: python_tests("tests/e2e", 3600))]
    if args.lint:
        steps += [("lint", lambda: one_case("lint", ["scripts/lint"], 7200))]
    if args.oracles:
        steps += [("oracles", lambda: python_tests("tests/oracles", 4 * 3600, venv="oracles"))]
    if args.soak:
        steps += [("soak", lambda: python_tests("tests/soak", 24 * 3600))]
    if args.sanitize:
        steps += [("asan", lambda: unit_tests("asan")), ("tsan", lambda: unit_tests("tsan"))]
    elif extras:
        steps += [("asan", lambda: unit_tests("asan", SANITIZED_BY_DEFAULT))]
    if extras or args.fuzz:
        steps += [("fuzz", lambda: fuzz(args.fuzz or 5))]

    total = Tally()
    for name, step in steps:
        start = time.monotonic()
        tally = step()
        if tally.cases():
            skipped = f", {tally.skipped} skipped" if tally.skipped else ""
            print(f"{name:<12} {tally.passed} passed, {len(tally.failures)} failed{skipped} "
                  f"({time.monotonic() - start:.1f} s)", flush=True)
        total.add(tally)
        if name == "unit" and not tally.passed:
            total.failures += [] if tally.failures else ["unit: no test ran"]
            break  # most likely nothing was built, and what follows would test an older program
    for failure in total.failures:
        print("FAILED", failure)
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return 1 if total.failures or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
