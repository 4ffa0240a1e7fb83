#pragma once

#include <onnxruntime_c_api.h>

#include <string_view>

#include "base/status.h"
#include "graph/onnx_summary.h"

namespace slipway::engine {

// Why ONNX Runtime did not make a session of a model that `summary` could read: our words for the
// reasons we know (operator, operator set or IR version that this build lacks, types that do not
// fit), the runtime's own at the end. kInvalidArgument, or kResourceExhausted when memory was
// short. Takes the status, which is not nullptr.
base::Status ExplainLoadFailure(OrtStatus* failure, const graph::OnnxSummary& summary);

// The same for given words; for tests.
base::Status ExplainLoadFailure(std::string_view words, const graph::OnnxSummary& summary);

}  // namespace slipway::engine
