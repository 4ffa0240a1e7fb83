"""HTTP/1.1 by hand, for bytes that no HTTP library sends."""

import http.client
import io
import socket

from support.server import Answer


class _Bytes:
    """A socket for http.client.HTTPResponse that hands out what `file` has."""

    def __init__(self, file):
        self.file = file

    def makefile(self, *_):
        return self.file


class _NotClosed(io.BufferedReader):
    """Stays open when one answer is read, as the next one follows."""

    def close(self):
        pass


def read_answers(connection: socket.socket, count: int, timeout=30.0) -> list[Answer]:
    """The next `count` final answers on the connection."""
    connection.settimeout(timeout)
    file = _NotClosed(socket.SocketIO(connection, "r"), 1 << 16)
    answers = []
    while len(answers) < count:
        response = http.client.HTTPResponse(_Bytes(file), method="POST")
        response.begin()
        answers.append(Answer(response.status, response.headers, response.read()))
    return answers


def exchange(server, sent: bytes, timeout=30.0) -> tuple[Answer | None, bool]:
    """Sends bytes on a connection of their own. The first answer, None if there is none, and whether the server closed
    the connection after it."""
    with server.connect() as connection:
        try:
            connection.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent; the answer may be there all the same
        try:
            (answer,) = read_answers(connection, 1, timeout)
        except (http.client.HTTPException, ConnectionResetError):
            return None, True
        connection.settimeout(1.0)
        try:
            closed = connection.recv(1) == b""
        except TimeoutError:
            closed = False
        except ConnectionResetError:
            closed = True
        return answer, closed
