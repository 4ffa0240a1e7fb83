#pragma once

#include <onnxruntime_c_api.h>

namespace slipway::engine {

// TextNgrams and TextHashes, as slipway_operators.h describes them. Constant for the life of the
// process.
const OrtCustomOp& TextNgramsOperator();
const OrtCustomOp& TextHashesOperator();

}  // namespace slipway::engine
