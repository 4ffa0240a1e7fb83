#include "inference/infer_call.h"

#include "inference/model_runtime.h"

namespace slipway::inference {

std::string_view CacheHeader(AnswerSource source) {
  switch (source) {
    case AnswerSource::kRun:
      return "";
    case AnswerSource::kCache:
      return "hit";
    case AnswerSource::kShared:
      return "shared";
  }
  return "";
}

void InferCall::LandFlight() { ModelRuntime::Of(*model).cache()->Land(*this); }

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
  source = AnswerSource::kRun;
  infer_begin = {};
  infer_end = {};
  abandoned.store(false, std::memory_order_relaxed);
  keep_alive_.reset();
  flight_.reset();
}

}  // namespace slipway::inference
