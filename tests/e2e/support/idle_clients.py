"""Holds many connections open, in a process of its own, so that its descriptors are not those of the test.

    idle_clients.py HOST PORT COUNT FIRST_SOURCE

Sources are 127.0.0.FIRST_SOURCE and the addresses after it, 5,000 connections each. Prints `open N` when they are. Each
line on standard input then asks for a GET on every hundredth of them, which `answered N of M` reports; the end of the
input ends the program.
"""

import resource
import socket
import sys

PER_SOURCE = 5000
REQUEST = b"GET /v2/health/live HTTP/1.1\r\nhost: test\r\n\r\n"


def main():
    host, port, count, first = sys.argv[1], *map(int, sys.argv[2:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = []
    for i in range(count):
        connection = socket.socket()
        connection.settimeout(60)
        connection.bind((f"127.0.0.{first + i // PER_SOURCE}", 0))
        connection.connect((host, port))
        connections.append(connection)
    print("open", len(connections), flush=True)
    for _ in sys.stdin:
        chosen = connections[::100]
        for connection in chosen:
            connection.sendall(REQUEST)
        answered = sum(connection.recv(4096).startswith(b"HTTP/1.1 200 ") for connection in chosen)
        print(f"answered {answered} of {len(chosen)}", flush=True)


if __name__ == "__main__":
    main()
