"""Serves the operator cases of onnx_cases over REST: loads each model, asks it once in binary tensors and once in JSON,
unloads it, and sorts what came of it."""

import http.client
import json
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from support import tensors
from support.onnx_cases import Case, unservable_type
from support.server import Server

THREADS = 2

RIGHT = "answered right, in binary and in JSON"
RIGHT_IN_BINARY = "answered right, in binary; JSON cannot carry the strings, which are not UTF-8"

# Why a case is not answered right. All but the last two show before the model is asked.
SEQUENCE = "an input or output is a sequence or an optional value, for which the protocol has no form"
DTYPE = "an input or output has an element type that the protocol does not have"
TOO_NEW = "the operator set or IR version is newer than the runtime's"
PREVIEW = "the operator is a preview (ai.onnx.preview, ai.onnx.preview.training) that the runtime does not have"
NO_KERNEL = "the runtime has no implementation for these types or for an operator set that old"
REFUSED = "the runtime refuses the graph"
AT_RUN = "the runtime fails in Run"
DIFFERENT = "the runtime computes something else than the suite expects"
NOT_SERVED = (SEQUENCE, DTYPE, TOO_NEW, PREVIEW, NO_KERNEL, REFUSED, AT_RUN, DIFFERENT)


@dataclass
class Outcome:
    name: str
    kind: str
    verdict: str
    detail: str = ""

    @property
    def right(self) -> bool:
        return self.verdict in (RIGHT, RIGHT_IN_BINARY)


class Client:
    """One keep-alive connection."""

    def __init__(self, server: Server):
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=60)

    def post(self, path, body=b"", headers=None):
        """Status, headers and body of the answer."""
        self.connection.request("POST", path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()


def serve_cases(cases: list[Case]) -> list[Outcome]:
    """All cases against one server, THREADS of them at a time, each on a connection of its own. Fails where the server
    rather than the runtime is at fault: a 500, or an answer in JSON where one in binary was refused."""
    with tempfile.TemporaryDirectory(prefix="slipway-onnx-") as folder:
        repository = Path(folder) / "models"
        for case in cases:
            version = repository / case.model_name / "1"
            version.mkdir(parents=True)
            (version / "model.onnx").write_bytes(case.model.SerializeToString())
        options = ["--control", "explicit", "--load", "none", "--log-level", "off"]
        with Server(repository, options=options, env=lend_locale(Path(folder) / "locale")) as server:
            with ThreadPoolExecutor(THREADS) as pool:
                parts = pool.map(lambda i: serve_part(server, cases[i::THREADS]), range(THREADS))
                outcomes = {outcome.name: outcome for part in parts for outcome in part}
    return [outcomes[case.name] for case in cases]


def lend_locale(folder: Path) -> dict[str, str]:
    """Gives the program a locale en_US.UTF-8, which StringNormalizer asks for and a bare Debian does not have: that of
    C.UTF-8, which tells upper from lower case just as well."""
    here = Path("/usr/lib/locale/C.utf8")
    if not here.exists():
        return {}
    folder.mkdir()
    (folder / "en_US.UTF-8").symlink_to(here)
    return {"LOCPATH": str(folder)}


def serve_part(server: Server, cases: list[Case]) -> list[Outcome]:
    client = Client(server)
    return [serve_case(client, case) for case in cases]


def serve_case(client: Client, case: Case) -> Outcome:
    path = f"/v2/repository/models/{case.model_name}"
    status, _, body = client.post(f"{path}/load")
    outcome = ask(client, case) if status == 200 else refused(case, status, json.loads(body)["error"])
    status, _, body = client.post(f"{path}/unload")
    assert status == 200, f"{case.name}: {body}"
    return outcome


def refused(case: Case, status: int, message: str) -> Outcome:
    """Sorts a failed load. The message must say what the matter is, so it is all that is looked at, but for types that
    the runtime does not get to because it stumbles over something else first."""
    if kind := unservable_type(case.model):
        return Outcome(case.name, case.kind, SEQUENCE if kind in ("sequence", "optional") else DTYPE, kind)
    if status != 400:
        return Outcome(case.name, case.kind, f"status {status}", message)
    for pattern, verdict in ((r"operator set \d+ of domain '.*': expected at most|IR version \d+: expected", TOO_NEW),
                             (r"of domain 'ai.onnx.preview.*which has none of that name", PREVIEW),
                             (r"has no implementation", NO_KERNEL),
                             (r"refuses the graph|types do not fit together", REFUSED)):
        if re.search(pattern, message):
            return Outcome(case.name, case.kind, verdict, message)
    return Outcome(case.name, case.kind, "refused for a reason that the message does not tell", message)


def ask(client: Client, case: Case) -> Outcome:
    if kind := unservable_type(case.model):
        # Outputs that are no tensors are left out; the model is served without them.
        return Outcome(case.name, case.kind, SEQUENCE if kind in ("sequence", "optional") else DTYPE, kind)
    verdict = RIGHT
    for number, (inputs, expected) in enumerate(case.data):
        for binary in (True, False):
            if not binary and not (representable(inputs) and representable(expected)):
                verdict = RIGHT_IN_BINARY
                continue
            # The answer in JSON is not compared with that in binary: some kernels sum in an order that depends on
            # where the data lies.
            parameters = {} if binary else {"nan": "literal"}
            status, headers, body = client.post(f"/v2/models/{case.model_name}/infer",
                                                *tensors.infer_request(inputs, binary, **parameters))
            how = "binary" if binary else "JSON"
            if status != 200:
                message = f"{how}: {status} {json.loads(body)['error']}"
                return Outcome(case.name, case.kind, AT_RUN if binary else "refused in JSON only", message)
            if difference := case.difference(tensors.infer_response(headers, body), number):
                return Outcome(case.name, case.kind, DIFFERENT, f"{how}: {difference}")
    return Outcome(case.name, case.kind, verdict)


def representable(arrays) -> bool:
    """Whether JSON can carry them: strings must be UTF-8."""
    try:
        for array in arrays.values():
            if array.dtype.kind == "O":
                tensors.to_json(array)
        return True
    except UnicodeDecodeError:
        return False
