"""HTTP/1.1 by hand: for clients that send half a request, many at once, or do not read."""

import json
import socket


class Closed(Exception):
    """The server closed the connection instead of answering, or in the middle of an answer."""


class Response:
    """One answer. Header names are in small letters."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def error(self) -> str:
        return self.json()["error"]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:500]!r}"


class Connection:
    """One connection; answers are read in the order of the requests."""

    def __init__(self, server, timeout=60.0, source=None, receive_buffer=None):
        """source: an address of this machine to come from. receive_buffer: bytes that the kernel may hold for us."""
        self.socket = socket.socket(socket.AF_INET)
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        try:
            self.socket.connect((server.host, server.port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data) -> None:
        self.socket.sendall(data)

    def request(self, method, path, body=b"", headers=None) -> Response:
        self.send(request_bytes(method, path, body, headers))
        return self.read()

    def infer(self, model, body) -> Response:
        return self.request("POST", f"/v2/models/{model}/infer", body)

    def read(self) -> Response:
        """The next final answer; interim ones are passed over."""
        while (response := self.read_any()).status < 200:
            pass
        return response

    def read_any(self) -> Response:
        while (end := self.unread.find(b"\r\n\r\n")) < 0:
            self._receive()
        lines = self.unread[:end].decode("latin-1").split("\r\n")
        self.unread = self.unread[end + 4:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(self.unread) < length:
            self._receive()
        body, self.unread = self.unread[:length], self.unread[length:]
        return Response(int(lines[0].split()[1]), headers, body)

    def at_end(self) -> bool:
        """Waits for the server's next move: True if it closed the connection, False if it sent something."""
        try:
            self._receive()
        except Closed:
            return True
        return False

    def _receive(self) -> None:
        try:
            piece = self.socket.recv(262144)
        except ConnectionError as error:
            raise Closed(f"connection lost: {error}") from error
        if not piece:
            raise Closed(f"closed by the server after {self.unread[:200]!r}")
        self.unread += piece


def request_bytes(method, path, body=b"", headers=None) -> bytes:
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: test"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
