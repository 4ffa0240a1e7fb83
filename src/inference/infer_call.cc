#include "inference/infer_call.h"

#include "inference/model_runtime.h"
#include "inference/sequence_calls.h"

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

void InferCall::Land() {
  if (flight_ != nullptr) {
    ModelRuntime::Of(*model).cache()->Land(*this);
  } else {
    SequenceCalls::Land(*this);
  }
}

void InferCall::Reset() {
  model = nullptr;
  inputs.clear();
  outputs.clear();
  rows = 1;
  deadline = base::Deadline::Never();
  priority = 0;
  sequence = {};
  status = base::OkStatus();
  results.clear();
  executed_rows = 0;
  source = AnswerSource::kRun;
  diverted_from.clear();
  infer_begin = {};
  infer_end = {};
  abandoned.store(false, std::memory_order_relaxed);
  keep_alive_.reset();
  flight_.reset();
  turn_.reset();
  any_version_ = true;
}

}  // namespace slipway::inference
