# SPDX-License-Identifier: Apache-2.0
"""Installs the servers, each by the names of its packages into an environment of its own, and says how big they are."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import measure
from measure import BenchError

HERE = Path(__file__).resolve().parent
BUILT = {"triton": "start.sh", "c++": "server"}  # kind -> what its build.sh makes last


def folder(peer):
    return HERE / (peer.shares or peer.name)


def install(peer, environment, progress):
    """Makes what is missing of a peer's environment; a second time costs nothing."""
    if peer.kind == "ours":
        return
    if peer.kind in BUILT:
        built = environment / BUILT[peer.kind]
        if not built.exists() or (peer.kind == "c++" and "not found" in libraries(built)):  # ONNX Runtime has moved
            progress(f"building {peer.name}")
            run([folder(peer) / "build.sh", environment])
        return
    wanted = (HERE / peer.name / "requirements.txt").read_text()
    stamp = environment / "installed.txt"  # written last: what is not whole is made again
    if stamp.exists() and stamp.read_text() == wanted:
        return
    progress(f"installing {peer.name}")
    if peer.name == "torchserve" and not measure.have("java"):
        raise BenchError("TorchServe needs Java: install default-jre-headless")
    shutil.rmtree(environment, ignore_errors=True)
    run([python(), "-m", "venv", environment / "venv"])
    run([environment / "venv" / "bin" / "pip", "install", "--quiet", "--requirement",
         HERE / peer.name / "requirements.txt"])
    stamp.write_text(wanted)


def python():
    """The requirements are pinned for Python 3.11, Debian 12's."""
    found = shutil.which("python3.11") or shutil.which("python3")
    if found is None:
        raise BenchError("no python3 to install with")
    return found


def run(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BenchError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout.strip()


def packages(environment):
    """{name: version} of what is installed, without pip itself."""
    found = {}
    for folder in environment.glob("venv/lib/python*/site-packages/*.dist-info"):
        name, version = folder.name.removesuffix(".dist-info").rsplit("-", 1)
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    found.pop("pip", None)
    return found


def megabytes(*roots, but=()):
    """What the files of folders take, each file once however many names it has."""
    sizes = {}
    for root in roots:
        for folder, names, files in os.walk(root):
            names[:] = [name for name in names if name not in but]
            for file in files:
                stat = os.lstat(os.path.join(folder, file))
                sizes[stat.st_dev, stat.st_ino] = stat.st_blocks * 512
    return sum(sizes.values()) / 1e6


def size(peer, environment, binary):
    """(megabytes, packages, version) of what is installed, the Python interpreter not counted."""
    if peer.kind == "ours":
        return program_megabytes(binary), 1, measure.versions(binary).split(",")[0].removeprefix("slipway ")
    if peer.kind == "c++":
        return program_megabytes(environment / "server"), 1, run(["dpkg-query", "-W", "-f", "${Version}", peer.distribution])
    if peer.kind == "triton":
        root = environment / "pt"
        return megabytes(root / "pytriton" / "tritonserver", root / "nvidia_pytriton.libs",
                         but=("python_backend_stubs",)), 1, "2.51.0"
    found = packages(environment)
    return megabytes(environment / "venv", but=("pip",)), len(found), found.get(peer.distribution, "?")


def libraries(program):
    """What ldd says of a program: one library a line, and where it lies."""
    return subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout


def program_megabytes(binary):
    """A program without debugging symbols, as packages hold it, and ONNX Runtime's library."""
    library = re.search(r"libonnxruntime\S* => (/\S+)", libraries(binary))
    total = Path(library.group(1)).stat().st_size if library else 0
    with tempfile.TemporaryDirectory() as scratch:
        stripped = Path(scratch) / "program"
        if measure.have("strip") and subprocess.run(["strip", "-o", stripped, binary], check=False).returncode == 0:
            return (total + stripped.stat().st_size) / 1e6
    return (total + Path(binary).stat().st_size) / 1e6

