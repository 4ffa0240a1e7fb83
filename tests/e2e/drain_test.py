"""How the server ends: readiness first, then no new connections, then what is running, then exit 0."""

import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.raw_http import Closed, Connection, request_bytes
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, Server, binary, repository, wait_until
from support.slow_models import (SLOW, SPIN, in_flight, infer_bytes, keep_spin_off_the_io_threads, send_and_see_it_run,
                                 slow, spin)

SIGNALS = [signal.SIGTERM, signal.SIGINT]
ROWS = 128
DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()


@pytest.fixture
def start(tmp_path):
    """Starts servers with slow, spin and digits, which the test ends itself."""
    models = repository(tmp_path, {"slow": SLOW, "spin": SPIN, "digits": EXAMPLE_MODELS / "digits/2"})
    started = []

    def start_one(*options, **more):
        started.append(Server(models, options=["--control", "explicit", *options], **more))
        return started[-1]

    yield start_one
    for server in started:
        server.kill()


def ended_well(server, timeout=30):
    status = server.process.wait(timeout)
    assert status == 0, f"ended with {status}\n{server.output()}"


def can_connect(server):
    try:
        server.connect().close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_an_idle_server_ends_with_0(start, number):
    server = start()
    with Connection(server) as connection:
        assert connection.infer("digits", DIGITS).status == 200
        server.send_signal(number)
        assert connection.at_end(), "an idle connection is closed"
        ended_well(server)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_readiness_ends_at_once_and_service_after_the_delay(start, number):
    server = start("--drain-delay", "2s")
    with Connection(server) as connection:
        assert server.get("/v2/health/ready").status == 200
        server.send_signal(number)
        wait_until(lambda: server.get("/v2/health/ready").status == 503)
        assert server.get("/readyz").status == 503
        assert server.get("/v2/health/live").status == 200
        assert server.get("/livez").status == 200
        assert server.infer("digits", DIGITS).status == 200, "new connections are served during the delay"
        assert connection.infer("digits", DIGITS).status == 200
        ended_well(server)
        assert connection.at_end()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_running_request_gets_its_answer_and_then_the_end(start, number):
    server = start()
    with Connection(server) as connection:
        send_and_see_it_run(server, connection, "slow", slow(ROWS))
        server.send_signal(number)
        wait_until(lambda: not can_connect(server))
        response = connection.read()
        assert response.status == 200, response
        assert response.json()["outputs"][0]["data"] == [1.0] * ROWS
        assert response.headers["connection"] == "close"
        assert connection.at_end()
    ended_well(server)


def test_waiting_requests_get_their_answers_too(start):
    server = start(config={"queue_threads": 1})
    connections = [Connection(server) for _ in range(5)]
    for connection in connections:
        connection.send(infer_bytes("slow", slow(64)))
    wait_until(lambda: in_flight(server, "slow") == len(connections))
    server.send_signal()
    for connection in connections:
        response = connection.read()
        assert response.status == 200 and response.headers["connection"] == "close", response
        connection.close()
    ended_well(server)


def test_a_request_that_is_half_sent_may_be_finished(start):
    server = start()
    request = request_bytes("POST", "/v2/models/digits/infer", DIGITS)
    with Connection(server) as connection:
        connection.send(request[:-100])
        assert server.infer("digits", DIGITS).status == 200
        server.send_signal()
        wait_until(lambda: not can_connect(server))
        connection.send(request[-100:])
        response = connection.read()
        assert response.status == 200 and response.headers["connection"] == "close", response
    ended_well(server)


def test_clients_that_keep_sending_are_told_to_close_and_lose_nothing(start):
    """They honour `close`, as all do, and so need no second attempt at anything."""
    server = start("--drain-delay", "1s")
    pause = threading.Event()

    def send_until_told_to_close(_):
        with Connection(server) as connection:
            while True:
                response = connection.infer("digits", DIGITS)
                assert response.status == 200, response
                if response.headers.get("connection") == "close":
                    return connection.at_end()
                pause.wait(0.002)

    with ThreadPoolExecutor(16) as pool:
        clients = pool.map(send_until_told_to_close, range(16))
        server.send_signal()
        assert all(clients)
    ended_well(server)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_ends_it_while_a_request_runs(start, number):
    server = start()
    keep_spin_off_the_io_threads(server)
    with Connection(server) as connection:
        send_and_see_it_run(server, connection, "spin", spin())
        server.send_signal(number)
        wait_until(lambda: not can_connect(server))
        assert server.running(), "the first signal waits for the request"
        server.send_signal(number)
        ended_well(server)
        with pytest.raises(Closed):
            connection.read()


def test_a_second_signal_cuts_the_delay_short(start):
    server = start("--drain-delay", "1h")
    server.send_signal()
    wait_until(lambda: server.get("/v2/health/ready").status == 503)
    server.send_signal()
    ended_well(server)


def test_the_drain_timeout_ends_it_while_a_request_runs(start):
    server = start(config={"drain": {"timeout": "200ms"}})
    keep_spin_off_the_io_threads(server)
    with Connection(server) as connection:
        send_and_see_it_run(server, connection, "spin", spin())
        server.send_signal()
        ended_well(server)
    assert "drain timeout" in server.log()


def test_a_client_that_went_away_does_not_hold_up_the_end(start):
    server = start()
    keep_spin_off_the_io_threads(server)
    with Connection(server) as connection:
        send_and_see_it_run(server, connection, "spin", spin())
    server.send_signal()
    ended_well(server)


def test_a_signal_while_models_load_ends_it(tmp_path):
    models = {f"slow{i}": SLOW for i in range(30)}
    server = Server(repository(tmp_path, models), options=["--control", "explicit"], wait=False)
    try:
        wait_until(lambda: "version ready" in server.log() or not server.running(), 60)
        server.send_signal()
        ended_well(server)
        assert "is serving" not in server.banner(), "it had not finished loading"
    finally:
        server.kill()


def test_a_taken_port_is_an_error_that_names_it():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = subprocess.run([binary(), "serve", EXAMPLE_MODELS, "--listen", address], capture_output=True,
                               timeout=60, text=True, check=False)
    assert ended.returncode > 0
    assert address in ended.stderr and "in use" in ended.stderr, ended.stderr
    assert "is serving" not in ended.stdout


def test_a_port_that_another_slipway_serves_is_an_error_too(start):
    """Listening sockets that share a port must not let a second server steal half of the requests."""
    server = start()
    ended = subprocess.run([binary(), "serve", EXAMPLE_MODELS, "--listen", server.address], capture_output=True,
                           timeout=60, text=True, check=False)
    assert ended.returncode > 0
    assert server.address in ended.stderr and "in use" in ended.stderr, ended.stderr
    assert server.infer("digits", DIGITS).status == 200


def test_the_port_is_free_again_after_the_end(start):
    first = start()
    address = first.address
    with Connection(first) as connection:
        assert connection.infer("digits", DIGITS).status == 200
        first.send_signal()
        ended_well(first)
    second = start("--listen", address)
    assert second.infer("digits", DIGITS).status == 200
    second.send_signal()
    ended_well(second)


def test_a_unix_socket_is_removed_at_the_end(start, tmp_path):
    path = tmp_path / "slipway.sock"
    server = start("--listen", "127.0.0.1:0", "--listen", f"unix:{path}")
    assert path.is_socket()
    server.send_signal()
    ended_well(server)
    assert not path.exists()
