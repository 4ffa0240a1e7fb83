"""System shared memory: Triton's HTTP and gRPC clients, unmodified, with tritonclient.utils.shared_memory."""

import contextlib
import os
import socket
import threading
import uuid
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tritonclient.http as triton_http
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

from support import tensors
from support.server import ENGINE_MODELS, EXAMPLE_MODELS, Server, repository
from support.triton_grpc import triton as triton_grpc

OBJECTS = Path("/dev/shm")
DATATYPES = list(tensors.NUMPY)
BYTES = [b"", b"a\x00b\x00", "grün".encode(), b"\xff\xfe"]
LIMIT = 1 << 20
# Codes of errors: what HTTP answers, what gRPC answers.
INVALID, MISSING, EXISTS = ("400", "INVALID_ARGUMENT"), ("404", "NOT_FOUND"), ("400", "ALREADY_EXISTS")
TOO_MANY, OFF, BROKEN = ("429", "RESOURCE_EXHAUSTED"), ("501", "UNIMPLEMENTED"), ("500", "INTERNAL")


def model_of(datatype) -> str:
    return "identity_" + {"BYTES": "string"}.get(datatype, datatype.lower())


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    names = [model_of(datatype) for datatype in DATATYPES] + ["two_inputs"]
    folder = repository(tmp_path_factory.mktemp("models"), {name: ENGINE_MODELS / f"{name}.onnx" for name in names})
    config = {"shared_memory": {"max_regions": 6, "max_bytes": "16MiB"}, "limits": {"max_body": LIMIT}}
    with Server(folder, EXAMPLE_MODELS, options=["--shared-memory"], config=config) as server:
        yield server


LIBRARIES = {"http": triton_http, "grpc": triton_grpc}


@pytest.fixture(params=list(LIBRARIES))
def api(request, served):
    """One client and the classes of its library; no region is registered before or after."""
    library = LIBRARIES[request.param]
    client = library.InferenceServerClient(served.address)
    client.unregister_system_shared_memory()
    yield SimpleNamespace(client=client, protocol=request.param, **{name: getattr(library, name) for name in (
        "InferInput", "InferRequestedOutput")})
    client.unregister_system_shared_memory()
    client.close()


@pytest.fixture
def objects():
    """Makes shared memory objects; objects(size) has key, handle and path."""
    made = []

    def make(size):
        key = f"/slipway-test-{uuid.uuid4().hex}"
        one = SimpleNamespace(key=key, path=OBJECTS / key[1:], handle=shm.create_shared_memory_region(key, key, size))
        made.append(one)
        return one

    yield make
    for one in made:
        with contextlib.suppress(FileNotFoundError):
            shm.destroy_shared_memory_region(one.handle)


def values(datatype) -> np.ndarray:
    if datatype == "BYTES":
        return np.array(BYTES, np.object_).reshape(2, 2)
    dtype = tensors.NUMPY[datatype]
    if dtype.kind in "iu":
        return np.array([np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1], dtype).reshape(2, 2)
    return np.array([1, 0, 0.5, -2]).astype(dtype).reshape(2, 2)


def put(one, data: bytes, offset=0) -> None:
    one.handle._mpsm_handle.buf[offset:offset + len(data)] = data


def contents(one, size, offset=0) -> bytes:
    return bytes(one.handle._mpsm_handle.buf[offset:offset + size])


def shared_input(api, name, array_or_shape, region, size, offset=0, datatype=None):
    if isinstance(array_or_shape, np.ndarray):
        datatype, array_or_shape = tensors.datatype(array_or_shape), array_or_shape.shape
    made = api.InferInput(name, list(array_or_shape), datatype)
    made.set_shared_memory(region, size, offset)
    return made


def shared_output(api, name, region, size, offset=0):
    made = api.InferRequestedOutput(name)
    made.set_shared_memory(region, size, offset)
    return made


def described(result, name) -> tuple:
    """Datatype and shape that the answer names, which must have no data."""
    output = result.get_output(name)
    if isinstance(output, dict):
        assert set(output) == {"name", "datatype", "shape"}, output
        return output["datatype"], output["shape"]
    assert not output.parameters and not any(result.get_response().raw_output_contents)
    return output.datatype, list(output.shape)


def fails(api, code, words, call, *args, **more) -> None:
    with pytest.raises(InferenceServerException) as caught:
        call(*args, **more)
    assert words in caught.value.message(), caught.value
    assert (caught.value.status() or "").rpartition(".")[2] == code[api.protocol == "grpc"], caught.value


def regions(api) -> dict[str, tuple]:
    """name -> (key, offset, byte_size)"""
    status = api.client.get_system_shared_memory_status()
    if api.protocol == "http":
        return {one["name"]: (one["key"], one["offset"], one["byte_size"]) for one in status}
    return {name: (one.key, one.offset, one.byte_size) for name, one in status.regions.items()}


# --- registration ---


def test_regions_are_listed_until_they_are_unregistered(api, objects):
    one, other = objects(4096), objects(8192)
    assert regions(api) == {}
    api.client.register_system_shared_memory("in", one.key, 4096)
    api.client.register_system_shared_memory("out 2 ü", other.key, 100, offset=92)
    assert regions(api) == {"in": (one.key, 0, 4096), "out 2 ü": (other.key, 92, 100)}
    only = api.client.get_system_shared_memory_status("out 2 ü")
    assert len(only if api.protocol == "http" else only.regions) == 1
    api.client.unregister_system_shared_memory("in")
    api.client.unregister_system_shared_memory("nosuch")
    assert list(regions(api)) == ["out 2 ü"]
    fails(api, MISSING, "'in' is not registered", api.client.get_system_shared_memory_status, "in")
    api.client.unregister_system_shared_memory()
    assert regions(api) == {}


def test_registrations_that_are_refused(api, objects, tmp_path):
    one, register = objects(100), api.client.register_system_shared_memory
    register("r", one.key, 100)
    fails(api, EXISTS, "is registered already", register, "r", one.key, 100)
    fails(api, MISSING, "no such shared memory object", register, "q", "/slipway-test-absent", 1)
    fails(api, INVALID, "it has 100 bytes", register, "q", one.key, 101)
    fails(api, INVALID, "it has 100 bytes", register, "q", one.key, 1, offset=100)
    fails(api, INVALID, "it has 100 bytes", register, "q", one.key, 1, offset=2**64 - 1)
    fails(api, INVALID, "at least 1", register, "q", one.key, 0)
    fails(api, INVALID, "reserved", register, "triton_python_backend_shm_region_1", one.key, 1)
    for key in ("", "/", "../etc/passwd", "/../etc/passwd", "/a/b", "..", "/" + "k" * 300):
        fails(api, INVALID, "", register, "q", key, 1)
    link = OBJECTS / f"slipway-test-{uuid.uuid4().hex}"
    (tmp_path / "secret").write_bytes(b"secret")
    link.symlink_to(tmp_path / "secret")
    try:
        fails(api, INVALID, "is not a file", register, "q", f"/{link.name}", 1)
    finally:
        link.unlink()
    assert list(regions(api)) == ["r"]


def test_only_so_many_regions_and_bytes(api, objects):
    one = objects(12 << 20)
    register = api.client.register_system_shared_memory
    register("large", one.key, 12 << 20)
    fails(api, TOO_MANY, "shared_memory.max_bytes", register, "larger", one.key, 5 << 20)
    for i in range(5):
        register(f"r{i}", one.key, 1)
    fails(api, TOO_MANY, "shared_memory.max_regions", register, "r5", one.key, 1)


# --- inference ---


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_datatype_in_and_out(api, objects, datatype):
    array = values(datatype)
    data = tensors.to_binary(array)
    source, target = objects(256), objects(256)
    api.client.register_system_shared_memory("in", source.key, 248, offset=8)
    api.client.register_system_shared_memory("out", target.key, 256)
    put(source, data, offset=8 + 16)
    put(target, b"#" * 256)
    outputs = [shared_output(api, "y", "out", 200, offset=32)]
    result = api.client.infer(model_of(datatype), [shared_input(api, "x", array, "in", len(data), offset=16)],
                              outputs=outputs)
    assert described(result, "y") == (datatype, [2, 2])
    assert contents(target, 256) == b"#" * 32 + data + b"#" * (224 - len(data))
    # One side in shared memory, the other in the message.
    result = api.client.infer(model_of(datatype), [shared_input(api, "x", array, "in", len(data), offset=16)])
    tensors.assert_same(result.as_numpy("y"), array)
    plain = api.InferInput("x", [2, 2], datatype)
    plain.set_data_from_numpy(array[::-1].copy())
    api.client.infer(model_of(datatype), [plain], outputs=outputs)
    assert contents(target, len(data), offset=32) == tensors.to_binary(array[::-1])


def test_the_clients_own_helpers(api, objects):
    source, target = objects(1024), objects(1024)
    api.client.register_system_shared_memory("in", source.key, 1024)
    api.client.register_system_shared_memory("out", target.key, 1024)
    numbers = np.arange(12, dtype=np.float32).reshape(3, 4)
    shm.set_shared_memory_region(source.handle, [numbers])
    api.client.infer("identity_fp32", [shared_input(api, "x", numbers, "in", numbers.nbytes)],
                     outputs=[shared_output(api, "y", "out", numbers.nbytes)])
    np.testing.assert_array_equal(shm.get_contents_as_numpy(target.handle, np.float32, [3, 4]), numbers)
    texts = np.array([b"one", b"", b"three"], np.object_)
    packed = serialize_byte_tensor(texts)
    shm.set_shared_memory_region(source.handle, [packed])
    api.client.infer("identity_string", [shared_input(api, "x", [1, 3], "in", len(packed.item()), datatype="BYTES")],
                     outputs=[shared_output(api, "y", "out", 1024)])
    assert list(shm.get_contents_as_numpy(target.handle, np.object_, [3])) == list(texts)


def test_two_tensors_each_way_and_mixed_with_others(api, objects):
    a, b = np.array([[1, 2]], np.float32), np.array([[3, 4]], np.int64)
    one = objects(4096)
    api.client.register_system_shared_memory("r", one.key, 4096)
    put(one, a.tobytes() + b.tobytes())
    in_message = api.InferInput("b", [1, 2], "INT64")
    in_message.set_data_from_numpy(b)
    shared_a, shared_b = shared_input(api, "a", a, "r", 8), shared_input(api, "b", b, "r", 16, offset=8)
    plain = api.client.infer("two_inputs", [shared_a, in_message])
    assert plain.as_numpy("sum").size == plain.as_numpy("diff").size == 2
    mixed = api.client.infer("two_inputs", [shared_a, shared_b], outputs=[
        shared_output(api, "sum", "r", 64, offset=64), api.InferRequestedOutput("diff")])
    np.testing.assert_array_equal(mixed.as_numpy("diff"), plain.as_numpy("diff"))
    want = plain.as_numpy("sum")
    assert contents(one, want.nbytes, offset=64) == want.tobytes()
    both = api.client.infer("two_inputs", [shared_a, shared_b], outputs=[
        shared_output(api, "diff", "r", 64, offset=128), shared_output(api, "sum", "r", 64, offset=64)])
    assert described(both, "sum") == (tensors.datatype(want), [1, 2])
    assert contents(one, want.nbytes, offset=128) == plain.as_numpy("diff").tobytes()


def test_each_request_sees_what_lies_there_then(api, objects):
    one = objects(64)
    api.client.register_system_shared_memory("r", one.key, 64)
    for i in range(20):
        array = np.full((1, 4), i, np.int32)
        put(one, array.tobytes())
        api.client.infer("identity_int32", [shared_input(api, "x", array, "r", 16)],
                         outputs=[shared_output(api, "y", "r", 16, offset=32)])
        assert contents(one, 16, offset=32) == array.tobytes()


def test_a_region_can_be_unregistered_while_it_is_used(api, objects, served):
    one = objects(LIMIT)
    array = np.arange(LIMIT // 4, dtype=np.float32).reshape(1, -1)[:, :65536]
    put(one, array.tobytes())
    wrong = []

    def use():
        library = LIBRARIES[api.protocol]
        with library.InferenceServerClient(served.address) as client:
            for _ in range(50):
                try:
                    result = client.infer("identity_fp32", [shared_input(api, "x", array, "r", array.nbytes)])
                    if not np.array_equal(result.as_numpy("y"), array):
                        wrong.append("other numbers")
                except InferenceServerException as error:
                    if "'r' is not registered" not in error.message():
                        wrong.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    while thread.is_alive():
        api.client.register_system_shared_memory("r", one.key, LIMIT)
        api.client.unregister_system_shared_memory("r")
    assert not wrong, wrong


# --- refusals ---


def test_inputs_that_are_refused(api, objects, served):
    one = objects(4096)
    api.client.register_system_shared_memory("r", one.key, 4096)

    def refused(code, words, *args, **more):
        made = shared_input(api, "x", *args, **more)
        fails(api, code, words, api.client.infer, "identity_fp32", [made])

    array = np.zeros((1, 4), np.float32)
    refused(MISSING, "'q' is not registered", array, "q", 16)
    refused(INVALID, "shared_memory_byte_size is 12, but FP32[1,4]", array, "r", 12)
    refused(INVALID, "shared_memory_byte_size is 20, but FP32[1,4]", array, "r", 20)
    refused(INVALID, "do not lie inside region 'r', which has 4096 bytes", array, "r", 16, offset=4081)
    refused(INVALID, "do not lie inside region 'r'", array, "r", 16, offset=4096)
    refused(INVALID, "do not lie inside region 'r'", array, "r", 16, offset=2**63 - 1)
    refused(INVALID, "do not lie inside region 'r'", array, "r", 4097)
    refused(INVALID, "", array, "r", 16, offset=-1)
    refused(INVALID, "'shared_memory_region' is missing", array, "", 16)
    fails(api, INVALID, "input 'x'", api.client.infer, "identity_string",
          [shared_input(api, "x", [1], "r", 3, datatype="BYTES")])
    put(one, b"\xff\xff\xff\xff")
    fails(api, INVALID, "input 'x'", api.client.infer, "identity_string",
          [shared_input(api, "x", [1], "r", 4096, datatype="BYTES")])
    assert served.running()


def test_outputs_that_are_refused(api, objects):
    one = objects(4096)
    api.client.register_system_shared_memory("r", one.key, 4096)
    put(one, b"#" * 4096)
    array = np.zeros((1, 4), np.float32)

    def refused(code, words, made):
        x = api.InferInput("x", [1, 4], "FP32")
        x.set_data_from_numpy(array)
        fails(api, code, words, api.client.infer, "identity_fp32", [x], outputs=[made])

    refused(MISSING, "'q' is not registered", shared_output(api, "y", "q", 16))
    refused(INVALID, "do not lie inside", shared_output(api, "y", "r", 16, offset=4090))
    refused(BROKEN, "output 'y': has 16 bytes, but shared_memory_byte_size is 15", shared_output(api, "y", "r", 15))
    assert contents(one, 4096) == b"#" * 4096


def test_parameters_that_do_not_fit_together(served, objects):
    one = objects(64)
    with triton_http.InferenceServerClient(served.address) as client:
        client.unregister_system_shared_memory()
        client.register_system_shared_memory("r", one.key, 64)
    place = {"shared_memory_region": "r", "shared_memory_byte_size": 16}
    x = {"name": "x", "datatype": "FP32", "shape": [1, 4]}

    def refused(words, inputs, outputs=()):
        answer = served.infer("identity_fp32", {"inputs": [inputs], "outputs": list(outputs)})
        assert answer.status == 400 and words in answer.error(), answer

    refused("'shared_memory_byte_size' is missing", {**x, "parameters": {"shared_memory_region": "r"}})
    refused("'shared_memory_region' is missing", {**x, "parameters": {"shared_memory_byte_size": 16}})
    refused("'shared_memory_region' is missing", {**x, "parameters": {"shared_memory_offset": 0}})
    refused("'data', got both", {**x, "parameters": place, "data": [1, 2, 3, 4]})
    refused("got both", {**x, "parameters": {**place, "binary_data_size": 16}})
    refused("shared_memory_color", {**x, "parameters": {**place, "shared_memory_color": 1}})
    for more in ({"classification": 1}, {"binary_data": True}):
        refused("output 'y'", {**x, "parameters": place}, [{"name": "y", "parameters": {**place, **more}}])


def test_a_client_that_cuts_its_object_short(api, objects, served):
    source, target = objects(1 << 16), objects(1 << 16)
    api.client.register_system_shared_memory("in", source.key, 1 << 16)
    api.client.register_system_shared_memory("out", target.key, 1 << 16)
    array = np.zeros((1, 1 << 14), np.float32)

    def infer():
        return api.client.infer("identity_fp32", [shared_input(api, "x", array, "in", 1 << 16)],
                                outputs=[shared_output(api, "y", "out", 1 << 16)])

    infer()
    os.truncate(target.path, 4096)
    fails(api, INVALID, "output 'y': the shared memory object is smaller than when it was registered", infer)
    assert target.path.stat().st_size == 4096
    for size in (5000, 0):
        os.truncate(source.path, size)
        fails(api, INVALID, "input 'x': the shared memory object is smaller than when it was registered", infer)
    assert served.running() and api.client.is_model_ready("identity_fp32")
    os.truncate(source.path, 1 << 16)
    os.truncate(target.path, 1 << 16)
    infer()


def test_a_claimed_size_costs_no_memory(api, objects, served):
    """A sparse object of many gigabytes is cheap to make, and must be to talk of."""
    one = objects(4096)
    os.truncate(one.path, 15 << 20)
    api.client.register_system_shared_memory("r", one.key, 15 << 20)
    before = served.resident_bytes()
    for elements in (LIMIT + 1, 15 << 20):
        made = shared_input(api, "x", [1, elements], "r", elements, datatype="UINT8")
        fails(api, INVALID, "limits.max_body", api.client.infer, "identity_uint8", [made])
    huge = shared_input(api, "x", [2**40, 2**20], "r", 1 << 20, datatype="FP64")
    fails(api, INVALID, "", api.client.infer, "identity_fp64", [huge])
    assert served.resident_bytes() < before + (8 << 20)


def test_descriptors_are_given_back(api, objects, served):
    one = objects(64)
    api.client.is_server_live()
    count = lambda: len(os.listdir(f"/proc/{served.pid}/fd"))  # noqa: E731
    before = count()
    for _ in range(20):
        api.client.register_system_shared_memory("r", one.key, 64)
        api.client.unregister_system_shared_memory("r")
        api.client.register_system_shared_memory("r", one.key, 64)
        api.client.unregister_system_shared_memory()
    assert count() == before


# --- who may, and when ---


def test_announced_only_where_it_is_on(api, served, start_server):
    def extensions(address):
        with LIBRARIES[api.protocol].InferenceServerClient(address) as client:
            metadata = client.get_server_metadata()
        return metadata["extensions"] if api.protocol == "http" else list(metadata.extensions)

    assert "system_shared_memory" in extensions(served.address)
    assert "cuda_shared_memory" not in extensions(served.address)
    assert "system_shared_memory" not in extensions(start_server(EXAMPLE_MODELS).address)


def test_off_by_default(objects, start_server):
    server, one = start_server(EXAMPLE_MODELS), objects(4096)
    for protocol, library in LIBRARIES.items():
        with library.InferenceServerClient(server.address) as client:
            api = SimpleNamespace(client=client, protocol=protocol, InferInput=library.InferInput)
            assert regions(api) == {}
            client.unregister_system_shared_memory()
            fails(api, OFF, "start it with --shared-memory", client.register_system_shared_memory, "r", one.key, 4096)
            fails(api, OFF, "start it with --shared-memory", client.infer, "breast_cancer",
                  [shared_input(api, "features", [1, 30], "r", 120, datatype="FP32")])


def test_no_cuda_memory(api):
    assert not (api.client.get_cuda_shared_memory_status() if api.protocol == "http"
                else api.client.get_cuda_shared_memory_status().regions)
    api.client.unregister_cuda_shared_memory()
    fails(api, OFF, "CUDA shared memory is not supported by this build", api.client.register_cuda_shared_memory,
          "r", b"aGFuZGxl", 0, 64)


def own_address() -> str:
    """An address of this machine that is not a loopback one, as a packet to the outside would carry it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return probe.getsockname()[0]


def test_clients_that_come_over_the_network_are_refused(start_server):
    address = own_address()
    if address.startswith("127."):
        pytest.skip("this machine has no address beyond loopback")
    server = start_server(EXAMPLE_MODELS, options=["--shared-memory", "--insecure", "--listen", f"{address}:0"])
    body = {"key": "/slipway-test", "byte_size": 1}
    for method, route in (("GET", "status"), ("POST", "region/r/register"), ("POST", "unregister")):
        answer = server.request(method, f"/v2/systemsharedmemory/{route}", body if method == "POST" else None)
        assert answer.status == 403 and "connect to a loopback address or a Unix socket" in answer.error(), answer
