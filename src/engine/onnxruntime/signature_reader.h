#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "engine/onnxruntime/runtime.h"
#include "graph/onnx_summary.h"
#include "tensor/signature.h"

namespace slipway::engine {

// kInvalidArgument when the file declares an input or output of a type that we cannot serve, which
// is known before the model is loaded.
base::Status CheckDeclaredTypes(const graph::OnnxSummary& summary);

// A session's inputs and outputs in the protocol's terms.
//
// Inputs come in the file's order; those with an initializer as default are optional. Outputs that
// are no tensors (ZipMap's sequence of maps, sequences, optionals) cannot be sent by any protocol
// we speak: they are left out and named in `dropped`; if no tensor is left, that is
// kInvalidArgument, and so are inputs that are no tensors or of a type that the Open Inference
// Protocol lacks.
base::Result<tensor::Signature> ReadSignature(const Runtime& runtime, const OrtSession* session,
                                              const graph::OnnxSummary& summary,
                                              std::vector<std::string>& dropped);

}  // namespace slipway::engine
