#pragma once

#include <onnxruntime_c_api.h>

#include "base/status.h"
#include "engine/onnxruntime/ort_handle.h"

namespace slipway::engine {

using CustomOpDomainPtr =
    std::unique_ptr<OrtCustomOpDomain, OrtRelease<&OrtApi::ReleaseCustomOpDomain>>;

// The operators of our own domain, org.slipway, which say what ONNX cannot. Sessions of models
// that import the domain get them; the domain must outlive all of these.
//
// CategoryHash, version 1: STRING of any shape to INT64 of that shape, the lower 32 bits, with
// their sign, of the CityHash64 (first version) of each text. CatBoost knows categories by it.
//
// PairwiseCoupling, version 1: DOUBLE [batch, classes (classes - 1) / 2] to DOUBLE [batch,
// classes]: probabilities from those of pairs, as libsvm couples them; see engine/operators.
//
// TextNgrams, version 1: STRING of any shape with one text for each row, the vocabulary (STRING,
// constant), and optionally stop words (likewise), to DOUBLE [rows, vocabulary]: how often each
// entry occurs among the pieces of the text. Attributes, all of them there, say how texts are cut:
// analyzer (word, char, char_wb), accents (kept, unicode, ascii), lowercase, least_n and most_n
// (units in a piece), least_length (of words); see engine/operators/text_analyzer.h.
//
// TextHashes, version 1: the same without a vocabulary, to DOUBLE [rows, columns]: each piece
// counts in the column that its MurmurHash3 chooses. Further attributes: columns, signed (by -1
// where the hash is negative), binary (1 instead of the count).
base::Result<CustomOpDomainPtr> MakeSlipwayOperators();

}  // namespace slipway::engine
