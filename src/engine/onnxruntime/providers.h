#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/onnxruntime/ort_handle.h"

namespace slipway::engine {

// Execution providers that the library can use, by our short names ("cpu", "cuda", "tensorrt",
// "openvino", ...: ONNX Runtime's, in lower case, without "ExecutionProvider"), in its order of
// preference. Without Azure's, which sends tensors to a web service.
std::vector<std::string> AvailableProviders();

// Has the session run on options.provider, and on the CPU what that cannot run. kUnimplemented when
// this build does not have it; kInvalidArgument when the provider refuses its options.
base::Status AddProvider(const EngineOptions& options, OrtSessionOptions* session_options);

}  // namespace slipway::engine
