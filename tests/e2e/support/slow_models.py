"""Requests that take long: what they are sent to, and how to see that they run."""

import re

from support.raw_http import request_bytes
from support.server import ENGINE_MODELS, wait_until

SLOW = ENGINE_MODELS / "slow.onnx"
SPIN = ENGINE_MODELS / "spin.onnx"
ENDLESS = 1 << 60


def slow(rows=128, **parameters):
    """For slow.onnx: tens of milliseconds, and some more for each row."""
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [rows, 1], "data": [1.0] * rows}]}
    return {"parameters": parameters, **body} if parameters else body


def spin(trips=ENDLESS, **parameters):
    """For spin.onnx: one or two microseconds for each of the trips."""
    body = {"inputs": [{"name": "trips", "datatype": "INT64", "shape": [1], "data": [trips]}]}
    return {"parameters": parameters, **body} if parameters else body


def infer_bytes(model, body):
    return request_bytes("POST", f"/v2/models/{model}/infer", body)


def metric(server, name, **labels):
    """The value of one series, None if it is not there."""
    text = ",".join(f'{key}="{value}"' for key, value in labels.items())
    line = name + (f"{{{text}}}" if text else "")
    found = re.search(rf"^{re.escape(line)} (\S+)$", server.get("/metrics").body.decode(), re.MULTILINE)
    return float(found[1]) if found else None


def in_flight(server, model):
    return metric(server, "slipway_inflight_requests", model=model, version="1")


def queue_depth(server, model):
    return metric(server, "slipway_queue_depth", model=model, version="1")


def send_and_see_it_run(server, connection, model, body):
    """The first request for the model, or the first after all others were answered."""
    connection.send(infer_bytes(model, body))
    wait_until(lambda: in_flight(server, model) == 1 and queue_depth(server, model) == 0)


def keep_spin_off_the_io_threads(server):
    """spin.onnx is quick with the input it is measured with; one slow request moves it to threads of its own."""
    assert server.infer("spin", spin(100_000)).status == 200
    wait_until(lambda: metric(server, "slipway_model_inline", model="spin", version="1") == 0)
