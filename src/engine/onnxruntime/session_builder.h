#pragma once

#include "base/status.h"
#include "engine/engine.h"
#include "engine/model_bytes.h"
#include "engine/onnxruntime/ort_handle.h"
#include "engine/onnxruntime/runtime.h"
#include "graph/onnx_summary.h"

namespace slipway::engine {

// Makes a session of a model that `summary` describes. The session keeps nothing of `bytes`.
base::Result<SessionPtr> BuildSession(const Runtime& runtime, const graph::OnnxSummary& summary,
                                      ModelBytes& bytes, const EngineOptions& options);

}  // namespace slipway::engine
