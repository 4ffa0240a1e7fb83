"""Starts the program under test, waits until it serves, and ends it the way an operator would."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BENCH_MODELS = ROOT / "tests/models/bench"
ENGINE_MODELS = ROOT / "tests/models/engine"
EXAMPLE_MODELS = ROOT / "examples/models"
EXAMPLE_DATA = ROOT / "examples/data"

# What a program must never write, whatever it is sent: a broken invariant of ours, or a sanitizer's finding.
BROKEN = re.compile(r"CHECK failed|Sanitizer|runtime error:|terminate called|pure virtual")


def binary() -> Path:
    """The program: $SLIPWAY, else the release build, else build/bin."""
    candidates = [ROOT / "build/release/bin/slipway", ROOT / "build/bin/slipway"]
    if named := os.environ.get("SLIPWAY"):
        candidates = [Path(named)]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"no program to test, looked for {', '.join(map(str, candidates))}")


def repository(folder: Path, models: dict[str, Path]) -> Path:
    """A model repository in `folder` with version 1 of each model: name -> file or version directory. The files look
    old, so that a server takes them at once instead of waiting for someone to finish writing them."""
    for name, source in models.items():
        target = folder / name / "1"
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.mkdir(parents=True)
            shutil.copyfile(source, target / "model.onnx")
        look_old(folder / name)
    return folder


def look_old(folder: Path) -> None:
    """Sets every date in `folder` an hour back."""
    then = time.time() - 3600
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (then, then), follow_symlinks=False)


class Server:
    """`slipway serve` in a process of its own, ready when the constructor returns.

    sources: model files and repository directories. options: more words for the command line. config: a dictionary
    for --config, in the form that --print-config shows. Listens on a free port unless config or options say otherwise.
    A context manager; leaving it calls stop(), which fails the test if the program did not end as it should.
    """

    def __init__(self, *sources, options=(), config=None, env=None, wait=True, timeout=60.0):
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-e2e-"))
        self.stdout, self.stderr = self.folder / "stdout", self.folder / "stderr"
        command = [binary(), "serve", *sources]
        options = [str(option) for option in options]
        if config:
            file = self.folder / "config.json"
            file.write_text(json.dumps(config))
            command += ["--config", file]
        if "--listen" not in options and not (config or {}).get("listen"):
            command += ["--listen", "127.0.0.1:0"]
        self.command = [str(word) for word in command] + options
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"),
                                                 **(env or {})})
        self.pid = self.process.pid
        self.stopped = False
        if wait:
            try:
                self.wait_for_banner(timeout)
            except BaseException:
                self.kill()
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()

    def wait_for_banner(self, timeout=60.0) -> None:
        """Returns once the program has said where it serves, which it does when the initial loads are done."""
        wait_until(lambda: "stop: Ctrl-C\n" in self.banner() or not self.running(), timeout,
                   lambda: f"no banner after {timeout:.0f} s:\n{self.output()}")
        assert self.running(), f"{self.command} ended with {self.process.returncode}:\n{self.output()}"

    def running(self) -> bool:
        return self.process.poll() is None

    def banner(self) -> str:
        return self.stdout.read_text(errors="replace")

    def log(self) -> str:
        """What it has logged so far."""
        return self.stderr.read_text(errors="replace")

    def output(self) -> str:
        return self.banner() + self.log()

    @property
    def urls(self) -> list[str]:
        """Every address, in the order of --listen: http://HOST:PORT or unix:PATH."""
        return re.findall(r"^at (\S+)$", self.banner(), re.MULTILINE)

    @property
    def url(self) -> str:
        return next(url for url in self.urls if url.startswith("http://"))

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return self.url.removeprefix("http://")

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def connect(self, timeout=30.0) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout)

    def request(self, method, path, body=None, headers=None, timeout=60.0) -> "Answer":
        """One request on a connection of its own. A dict or list as body goes as JSON."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **more) -> "Answer":
        return self.request("GET", path, **more)

    def post(self, path, body=b"", **more) -> "Answer":
        return self.request("POST", path, body, **more)

    def infer(self, model, body, headers=None, version="") -> "Answer":
        part = f"/versions/{version}" if version else ""
        return self.post(f"/v2/models/{model}{part}/infer", body, headers=headers)

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024

    def send_signal(self, number=signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def stop(self, timeout=60.0) -> None:
        """SIGTERM; fails unless the program ends with 0 and never wrote of a broken invariant."""
        if self.stopped:
            return
        alive = self.running()
        if alive:
            self.send_signal()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {timeout:.0f} s after SIGTERM:\n{tail(self.output())}") from None
        self.stopped = True
        output = self.output()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert alive, f"ended by itself with {status}:\n{tail(output)}"
        assert status == 0, f"ended with {status} after SIGTERM:\n{tail(output)}"
        assert not BROKEN.search(output), tail(output)

    def kill(self) -> None:
        """Ends it without asking, for a test that has failed already. Shows the log, which pytest then prints."""
        if not self.stopped:
            self.stopped = True
            self.process.kill()
            self.process.wait()
            print(f"--- {' '.join(self.command)}\n{tail(self.output())}")
            shutil.rmtree(self.folder, ignore_errors=True)


class Answer:
    """Status, headers and body of one HTTP answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def error(self) -> str:
        """The message of a failure, which must have the form that clients parse."""
        assert self.status != 200, f"expected a failure, got {self}"
        assert self.headers["content-type"] == "application/json", self
        message = self.json()["error"]
        assert isinstance(message, str) and message, self
        return message

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:2000]!r}"


def tail(text: str, lines=60) -> str:
    return "\n".join(text.splitlines()[-lines:])


def wait_until(condition, timeout=30.0, message=lambda: "condition did not come true", period=0.01):
    """Waits until condition() is true and returns what it returned; `message` is called when time is up."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, message() if callable(message) else message
        time.sleep(period)
    return value
