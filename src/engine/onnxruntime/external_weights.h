#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "engine/model_bytes.h"
#include "engine/onnxruntime/ort_handle.h"
#include "engine/onnxruntime/runtime.h"
#include "graph/onnx_summary.h"

namespace slipway::engine {

// Weights that lie in files beside the model, handed to ONNX Runtime so that it opens no file
// itself: left alone it would look for them below the working directory of the process.
//
// Every entry of the model is checked: its file lies inside the model's directory (by the kernel),
// the piece inside the file, and the tensor is a weight of the main graph, the only place where the
// runtime takes bytes from us. Must live until the session is made; borrows `bytes`.
class ExternalWeights {
 public:
  // kInvalidArgument, kPermissionDenied, kNotFound, kUnimplemented, each with the weight's name.
  static base::Result<ExternalWeights> Open(const Runtime& runtime,
                                            const std::vector<graph::ExternalTensor>& tensors,
                                            ModelBytes& bytes);

  base::Status AddTo(OrtSessionOptions* options) const;

 private:
  base::Status Add(const Runtime& runtime, const graph::ExternalTensor& tensor, ModelBytes& bytes);

  std::vector<std::string> names_;
  std::vector<ValuePtr> values_;
};

}  // namespace slipway::engine
