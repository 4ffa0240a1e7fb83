# SPDX-License-Identifier: Apache-2.0
"""When the machine itself stood still: a process of the highest real-time priority on each core notes its late wakes.

A virtual machine is at times not run by its host for milliseconds. A latency test cannot tell that from a stall of the
server it tests; this can, because nothing on the machine may keep a process of the highest real-time priority waiting.
Needs root (or CAP_SYS_NICE); without it there is no meter, and nothing is excused.

    with stalls.StallMeter([0, 1]) as meter:
        ...
    meter.stalls                          # [Stall(core, began, seconds)], times as of time.time()
    meter.touches(began, ended)           # the stall that delayed what ran then, or None
"""

import contextlib
import gc
import json
import os
import time
from dataclasses import dataclass

PERIOD_S = 0.002
LEAST_S = 0.001     # a wake that is less late than this is no stall
BACKLOG_FACTOR = 4  # a server that is 70 % busy needs 2.3 times a stall's length to catch up


@dataclass
class Stall:
    """For `seconds` before `began` + `seconds`, the core ran nothing."""

    core: int
    began: float
    seconds: float

    def delays(self, began, ended):
        """Whether something from `began` to `ended` met the stall or what was waiting after it."""
        return began < self.began + self.seconds * (1 + BACKLOG_FACTOR) and ended > self.began


class StallMeter:
    """One metering process for each of `cores`, from `with` to its end."""

    def __init__(self, cores):
        self.stalls = []
        self.allowed = True
        self._cores = cores
        self._meters = []  # (process id, pipe to end it, pipe of its result)

    def __enter__(self):
        for core in self._cores:
            self._meters.append(_start(core))
        return self

    def __exit__(self, *_):
        for pid, stop, result in self._meters:
            with contextlib.suppress(BrokenPipeError):  # a meter that was not allowed to run has gone
                os.write(stop, b"\n")
            os.close(stop)
            with os.fdopen(result) as pipe:
                text = pipe.read()
            os.waitpid(pid, 0)
            if text:
                self.stalls += [Stall(*entry) for entry in json.loads(text)]
            else:
                self.allowed = False

    def touches(self, began, ended):
        """The longest stall that delayed something which took from `began` to `ended`; None if none did."""
        return max((stall for stall in self.stalls if stall.delays(began, ended)),
                   key=lambda stall: stall.seconds, default=None)


def _start(core):
    stop_read, stop_write = os.pipe()
    result_read, result_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(stop_write)
        os.close(result_read)
        try:
            _meter(core, stop_read, result_write)
        finally:
            os._exit(0)
    os.close(stop_read)
    os.close(result_write)
    return pid, stop_write, result_read


def _meter(core, stop, result):
    try:
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_max(os.SCHED_FIFO)))
    except PermissionError:
        return
    gc.disable()
    os.set_blocking(stop, False)
    stalls = []
    while True:
        due = time.time() + PERIOD_S
        time.sleep(PERIOD_S)
        late = time.time() - due
        if late > LEAST_S:
            stalls.append((core, due, late))
        try:
            os.read(stop, 1)
            break
        except BlockingIOError:
            pass
    os.write(result, json.dumps(stalls).encode())
