"""Fixtures of the end-to-end tests: the shipped program, started on a free port and stopped again.

Tests import what they need from `support`, which pytest finds beside this file.
"""

import pytest

from support.server import EXAMPLE_MODELS, Server


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "server(*sources, options=(), config=None): what the `server` fixture starts; without it, the "
        "example models with default options")


@pytest.fixture
def start_server():
    """Call it as Server(...), any number of times; what is started is stopped and judged after the test."""
    started = []

    def start(*sources, **more) -> Server:
        started.append(Server(*sources, **more))
        return started[-1]

    yield start
    failures = []
    for server in reversed(started):
        try:
            server.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def server(request, start_server):
    """A running server of this test's own: see the marker `server`. It has url, address, pid, log(), get(), ..."""
    marker = request.node.get_closest_marker("server")
    if marker is None:
        return start_server(EXAMPLE_MODELS)
    return start_server(*marker.args, **marker.kwargs)
