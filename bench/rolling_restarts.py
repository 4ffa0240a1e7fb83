#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Restarts two servers behind HAProxy in turn, again and again under load, and counts what clients notice.

    bench/rolling_restarts.py                  # 100 restarts at 5,000 requests/s, about three minutes; needs haproxy
    bench/rolling_restarts.py --restarts 10    # a quick look

HAProxy asks each server's readiness every 100 ms and retries a request once, on the other server. A restart is what an
operator does: SIGTERM, wait for the end, start again. The server answers that it is not ready for as long as
--drain-delay says, ends what is running, and exits with 0; the next restart begins when HAProxy uses the new one.

It must show: no failed request, every server ended with 0. Exit status 1 if not.
"""

import argparse
import csv
import io
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import measure
from measure import BenchError

MODEL = "breast_cancer"
MODELS = measure.ROOT / "examples" / "models"
BODY = measure.ROOT / "examples" / "data" / "breast_cancer_request.json"

CONFIG = """
global
    maxconn 4096
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout check 1s
    timeout client 30s
    timeout server 30s
    retries 1
    option redispatch 1
    retry-on conn-failure empty-response
frontend clients
    bind 127.0.0.1:{port}
    default_backend slipway
backend slipway
    balance roundrobin
    option httpchk
    http-check send meth GET uri /v2/health/ready
    default-server check inter 100ms fall 1 rise 1
{servers}
"""


@dataclass
class Result:
    """What clients and HAProxy saw."""

    restarts: int = 0
    restart_s: list = field(default_factory=list)
    exits: list = field(default_factory=list)  # exit statuses other than 0
    answers: int = 0
    failed: int = 0
    errors: list = field(default_factory=list)
    retries: int = 0  # by HAProxy
    p99_ms: float = 0
    slowest_ms: float = 0

    def problems(self):
        found = []
        if self.failed:
            found.append(f"{self.failed} requests failed: {self.errors[:3]}")
        if self.exits:
            found.append(f"servers ended with {self.exits}, expected 0")
        return found


class Proxy:
    """HAProxy in front of servers on the loopback interface. Ends with the `with` block."""

    def __init__(self, ports):
        self.port = measure.free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="slipway-haproxy-")
        self._socket = Path(self._folder.name) / "admin.sock"
        servers = "\n".join(f"    server s{i} 127.0.0.1:{port}" for i, port in enumerate(ports))
        config = Path(self._folder.name) / "haproxy.cfg"
        config.write_text(CONFIG.format(socket=self._socket, port=self.port, servers=servers))
        self._process = subprocess.Popen(["haproxy", "-f", config, "-db"], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(30)
        self._folder.cleanup()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def statistics(self):
        """A dictionary for each line of `show stat`."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(b"show stat\n")
            text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        return list(csv.DictReader(io.StringIO(text.lstrip("# "))))

    def wait_up(self, server, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if any(line["svname"] == f"s{server}" and line["status"] == "UP" for line in self.statistics()):
                    return
            except OSError:
                pass  # it has not made its socket yet
            if self._process.poll() is not None:
                raise BenchError(f"haproxy ended with {self._process.returncode}")
            time.sleep(0.01)
        raise BenchError(f"haproxy does not use server {server} after {seconds} s")

    def retries(self):
        return sum(int(line["wretr"] or 0) for line in self.statistics() if line["svname"] == "BACKEND")


def server_on(args, port):
    command = [args.binary, "serve", MODELS, "--listen", f"127.0.0.1:{port}", "--log-level", "warn",
               "--drain-delay", f"{args.drain_ms}ms"]
    return measure.Server(command, port)


def restart(args, servers, which, proxy, result):
    began = time.monotonic()
    old = servers[which]
    if status := old.stop():
        result.exits.append(status)
    servers[which] = server_on(args, old.port)
    servers[which].__enter__()
    proxy.wait_up(which)
    result.restart_s.append(time.monotonic() - began)


def run_restarts(args):
    """The whole experiment. `args` has the fields that parse_arguments() gives."""
    result = Result()
    servers = [server_on(args, measure.free_port()) for _ in range(2)]
    client = None
    try:
        for server in servers:
            server.__enter__()
        with Proxy([server.port for server in servers]) as proxy:
            for which in range(len(servers)):
                proxy.wait_up(which)
            client = measure.start_bench(args.binary, proxy.url, "--model", MODEL, "--input", BODY, "--rate", args.rate,
                                         "--connections", args.connections, "--duration", "3600s", "--warmup", "500ms")
            time.sleep(1)
            for number in range(args.restarts):
                restart(args, servers, number % len(servers), proxy, result)
                result.restarts += 1
            client.send_signal(signal.SIGINT)
            report = measure.finish_client(client, timeout=120)
            result.retries = proxy.retries()
    finally:
        if client is not None and client.poll() is None:
            client.kill()
        for server in servers:
            if server.process is not None:
                server.stop()
    result.answers = report["answered"]
    result.failed = report["failed"] + report["unanswered"]
    result.errors = report["errors"]
    result.p99_ms = report["latency_ms"]["p99"]
    result.slowest_ms = report["latency_ms"]["max"]
    return result


def print_result(args, result):
    print(measure.machine())
    print(f"restarts  {result.restarts}, each {sum(result.restart_s) / max(1, len(result.restart_s)):.2f} s on average, "
          f"of which {args.drain_ms / 1e3:g} s not ready")
    print(f"answers   {result.answers:,} at {args.rate:g} requests/s, {result.failed} failed, "
          f"{result.retries} retried by HAProxy")
    print(f"latency   p99 {result.p99_ms:.2f} ms, slowest {result.slowest_ms:.1f} ms")


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--restarts", type=int, default=100, metavar="N")
    parser.add_argument("--rate", type=float, default=5000, metavar="R", help="requests a second")
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--drain-ms", type=int, default=500, metavar="MS", help="how long a server is not ready, and serves")
    return parser.parse_args(arguments)


def main():
    args = parse_arguments()
    if not measure.have("haproxy"):
        raise BenchError("haproxy is not installed: apt-get install haproxy")
    result = run_restarts(args)
    print_result(args, result)
    return measure.tell(result.problems())


if __name__ == "__main__":
    measure.end_with(main)
