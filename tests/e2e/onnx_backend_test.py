"""ONNX's own operator cases, served: see docs/onnx-backend.md, which this keeps true."""

import pytest

from support.onnx_cases import KINDS, load_cases
from support.onnx_serving import DIFFERENT, NOT_SERVED, RIGHT, RIGHT_IN_BINARY, serve_cases
from support.onnx_table import DOCUMENT, read_counts, read_table, table

RENEW = "if that is as it should be, renew the page: tests/e2e/support/onnx_table.py --write"


@pytest.fixture(scope="module")
def outcomes():
    return serve_cases(load_cases())


@pytest.fixture(scope="module")
def page():
    return DOCUMENT.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_case_that_the_engine_supports_is_answered_right(outcomes, page, kind):
    known = read_table(page)
    wrong = [outcome for outcome in outcomes if outcome.kind == kind and not outcome.right
             and outcome.verdict != known.get(outcome.name)]
    assert not wrong, f"{len(wrong)} cases: {wrong[:10]}; {RENEW}"


def test_every_refusal_has_a_reason_of_the_runtime_or_the_protocol(outcomes):
    at_fault = [outcome for outcome in outcomes if outcome.verdict not in (RIGHT, RIGHT_IN_BINARY, *NOT_SERVED)]
    assert not at_fault, f"{len(at_fault)} cases: {at_fault[:10]}"


def test_the_page_names_no_case_that_is_answered_right(outcomes, page):
    known = read_table(page)
    # Other processors round elsewhere, so what the runtime computes may come to lie within the tolerance.
    better = [outcome.name for outcome in outcomes if outcome.verdict == RIGHT and outcome.name in known
              and known[outcome.name] != DIFFERENT]
    assert not better, f"{better[:20]}; {RENEW}"
    assert known.keys() <= {outcome.name for outcome in outcomes}, RENEW


def test_the_counts_of_the_page_are_those_of_its_lists(outcomes, page):
    known = read_table(page)
    as_written = [type(outcome)(outcome.name, outcome.kind, known.get(outcome.name, RIGHT)) for outcome in outcomes]
    assert read_counts(page) == read_counts(table(as_written)), RENEW
