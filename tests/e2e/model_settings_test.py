"""Settings that single models have of their own, beside those of all models."""

import contextlib
import json

import pytest

from support.raw_http import Connection
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, Server, repository, wait_until
from support.slow_models import SPIN, infer_bytes, keep_spin_off_the_io_threads, queue_depth, send_and_see_it_run, spin

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path, {"spin": SPIN, "other": SPIN, "digits": EXAMPLE_MODELS / "digits/2"})


def test_a_timeout_holds_for_its_model_only(start_server, models):
    server = start_server(models, config={"model_settings": {"spin": {"timeout": "300ms"}}})
    slow = server.infer("spin", spin())
    assert slow.status == 504 and slow.error().startswith("model 'spin' version 1"), slow
    assert server.infer("spin", spin(timeout=100_000)).status == 504, "a client may ask for less"
    assert server.infer("other", spin(500_000, timeout=60_000_000)).status == 200, "which takes longer than 300 ms"
    assert server.infer("digits", DIGITS).status == 200


def test_queues_are_as_long_as_their_model_says(start_server, models):
    server = start_server(models, config={"queue_threads": 1, "max_queued": 3,
                                          "model_settings": {"spin": {"max_queued": 1}}})
    keep_spin_off_the_io_threads(server)
    with contextlib.ExitStack() as stack:
        running, waiting = (stack.enter_context(Connection(server)) for _ in range(2))
        send_and_see_it_run(server, running, "spin", spin(timeout=60_000_000))
        waiting.send(infer_bytes("spin", spin(timeout=60_000_000)))
        wait_until(lambda: queue_depth(server, "spin") == 1)
        refused = server.infer("spin", spin(1))
        assert refused.status == 429 and "(1 requests wait)" in refused.error(), refused
        assert server.infer("other", spin(1)).status == 200


def test_a_load_call_brings_settings_in_tritons_words(start_server, models):
    server = start_server(models, options=["--control", "explicit"])

    def load(config):
        return server.post("/v2/repository/models/spin/load", {"parameters": {"config": json.dumps(config)}})

    policy = {"timeout_action": "REJECT", "default_timeout_microseconds": 300_000}
    assert load({"dynamic_batching": {"default_queue_policy": policy}}).status == 200
    assert server.infer("spin", spin()).status == 504
    refused = load({"dynamic_batching": {"preferred_batch_size": [1000]}})
    assert refused.status == 400 and "at most 64" in refused.error(), refused
    assert load({}).status == 200
    assert server.infer("spin", spin(500_000, timeout=60_000_000)).status == 200, "which takes longer than 300 ms"


def test_a_model_that_is_not_there_is_a_warning_with_the_nearest_name(start_server, models):
    server = start_server(models, config={"model_settings": {"digit": {"max_queued": 1}}})
    lines = wait_until(lambda: [line for line in server.log().splitlines() if "model_settings" in line])
    assert len(lines) == 1 and "WARN" in lines[0] and "digit" in lines[0] and "digits" in lines[0], lines
    assert server.infer("digits", DIGITS).status == 200


@pytest.mark.parametrize("settings, message", [
    ({"digits": {"max_queue": 1}}, "did you mean 'max_queued'?"),
    ({"digits": {"batching": {"preferred_sizes": [100]}}}, "expected at most 64 (batching.max_rows), got 100"),
    (["digits"], "expected model names")])
def test_wrong_settings_end_the_start(models, settings, message):
    server = Server(models, config={"model_settings": settings}, wait=False)
    wait_until(lambda: not server.running())
    output = server.output()
    server.stopped = True
    assert server.process.returncode == 2 and message in output, output


def test_a_provider_that_this_build_lacks_fails_its_model_only(start_server, models):
    server = start_server(models, config={"model_settings": {"spin": {"provider": "nosuch"}}})
    assert "spin FAILED" in server.banner() and "nosuch" in server.banner()
    assert server.infer("digits", DIGITS).status == 200
