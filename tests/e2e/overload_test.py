"""More work than the server can do: it says so at once, and whoever needs little still gets it."""

import concurrent.futures
import contextlib
import select
import shutil

import pytest

from support.raw_http import Connection, request_bytes
from support.server import ENGINE_MODELS, EXAMPLE_DATA, EXAMPLE_MODELS, repository, wait_until
from support.slow_models import (SLOW, SPIN, in_flight, infer_bytes, keep_spin_off_the_io_threads, metric, queue_depth,
                                 send_and_see_it_run, slow, spin)

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
SECOND = 1_000_000  # microseconds, the unit of the parameter `timeout`
MAX_QUEUED = 3
ONE_AT_A_TIME = {"queue_threads": 1, "max_queued": MAX_QUEUED, "control": "explicit"}


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path, {
        "slow": SLOW, "spin": SPIN, "digits": EXAMPLE_MODELS / "digits/2",
        "big_alloc": ENGINE_MODELS / "big_alloc.onnx", "big_scratch": ENGINE_MODELS / "big_scratch.onnx",
        "big_alloc_batch": ENGINE_MODELS / "big_alloc_batch.onnx"})


@contextlib.contextmanager
def full_queue(server, timeout=60):
    """One request runs for longer than the test takes, as many wait as may; yields their connections."""
    keep_spin_off_the_io_threads(server)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server)) for _ in range(1 + MAX_QUEUED)]
        send_and_see_it_run(server, connections[0], "spin", spin(timeout=timeout * SECOND))
        for connection in connections[1:]:
            connection.send(infer_bytes("spin", spin(timeout=timeout * SECOND)))
        wait_until(lambda: queue_depth(server, "spin") == MAX_QUEUED)
        yield connections


def big(rows, columns):
    return {"inputs": [{"name": "shape", "datatype": "INT64", "shape": [2], "data": [rows, columns]}]}


def test_requests_beyond_the_queue_are_refused_with_numbers(start_server, models):
    server = start_server(models, config=ONE_AT_A_TIME)
    connections = [Connection(server) for _ in range(20)]
    send_and_see_it_run(server, connections[0], "slow", slow(128))  # it waits no more: its place in the queue is free
    for connection in connections[1:]:
        connection.send(infer_bytes("slow", slow(32)))
    responses = [connection.read() for connection in connections]
    for connection in connections:
        connection.close()
    refused = [response for response in responses if response.status == 429]
    assert {response.status for response in responses} == {200, 429}
    for response in refused:
        assert f"({MAX_QUEUED} requests wait)" in response.error() and "slow" in response.error(), response
    done = len(responses) - len(refused)
    assert done >= 1 + MAX_QUEUED
    labels = {"model": "slow", "version": "1", "protocol": "rest", "method": "infer"}
    assert metric(server, "slipway_requests_total", **labels, code="RESOURCE_EXHAUSTED") == len(refused)
    assert metric(server, "slipway_requests_total", **labels, code="OK") == done
    assert server.infer("slow", slow(1)).status == 200, "after the surge all is as before"


def test_health_metrics_and_other_models_answer_while_a_queue_is_full(start_server, models):
    server = start_server(models, config=ONE_AT_A_TIME)
    with full_queue(server, timeout=30) as connections:
        for _ in range(5):
            assert server.get("/v2/health/live").status == 200
            assert server.get("/v2/health/ready").status == 200
            assert server.get("/metrics").status == 200
            assert server.post("/v2/repository/index").status == 200
            assert server.get("/v2/models/spin/ready").status == 200
            assert server.infer("digits", DIGITS).status == 200
            assert server.infer("slow", slow(1)).status == 200
            refused = server.infer("spin", spin(1))
            assert refused.status == 429 and refused.headers["retry-after"] == "1" and f"({MAX_QUEUED} requests wait)" in refused.error(), refused
        assert queue_depth(server, "spin") == MAX_QUEUED, "all of that happened while the queue was full"
        for connection in connections:
            connection.close()
        wait_until(lambda: queue_depth(server, "spin") == 0 and in_flight(server, "spin") == 0, 120)


@pytest.mark.parametrize("clients", [1, 8])
def test_work_that_cannot_be_done_in_time_is_not_begun(start_server, models, clients):
    server = start_server(models, config={"queue_threads": 1})
    rows = 32  # tens of milliseconds

    def ask_in_turn(_):
        with Connection(server) as connection:
            return [connection.infer("slow", slow(rows, timeout=timeout)) for timeout in (2000, 60 * SECOND) * 20]

    assert server.infer("slow", slow(rows)).status == 200
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        answers = [answer for of_one in pool.map(ask_in_turn, range(clients)) for answer in of_one]
    good = [answer for answer in answers if answer.status == 200]
    assert len(good) == len(answers) / 2
    not_begun = ("the deadline is in", "the deadline had passed before the request could be run")
    for answer in answers:
        assert answer.status in (200, 429, 504), answer
        assert answer.status == 200 or any(reason in answer.error() for reason in not_begun), answer
    [stats] = server.get("/v2/models/slow/stats").json()["model_stats"]
    assert stats["inference_count"] == rows * (1 + len(good)), "what was answered, and nothing else"


@pytest.mark.parametrize("named_by", ["address", "header"])
def test_a_full_queue_has_a_place_for_a_client_with_fewer_requests(start_server, models, named_by):
    server = start_server(models, config={**ONE_AT_A_TIME, "client_header": "X-Client"})
    source, headers = ("127.0.0.9", {}) if named_by == "address" else (None, {"x-client": "another"})
    with full_queue(server, timeout=30) as connections, Connection(server, source=source) as other:
        other.send(request_bytes("POST", "/v2/models/spin/infer", spin(1), headers))
        # The one that came last; several IO threads may have taken them in another order than they were sent.
        readable, _, _ = select.select([connection.socket for connection in connections], [], [], 20)
        [refused] = [connection.read() for connection in connections if connection.socket in readable]
        assert refused.status == 429 and "its place in the queue went to a request" in refused.error(), refused
        late = server.infer("spin", spin(1))
        assert late.status == 429 and f"({MAX_QUEUED} requests wait)" in late.error(), late
        for connection in connections:
            connection.close()
        assert other.read().status == 200


def test_a_full_queue_has_a_place_for_a_request_of_a_higher_priority(start_server, models):
    """Also for the first ever: some requests are decoded before they are refused, in case they have one."""
    server = start_server(models, config=ONE_AT_A_TIME)
    urgent = spin(1, priority=1)
    with full_queue(server, timeout=30) as connections, Connection(server) as other:
        for _ in range(200):
            other.send(infer_bytes("spin", urgent))
            readable, _, _ = select.select([connection.socket for connection in (other, *connections)], [], [], 20)
            [answered] = readable
            if answered is not other.socket:
                break
            assert other.read().status == 429
        [displaced] = [connection for connection in connections if connection.socket is answered]
        assert "its place in the queue went to a request" in displaced.read().error()
        usual = server.infer("spin", spin(1))
        assert usual.status == 429 and f"({MAX_QUEUED} requests wait)" in usual.error(), usual
        for connection in connections:
            connection.close()
        assert other.read().status == 200


def test_another_model_answers_what_a_full_queue_refuses(start_server, models):
    shutil.copytree(models / "spin", models / "spare")
    server = start_server(models, config={**ONE_AT_A_TIME, "model_settings": {"spin": {"overflow_model": "spare"}}})
    with full_queue(server, timeout=30) as connections:
        diverted = server.infer("spin", spin(1))
        assert diverted.status == 200 and diverted.json()["model_name"] == "spare", diverted
        assert diverted.headers["slipway-diverted-from"] == "spin"
        exact = server.post("/v2/models/spin/versions/1/infer", spin(1))
        assert exact.status == 429, "who asks for a version gets that one"
        assert metric(server, "slipway_diverted_requests_total", model="spin", version="1") == 1
        for connection in connections:
            connection.close()
        wait_until(lambda: queue_depth(server, "spin") == 0 and in_flight(server, "spin") == 0, 60)
    own = server.infer("spin", spin(1))
    assert own.json()["model_name"] == "spin" and "slipway-diverted-from" not in own.headers


def test_a_client_that_leaves_frees_its_place(start_server, models):
    server = start_server(models, config=ONE_AT_A_TIME)
    with full_queue(server) as connections:
        for connection in connections:
            connection.close()
        # Earlier than the minute that the running request was given: it is stopped.
        wait_until(lambda: server.infer("spin", spin(1)).status == 200, 40, "nobody stops what nobody waits for")


def test_a_fast_model_is_not_held_up_by_a_slow_one(start_server, models):
    server = start_server(models, config=ONE_AT_A_TIME)
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(Connection(server)) for _ in range(1 + MAX_QUEUED)]
        fast = stack.enter_context(Connection(server))
        send_and_see_it_run(server, busy[0], "slow", slow(128))
        for connection in busy[1:]:
            connection.send(infer_bytes("slow", slow(1)))
        wait_until(lambda: in_flight(server, "slow") == len(busy))
        answers = 0
        while in_flight(server, "slow") == len(busy):  # until the first of the slow ones is done
            assert fast.infer("digits", DIGITS).status == 200
            answers += 1
        assert answers >= 10
        for connection in busy:
            assert connection.read().status == 200


def test_a_timeout_that_passes_in_the_queue_gives_504(start_server, models):
    server = start_server(models, config=ONE_AT_A_TIME)
    with Connection(server) as running, Connection(server) as waiting:
        send_and_see_it_run(server, running, "slow", slow(256))
        response = waiting.infer("slow", slow(1, timeout=1000))
        assert response.status == 504, response
        assert "deadline" in response.error() and "slow" in response.error()
        assert running.read().status == 200
    labels = {"model": "slow", "version": "1", "protocol": "rest", "method": "infer"}
    assert metric(server, "slipway_requests_total", **labels, code="DEADLINE_EXCEEDED") == 1


def test_a_timeout_ends_an_endless_model(start_server, models):
    server = start_server(models, config=ONE_AT_A_TIME)
    for _ in range(3):  # on the threads that the model is given first, and on those it is given then
        response = server.infer("spin", spin(timeout=SECOND // 5))
        assert response.status == 504, response
        assert "deadline" in response.error()
        assert server.infer("spin", spin(7)).json()["outputs"][0]["data"] == [7]
    assert server.infer("digits", DIGITS).status == 200


def test_an_endless_request_holds_up_no_other_connection(start_server, models):
    """Also the first one, when the model still counts as quick."""
    server = start_server(models, config={"control": "explicit", "io_threads": 2})
    with Connection(server) as endless:
        endless.send(infer_bytes("spin", spin(timeout=20 * SECOND)))
        for _ in range(30):  # spread over both IO threads
            with Connection(server, timeout=10) as other:
                assert other.request("GET", "/v2/health/live").status == 200
                assert other.infer("digits", DIGITS).status == 200
        endless.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            endless.socket.recv(1)  # all of that while it ran
        endless.socket.settimeout(60)
        assert endless.read().status == 504


@pytest.mark.parametrize("value", [-1, "soon", 1.5, None, 1 << 64])
def test_a_timeout_that_is_no_number_of_microseconds_is_refused(start_server, models, value):
    server = start_server(models, config={"control": "explicit", "load": "digits"})
    body = DIGITS.replace(b"{", b'{"parameters":{"timeout":%s},' % repr_json(value), 1)
    response = server.infer("digits", body)
    assert response.status == 400, response
    assert "timeout" in response.error()


def repr_json(value):
    return {None: b"null"}.get(value, (f'"{value}"' if isinstance(value, str) else repr(value)).encode())


@pytest.mark.parametrize("rows, columns", [(1 << 31, 1 << 31), (1 << 62, 1 << 62), (1 << 20, 1 << 20), (-1, 4),
                                           ((1 << 63) - 1, 1)])
@pytest.mark.parametrize("model", ["big_alloc", "big_scratch"])
def test_an_answer_too_large_for_memory_is_an_error(start_server, models, model, rows, columns):
    server = start_server(models, config={"control": "explicit", "load": f"{model},digits"})
    response = server.infer(model, big(rows, columns))
    assert response.status in (400, 413, 429, 500), response
    assert model in response.error()
    assert server.infer("digits", DIGITS).status == 200
    assert server.infer(model, big(2, 2)).status == 200


def test_an_answer_of_more_memory_than_allowed_does_not_end_the_server(start_server, models):
    """64 rows of 4 bytes ask for 256 MiB each time, as JSON some ten times that; refusing is as good as answering."""
    server = start_server(models, config={"control": "explicit", "load": "big_alloc_batch,digits"})
    rows = 64
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [rows, 1], "data": [1] * rows}],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}]}
    before = server.resident_bytes()
    for _ in range(3):
        answer = server.infer("big_alloc_batch", body)
        assert answer.status in (200, 413, 429, 500), answer
        assert answer.status != 200 or len(answer.body) > rows << 22
    assert server.infer("digits", DIGITS).status == 200
    wait_until(lambda: server.resident_bytes() < before + (100 << 20), 60,
               lambda: f"{server.resident_bytes()} bytes, {before} before")
