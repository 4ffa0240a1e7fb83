# SPDX-License-Identifier: Apache-2.0
"""Starts a server of the table, asks it, and ends it with all its children."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import measure
from cases import Call, right
from measure import BenchError, Load

START_SECONDS = 90
MARK = "SLIPWAY_PEER"  # a variable in the environment by which a server's processes are known again


@dataclass(frozen=True)
class Place:
    """Where the parts of one peer are."""

    slipway: Path
    environment: Path  # what was installed for it
    here: Path  # its folder in bench/peers
    models: Path  # a repository of the models, NAME/1/model.onnx
    work: Path  # what its preparation made

    @property
    def bin(self):
        return self.environment / "venv" / "bin"

    def words(self, model):
        """What the braces in a command or an environment of the table stand for."""
        ports = dict(zip(("port", "grpc", "other", "other2", "other3"), free_ports(5)))
        return {**vars(self), "bin": self.bin, "model": model, **ports}


def free_ports(count):
    with contextlib.ExitStack() as probes:
        found = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in found:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in found]


class PeerServer(measure.Server):
    """A server of the table with its models, on core 0 with all it starts. `first_answer_s` is the time from its start to
    its first right answer to `first`."""

    def __init__(self, peer, place, model, first: Call):
        words = place.words(model)
        super().__init__([word.format(**words) for word in peer.command], words["port"],
                         env={name: value.format(**words) for name, value in peer.env.items()},
                         ready_seconds=START_SECONDS)
        same_port = peer.kind == "ours"
        self.grpc_port = words["port"] if same_port else words["grpc"]
        self.model, self.first, self.first_answer_s, self.began = model, first, 0.0, 0.0

    def __enter__(self):
        self.env = {"OMP_NUM_THREADS": "1", MARK: uuid.uuid4().hex, **self.env}
        self.began = time.monotonic()
        return super().__enter__()

    def wait_ready(self):
        last = "no answer"
        while time.monotonic() < self.began + self.ready_seconds:
            if not self.running():
                raise BenchError(f"it ended at its start: {self.log_tail()}")
            try:
                body = self.answer(self.first)
            except (OSError, BenchError) as problem:
                last = problem
                time.sleep(0.002)
                continue
            self.first_answer_s = time.monotonic() - self.began
            self.prefer_all()
            return check(self.model, self.first, body)
        raise BenchError(f"no answer within {self.ready_seconds} s of its start: {last}; {self.log_tail()}")

    def prefer_all(self):
        """Children that made a session of their own get the priority too, where it was asked for."""
        for pid in measure.process_tree(self.pid) if measure.FIRST else ():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/autogroup").write_text("-20")

    def stop(self):
        """Ends the server as an operator would, then what it has left behind."""
        status = super().stop()
        end_all(self.env[MARK])
        return status

    def answer(self, call):
        """The body of the answer to one call; gRPC through curl, which needs no client library."""
        if not call.grpc:
            status, _, body = self.request("POST", call.request.path, call.request.body, call.request.headers)
            if status != 200:
                raise BenchError(f"{call.request.path}: {status} {body[:300].decode(errors='replace')}")
            return body
        frame = b"\0" + len(call.request.body).to_bytes(4, "big") + call.request.body
        done = subprocess.run(
            ["curl", "-sS", "--http2-prior-knowledge", "--max-time", "30", "-H", "content-type: application/grpc",
             "-H", "te: trailers", "--data-binary", "@-", "--dump-header", "/dev/stderr",
             f"http://127.0.0.1:{self.grpc_port}{call.request.path}"], input=frame, capture_output=True, check=False)
        if len(done.stdout) < 5:
            raise BenchError(f"gRPC: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return done.stdout[5:]

    def verify(self, call, model):
        check(model, call, self.answer(call))


def check(model, call, body):
    answer = call.read(body)
    if not right(model, answer):
        raise BenchError(f"a wrong answer of {model}: {answer[:4]}")


def marked_processes(mark):
    """The processes that were started with this mark in their environment, however they came to be."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def end_all(mark):
    """SIGTERM to what has the mark, and SIGKILL to what does not heed it for two seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + 2
        while (left := marked_processes(mark)) and time.monotonic() < end:
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            time.sleep(0.05)


def run_client(binary, server, call, case, seconds, folder):
    """`slipway bench` with a call; ended with this program however it ends."""
    options = ["--connections", case.connections, "--duration", f"{seconds}s", "--warmup", "0"]
    if call.grpc:
        body = Path(folder) / "message"
        body.write_bytes(call.request.body)
        client = measure.start_bench(binary, f"http://127.0.0.1:{server.grpc_port}", "--protocol", "grpc", "--model",
                                     case.model, "--input", body, "--outstanding", case.outstanding, *options)
    else:
        client = measure.start_client(binary, server.url, call.request, *options, folder=folder)
    try:
        report = measure.finish_client(client, timeout=seconds + 60)
    except subprocess.TimeoutExpired as late:
        raise BenchError(f"the client of a run of {seconds:g} s did not end within {late.timeout:g} s") from late
    finally:
        client.kill()
        client.wait()
    latency = report["latency_ms"]
    return Load(report["answered"], report["failed"] + report["unanswered"], report["requests_per_s"], latency["p50"],
                latency["p99"], detail=report)


def measure_case(binary, server, call, case, seconds, warmup_s, folder):
    """The Load of one case, once the answer is known to be right."""
    server.verify(call, case.model)
    return measure.run_load(server, lambda brief: run_client(binary, server, call, case, brief or seconds, folder), warmup_s)
