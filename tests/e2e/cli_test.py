"""The commands that are not `serve`: predict, inspect, status, doctor, completion. What they print, what they refuse,
and the exit status, as a script would see them."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import time

import numpy as np
import pytest

from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, ROOT, Server, binary

DIGITS = EXAMPLE_MODELS / "digits"
CANCER = EXAMPLE_MODELS / "breast_cancer"
HELDOUT = EXAMPLE_DATA / "digits_heldout.npz"
TABLE = EXAMPLE_DATA / "breast_cancer_heldout.csv"

# The codes of base/status.cc.
INVALID, NOT_FOUND, UNAVAILABLE, UNIMPLEMENTED = 2, 15, 24, 22


def slipway(*words, stdin=None, cwd=ROOT, timeout=120):
    """Runs the program; returns it when it has ended, its output as text."""
    return subprocess.run([str(binary()), *map(str, words)], input=stdin, capture_output=True, cwd=cwd,
                          timeout=timeout, text=stdin is None or isinstance(stdin, str))


def ok(*words, **more):
    result = slipway(*words, **more)
    assert result.returncode == 0, result.stderr
    return result


def refused(code, *words, **more):
    """The message of a call that must fail with this exit status."""
    result = slipway(*words, **more)
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    assert result.stdout == ""
    assert result.stderr.startswith(f"slipway {words[0]}: "), result.stderr
    return result.stderr


def outputs(result):
    """Name -> array of a JSON answer."""
    return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in json.loads(result.stdout)["outputs"]}


@pytest.fixture(scope="module")
def shared():
    with Server(EXAMPLE_MODELS) as server:
        yield server


# ----- predict, here -----

def test_predicts_every_held_out_digit_from_npz():
    result = ok("predict", DIGITS, "--input", HELDOUT, "--map", "image=images", "--drop", "labels")
    answer = json.loads(result.stdout)
    assert answer["model_name"] == "digits" and answer["model_version"] == "2"
    assert int((outputs(result)["digit"] == np.load(HELDOUT)["labels"]).sum()) == 498  # as examples/models says
    assert result.stderr == ""


def test_version_directory_and_file_are_the_same_model():
    by_folder = ok("predict", DIGITS / "1", "-i", EXAMPLE_DATA / "digits_request.json")
    by_file = ok("predict", DIGITS / "1" / "model.onnx", "-i", EXAMPLE_DATA / "digits_request.json")
    assert by_folder.stdout == by_file.stdout
    assert json.loads(by_folder.stdout)["model_version"] == "1"


@pytest.mark.parametrize("batch", [1, 7, 256, 1000])
def test_batches_do_not_change_the_answer(batch):
    words = ["predict", DIGITS, "-i", HELDOUT, "--map", "image=images", "--ignore-extra", "--outputs", "digit"]
    digits = outputs(ok(*words, "--batch", batch))["digit"]
    assert int((digits == np.load(HELDOUT)["labels"]).sum()) == 498


def test_predicts_from_json_in_each_form():
    few = json.loads((EXAMPLE_DATA / "digits_few.json").read_text())
    request = ok("predict", DIGITS, "-i", EXAMPLE_DATA / "digits_request.json")
    named = ok("predict", DIGITS, "-i", EXAMPLE_DATA / "digits_few.json", "--map", "image=images", "--drop", "labels")
    bare = ok("predict", DIGITS, "-i", "-", stdin=json.dumps(few["images"]))
    for result in (request, named, bare):
        assert outputs(result)["digit"].tolist() == [3, 3, 7, 6]
    one_row = ok("predict", DIGITS, "-i", "-", stdin=json.dumps(few["images"][2]))
    assert outputs(one_row)["digit"].tolist() == [7]


def test_predicts_a_table_and_names_what_is_too_much():
    message = refused(INVALID, "predict", CANCER, "-i", TABLE)
    assert "beyond the first 30: 'label'" in message and "--ignore-extra" in message
    truth = [int(row["label"]) for row in csv.DictReader(io.StringIO(TABLE.read_text()))]
    for more in (["--ignore-extra"], ["--drop", "label"]):
        result = ok("predict", CANCER, "-i", TABLE, "--format", "csv", *more)
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert list(rows[0]) == ["probability_0", "probability_1", "label"]
        assert sum(int(row["label"]) == label for row, label in zip(rows, truth, strict=True)) == 164
        assert ("passed over: 'label'" in result.stderr) == (more == ["--ignore-extra"])


def test_numpy_in_and_out(tmp_path):
    images = np.load(HELDOUT)["images"][:5]
    np.save(tmp_path / "images.npy", images.astype(np.float64))
    result = ok("predict", DIGITS, "-i", tmp_path / "images.npy", "-o", tmp_path / "out.npz")
    assert "converted from FP64 to FP32" in result.stderr and result.stdout == ""
    archive = np.load(tmp_path / "out.npz")
    assert archive["probabilities"].shape == (5, 10) and archive["digit"].dtype == np.int64
    ok("predict", DIGITS, "-i", tmp_path / "images.npy", "-o", tmp_path / "digit.npy", "--outputs", "digit", "-q")
    assert np.array_equal(np.load(tmp_path / "digit.npy"), archive["digit"])
    through_pipe = ok("predict", DIGITS, "-i", "-", "-q", stdin=(tmp_path / "images.npy").read_bytes())
    assert json.loads(through_pipe.stdout)["outputs"][1]["data"] == archive["digit"].tolist()


def test_big_endian_and_fortran_arrays_are_read(tmp_path):
    images = np.load(HELDOUT)["images"][:5]
    np.save(tmp_path / "a.npy", images)
    np.save(tmp_path / "b.npy", np.asfortranarray(images.astype(">f4")))
    plain = ok("predict", DIGITS, "-i", tmp_path / "a.npy")
    other = ok("predict", DIGITS, "-i", tmp_path / "b.npy")
    assert plain.stdout == other.stdout


def test_writes_to_devices_without_replacing_them():
    ok("predict", DIGITS, "-i", EXAMPLE_DATA / "digits_request.json", "-o", "/dev/null", "--format", "json")
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


def test_a_reader_that_has_seen_enough_is_no_error():
    script = f"set -o pipefail; '{binary()}' predict '{DIGITS}' -i '{HELDOUT}' --map image=images --drop labels | head -c 1"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "{", "")
    full = subprocess.run(["bash", "-c", script.replace("| head -c 1", "> /dev/full")], capture_output=True, text=True,
                          timeout=60)
    assert full.returncode != 0 and "No space left" in full.stderr


def test_output_is_whole_or_not_there(tmp_path):
    refused(INVALID, "predict", DIGITS, "-i", EXAMPLE_DATA / "digits_request.json", "-o", tmp_path / "out.npy",
            "--outputs", "digit,probabilities")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    lines = TABLE.read_text().splitlines()
    (folder / "missing.csv").write_text("\n".join(",".join(line.split(",")[:29]) for line in lines))
    header, first, *_ = lines
    (folder / "text.csv").write_text("\n".join([header, first, first.replace("18.7", "high", 1)]))
    (folder / "ragged.csv").write_text("\n".join([header, "1,2,3"]))
    (folder / "none.csv").write_text(header + "\n")
    np.save(folder / "shape.npy", np.zeros((4, 8, 8), np.float32))
    np.save(folder / "integers.npy", np.zeros((4, 30), np.complex64))
    (folder / "fake.npy").write_bytes(b"this is not an array")
    np.save(folder / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (folder / "cut.npz").write_bytes(HELDOUT.read_bytes()[:1000])
    np.savez(folder / "names.npz", pictures=np.zeros((1, 1, 8, 8), np.float32))
    (folder / "cut.json").write_text('{"image": [[[[0, 0')
    (folder / "rows.json").write_text('{"image": [[[[1, 2], [3]]]]}')
    (folder / "empty.json").write_text("")
    (folder / "fraction.json").write_text('{"id": [1.5]}')
    return folder


@pytest.mark.parametrize("model, file, words", [
    (CANCER, "missing.csv", ["missing.csv", "expected 30 columns", "got 29"]),
    (CANCER, "text.csv", ["line 3", "column 2 'mean_texture'", "'high'"]),
    (CANCER, "ragged.csv", ["line 2"]),
    (CANCER, "none.csv", ["no rows"]),
    (DIGITS, "shape.npy", ["input 'image': expected FP32[-1,1,8,8], got FP32[4,8,8]"]),
    (DIGITS, "fake.npy", ["fake.npy", "NPY"]),
    (DIGITS, "cut.npz", ["cut.npz"]),
    (DIGITS, "names.npz", ["'image' FP32[-1,1,8,8] is missing", "'pictures'", "--map image=pictures"]),
    (DIGITS, "cut.json", ["cut.json"]),
    (DIGITS, "rows.json", ["input 'image'"]),
    (DIGITS, "empty.json", ["is empty"]),
])
def test_bad_input_is_refused_with_its_place(bad_files, model, file, words):
    message = refused(INVALID, "predict", model, "-i", bad_files / file, "--drop", "label")
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("file", ["integers.npy", "objects.npy"])
def test_arrays_that_are_no_tensors_are_unimplemented(bad_files, file):
    assert file in refused(UNIMPLEMENTED, "predict", CANCER, "-i", bad_files / file)


@pytest.mark.parametrize("code, words", [
    (NOT_FOUND, ["no/such/model", "-i", HELDOUT]),
    (NOT_FOUND, [DIGITS, "-i", "no/such/file.json"]),
    (INVALID, [EXAMPLE_MODELS, "-i", HELDOUT]),  # a repository of several models
    (INVALID, [TABLE, "-i", HELDOUT]),  # no ONNX
    (INVALID, [DIGITS, "-i", EXAMPLE_DATA]),  # a directory
    (INVALID, [DIGITS, "-i", HELDOUT, "--outputs", "nothing"]),
    (INVALID, [DIGITS, "-i", HELDOUT, "--map", "image"]),
    (INVALID, [DIGITS, "-i", HELDOUT, "-o", "out.txt"]),
    (INVALID, ["http://127.0.0.1:1", "--cacert", TABLE, "-i", HELDOUT]),
    (UNIMPLEMENTED, [DIGITS, "-i", EXAMPLE_DATA / "digits_request.json", "--provider", "nothing"]),
])
def test_wrong_words_are_refused(code, words):
    refused(code, "predict", *words)


def test_unknown_options_are_refused():
    assert slipway("predict", DIGITS, "--imput", HELDOUT).returncode == INVALID
    assert slipway("predict", DIGITS, "-i", HELDOUT, "--format", "xml").returncode == INVALID
    assert slipway("predict", DIGITS, "-i", HELDOUT, "--batch", "0").returncode == INVALID


# ----- predict, on a server -----

def test_a_server_answers_as_the_file_does(shared):
    words = ["-i", HELDOUT, "--map", "image=images", "--drop", "labels", "--format", "csv"]
    here = ok("predict", DIGITS, *words)
    for target in ([f"{shared.url}/v2/models/digits"], [shared.url, "--model", "digits"],
                   [f"{shared.url}/v2/models/digits/versions/2/infer"]):
        there = ok("predict", *target, *words, "--batch", 100)
        assert there.stdout == here.stdout


def test_a_server_with_one_model_needs_no_name(start_server):
    server = start_server(CANCER / "1" / "model.onnx", options=["--name", "only"])
    result = ok("predict", server.url, "-i", EXAMPLE_DATA / "breast_cancer_request.json")
    assert json.loads(result.stdout)["model_name"] == "only"
    assert outputs(result)["label"].tolist() == [0, 1, 0, 1]


def test_the_server_s_refusals_come_through(shared):
    request = EXAMPLE_DATA / "digits_request.json"
    message = refused(INVALID, "predict", shared.url, "-i", request)
    assert "digits" in message and "--model NAME" in message
    assert "nothing" in refused(NOT_FOUND, "predict", shared.url, "--model", "nothing", "-i", request)
    assert "9" in refused(NOT_FOUND, "predict", f"{shared.url}/v2/models/digits/versions/9", "-i", request)


def test_no_server_is_unavailable_and_says_what_to_do():
    with socket.socket() as held:  # bound, but not listening
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        assert "slipway serve" in refused(UNAVAILABLE, "predict", url, "--model", "m", "-i", HELDOUT)
        assert "slipway serve" in refused(UNAVAILABLE, "status", url)


# ----- inspect -----

def test_inspect_shows_a_model():
    text = ok("inspect", "examples/models/digits").stdout
    for words in ("examples/models/digits/2/model.onnx", "digits version 2", "38,283", "[batch,1,8,8]", "FP32", "Conv",
                  "probabilities", "sha256:", "loads it", "ai.onnx 17"):
        assert words in text, text
    lines = [line for line in text.splitlines() if "sha256:" not in line]
    assert max(map(len, lines)) <= 80, text


def test_inspect_as_json():
    report = json.loads(ok("inspect", DIGITS / "1", "--json").stdout)  # 690 weights, and the 16 that pixels are divided by
    assert report["parameters"]["count"] == 691 and report["file_bytes"] == 3571 and report["version"] == 1
    assert report["inputs"] == [{"name": "image", "kind": "tensor", "datatype": "FP32", "shape": [-1, 1, 8, 8],
                                 "dim_names": ["batch", "", "", ""], "optional": False}]
    assert report["engine"]["loads"] is True and report["memory_bytes"] > 0
    assert {"domain": "ai.onnx", "type": "Conv", "count": 1} in report["operators"]


def test_inspect_s_digest_is_the_server_s(shared):
    digest = json.loads(ok("inspect", DIGITS, "--json", "--no-load").stdout)["digest"]
    status, headers, _ = shared_infer(shared)
    assert status == 200 and headers["slipway-model-digest"] == digest


def shared_infer(server):
    import urllib.request
    request = urllib.request.Request(f"{server.url}/v2/models/digits/infer",
                                     data=(EXAMPLE_DATA / "digits_request.json").read_bytes())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.headers, answer.read()


def test_inspect_of_what_is_no_model():
    assert "README.md" in refused(INVALID, "inspect", EXAMPLE_MODELS / "README.md")
    refused(NOT_FOUND, "inspect", "no/such/model.onnx")
    assert "examples/models/digits" in refused(INVALID, "inspect", "examples/models")


@pytest.mark.parametrize("model", sorted(ENGINE_MODELS.glob("*.onnx")), ids=lambda path: path.stem)
def test_inspect_takes_every_model_of_the_engine_s_tests(model):
    result = slipway("inspect", model, "--json")
    assert result.returncode in (0, INVALID), result.stderr
    if result.returncode == 0:
        json.loads(result.stdout)


# ----- status -----

def test_status_shows_models_and_counts(start_server):
    server = start_server(EXAMPLE_MODELS)
    for _ in range(3):
        shared_infer(server)
    text = ok("status", server.url).stdout
    assert text.startswith("slipway ") and ": ready" in text
    line = next(line for line in text.splitlines() if line.split()[:1] == ["digits"])
    assert line.split()[:5] == ["digits", "2", "READY", "3", "0"]
    report = json.loads(ok("status", server.url, "--json").stdout)
    assert report["ready"] is True
    digits = next(model for model in report["models"] if model["name"] == "digits")
    assert digits["success"]["count"] == 3 and digits["inference_count"] == 12


def test_status_watches_until_ctrl_c(shared):
    process = subprocess.Popen([str(binary()), "status", shared.url, "--watch", "--json"], stdout=subprocess.PIPE)
    lines = [process.stdout.readline() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0
    assert all(json.loads(line)["ready"] for line in lines)


def test_status_of_something_else():
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        process = subprocess.Popen([str(binary()), "status", url], stderr=subprocess.PIPE, text=True)
        connection, _ = other.accept()
        connection.recv(4096)
        connection.sendall(b"220 mail.example.org\r\n\r\n")
        connection.close()
        assert "not HTTP" in process.communicate(timeout=30)[1] and process.returncode != 0
    refused(INVALID, "status", "localhost")


# ----- doctor -----

def test_doctor_finds_this_machine_fit():
    text = ok("doctor").stdout
    for word in ("processor", "memory", "openat2", "inotify", "engine", "onnxruntime", "port"):
        assert word in text, text
    report = json.loads(ok("doctor", "--json").stdout)
    assert report["ok"] is True
    assert {check["level"] for check in report["checks"]} <= {"ok", "warn"}


# ----- completion -----

def complete(*words):
    """What bash offers for the last of these words."""
    script = """source <("$1" completion bash); shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _slipway; printf '%s\\n' "${COMPREPLY[@]}" """
    result = subprocess.run(["bash", "-eu", "-c", script, "bash", str(binary()), *words], cwd=ROOT, text=True,
                            capture_output=True, timeout=60)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return result.stdout.split()


def test_bash_completes_commands_options_values_and_files():
    assert complete("slipway", "pre") == ["predict"]
    assert complete("slipway", "serve", "--li") == ["--listen"]
    assert complete("slipway", "predict", "m", "--format", "") == ["json", "csv", "npy", "npz"]
    assert complete("slipway", "predict", "m", "--format", "=", "c") == ["csv"]
    assert complete("slipway", "predict", "examples/models/dig") == ["examples/models/digits"]
    assert complete("slipway", "predict", "m", "--input", "examples/data/digits_f") == ["examples/data/digits_few.json"]
    assert complete("slipway", "completion", "z") == ["zsh"]
    assert complete("slipway", "--h") == ["--help"]
    assert complete("slipway", "nothing", "--x") == [""] or complete("slipway", "nothing", "--x") == []


def test_every_command_is_completed():
    commands = complete("slipway", "")
    assert {"serve", "predict", "inspect", "status", "doctor", "version", "completion"} <= set(commands)
    for shell in ("bash", "zsh", "fish"):
        script = ok("completion", shell).stdout
        for command in commands:
            assert command in script
    assert slipway("completion", "tcsh").returncode == INVALID


@pytest.mark.parametrize("command", ["predict", "inspect", "status", "doctor", "completion"])
def test_help_has_an_example(command):
    text = ok(command, "--help").stdout
    assert "Example:" in text and f"slipway {command}" in text


def test_progress_is_drawn_on_a_terminal_only(tmp_path):
    """A long run with standard error on a pseudo-terminal shows how far it is, and takes the line away."""
    images = np.tile(np.load(HELDOUT)["images"], (400, 1, 1, 1))
    np.save(tmp_path / "many.npy", images)
    leader, follower = os.openpty()
    words = [str(binary()), "predict", str(DIGITS / "1"), "-i", str(tmp_path / "many.npy"), "--batch", "1",
             "--threads", "1", "-o", str(tmp_path / "out.npz")]
    process = subprocess.Popen(words, stderr=follower, stdout=subprocess.DEVNULL)
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert process.wait(timeout=60) == 0
    assert b"of 200,000 rows" in shown and shown.endswith(b"\r\x1b[K")
    assert np.load(tmp_path / "out.npz")["digit"].shape == (200_000,)
