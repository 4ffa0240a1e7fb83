#include "inference/infer_call.h"

namespace slipway::inference {

void InferCall::Reset() {
  model = nullptr;
  inputs.clear();
  outputs.clear();
  rows = 1;
  deadline = base::Deadline::Never();
  priority = 0;
  status = base::OkStatus();
  results.clear();
  executed_rows = 0;
  infer_begin = {};
  infer_end = {};
  abandoned.store(false, std::memory_order_relaxed);
  keep_alive_.reset();
}

}  // namespace slipway::inference
