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
base::Result<CustomOpDomainPtr> MakeSlipwayOperators();

}  // namespace slipway::engine
