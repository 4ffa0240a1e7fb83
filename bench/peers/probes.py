# SPDX-License-Identifier: Apache-2.0
"""Requests that hold a mistake, which a server should answer with a status of 400 to 499. Standard library only."""

import cases


def faulty_requests(call):
    """[(what is wrong, body)] made of the right small request: its one row is found by its text."""
    right = call.request.body
    row = cases.compact(cases.row())
    values = row[1:-1].split(b",")

    def with_row(*changed):
        return right.replace(row, b"[" + b",".join(changed) + b"]")

    return [
        ("29 of 30 features", with_row(*values[1:]).replace(b"[1,30]", b"[1,29]")),
        ("text for a number", with_row(b'"abc"', *values[1:])),
        ("NaN, which JSON has not", with_row(b"NaN", *values[1:])),
        ("1e400", with_row(b"1e400", *values[1:])),
        ("broken JSON", right[:-2]),
    ]


def beginning(answer):
    """The first words of an answer in one line."""
    text = " ".join(answer[:200].decode(errors="replace").split())
    return text if len(text) <= 60 else text[:57] + "..."


def wrong_answers(server, call):
    """[what went wrong] of a server that has answered the right request."""
    found = []
    for what, body in faulty_requests(call):
        try:
            status, _, answer = server.request("POST", call.request.path, body, call.request.headers)
        except OSError as error:
            status, answer = f"no answer ({type(error).__name__})", b""
        if status == 200:
            found.append(f"{what}: answered, `{beginning(answer)}`")
        elif not isinstance(status, int) or not 400 <= status < 500:
            found.append(f"{what}: {status}")
    return found
