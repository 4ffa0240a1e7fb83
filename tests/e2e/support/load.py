"""Keeps a model busy from several connections while a test does something to the server."""

import threading
from collections import Counter

from support.raw_http import Closed, Connection, request_bytes
from support.server import wait_until


class Load:
    """A context manager: inside it, `connections` keep-alive clients send `body` to `model` without a pause.

    check(response) says what kind of answer it was, which `kinds` counts; what it raises as AssertionError, a lost
    connection and any status but 200 are `failures`.
    """

    def __init__(self, server, model, body, connections=4, check=lambda response: "ok"):
        self.server, self.connections, self.check = server, connections, check
        self.request = request_bytes("POST", f"/v2/models/{model}/infer", body)
        self.kinds, self.failures = Counter(), []
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert kind is not None or not any(thread.is_alive() for thread in self._threads), "a client hangs"

    @property
    def answers(self) -> int:
        with self._lock:
            return sum(self.kinds.values())

    def wait_for(self, more: int) -> None:
        """Until that many more requests have been answered, or one failed."""
        goal = self.answers + more
        wait_until(lambda: self.answers >= goal or self.failures, 60,
                   lambda: f"{self.answers} answers, expected {goal}", period=0.001)

    def _run(self) -> None:
        connection = None
        while not self._stop.is_set():
            try:
                connection = connection or Connection(self.server)
                connection.send(self.request)
                response = connection.read()
                assert response.status == 200, response
                kind = self.check(response)
                with self._lock:
                    self.kinds[kind] += 1
            except (AssertionError, Closed, OSError) as error:
                with self._lock:
                    self.failures.append(f"{type(error).__name__}: {error}")
                if not isinstance(error, AssertionError):
                    connection = None
        if connection:
            connection.close()
