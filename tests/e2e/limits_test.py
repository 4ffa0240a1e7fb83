"""What one client may cost: slow ones, ones that leave, too many, too large. Everybody else is served all the while."""

import contextlib
import gzip
import os
import re
import resource
import select
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from support.raw_http import Closed, Connection, request_bytes
from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, repository, wait_until
from support.slow_models import SLOW, in_flight, infer_bytes, metric, send_and_see_it_run, slow

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
PATH = "/v2/models/digits/infer"
MIB = 1 << 20
IDLE = 20_000


@pytest.fixture
def start(start_server, tmp_path):
    """Starts the server with some `limits`, digits, slow and big_alloc_batch."""
    models = repository(tmp_path, {"digits": EXAMPLE_MODELS / "digits/2", "slow": SLOW,
                                   "big_alloc_batch": ENGINE_MODELS / "big_alloc_batch.onnx"})

    def start_one(load="digits", **limits):
        return start_server(models, config={"control": "explicit", "load": load, "limits": limits})

    return start_one


def works(server):
    """A new client is served."""
    return server.infer("digits", DIGITS).status == 200


def drip(connection, data, size=1):
    """Sends `data` in little pieces until the server answers."""
    for start in range(0, len(data), size):
        if select.select([connection.socket], [], [], 0.02)[0]:
            return
        connection.send(data[start:start + size])
    raise AssertionError("all was sent and the server had nothing against it")


def peak_bytes(server):
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def reset(connection):
    """Closes the connection as a crash of the client does: with a reset."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_connections(server, count):
    """Until that many are open beside the one that asks."""
    wait_until(lambda: metric(server, "slipway_connections") == count + 1, 60,
               lambda: f"{metric(server, 'slipway_connections')} connections")


# ---- slow clients ----


def test_a_slow_header_gets_408(start):
    server = start(header_deadline="300ms")
    with Connection(server) as connection:
        drip(connection, request_bytes("POST", PATH, b"", {f"x-{i}": "y" * 100 for i in range(20)}))
        response = connection.read()
        assert response.status == 408 and response.headers["connection"] == "close", response
        assert "header" in response.error()
        assert connection.at_end()
    assert works(server)
    assert metric(server, "slipway_connection_timeouts_total") == 1


def test_a_slow_second_header_on_a_connection_gets_408_too(start):
    server = start(header_deadline="300ms")
    with Connection(server) as connection:
        assert connection.infer("digits", DIGITS).status == 200
        drip(connection, request_bytes("POST", PATH, b"", {f"x-{i}": "y" * 100 for i in range(20)}))
        assert connection.read().status == 408
    assert works(server)


def test_a_slow_body_gets_408(start):
    server = start(body_grace="300ms", min_body_bytes_per_second=10 * MIB)
    with Connection(server) as connection:
        head, body = request_bytes("POST", PATH, bytes(MIB)).split(b"\r\n\r\n", 1)
        connection.send(head + b"\r\n\r\n")
        drip(connection, body, 100)
        response = connection.read()
        assert response.status == 408 and "body" in response.error(), response
        assert connection.at_end()
    assert works(server)


def test_a_slow_chunked_body_gets_408(start):
    server = start(body_grace="300ms", min_body_bytes_per_second=10 * MIB)
    with Connection(server) as connection:
        connection.send(f"POST {PATH} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        drip(connection, b"1\r\n \r\n" * 10_000, 6)
        assert connection.read().status == 408
    assert works(server)


def test_an_idle_connection_is_closed(start):
    server = start(idle_timeout="300ms")
    with Connection(server) as silent, Connection(server) as used:
        assert used.infer("digits", DIGITS).status == 200
        assert silent.at_end()
        assert used.at_end()
    assert works(server)


def test_a_client_that_does_not_read_is_closed(start):
    server = start(load="digits,big_alloc_batch", write_timeout="500ms")
    before = server.resident_bytes()
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [16, 1], "data": [1] * 16}],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}]}
    with Connection(server, receive_buffer=4096) as connection:
        connection.send(infer_bytes("big_alloc_batch", body))
        wait_until(lambda: metric(server, "slipway_connection_timeouts_total") == 1)
        wait_for_connections(server, 0)
        with pytest.raises(Closed):
            connection.read()
    assert works(server)
    wait_until(lambda: server.resident_bytes() < before + 48 * MIB, 30,
               lambda: f"the 64 MiB that nobody fetched are still there: {server.resident_bytes()}, {before} before")


# ---- clients that leave ----


@pytest.mark.parametrize("leave", [Connection.close, reset], ids=["close", "reset"])
def test_clients_that_leave_in_mid_body_leave_nothing_behind(start, leave):
    server = start()
    before = metric(server, "slipway_request_buffer_bytes")
    for _ in range(200):
        connection = Connection(server)
        connection.send(request_bytes("POST", PATH, bytes(MIB))[:MIB // 2])
        leave(connection)
    wait_until(lambda: metric(server, "slipway_connections_accepted_total") >= 200)
    wait_for_connections(server, 0)
    wait_until(lambda: metric(server, "slipway_request_buffer_bytes") <= before)
    assert works(server)


@pytest.mark.parametrize("leave", [Connection.close, reset], ids=["close", "reset"])
def test_clients_that_leave_while_their_request_runs_harm_nobody(start, leave):
    server = start(load="digits,slow")
    for _ in range(3):
        gone, stays = Connection(server), Connection(server)
        send_and_see_it_run(server, gone, "slow", slow(16))
        stays.send(infer_bytes("slow", slow(1)))
        leave(gone)
        response = stays.read()
        assert response.status == 200, response
        stays.close()
        wait_until(lambda: in_flight(server, "slow") == 0)
    wait_for_connections(server, 0)
    assert works(server)


def test_clients_that_leave_with_answers_unread_harm_nobody(start):
    """Writing to them must not end the program with SIGPIPE."""
    server = start()
    for _ in range(50):
        connection = Connection(server)
        connection.send(request_bytes("GET", "/metrics") * 20)
        reset(connection)
    wait_for_connections(server, 0)
    assert works(server)


# ---- too many ----


@contextlib.contextmanager
def idle_clients(server, count):
    """Processes that hold `count` connections; yields a function that asks them how many are alive."""
    half = count // 2
    processes = [subprocess.Popen(
        [sys.executable, Path(__file__).parent / "support/idle_clients.py", server.host, str(server.port), str(share),
         str(first)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for share, first in ((half, 10), (count - half, 100))]

    def say(line):
        for process in processes:
            process.stdin.write(line)
        return [process.stdout.readline().split() for process in processes]

    try:
        assert sum(int(words[1]) for words in say("")) == count

        def alive():
            reports = say("check\n")
            return sum(int(words[1]) for words in reports), sum(int(words[3]) for words in reports)

        yield alive
    finally:
        for process in processes:
            process.stdin.close()
            process.wait(60)
            process.stdout.close()


def allow_descriptors(server, soft):
    """As many as we may; the server inherits the limit of the shell that runs the tests."""
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    for limit in ((soft, max(soft, hard)), (min(soft, hard), hard)):
        with contextlib.suppress(ValueError, PermissionError):
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limit)
            return limit[0]
    return resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[0]


def test_idle_connections_up_to_the_limit_cost_little_and_the_next_is_told(start):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    spare = 300
    idle = IDLE if hard >= IDLE + spare or can_raise(IDLE + spare) else hard - spare
    server = start(max_connections=idle + 2, max_connections_per_address=idle + 2)
    allow_descriptors(server, idle + spare)
    before = server.resident_bytes()
    with Connection(server) as control, Connection(server) as worker:
        with idle_clients(server, idle) as alive:
            for _ in range(3):
                with Connection(server) as refused:
                    response = refused.read()
                    assert response.status == 503 and "max_connections" in response.error(), response
                    assert response.headers["connection"] == "close"
                    assert refused.at_end()
            for _ in range(50):
                assert worker.infer("digits", DIGITS).status == 200
            answered, asked = alive()
            assert answered == asked >= idle // 100
            metrics = control.request("GET", "/metrics").body.decode()
            assert f"slipway_connections {idle + 2}\n" in metrics
            assert "slipway_connections_refused_total 3\n" in metrics
            each = (server.resident_bytes() - before) / idle
            assert each < 8192, f"an idle connection costs {each:.0f} bytes"
        wait_until(lambda: "slipway_connections 2\n" in control.request("GET", "/metrics").body.decode(), 60)
        assert works(server)


def can_raise(soft):
    """May this user raise a limit above the hard one?"""
    probe = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {soft}))"
    return subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False).returncode == 0


def test_one_address_cannot_take_all_connections(start):
    server = start(max_connections=100, max_connections_per_address=5)
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(Connection(server, source="127.0.0.7")) for _ in range(5)]
        assert greedy[4].infer("digits", DIGITS).status == 200
        with Connection(server, source="127.0.0.7") as refused:
            response = refused.read()
            assert response.status == 429 and "max_connections_per_address" in response.error(), response
            assert refused.at_end()
        with Connection(server, source="127.0.0.8") as other:
            assert other.infer("digits", DIGITS).status == 200
        assert all(connection.infer("digits", DIGITS).status == 200 for connection in greedy)
        greedy[0].close()
        wait_until(lambda: admitted(server, "127.0.0.7"))


def admitted(server, source):
    with Connection(server, source=source) as connection:
        try:
            return connection.infer("digits", DIGITS).status == 200
        except (Closed, OSError):
            return False


def test_running_out_of_descriptors_is_survived(start):
    server = start()
    with Connection(server) as early, contextlib.ExitStack() as stack:
        assert early.infer("digits", DIGITS).status == 200
        in_use = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (in_use + 20, hard))
        crowd = [stack.enter_context(Connection(server)) for _ in range(60)]
        wait_until(lambda: "cannot accept connections" in server.log())
        closed = [connection for connection in crowd if is_closed(connection)]
        assert closed and len(closed) < len(crowd)
        kept = [connection for connection in crowd if connection not in closed]
        for connection in (early, *kept):
            assert connection.infer("digits", DIGITS).status == 200
        refused = early.request("POST", "/v2/repository/models/slow/load")
        assert refused.status == 503 and "open files" in refused.error() and "ulimit -n" in refused.error(), refused

        spent = cpu_seconds(server)
        for _ in range(5):
            assert is_closed(stack.enter_context(Connection(server)), 5)
            select.select([], [], [], 0.2)
        assert cpu_seconds(server) - spent < 0.5, "it waits, it does not spin"

        for connection in crowd:
            connection.close()
        wait_until(lambda: admitted(server, "127.0.0.1"))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert early.request("POST", "/v2/repository/models/slow/load").status == 200
    assert server.infer("slow", slow(1)).status == 200


def cpu_seconds(server):
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_closed(connection, patience=0.2):
    """Has the server closed it? One that it has not would say nothing, for nothing was asked."""
    if not select.select([connection.socket], [], [], patience)[0]:
        return False
    return connection.at_end()


# ---- too large ----


def test_a_body_larger_than_allowed_is_refused_before_it_is_sent(start):
    server = start(max_body=1000)
    with Connection(server) as connection:
        connection.send(
            f"POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\nexpect: 100-continue\r\n\r\n".encode())
        response = connection.read_any()
        assert response.status == 413 and re.search(r"max_body\b", response.error()), response
    assert server.get("/v2/health/live").status == 200


def test_an_endless_chunked_body_is_refused(start):
    server = start(max_body=MIB)
    before = peak_bytes(server)
    with Connection(server) as connection:
        connection.send(f"POST {PATH} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        with contextlib.suppress(ConnectionError):
            while not select.select([connection.socket], [], [], 0)[0]:
                connection.send(chunk)
        assert connection.read().status == 413
    assert peak_bytes(server) - before < 16 * MIB
    assert works(server)


def test_an_endless_header_is_refused(start):
    server = start()
    before = peak_bytes(server)
    with Connection(server) as connection:
        connection.send(f"POST {PATH} HTTP/1.1\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for number in range(1_000_000):
                if select.select([connection.socket], [], [], 0)[0]:
                    break
                connection.send(f"x-{number}: {'y' * 100}\r\n".encode())
        assert connection.read().status == 431
    assert peak_bytes(server) - before < 16 * MIB
    assert works(server)


def test_a_body_larger_than_all_request_buffers_is_refused_before_it_is_sent(start):
    server = start(max_buffered_bytes=MIB)
    with Connection(server) as connection:
        connection.send(
            f"POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: {2 * MIB}\r\nexpect: 100-continue\r\n\r\n".encode())
        response = connection.read_any()
        assert response.status == 413, response
        assert response.error()
    assert works(server)


def test_bodies_that_do_not_fit_beside_each_other_are_put_off(start):
    server = start(max_buffered_bytes=4 * MIB)
    body = DIGITS + b" " * (3 * MIB)
    request = request_bytes("POST", PATH, body)
    with Connection(server) as first:
        first.send(request[:MIB])
        wait_until(lambda: metric(server, "slipway_request_buffer_bytes") > 3 * MIB)
        with Connection(server) as second:
            second.send(request[:1000])
            response = second.read()
            assert response.status == 429 and response.headers["retry-after"], response
            assert response.error()
        assert works(server), "small requests need no such buffer"
        first.send(request[MIB:])
        assert first.read().status == 200
    with Connection(server) as third:
        third.send(request)
        assert third.read().status == 200


# ---- compression ----


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("limits, name", [
    ({"max_decompressed_body": "8MiB"}, r"max_decompression_ratio\b|max_decompressed_body\b"),
    ({"max_decompressed_body": "8MiB", "max_decompression_ratio": 1_000_000}, r"max_decompressed_body\b"),
], ids=["ratio", "size"])
def test_a_decompression_bomb_is_refused_in_bounded_memory(start, coding, limits, name):
    server = start(**limits)
    zeros = bytes(128 * MIB)
    bomb = gzip.compress(zeros) if coding == "gzip" else zlib.compress(zeros)
    request = request_bytes("POST", PATH, bomb, {"content-encoding": coding})
    assert works(server)
    before = peak_bytes(server)
    connections = [Connection(server) for _ in range(8)]
    for connection in connections:
        with contextlib.suppress(ConnectionError):
            connection.send(request)
    for connection in connections:
        response = connection.read()
        assert response.status == 413 and re.search(name, response.error()), response
        connection.close()
    assert peak_bytes(server) - before < 8 * 2 * 8 * MIB, "twice the limit for each, at most"
    assert works(server)


# ---- pipelining ----


@pytest.mark.parametrize("path", ["/v2/health/live", "/metrics"])
def test_a_flood_of_pipelined_requests_is_answered_in_bounded_memory(start, path):
    server = start()
    one = server.get(path)
    before = peak_bytes(server)
    request = request_bytes("GET", path)
    flood = request * 100_000
    with Connection(server, receive_buffer=65536) as connection:
        connection.socket.setblocking(False)
        sent = 0
        # Until the server has not read for a while: it does not read on while nobody takes its answers.
        while sent < len(flood) and select.select([], [connection.socket], [], 1.0)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += connection.socket.send(flood[sent:sent + 262144])
        assert works(server)
        assert peak_bytes(server) - before < 16 * MIB + 128 * len(one.body)

        # Everything that was sent whole is answered, and in order.
        connection.socket.settimeout(60)
        whole = sent // len(request)
        assert whole > 64
        for _ in range(min(whole, 2000)):
            assert connection.read().status == 200
    wait_for_connections(server, 0)
    assert works(server)


def test_pipelined_slow_requests_do_not_fill_the_queue(start):
    """One connection has at most max_pipelined requests in the server, so others still find room."""
    server = start(load="digits,slow", max_pipelined=4)
    with Connection(server) as connection:
        connection.send(infer_bytes("slow", slow(1)) * 24)
        wait_until(lambda: in_flight(server, "slow") > 0)
        most = 0
        for _ in range(24):
            most = max(most, in_flight(server, "slow"))
            assert connection.read().status == 200
        assert most <= 4
    assert works(server)
