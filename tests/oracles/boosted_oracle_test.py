"""Boosted models, drawn anew for each seed, against the program. $SLIPWAY_ORACLE_MODELS and $SLIPWAY_ORACLE_SEED say how
many and which; boosted_oracle.py tells how to make one of them again."""

import os
import warnings

import boosted_oracle as oracle
import pytest

SEED = int(os.environ.get("SLIPWAY_ORACLE_SEED", 1))
EACH = -(-int(os.environ.get("SLIPWAY_ORACLE_MODELS", 200)) // len(oracle.FAMILIES))


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_answers_as_its_library_does(family):
    warnings.simplefilter("ignore")
    said = {number: oracle.check(os.environ["SLIPWAY"], family, number, SEED) for number in range(EACH)}
    differ = [f"{family} {number} (seed {SEED}): {text}" for number, text in said.items() if text and not text.startswith("skipped")]
    assert not differ, "\n".join(differ)
    assert not all(said.values()), "the library trained none of them"
