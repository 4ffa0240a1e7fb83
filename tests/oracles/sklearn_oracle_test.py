"""Models of scikit-learn, drawn anew for each seed, against the program. $SLIPWAY_ORACLE_MODELS and $SLIPWAY_ORACLE_SEED
say how many and which; sklearn_oracle.py tells how to make one of them again."""

import os
import warnings

import pytest
import sklearn_oracle as oracle

SEED = int(os.environ.get("SLIPWAY_ORACLE_SEED", 1))
EACH = -(-oracle.MODELS // len(oracle.FAMILIES))


@pytest.mark.parametrize("family", oracle.FAMILIES)
def test_answers_as_scikit_learn_does(family, capsys):
    warnings.simplefilter("ignore")
    tally, differ = oracle.check_family(os.environ["SLIPWAY"], family, range(EACH), SEED)
    with capsys.disabled():
        print(f"\n{oracle.HEADING}\n{oracle.line(family, tally)}")
    assert not differ, "\n".join(differ)
    assert tally.models > 0
