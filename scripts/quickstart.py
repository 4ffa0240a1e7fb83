#!/usr/bin/env python3
"""What ./quickstart shows once the program is built. Standard library only.

Serves the example models from a fresh repository, sends held-out handwritten digits, prints what a
person can check, measures accuracy over all of them, and swaps the model's version under load.
"""
import argparse
import array
import ast
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHADES = " .:-=+*#%@"


def read_npy(raw):
    """(shape, values) of a C-ordered NPY array of float32 or int64."""
    header_size = int.from_bytes(raw[8:10], "little")
    header = ast.literal_eval(raw[10:10 + header_size].decode("latin-1"))
    values = array.array({"<f4": "f", "<i8": "q"}[header["descr"]])
    values.frombytes(raw[10 + header_size:])
    return header["shape"], values


def read_digits():
    with zipfile.ZipFile(ROOT / "examples/data/digits_heldout.npz") as archive:
        _, pixels = read_npy(archive.read("images.npy"))
        _, labels = read_npy(archive.read("labels.npy"))
    return [pixels[i * 64:(i + 1) * 64] for i in range(len(labels))], list(labels)


class Client:
    """One keep-alive connection to the server."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def infer(self, images):
        body = json.dumps({"inputs": [{
            "name": "image", "shape": [len(images), 1, 8, 8], "datatype": "FP32",
            "data": [value for image in images for value in image]}]})
        self.connection.request("POST", "/v2/models/digits/infer", body)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answer['error']}")
        outputs = {output["name"]: output["data"] for output in answer["outputs"]}
        return outputs["digit"], outputs["probabilities"], answer["model_version"]


def show(image, label, digit, probabilities):
    for row in range(8):
        line = "".join(SHADES[min(9, int(image[row * 8 + column] * 10 / 17))] * 2
                       for column in range(8))
        chances = ""
        best = sorted(range(10), key=lambda d: -probabilities[d])[:3]
        if 2 <= row < 5:
            d = best[row - 2]
            chances = f"   {d}  {probabilities[d]:6.1%}  {'#' * round(probabilities[d] * 30)}"
        print(f"    |{line}|{chances}")
    verdict = "right" if digit == label else f"wrong: it is a {label}"
    print(f"    the model says {digit} ({verdict})\n")


def accuracy(client, images, labels):
    right = 0
    version = ""
    for begin in range(0, len(images), 100):
        digits, _, version = client.infer(images[begin:begin + 100])
        right += sum(d == l for d, l in zip(digits, labels[begin:begin + 100]))
    return right, version


class Load:
    """Threads that send one digit after the other until they are stopped."""

    def __init__(self, port, images, threads=4):
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.answers = {}
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=(port, images))
                        for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, port, images):
        client = Client(port)
        i = 0
        while not self.stopping.is_set():
            try:
                _, _, version = client.infer([images[i % len(images)]])
                with self.lock:
                    self.answers[version] = self.answers.get(version, 0) + 1
            except Exception as error:  # noqa: BLE001: every failure counts, whatever it is
                with self.lock:
                    self.failures.append(str(error))
                client = Client(port)
            i += 1

    def wait_for(self, version, count):
        while True:
            with self.lock:
                if self.answers.get(version, 0) >= count or len(self.failures) > 100:
                    return
            time.sleep(0.01)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(port, server):
    while server.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v2/health/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.02)
    sys.exit("the server ended before it was ready")


def publish(repository, version):
    """Adds a version of the digits model as an operator should: copied aside, renamed into place."""
    source = ROOT / "examples/models/digits" / version
    aside = repository / "digits" / f".{version}.incoming"
    shutil.copytree(source, aside)
    aside.rename(repository / "digits" / version)


def make_repository(directory):
    repository = pathlib.Path(directory) / "models"
    for model in ("breast_cancer", "breast_cancer_forest"):
        shutil.copytree(ROOT / "examples/models" / model, repository / model)
    (repository / "digits").mkdir()
    shutil.copy(ROOT / "examples/models/digits/labels.txt", repository / "digits")
    publish(repository, "1")
    return repository


def demonstrate(port, repository):
    images, labels = read_digits()
    client = Client(port)
    print("\n== Handwritten digits the model has never seen ==\n")
    digits, probabilities, _ = client.infer(images[:3])
    for i in range(3):
        show(images[i], labels[i], digits[i], probabilities[i * 10:(i + 1) * 10])

    right, version = accuracy(client, images, labels)
    print(f"== Accuracy over {len(labels)} held-out digits ==\n"
          f"    version {version}: {right} right, {right / len(labels):.1%}\n")

    print("== Swap to version 2 under load ==")
    load = Load(port, images)
    load.wait_for("1", 500)
    publish(repository, "2")
    load.wait_for("2", 500)
    load.stop()
    by_version = ", ".join(f"{count} by version {v}" for v, count in sorted(load.answers.items()))
    print(f"    {sum(load.answers.values())} requests answered ({by_version}), "
          f"{len(load.failures)} failed")
    for failure in load.failures[:3]:
        print(f"    {failure}")
    right, version = accuracy(client, images, labels)
    print(f"    version {version}: {right} right, {right / len(labels):.1%}\n")
    return not load.failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slipway", required=True, help="the built program")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    options = parser.parse_args()
    port = 8000
    with contextlib.closing(socket.socket()) as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            port = free_port()
    with tempfile.TemporaryDirectory(prefix="slipway-quickstart-") as directory:
        repository = make_repository(directory)
        command = [options.slipway, "serve", str(repository), "--listen", f"127.0.0.1:{port}",
                   "--settle", "200ms", "--log-level", "warn"]
        print("\n== Serving ==\n    " + " ".join(command) + "\n", flush=True)
        server = subprocess.Popen(command, cwd=ROOT)
        try:
            wait_until_ready(port, server)
            good = demonstrate(port, repository)
            print(f"== Yours now ==\n    http://127.0.0.1:{port}/v2/models/digits\n"
                  f"    http://127.0.0.1:{port}/metrics", flush=True)
            if options.keep:
                print("    running until Ctrl-C", flush=True)
                server.wait()
        except KeyboardInterrupt:
            good = True
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGTERM)
            with contextlib.suppress(KeyboardInterrupt):
                server.wait(timeout=60)
        if server.returncode != 0:
            sys.exit(f"the server ended with exit status {server.returncode}")
        print("    the server has stopped cleanly")
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
