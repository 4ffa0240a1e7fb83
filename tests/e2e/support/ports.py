"""Ports on loopback."""
import contextlib
import socket


def free_port():
    """A TCP port that nobody listens on right now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
