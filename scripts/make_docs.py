#!/usr/bin/env python3
"""Writes docs/configuration.md and docs/cli.md from what the program says of itself; nobody writes them by hand.

    scripts/make_docs.py                 writes both
    scripts/make_docs.py --check         says which are not up to date, and exits with 1

tests/e2e/reference_docs_test.py runs the check. The program is $SLIPWAY, else the release build.
"""

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A value that somebody might want, for each field of slipway.yaml; the default stands in for what is not here.
EXAMPLES = {
    "models": '["net.onnx"]',
    "name": "resnet50",
    "listen": '["127.0.0.1:8000", "unix:/run/slipway.sock"]',
    "allowed_hosts": "[model.example.com, \"*.prod.example.com\"]",
    "insecure": "true",
    "control": "explicit",
    "load": "resnet50",
    "version_policy": "latest:2",
    "memory_budget": "8GiB",
    "io_threads": "4",
    "cache_dir": "/var/cache/slipway",
    "client_header": "x-client-id",
    "provider": "cpu",
    "intra_op_threads": "2",
    "batching.preferred_sizes": "[16, 64]",
    "batching.pad": "{input_ids: 0, attention_mask: 0}",
    "timeout": "10s",
    "queue_threads": "2",
    "max_queued": "256",
    "cache.max_bytes": "64MiB",
    "cache.max_request": "256KiB",
    "sequence.idle_timeout": "5m",
    "sequence.max_sequences": "200",
    "model_settings": "{resnet50: {objective: 50ms, queue_threads: 1}}",
    "settle": "5s",
    "drain.delay": "5s",
    "drain.timeout": "1m",
    "log.level": "warn",
    "log.format": "json",
    "log.file": "/var/log/slipway.log",
    "trace.file": "/var/log/slipway-trace.json",
    "trace.level": "TIMESTAMPS",
    "trace.rate": "100",
    "trace.count": "1000",
    "trace.log_frequency": "500",
    "shared_memory.enabled": "true",
    "shared_memory.max_regions": "64",
    "shared_memory.max_bytes": "1GiB",
    "limits.max_header_bytes": "16KiB",
    "limits.max_header_count": "50",
    "limits.max_target_bytes": "4KiB",
    "limits.header_deadline": "5s",
    "limits.idle_timeout": "10m",
    "limits.min_body_bytes_per_second": "64KiB",
    "limits.body_grace": "2s",
    "limits.write_timeout": "10s",
    "limits.max_body": "256MiB",
    "limits.max_decompressed_body": "256MiB",
    "limits.max_decompression_ratio": "50",
    "limits.max_connections": "1000",
    "limits.max_connections_per_address": "100",
    "limits.max_buffered_bytes": "4GiB",
    "limits.max_pipelined": "16",
}

# What a code means to whoever called the program, in the order of base/status.h.
EXIT_MEANINGS = {
    "Ok": "it worked; `serve` was told to stop and has drained",
    "Cancelled": "it was cancelled",
    "Unknown": "something failed that has no better name",
    "InvalidArgument": "the command line, the configuration, a model or an input is wrong: the message says which",
    "DeadlineExceeded": "it took longer than it may",
    "NotFound": "a file or a model is not there",
    "AlreadyExists": "what should be made is there already",
    "PermissionDenied": "a file may not be read, or leaves its directory",
    "ResourceExhausted": "memory, descriptors or disk ran out",
    "FailedPrecondition": "the machine or the server is not in the state for this: an address is taken",
    "Aborted": "something changed meanwhile: try again",
    "OutOfRange": "a value is out of range",
    "Unimplemented": "this build does not have it",
    "Internal": "a defect, or a runtime that failed: please report it",
    "Unavailable": "the server cannot be reached, or is not ready",
    "DataLoss": "what came cannot be understood",
    "Unauthenticated": "the server does not know who is asking",
}


@dataclass
class Field:
    path: str
    meaning: str
    default: str

    @property
    def example(self) -> str:
        return EXAMPLES.get(self.path, self.default)


def program() -> Path:
    return Path(os.environ.get("SLIPWAY", ROOT / "build/release/bin/slipway")).resolve()


def ask(*words: str) -> str:
    return subprocess.run([program(), *words], capture_output=True, text=True, check=True).stdout


def fields() -> list[Field]:
    """What `slipway serve --print-config` prints: a comment, then the field."""
    found, section, comment = [], "", ""
    for line in ask("serve", "--print-config").splitlines():
        text = line.strip()
        indented = line.startswith("  ")
        if text.startswith("# "):
            comment = text[2:]
        elif text.endswith(":") and not indented:
            section = text[:-1]
        else:
            key, _, value = text.partition(": ")
            found.append(Field(f"{section}.{key}" if indented else key, comment, value))
    return found


def example_config(all_fields: list[Field]) -> str:
    """One slipway.yaml with every example in it."""
    lines, section = [], ""
    for field in all_fields:
        outer, _, key = field.path.rpartition(".")
        if outer and outer != section:
            lines.append(f"{outer}:")
        section = outer
        lines.append(f"{'  ' if outer else ''}{key}: {field.example}")
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def configuration() -> str:
    rows = [f"| `{field.path}` | {cell(field.meaning)} | `{cell(field.default)}` | `{cell(field.example)}` |"
            for field in fields()]
    return f"""\
<!-- Written by scripts/make_docs.py from `slipway serve --print-config`. -->
# Configuration

`slipway serve --config slipway.yaml`, or `slipway serve slipway.yaml`. Everything is optional; flags win over the file
([cli.md](cli.md)), and models on the command line replace those of the file. The file is YAML or JSON, without YAML's anchors,
tags and aliases. A field that does not exist is an error with line, column and the nearest name, and so is a value that does not
fit. `slipway serve --print-config` prints the whole configuration as the program understood it, in the form of this file.

`SIGHUP` reads the file again, with the flags of the start, and the TLS certificate with it. With an error in either nothing changes,
and the log says what is wrong and where. Else settings of models (all that `model_settings` may hold), `log.level` and
`trace` but for its file hold from now on: models whose settings changed are loaded again and swapped in without a gap, and what load
calls said of them still holds. Other fields hold from the next start on; the log names those that changed.
`slipway_config_reloads_total` counts.

Sizes are bytes, or have a unit: `64MiB`, `1.5GB`. Times have one: `250ms`, `30s`, `5m`, `2h`. Names with a dot are nested:
`drain.delay` is `delay` inside `drain`. A number in brackets is the HTTP status that a client gets.

| field | meaning | default | example |
|---|---|---|---|
{chr(10).join(rows)}

The examples as one file:

```yaml
{example_config(fields())}```
"""


def exit_code(name: str, number: int) -> int:
    """As base::ExitCode has it."""
    return {"Ok": 0, "Unknown": 1, "InvalidArgument": 2}.get(name, 10 + number)


def exit_codes() -> list[tuple[int, str, str]]:
    header = (ROOT / "src/base/status.h").read_text()
    codes = re.findall(r"^  k(\w+) = (\d+),$", header, re.MULTILINE)
    rows = []
    for name, number in codes:
        canonical = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
        rows.append((exit_code(name, int(number)), canonical, EXIT_MEANINGS[name]))
    return sorted(rows)


def commands(*parents: str) -> list[str]:
    """Every command below `parents`, each followed by those below it: "bench", "bench compare"."""
    listed = ask(*parents, "--help").partition("Subcommands:\n")[2].partition("\n\n")[0]
    found = []
    for name in re.findall(r"^  (\w+) ", listed, re.MULTILINE):
        found += [" ".join([*parents, name]), *commands(*parents, name)]
    return found


def command_line() -> str:
    sections = [f"## slipway {name}\n\n```text\n{ask(*name.split(), '--help').strip()}\n```\n" for name in commands()]
    rows = [f"| {code} | {name} | {meaning} |" for code, name, meaning in exit_codes()]
    return f"""\
<!-- Written by scripts/make_docs.py from the program's own --help and src/base/status.h. -->
# Command line

```text
{ask("--help").strip()}
```

Results go to standard output, everything else to standard error.

{chr(10).join(sections)}
## Exit codes

| code | name | meaning |
|---|---|---|
{chr(10).join(rows)}

A signal that ends the program shows as the shell's 128 + number. `serve` ends with 0 after SIGTERM and SIGINT.
"""


PAGES = {"configuration.md": configuration, "cli.md": command_line}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is not up to date")
    arguments = parser.parse_args()
    stale = []
    for name, render in PAGES.items():
        page, text = ROOT / "docs" / name, render()
        if page.exists() and page.read_text() == text:
            continue
        stale.append(name)
        if not arguments.check:
            page.write_text(text)
    if arguments.check and stale:
        print(f"not up to date: {', '.join(stale)}; run scripts/make_docs.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
