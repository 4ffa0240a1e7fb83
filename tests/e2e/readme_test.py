"""The tour in README.md and the commands of docs/tls.md, run word for word (but for the port, which must be free)."""
import os
import pathlib
import re
import subprocess

from support.ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tour():
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("## Five minutes"):]
    return re.search(r"```sh\n(.*?)```", section, re.DOTALL).group(1)


def test_tour_runs_and_shows_what_it_promises():
    port = free_port()
    script = tour().replace(":8000", f":{port}")
    script = script.replace("slipway serve examples/models &",
                            f"slipway serve examples/models --listen 127.0.0.1:{port} --log-level warn &\n"
                            f"until curl -sf 127.0.0.1:{port}/readyz; do sleep 0.05; done")
    script = script.replace("slipway status", f"slipway status http://127.0.0.1:{port}")
    script = script.replace("--duration 5s", "--duration 1s --warmup 0.2s")
    program = pathlib.Path(os.environ["SLIPWAY"]).resolve()
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    result = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script + "\nwait"], cwd=ROOT,
                            env=env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"model_name":"digits"' in result.stdout
    assert 'slipway_requests_total{model="digits"' in result.stdout
    assert "breast_cancer_forest" in result.stdout


def test_a_model_out_of_a_notebook_is_served_as_it_is():
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("A model out of a notebook"):]
    port = free_port()
    script = re.search(r"```sh\n(.*?)```", section, re.DOTALL).group(1).replace(":8000", f":{port}")
    script = script.replace("wine.joblib &", f"wine.joblib --listen 127.0.0.1:{port} --log-level warn &\n"
                                             f"until curl -sf 127.0.0.1:{port}/readyz; do sleep 0.05; done")
    program = pathlib.Path(os.environ["SLIPWAY"]).resolve()
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    result = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script + "\nwait"], cwd=ROOT,
                            env=env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"label":["barolo"]' in result.stdout
    assert '"classes":["barbera","barolo","grignolino"]' in result.stdout


def test_commands_of_the_tls_guide_run(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    port = free_port()
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/tls.md").read_text(), re.DOTALL)
    script = "".join(blocks).replace(":8000", f":{port}")
    script = script.replace("slipway serve examples/models", f"slipway serve examples/models --listen 127.0.0.1:{port}")
    program = pathlib.Path(os.environ["SLIPWAY"]).resolve()
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    result = subprocess.run(["timeout", "100", "bash", "-m", "-e", "-o", "pipefail", "-c", script], cwd=tmp_path,
                            env=env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"model_name":"digits"' in result.stdout
    assert 'slipway_tls_reloads_total{result="ok"}' in result.stdout
