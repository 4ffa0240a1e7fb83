"""TLS with clients that no one here wrote: curl, openssl s_client, Python's ssl, tritonclient; and our own commands."""

import http.client
import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import threading
import time

import numpy as np
import pytest
import tritonclient.http as triton

from support.certificates import Authority
from support.ports import free_port
from support.server import EXAMPLE_DATA, EXAMPLE_MODELS, Server, binary, wait_until

REQUEST = EXAMPLE_DATA / "breast_cancer_request.json"
INFER = "/v2/models/breast_cancer/infer"


def serve(pair, *options, config=None, listen=None, **more):
    """A server with the certificate of `pair`; its banner's https:// address is `https`."""
    listen = listen or ["127.0.0.1:0"]
    words = [word for address in listen for word in ("--listen", address)]
    server = Server(EXAMPLE_MODELS, options=["--tls-cert", pair.cert, "--tls-key", pair.key, *words, *options],
                    config=config, **more)
    server.https = next(url for url in server.urls if url.startswith("https://"))
    server.https_port = int(server.https.rpartition(":")[2])
    return server


def curl(*words):
    return subprocess.run(["curl", "-sS", "--max-time", "30", *map(str, words)], capture_output=True, text=True,
                          timeout=60)


def slipway(*words):
    return subprocess.run([binary(), *map(str, words)], capture_output=True, text=True, timeout=120)


def client_context(authority, pair=None):
    context = ssl.create_default_context(cafile=str(authority.cert))
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue()


@pytest.fixture(scope="module")
def shared(pair):
    with serve(pair) as server:
        yield server


def test_banner_prints_a_curl_line_that_works(shared):
    line = re.search(r"^  (curl .*)$", shared.banner(), re.MULTILINE)[1]
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"], done.stdout


def test_banner_names_a_host_that_the_certificate_is_for(authority):
    with serve(authority.issue("named", "DNS:scores.example")) as server:
        line = re.search(r"^  (curl .*)$", server.banner(), re.MULTILINE)[1]
        done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=60)
        assert json.loads(done.stdout)["outputs"], line + done.stderr


@pytest.mark.parametrize("protocol, alpn", [("--http2", "h2"), ("--http1.1", "http/1.1")])
def test_curl_negotiates_tls13_and_a_protocol(shared, authority, protocol, alpn):
    done = curl("-v", protocol, "--cacert", authority.cert, f"{shared.https}{INFER}", "-d", f"@{REQUEST}")
    assert json.loads(done.stdout)["outputs"], done.stderr
    assert "TLSv1.3" in done.stderr and f"server accepted {alpn}" in done.stderr, done.stderr


def test_who_is_unknown_is_not_trusted(shared):
    refused = curl(f"{shared.https}/v2")
    assert refused.returncode == 60, "the authority is not among the system's"


def test_old_versions_and_other_protocols_are_refused(shared, authority):
    where = f"127.0.0.1:{shared.https_port}"

    def s_client(*words):
        return subprocess.run(["openssl", "s_client", "-connect", where, "-CAfile", str(authority.cert), *words],
                              input="", capture_output=True, text=True, timeout=60)

    assert "Verify return code: 0 (ok)" in s_client().stdout
    assert "alert protocol version" in s_client("-tls1_2").stderr
    assert "no application protocol" in s_client("-alpn", "spdy/1").stderr


def test_tls12_is_an_option_with_aead_only(authority, pair):
    with serve(pair, config={"tls": {"min_version": "1.2"}}) as server:
        context = client_context(authority)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(("127.0.0.1", server.https_port), 30) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                assert secured.version() == "TLSv1.2"
                assert "GCM" in secured.cipher()[0] or "POLY1305" in secured.cipher()[0]
        context.set_ciphers("ECDHE+AES+SHA256:!AESGCM")
        with socket.create_connection(("127.0.0.1", server.https_port), 30) as plain:
            with pytest.raises(ssl.SSLError, match="handshake failure|HANDSHAKE_FAILURE"):
                context.wrap_socket(plain, server_hostname="localhost")


def test_python_resumes_its_session(shared, authority):
    context = client_context(authority)
    session = None
    for expected in (False, True):
        with socket.create_connection(("127.0.0.1", shared.https_port), 30) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as secured:
                assert secured.session_reused == expected
                secured.sendall(b"GET /v2 HTTP/1.1\r\nHost: t\r\n\r\n")
                assert secured.recv(4096).startswith(b"HTTP/1.1 200")
                session = secured.session


def test_tritonclient_infers_over_tls(shared, authority):
    client = triton.InferenceServerClient(f"localhost:{shared.https_port}", ssl=True,
                                          ssl_context_factory=lambda: client_context(authority))
    assert client.is_server_ready()
    value = triton.InferInput("features", [4000, 30], "FP32")
    value.set_data_from_numpy(np.zeros((4000, 30), np.float32))
    answer = client.infer("breast_cancer", [value])
    assert answer.as_numpy("probability").shape[0] == 4000
    client.close()


def test_plaintext_on_the_tls_port_is_told_to_use_https(shared):
    done = curl(f"http://127.0.0.1:{shared.https_port}/v2")
    assert "this port speaks TLS; use https://" in done.stdout, done.stdout + done.stderr


def test_metrics_in_the_clear_on_a_listener_of_their_own(pair, authority):
    with serve(pair, listen=["127.0.0.1:0", "http=127.0.0.1:0"]) as server:
        assert curl("--cacert", authority.cert, f"{server.https}/v2").returncode == 0
        page = server.get("/metrics").body.decode()
        assert 'slipway_tls_handshakes_total{result="full"} 1' in page
        assert 'slipway_tls_reloads_total{result="ok"} 0' in page
        ends = int(float(re.search(r"^slipway_tls_certificate_expiry_timestamp_seconds (\S+)$", page, re.M)[1]))
        assert time.time() + 80_000 < ends < time.time() + 90_000


def test_mtls(authority, pair, tmp_path):
    stranger = Authority(tmp_path, "strangers").issue("stranger")
    friend = authority.issue("friend", "URI:spiffe://example.org/friend")
    with serve(pair, "--tls-client-ca", authority.cert) as server:
        trusted = ["--cacert", authority.cert]
        url = f"{server.https}/v2/health/ready"
        assert curl(*trusted, "-o", "/dev/null", "-w", "%{http_code}", "--cert", friend.cert, "--key", friend.key,
                    url).stdout == "200"
        assert curl(*trusted, url).returncode != 0
        assert curl(*trusted, "--cert", stranger.cert, "--key", stranger.key, url).returncode != 0
        shown = ["--cert", friend.cert, "--key", friend.key]
        assert slipway("status", server.https, *trusted, *shown).returncode == 0
        nobody = slipway("status", server.https, *trusted)
        assert nobody.returncode != 0 and "--cert" in nobody.stderr, nobody.stderr


def test_optional_client_certificates(authority, pair):
    config = {"tls": {"client_ca": str(authority.cert), "client_auth": "optional"}}
    with serve(pair, config=config) as server:
        assert curl("--cacert", authority.cert, f"{server.https}/v2").returncode == 0


def test_our_commands_speak_https(shared, authority):
    trusted = ["--cacert", authority.cert]
    status = slipway("status", shared.https, *trusted)
    assert status.returncode == 0 and "breast_cancer" in status.stdout, status.stderr
    predicted = slipway("predict", f"{shared.https}/v2/models/breast_cancer", "--input", REQUEST, *trusted)
    assert predicted.returncode == 0 and "probability" in predicted.stdout, predicted.stderr
    measured = slipway("bench", shared.https, "--model", "breast_cancer", "--duration", "0.5s", "--warmup", "0.1s",
                       "--connections", "8", "--json", *trusted)
    assert measured.returncode == 0, measured.stderr
    unknown = slipway("status", shared.https)
    assert unknown.returncode != 0 and "--cacert" in unknown.stderr, unknown.stderr
    assert slipway("status", shared.https, "--insecure").returncode == 0
    misplaced = slipway("status", f"http://127.0.0.1:{free_port()}", *trusted)
    assert misplaced.returncode != 0 and "are for https://" in misplaced.stderr


@pytest.mark.parametrize("broken, message", [
    (lambda p, d: ("none.pem", p.key), "none.pem"),
    (lambda p, d: (p.key, p.key), "found no certificate"),
    (lambda p, d: (p.cert, p.cert), "expected a private key in PEM"),
    (lambda p, d: (p.cert, d.key), "does not belong to the first certificate"),
])
def test_files_that_do_not_fit(authority, pair, broken, message):
    cert, key = broken(pair, authority.issue("different"))
    done = slipway("serve", EXAMPLE_MODELS, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
    assert done.returncode != 0 and message in done.stderr, done.stderr


def test_settings_that_do_not_fit(pair):
    for words, message in ((["--tls-cert", pair.cert], "tls.key"), (["--tls-key", pair.key], "tls.cert"),
                           (["--tls-client-ca", pair.cert], "need tls.cert and tls.key"),
                           (["--listen", "https=127.0.0.1:0"], "TLS needs --tls-cert")):
        done = slipway("serve", EXAMPLE_MODELS, *words)
        assert done.returncode != 0 and message in done.stderr, done.stderr


def test_sighup_reloads_and_a_broken_pair_is_refused(authority):
    pair = authority.issue("reloaded")
    with serve(pair) as server:
        authority.replace(pair)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: "TLS certificate reloaded" in server.log())
        pair.key.write_text("nonsense")
        wait_until(lambda: "the old one stays" in server.log() and str(pair.key) in server.log())
        assert curl("--cacert", authority.cert, f"{server.https}/v2").returncode == 0


class Client(threading.Thread):
    """Infers on one keep-alive connection, and connects anew every `renew` requests."""

    def __init__(self, server, context, stop, renew):
        super().__init__(daemon=True)
        self.server, self.context, self.stop, self.renew = server, context, stop, renew
        self.answers, self.failures = 0, []

    def run(self):
        body = REQUEST.read_bytes()
        try:
            while not self.stop.is_set():
                connection = http.client.HTTPSConnection("localhost", self.server.https_port, timeout=30,
                                                         context=self.context)
                for _ in range(self.renew):
                    connection.request("POST", INFER, body)
                    response = connection.getresponse()
                    content = response.read()
                    assert response.status == 200 and content, (response.status, content)
                    self.answers += 1
                    if self.stop.is_set():
                        break
                connection.close()
        except (OSError, AssertionError, http.client.HTTPException) as error:
            self.failures.append(repr(error))


def test_a_hundred_rotations_under_load_lose_no_connection(authority, tmp_path):
    live = authority.issue("live")
    prepared = []
    for i in range(100):
        new = authority.issue(f"rotation{i}")
        prepared.append((new.cert.read_bytes(), new.key.read_bytes()))
    with serve(live) as server:
        stop = threading.Event()
        clients = [Client(server, client_context(authority), stop, renew) for renew in (1, 5, 1_000_000)]
        for client in clients:
            client.start()
        bench = subprocess.Popen(
            [binary(), "bench", server.https, "--model", "breast_cancer", "--duration", "600s", "--connections", "8",
             "--cacert", authority.cert, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        seen = 0
        for cert, key in prepared:
            for path, content in ((live.key, key), (live.cert, cert)):
                fresh = path.with_suffix(".fresh")
                fresh.write_bytes(content)
                os.replace(fresh, path)
            server.send_signal(signal.SIGHUP)
            seen += 1
            wait_until(lambda: server.log().count("TLS certificate reloaded") >= seen)
        assert bench.poll() is None, bench.communicate()
        bench.send_signal(signal.SIGINT)
        report, errors = bench.communicate(timeout=60)
        stop.set()
        for client in clients:
            client.join(60)
        assert [client.failures for client in clients] == [[], [], []]
        assert all(client.answers > 0 for client in clients)
        report = json.loads(report)
        assert report["errors"] in ({}, []), report
        served = ssl.get_server_certificate(("127.0.0.1", server.https_port))
        assert served.strip() == prepared[-1][0].decode().strip()
