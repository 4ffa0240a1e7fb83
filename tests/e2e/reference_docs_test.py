"""docs/configuration.md and docs/cli.md say what the program says of itself, and the examples work."""

import importlib.util
import os
import subprocess
import sys

import pytest
import yaml

from support.server import ROOT, binary

SCRIPT = ROOT / "scripts/make_docs.py"


@pytest.fixture(scope="module")
def docs():
    os.environ.setdefault("SLIPWAY", str(binary()))
    spec = importlib.util.spec_from_file_location("make_docs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_docs"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["configuration.md", "cli.md"])
def test_the_page_is_up_to_date(docs, page):
    assert (ROOT / "docs" / page).read_text() == docs.PAGES[page](), "run scripts/make_docs.py"


def flat(document, outer=""):
    """Dotted name -> value. Values that are maps themselves are left whole."""
    for key, value in document.items():
        if isinstance(value, dict) and key not in ("model_settings", "pad"):
            yield from flat(value, f"{outer}{key}.")
        else:
            yield outer + key, value


def test_every_field_that_is_printed_is_on_the_page_with_its_default(docs):
    printed = dict(flat(yaml.safe_load(docs.ask("serve", "--print-config"))))
    assert {field.path: yaml.safe_load(field.default) for field in docs.fields()} == printed
    assert all(field.meaning for field in docs.fields())
    assert set(docs.EXAMPLES) <= set(printed), "an example of a field that is gone"


def test_the_examples_are_a_configuration(docs, tmp_path):
    file = tmp_path / "slipway.yaml"
    file.write_text(docs.example_config(docs.fields()))
    read = docs.ask("serve", "--config", str(file), "--print-config")
    file.write_text(read)
    assert docs.ask("serve", "--config", str(file), "--print-config") == read
    changed = dict(flat(yaml.safe_load(read))), dict(flat(yaml.safe_load(docs.ask("serve", "--print-config"))))
    same = {name for name in changed[0] if changed[0][name] == changed[1][name]}
    assert same.isdisjoint(set(docs.EXAMPLES) - {"provider"}), "an example that is the default shows nothing"


def test_every_command_is_on_the_page(docs):
    assert len(docs.commands()) >= 8
    for command in docs.commands():
        assert f"\n## slipway {command}\n" in (ROOT / "docs/cli.md").read_text()


@pytest.mark.parametrize("words, name", [(["version"], "OK"), (["serve", "--no-such-flag"], "INVALID_ARGUMENT"),
                                         (["inspect", "nowhere.onnx"], "NOT_FOUND"),
                                         (["status", "http://127.0.0.1:1"], "UNAVAILABLE")])
def test_exit_codes_are_those_of_the_table(docs, words, name):
    code = next(code for code, canonical, _ in docs.exit_codes() if canonical == name)
    assert subprocess.run([str(binary()), *words], capture_output=True, check=False).returncode == code
