# SPDX-License-Identifier: Apache-2.0
"""Starts servers and clients on a core each, and reads clocks and counters. Standard library only.

The cost of a request is the growth of the server's process CPU clock (all threads, ended ones included, user and
system) over a run, divided by the answers of that run. Unlike requests per second it hardly depends on what else the
machine does.
"""

import http.client
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH_MODELS = ROOT / "tests" / "models" / "bench"
SERVER_CORE = 0
FIRST = False  # servers and clients get the highest ordinary priority: for a busy machine, needs root
CLIENT_CORE = min(1, (os.cpu_count() or 1) - 1)


class BenchError(Exception):
    """Something without which a number would mean nothing: a server that did not start, a failed request."""


def default_binary():
    """The release build, as ./quickstart and ./test make it."""
    if "SLIPWAY" in os.environ:
        return Path(os.environ["SLIPWAY"])
    return ROOT / "build" / "release" / "bin" / "slipway"


def fixture_python():
    """A Python with onnx and numpy, to make models with: that of the tests, else this one."""
    python = ROOT / "build" / "venv" / "bin" / "python"
    return python if python.exists() else sys.executable


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def on_core(core, gives_way=False):
    """What a child does before it becomes the program: stay on one core, and take the priority asked for."""
    def place():
        if core is not None:
            os.sched_setaffinity(0, {core})
        if FIRST:
            nice = -10 if gives_way else -20
            os.setsid()  # its own scheduling group, which needs a priority beside the process's own
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            if os.path.exists("/proc/self/autogroup"):
                Path("/proc/self/autogroup").write_text(str(nice))
        elif gives_way:
            os.nice(10)
    return place


def process_tree(pid):
    """`pid` and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat[stat.rindex(")") + 2:].split()[1])
    tree = {pid}
    while grown := {child for child, parent in parents.items() if parent in tree and child not in tree}:
        tree |= grown
    return tree


def cpu_ns(pid):
    """The CPU time of a process and its descendants. Linux keeps a clock for each process: clock_getcpuclockid(3)."""
    total = 0
    for one in process_tree(pid):
        try:
            total += time.clock_gettime_ns((~one << 3) | 2)
        except OSError:
            pass  # it has ended meanwhile
    return total


def memory_kb(pid):
    """RSS, PSS and private dirty pages of a process and its descendants, in kB."""
    sums = {"Rss": 0, "Pss": 0, "Private_Dirty": 0}
    for one in process_tree(pid):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        for key in sums:
            sums[key] += int(re.search(rf"^{key}:\s+(\d+) kB", rollup, re.M).group(1))
    return sums


def core_busy_ns(core):
    """How long a core has done anything at all, in nanoseconds; ticks of 10 ms."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
            return (user + nice + system + irq + softirq + steal) * 10**9 // os.sysconf("SC_CLK_TCK")
    raise BenchError(f"no core {core}")


@dataclass
class Server:
    """A server process and its HTTP port. Ends with the `with` block."""

    command: list
    port: int
    core: int | None = SERVER_CORE
    ready_path: str = "/v2/health/ready"
    env: dict = field(default_factory=dict)
    ready_seconds: float = 60
    process: subprocess.Popen | None = None
    log: Path | None = None

    def __enter__(self):
        handle, name = tempfile.mkstemp(prefix="slipway-bench-", suffix=".log")
        self.log = Path(name)
        with os.fdopen(handle, "w") as out:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [str(word) for word in self.command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **self.env}, preexec_fn=on_core(self.core))
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def wait_ready(self):
        end = time.monotonic() + self.ready_seconds
        while time.monotonic() < end:
            if not self.running():
                raise BenchError(f"{self.command[0]} ended at its start: {self.log_tail()}")
            try:
                if self.request("GET", self.ready_path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise BenchError(f"{self.command[0]} is not ready after {self.ready_seconds} s: {self.log_tail()}")

    def log_tail(self):
        return self.log.read_text(errors="replace")[-1000:] if self.log else ""

    def stop(self):
        """Ends the server as an operator would. Returns its exit status."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        status = self.process.wait()
        if self.log:
            self.log.unlink(missing_ok=True)
        return status

    def request(self, method, path, body=None, headers=None, timeout=30):
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def json(self, method, path, document=None):
        """The JSON answer to a request that must succeed."""
        body = None if document is None else json.dumps(document)
        status, _, answer = self.request(method, path, body, {"Content-Type": "application/json"})
        if status != 200:
            raise BenchError(f"{method} {path}: {status} {answer[:500].decode(errors='replace')}")
        return json.loads(answer) if answer.strip() else None

    def infer_stats(self, model):
        """(requests, nanoseconds in the engine's Run()) of a model since the start, from its statistics. Time is summed
        over runs, not over requests, because one run may serve several."""
        stats = self.json("GET", f"/v2/models/{model}/stats")["model_stats"][0]
        runs = sum(size["compute_infer"]["ns"] for size in stats["batch_stats"])
        return stats["inference_stats"]["compute_infer"]["count"], runs

    def cpu_ns(self):
        return cpu_ns(self.pid)


def slipway_server(binary, models, *options, core=SERVER_CORE, **more):
    """`slipway serve` on a free port of the loopback interface."""
    port = free_port()
    command = [binary, "serve", *(models if isinstance(models, list) else [models]),
               "--listen", f"127.0.0.1:{port}", "--log-level", "warn", *options]
    return Server(command, port, core=core, **more)


@dataclass
class Request:
    """What a client sends over and over."""

    path: str
    body: bytes
    headers: dict = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass
class Load:
    """What a client saw, and what it cost the server."""

    requests: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float = 0
    infer_us: float = 0
    server_core_share: float = 0  # of its core's time
    others_core_share: float = 0  # of the same core, by anybody else
    detail: dict = field(default_factory=dict)


def start_client(binary, url, request, *options, core=CLIENT_CORE, folder):
    """Starts `slipway bench` with a body of ours; finish_client() has its report."""
    body = Path(folder) / f"body-{hash(request.body) & 0xFFFFFFFF:x}"
    body.write_bytes(request.body)
    headers = [word for name, value in request.headers.items() for word in ("--header", f"{name}: {value}")]
    return start_bench(binary, url, "--path", request.path, "--input", body, *headers, *options, core=core)


def start_bench(binary, url, *options, core=CLIENT_CORE, gives_way=False):
    """Starts `slipway bench` on a core; finish_client() has its report. With `gives_way`, others there go first."""
    return subprocess.Popen([str(binary), "bench", url, "--json", *map(str, options)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, preexec_fn=on_core(core, gives_way))


def finish_client(client, timeout=None):
    out, problems = client.communicate(timeout=timeout)
    try:
        return json.loads(out)
    except ValueError as error:
        raise BenchError(f"slipway bench: {problems.strip() or out[-500:]}") from error


def run_slipway_client(binary, url, request, connections, seconds, folder):
    report = finish_client(start_client(binary, url, request, "--connections", connections, "--duration", f"{seconds}s",
                                        "--warmup", "0", folder=folder))
    latency = report["latency_ms"]
    return Load(report["answered"], report["failed"] + report["unanswered"], report["requests_per_s"], latency["p50"],
                latency["p99"], detail=report)


def run_wrk_client(url, request, connections, seconds, folder):
    folder = Path(folder)
    (folder / "wrk-body").write_bytes(request.body)
    script = folder / "wrk.lua"
    headers = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in request.headers.items())
    script.write_text(f'wrk.method = "POST"\nlocal body = io.open("{folder}/wrk-body", "rb")\n'
                      f'wrk.body = body:read("*a")\n{headers}')
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script, url + request.path],
                          capture_output=True, text=True, check=True, preexec_fn=on_core(CLIENT_CORE))

    def number(pattern, otherwise=None):
        found = re.search(pattern, done.stdout, re.M)
        if found is None and otherwise is None:
            raise BenchError(f"wrk: {done.stdout}{done.stderr}")
        return otherwise if found is None else found.group(1)

    def milliseconds(text):
        value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
        return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]

    return Load(int(number(r"(\d+) requests in")), int(number(r"Non-2xx or 3xx responses: (\d+)", 0)),
                float(number(r"Requests/sec:\s+([\d.]+)")), milliseconds(number(r"^\s+50%\s+(\S+)")),
                milliseconds(number(r"^\s+99%\s+(\S+)")))


def run_load(server, client, warmup_seconds=0.5, model=None):
    """Runs `client(seconds or None)` twice: briefly to warm up, then measured. Returns its Load with the server's cost."""
    client(warmup_seconds)
    stats = server.infer_stats(model) if model else (0, 0)
    busy, cpu, began = core_busy_ns(server.core), server.cpu_ns(), time.monotonic_ns()
    load = client(None)
    elapsed = time.monotonic_ns() - began
    used, busy = server.cpu_ns() - cpu, core_busy_ns(server.core) - busy
    if load.failed or not load.requests:
        raise BenchError(f"{load.failed} of {load.failed + load.requests} requests failed: {load.detail.get('errors')}")
    load.cpu_us = used / load.requests / 1e3
    load.server_core_share = used / elapsed
    load.others_core_share = max(0, busy - used) / elapsed
    if model:
        count, ns = server.infer_stats(model)
        load.infer_us = (ns - stats[1]) / max(1, count - stats[0]) / 1e3
    return load


def have(program):
    return shutil.which(program) is not None


def machine():
    """One line about the machine, and one about the software."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) / 2**20
    name = cpu.group(1) if cpu else platform.machine()
    release = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return (f"{os.cpu_count()} cores of {name}, {memory:.0f} GiB, Linux {platform.release()}, "
            f"{release.group(1) if release else 'unknown system'}")


def versions(binary):
    report = json.loads(subprocess.run([str(binary), "version", "--json"], capture_output=True, text=True,
                                       check=True).stdout)
    return ", ".join([f"slipway {report['slipway']}", *(f"{e['name']} {e['version']}" for e in report["engines"])])


def tell(problems):
    """Prints the targets that were missed; the exit code of the script."""
    for problem in problems:
        print("MISSED:", problem)
    return 1 if problems else 0


def end_with(main):
    """Ends the script with what main() returns; with one line where a measurement was not possible."""
    try:
        sys.exit(main())
    except BenchError as problem:
        sys.exit(f"bench/{Path(sys.argv[0]).name}: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
