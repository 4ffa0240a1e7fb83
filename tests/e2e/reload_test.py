"""SIGHUP: the configuration file read again, all of it or nothing, while requests are answered."""

import json
import re
import signal
import threading

import pytest

from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, repository, wait_until
from support.slow_models import SPIN, metric, spin

DIGITS = (EXAMPLE_DATA / "digits_request.json").read_bytes()
LIMIT = {"timeout": "300ms"}


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path / "models", {"spin": SPIN, "other": SPIN, "digits": EXAMPLE_MODELS / "digits/2"})


def reload(server, config, expected):
    """Has it read `config`, which it writes unless it is text already, and waits for what it says of it."""
    (server.folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    before = server.log().count(expected)
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log().count(expected) > before, message=server.log)


def takes_longer(server, model):
    """Whether a request may take longer than LIMIT says."""
    answer = server.infer(model, spin(500_000, timeout=60_000_000))
    assert answer.status in (200, 504), answer
    return answer.status == 200


def test_models_whose_settings_change_are_loaded_again(start_server, models):
    server = start_server(models, config={"timeout": "0s"})
    assert takes_longer(server, "spin")
    reload(server, {"model_settings": {"spin": LIMIT}}, "changed=model_settings")
    wait_until(lambda: not takes_longer(server, "spin"))
    assert takes_longer(server, "other")
    reload(server, LIMIT, 'changed="timeout model_settings"')
    wait_until(lambda: not takes_longer(server, "other"))
    assert not takes_longer(server, "spin")
    reload(server, LIMIT, "changed=nothing")
    assert server.infer("digits", DIGITS).status == 200
    assert metric(server, "slipway_config_reloads_total", result="ok") == 3


def test_what_a_load_call_said_still_holds(start_server, models):
    server = start_server(models, options=["--control", "explicit"], config={"timeout": "0s"})
    config = {"dynamic_batching": {"default_queue_policy": {"timeout_action": "REJECT",
                                                            "default_timeout_microseconds": 300_000}}}
    called = server.post("/v2/repository/models/spin/load", {"parameters": {"config": json.dumps(config)}})
    assert called.status == 200, called
    reload(server, {"max_queued": 7, "model_settings": {"other": LIMIT}}, 'changed="max_queued model_settings"')
    wait_until(lambda: not takes_longer(server, "other"))
    assert not takes_longer(server, "spin")
    assert server.infer("digits", DIGITS).status == 200


@pytest.mark.parametrize("text, complaint", [
    ("{", "config.json:"),
    ('{"objective": "20ms",\n "objektive": "20ms"}', "config.json:2:2"),
    ('{"objective": "20ms",\n "queue_threads": "many"}', "config.json:2:19"),
    ('{"timeout": "300ms", "batching": {"max_rows": 4, "preferred_sizes": [8]}}', "batching.preferred_sizes"),
    ('{"timeout": "300ms", "model_settings": {"spin": {"isolation": "jail"}}}', "jail"),
    ('{"timeout": "300ms", "version_policy": "newest"}', "version policy 'newest'"),
])
def test_an_invalid_file_changes_nothing(start_server, models, text, complaint):
    server = start_server(models, config={"timeout": "0s"})
    reload(server, text, "nothing is reloaded")
    said = next(line for line in server.log().splitlines() if "nothing is reloaded" in line)
    assert complaint in said, said
    assert takes_longer(server, "spin")
    assert metric(server, "slipway_config_reloads_total", result="refused") == 1
    assert metric(server, "slipway_config_reloads_total", result="ok") == 0
    reload(server, {"timeout": "300ms"}, "changed=timeout")
    wait_until(lambda: not takes_longer(server, "spin"))


def test_a_file_that_is_gone_changes_nothing(start_server, models):
    server = start_server(models, config=LIMIT)
    (server.folder / "config.json").unlink()
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: re.search(r"nothing is reloaded.*config\.json", server.log()))
    assert not takes_longer(server, "spin")


def test_what_needs_a_start_is_named(start_server, models):
    server = start_server(models, config={"timeout": "0s"})
    reload(server, {**LIMIT, "io_threads": 3, "limits": {"max_body": "1MiB"}}, "only from the next start on")
    assert re.search(r"only from the next start on.*io_threads limits\.max_body", server.log()), server.log()
    wait_until(lambda: not takes_longer(server, "spin"))


def test_the_log_level_changes(start_server, models):
    server = start_server(models, config={"timeout": "0s"})
    reload(server, {"log": {"level": "error"}}, "changed=log.level")
    before = server.log()
    (server.folder / "config.json").write_text(json.dumps({"log": {"level": "error"}, **LIMIT}))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: not takes_longer(server, "spin"))
    assert server.log() == before


def test_what_clients_have_set_holds_while_the_file_says_the_same(start_server, models):
    server = start_server(models, config={"timeout": "0s"})
    assert server.post("/v2/logging", {"log_info": False}).status == 200
    before = server.log()
    (server.folder / "config.json").write_text(json.dumps(LIMIT))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: not takes_longer(server, "spin"))
    assert server.log() == before


def test_no_request_fails_while_models_are_loaded_again(start_server, models):
    server = start_server(models, config={"max_queued": 1000})
    stop, failures, answered = threading.Event(), [], [0]

    def ask():
        while not stop.is_set():
            answer = server.infer("digits", DIGITS)
            answered[0] += 1
            if answer.status != 200:
                failures.append(answer)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for times in range(1, 6):
            reload(server, {"max_queued": 1000 + times}, "changed=max_queued")
            wait_until(lambda: server.log().count("version ready model=digits") == 1 + times, message=server.log)
    finally:
        stop.set()
        asking.join()
    assert not failures and answered[0] > 50, (failures[:3], answered)
