"""Certificates for tests, made by the openssl program."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Pair:
    cert: Path
    key: Path


def openssl(*words, text=None) -> str:
    done = subprocess.run(["openssl", *map(str, words)], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Authority:
    """A certificate authority in `folder`, and what it has signed."""

    def __init__(self, folder: Path, name="authority"):
        self.folder = folder
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def issue(self, name="server", alternatives="IP:127.0.0.1,DNS:localhost", days=1, key_options=None) -> Pair:
        """An ECDSA certificate with a key of its own."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n")
        options = key_options or ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("req", *options, "-nodes", "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-days", days,
                "-CAcreateserial", "-extfile", extensions, "-out", pair.cert)
        pair.key.chmod(0o600)
        return pair

    def replace(self, pair: Pair, **more) -> None:
        """Puts a new certificate and key in the place of `pair`, one file after the other."""
        new = self.issue("new-" + pair.cert.stem, **more)
        new.key.replace(pair.key)
        new.cert.replace(pair.cert)
