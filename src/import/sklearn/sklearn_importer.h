#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "import/importer.h"
#include "import/pickle/document.h"

namespace slipway::import::sklearn {

// scikit-learn's estimators in pickles, joblib and skops files.
//
// The graph computes in doubles and gives what Python's predict(), predict_proba() or transform()
// gives: classifiers `label` and `probabilities` (`decision` where there are none), regressors
// `prediction`, transformers `output`. Classifiers of several outputs give `label` [batch,
// outputs], and `probabilities` [batch, outputs] of the second label where each output is asked yes
// or no, else `probabilities_0`, `probabilities_1`, ... A column of texts in which the model treats
// None or NaN as missing takes an empty text for them.
const Importer& SklearnImporter();

}  // namespace slipway::import::sklearn
