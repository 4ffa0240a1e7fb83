"""What an objective chooses, what it leaves alone, and what is kept of a model for the next start."""

import contextlib

import pytest

from support.raw_http import Connection
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, repository
from support.slow_models import SLOW, SPIN, infer_bytes, keep_spin_off_the_io_threads, metric, send_and_see_it_run, slow, spin

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path / "models", {"slow": SLOW, "spin": SPIN, "digits": EXAMPLE_MODELS / "digits/2"})


def plan(server, model):
    """The window in seconds, rows and threads."""
    names = ("slipway_model_batch_window_seconds", "slipway_model_batch_rows_limit", "slipway_model_queue_threads")
    return tuple(metric(server, name, model=model, version="1") for name in names)


def test_what_is_set_is_kept_beside_an_objective(start_server, models):
    server = start_server(models, config={"model_settings": {
        "slow": {"objective": "10s", "queue_threads": 3},
        "digits": {"objective": "1s", "batching": {"max_delay": "2ms", "max_rows": 1}}}})
    assert plan(server, "slow")[::2] == (0, 3)
    assert plan(server, "digits")[:2] == (0.002, 1)
    assert server.infer("slow", slow(1)).status == 200
    assert plan(server, "slow")[::2] == (0, 3)


def test_an_objective_answers_all_that_one_client_sends(start_server, models):
    server = start_server(models, config={"objective": "30s"})
    for _ in range(12):  # more than one look at what came
        assert server.infer("slow", slow(1)).status == 200
    window, rows, threads = plan(server, "slow")
    assert window == 0, "nobody waits for company at such a load"
    assert rows >= 1 and threads >= 1


def test_what_would_miss_the_objective_is_refused_with_what_a_queue_may_take_of_it(start_server, models):
    server = start_server(models, config={"objective": "1ms"})
    keep_spin_off_the_io_threads(server)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server)) for _ in range(20)]
        send_and_see_it_run(server, connections[0], "spin", spin(2_000_000))
        for connection in connections[1:]:
            connection.send(infer_bytes("spin", spin(1000)))
        responses = [connection.read() for connection in connections]
    assert responses[0].status == 200
    refused = [response for response in responses if response.status == 429]
    assert refused, responses
    assert "the objective is 1 ms, of which a queue may take" in refused[0].error(), refused[0]


def test_what_was_measured_is_kept_for_the_next_start(start_server, models, tmp_path):
    cache = tmp_path / "cache"
    config = {"cache_dir": str(cache)}
    first = start_server(models, config=config)
    assert first.infer("digits", DIGITS).status == 200
    first.stop()
    kept = {path: path.read_text() for path in (cache / "profiles").iterdir()}
    assert kept and all(text.startswith("slipway run profile 1\n") for text in kept.values()), kept
    for path in kept:
        path.write_text("slipway run profile 1\nnonsense\n")
    second = start_server(models, config=config)
    assert second.infer("digits", DIGITS).status == 200
    assert "what was kept of a model cannot be used" in second.log()
    assert {path for path in (cache / "profiles").iterdir()} == set(kept)
    assert all("nonsense" not in path.read_text() for path in kept), "measured again"


@pytest.mark.parametrize("directory", ["none", "/proc/nobody/can/write/here"])
def test_without_a_place_to_keep_it_nothing_is_missing(start_server, models, directory):
    server = start_server(models, config={"cache_dir": directory})
    assert server.infer("digits", DIGITS).status == 200
    assert "cache" not in server.log() and "kept" not in server.log()
