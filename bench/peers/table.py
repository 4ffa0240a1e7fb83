# SPDX-License-Identifier: Apache-2.0
"""The servers as data: how each is started in its best honest setting, and in which words it is asked."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cases
from cases import LARGE, SMALL, oip_binary, oip_grpc, oip_json, raw_floats, rows_json


@dataclass(frozen=True)
class Peer:
    """One server. The words of `command` and `env` are filled in with the fields of servers.Place: {bin} are its
    environment's programs, {here} its folder beside this file, {work} a folder of its own, {models} a repository,
    {model} the model where a server has only one, {port}, {grpc}, {other}, {other2} and {other3} its ports."""

    name: str
    title: str
    distribution: str  # the package whose version is shown, Python's or Debian's
    setting: str  # what it was given, and why
    command: list[str]
    calls: dict[str, Callable]  # case -> how it is asked, given the model
    env: dict[str, str] = field(default_factory=dict)
    one_model: bool = False  # a server holds one model
    prepare: Callable | None = None  # prepare(place), once, before the first start
    warmup_s: float = 0.5  # how long it is asked before a case is measured
    kind: str = "python"  # how it is installed: environments.py
    shares: str = ""  # the peer whose folder and environment it uses


def prepare_triton(place):
    """A repository with the models, and the small one a second time with dynamic batching, for gRPC."""
    for name, model, more in ((SMALL, SMALL, ""), (LARGE, LARGE, ""),
                              (f"{SMALL}_batched", SMALL, "max_batch_size: 32\ndynamic_batching {}\n")):
        folder = place.work / "models" / name
        shutil.copytree(place.models / model, folder)
        (folder / "config.pbtxt").write_text(
            'backend: "onnxruntime"\n' + more +
            'parameters { key: "intra_op_thread_count" value { string_value: "1" } }\n')


def triton_grpc(model):
    return oip_grpc(model, f"{SMALL}_batched" if model == SMALL else model)


def prepare_mlflow(place):
    run([place.bin / "python", place.here / "prepare.py", place.models, place.work / "models"])


def prepare_torchserve(place):
    (place.work / "store").mkdir()
    for model in (SMALL, LARGE):
        run([place.bin / "torch-model-archiver", "--model-name", model, "--version", "1", "--serialized-file",
             place.models / model / "1" / "model.onnx", "--handler", place.here / "handler.py", "--export-path",
             place.work / "store"], PATH=f"{place.bin}:/usr/bin:/bin")


def run(command, **env):
    """A command of a preparation; raises with its last words where it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False,
                          stdin=subprocess.DEVNULL, env={"HOME": "/tmp", "PATH": "/usr/bin:/bin", **env})
    if done.returncode:
        raise cases.BenchError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-300:]}")


OIP = {"json": oip_json, "binary-600k": oip_binary, "json-600k": oip_json, "grpc": oip_grpc, "grpc-600k": oip_grpc}

SLIPWAY = Peer(
    "slipway", "Slipway", "", "as it comes",
    ["{slipway}", "serve", "{models}", "--listen", "127.0.0.1:{port}", "--log-level", "warn"], OIP, kind="ours")

TRITON = Peer(
    "triton", "Triton on CPU", "",
    "2 HTTP threads, one instance, one thread in an operator, no batching: its least CPU on one core; small gRPC with dynamic"
    " batches of up to 32, which cost less than single calls",
    ["{environment}/start.sh", "{work}/models", "--backend-config=default-max-batch-size=0", "--http-thread-count=2",
     "--log-info=false"],
    {**OIP, "grpc": triton_grpc}, {"HP": "{port}", "GP": "{grpc}", "MP": "{other}"}, prepare=prepare_triton, kind="triton")

PYTHON = [
    Peer("fastapi", "FastAPI", "fastapi",
         "one uvicorn worker with uvloop and httptools, since it has one core; no access log; no pydantic models, which cost a"
         " fifth more; async handlers, since the model is quicker than a thread's turn",
         ["{bin}/uvicorn", "server:app", "--app-dir", "{here}", "--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop",
          "--http", "httptools", "--no-access-log", "--log-level", "warning"],
         {"json": rows_json("/{}"), "json-600k": rows_json("/{}"), "binary-600k": raw_floats("/{}/binary")},
         {"MODELS": "{models}"}),
    Peer("flask", "Flask, gunicorn", "flask",
         "threads, since workers without them close every connection; two of them in one worker, the least CPU on one core",
         ["{bin}/gunicorn", "server:app", "--chdir", "{here}", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread",
          "--workers", "1", "--threads", "2", "--log-level", "warning"],
         {"json": rows_json("/{}"), "json-600k": rows_json("/{}"), "binary-600k": raw_floats("/{}/binary")},
         {"MODELS": "{models}"}),
    Peer("kserve", "KServe's Python server", "kserve",
         "one worker, since it has one core; no logs of accesses and latencies; JSON in version 1 of the protocol, which costs it"
         " less than version 2",
         ["{bin}/python", "{here}/server.py"],
         {"json": rows_json("/v1/models/{}:predict"), "json-600k": rows_json("/v1/models/{}:predict"),
          "binary-600k": oip_binary, "grpc": oip_grpc, "grpc-600k": oip_grpc},
         {"MODELS": "{models}", "PORT": "{port}", "GRPC_PORT": "{grpc}", "KSERVE_LOGLEVEL": "WARNING"}),
    Peer("mlserver", "MLServer", "mlserver",
         "models in the server's own process (parallel_workers 0): half of what they cost in its worker processes; no debug",
         ["{bin}/mlserver", "start", "{here}"],
         {"json": oip_json, "json-600k": oip_json, "grpc": oip_grpc, "grpc-600k": oip_grpc},
         {"MLSERVER_HOST": "127.0.0.1", "MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "{grpc}",
          "MLSERVER_METRICS_PORT": "{other}", "MLSERVER_PARALLEL_WORKERS": "0", "MLSERVER_DEBUG": "false",
          "MLSERVER_GRPC_MAX_MESSAGE_LENGTH": "67108864"}),
    Peer("litserve", "LitServe", "litserve",
         "one API server and one worker a model, since it has one core; no access log",
         ["{bin}/python", "{here}/server.py"],
         {"json": rows_json("/{}"), "json-600k": rows_json("/{}")}, {"MODELS": "{models}", "PORT": "{port}"}),
    Peer("bentoml", "BentoML", "bentoml",
         "one worker, since it has one core; no access log, metrics or tracing; async methods without batching",
         ["{bin}/bentoml", "serve", "server:Models", "--working-dir", "{here}", "--host", "127.0.0.1", "--port", "{port}"],
         {"json": rows_json("/{}"), "json-600k": rows_json("/{}")},
         {"MODELS": "{models}", "BENTOML_HOME": "{work}", "BENTOML_DO_NOT_TRACK": "True"}),
    Peer("mlflow", "mlflow models serve", "mlflow",
         "its ONNX flavor, one worker, since it has one core; no access log; a server holds one model",
         ["{bin}/mlflow", "models", "serve", "--model-uri", "{work}/models/{model}", "--env-manager", "local", "--host",
          "127.0.0.1", "--port", "{port}", "--workers", "1"],
         {"json": rows_json("/invocations", "inputs"), "json-600k": rows_json("/invocations", "inputs")},
         {"PATH": "{bin}:/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true", "UVICORN_ACCESS_LOG": "false"},
         one_model=True, prepare=prepare_mlflow),
    Peer("torchserve", "TorchServe", "torchserve",
         "one worker a model, since it has one core; no token, no log of accesses and metrics; five seconds to warm up, for Java's"
         " compiler",
         ["{bin}/torchserve", "--start", "--foreground", "--ncs", "--disable-token-auth", "--model-store", "{work}/store",
          "--models", f"{SMALL}={SMALL}.mar", f"{LARGE}={LARGE}.mar", "--ts-config", "{here}/config.properties",
          "--log-config", "{here}/log4j2.xml"],
         {"json": rows_json("/predictions/{}"), "json-600k": rows_json("/predictions/{}"),
          "binary-600k": raw_floats("/predictions/{}")},
         {"PATH": "{bin}:/usr/bin:/bin", "TS_INFERENCE_ADDRESS": "http://127.0.0.1:{port}",
          "TS_MANAGEMENT_ADDRESS": "http://127.0.0.1:{other}", "TS_METRICS_ADDRESS": "http://127.0.0.1:{other2}",
          "TS_GRPC_INFERENCE_PORT": "{grpc}", "TS_GRPC_MANAGEMENT_PORT": "{other3}", "LOG_LOCATION": "{work}",
          "METRICS_LOCATION": "{work}"}, prepare=prepare_torchserve, warmup_s=5),
]



def grpcpp(style, setting):
    return Peer(f"grpcpp-{style}", f"grpc++, {style}", "libgrpc++-dev", setting,
                ["{environment}/server", style, "{models}", "{grpc}"],
                {"grpc": oip_grpc, "grpc-600k": oip_grpc}, kind="c++", shares="grpcpp")


CPP = [
    grpcpp("sync", "Debian's grpc++, one completion queue and up to two pollers, since it has one core"),
    grpcpp("async", "Debian's grpc++, one thread and one completion queue, since it has one core"),
    grpcpp("callback", "Debian's grpc++, as it comes"),
    Peer("beast", "Boost.Beast, simdjson", "libboost1.74-dev", "Debian's Boost, one thread, since it has one core",
         ["{environment}/server", "{models}", "{port}"],
         {"json": rows_json("/{}"), "json-600k": rows_json("/{}"), "binary-600k": raw_floats("/{}/binary")}, kind="c++"),
]

PEERS = [SLIPWAY, TRITON, *CPP, *PYTHON]
