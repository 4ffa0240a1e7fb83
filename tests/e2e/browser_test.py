"""Web pages that somebody looks at, in a browser that reaches the server, get nothing from it and change nothing."""

import subprocess

import pytest

from support.raw_http import Connection, request_bytes
from support.server import EXAMPLE_MODELS, binary, repository

UNLOAD = "/v2/repository/models/digits/unload"
PAGES = ["/", "/metrics", "/livez", "/v2", "/v2/models", "/v2/models/digits", "/v2/health/ready", "/no/such/page"]


@pytest.fixture
def models(tmp_path):
    return repository(tmp_path, {"digits": EXAMPLE_MODELS / "digits/2"})


def ask(server, method, path, host, headers=None):
    data = request_bytes(method, path, b"{}" if method == "POST" else b"", headers)
    with Connection(server) as connection:
        connection.send(data.replace(b"host: test", b"host: " + host.encode(), 1))
        return connection.read()


def test_a_page_of_another_site_cannot_use_the_server(start_server, models):
    server = start_server(models, config={"control": "explicit"})
    host = f"127.0.0.1:{server.port}"
    # As a form or fetch() of a page sends it without asking first.
    foreign = {"origin": "http://evil.example", "content-type": "text/plain"}
    for path in (UNLOAD, "/v2/models/digits/infer", "/predict", "/v2/logging"):
        refused = ask(server, "POST", path, host, foreign)
        assert refused.status == 403 and "evil.example" in refused.error(), refused
        assert not [name for name in refused.headers if name.startswith("access-control-")]
    for path in PAGES:
        assert ask(server, "GET", path, host, foreign).status == 403, path
    before_asking = ask(server, "OPTIONS", UNLOAD, host, {**foreign, "access-control-request-method": "POST"})
    assert before_asking.status == 403 and "access-control-allow-origin" not in before_asking.headers
    assert ask(server, "GET", "/v2/models/digits/ready", host).status == 200, "it is still there"
    own = ask(server, "POST", UNLOAD, host, {"origin": f"http://{host}"})
    assert own.status == 200, "a page of the server itself may"


def test_a_name_that_was_made_to_lead_here_is_not_answered(start_server, models):
    server = start_server(models)
    evil = f"evil.example:{server.port}"
    for path in PAGES:
        refused = ask(server, "GET", path, evil)
        assert refused.status == 403 and "allowed_hosts" in refused.error() and evil in refused.error(), refused
    assert ask(server, "POST", UNLOAD, evil, {"origin": f"http://{evil}"}).status == 403
    for host in (f"localhost:{server.port}", "[::1]:1", "192.168.1.7", "slipway", "box.local:80"):
        assert ask(server, "GET", "/v2", host).status == 200, host
    over_http2 = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--http2-prior-knowledge",
                  "--connect-to", f"::127.0.0.1:{server.port}"]
    for host, status in (("evil.example", "403"), ("localhost", "200")):
        asked = subprocess.run([*over_http2, f"http://{host}/v2"], capture_output=True, text=True, check=True)
        assert asked.stdout == status, host


@pytest.mark.parametrize("named_by", ["flag", "file"])
def test_names_of_the_server_can_be_said(start_server, models, named_by):
    names = ["models.example.com", "*.prod.example.com"]
    if named_by == "flag":
        server = start_server(models, options=[word for name in names for word in ("--allowed-host", name)])
    else:
        server = start_server(models, config={"allowed_hosts": names})
    for host, status in (("models.example.com", 200), ("a.prod.example.com:8000", 200), ("evil.example", 403),
                         ("example.com", 403), ("127.0.0.1", 200)):
        assert ask(server, "GET", "/v2", host).status == status, host


def test_beyond_loopback_all_names_are_answered_unless_some_are_named(start_server, models):
    server = start_server(models, options=["--insecure", "--listen", "0.0.0.0:0"])
    assert ask(server, "GET", "/v2", "models.example.com").status == 200
    foreign = ask(server, "GET", "/v2", "models.example.com", {"origin": "http://evil.example"})
    assert foreign.status == 403


@pytest.mark.parametrize("name", ["http://models.example.com", "a:8000", "", "*a"])
def test_what_is_no_name_is_refused_at_the_start(models, name):
    done = subprocess.run([binary(), "serve", models, "--allowed-host", name], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "allowed_hosts: expected a name without a port" in done.stderr, done.stderr
