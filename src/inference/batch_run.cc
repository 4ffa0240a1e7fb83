#include "inference/batch_run.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "inference/model_runtime.h"

namespace slipway::inference {
namespace {

using std::chrono::nanoseconds;

const RowLayout& LayoutOf(const InferCall& call) {
  return ModelRuntime::Of(*call.model).row_layout();
}

}  // namespace

bool BatchRun::Fits(const InferCall& call) {
  return LayoutOf(call).Fits(call.model->engine().signature(), call.inputs, call.rows);
}

bool BatchRun::Alike(const InferCall& one, const InferCall& other) {
  return one.model == other.model && one.outputs == other.outputs &&
         LayoutOf(one).Alike(one.inputs, other.inputs);
}

BatchRun::Outcome BatchRun::Run(std::span<InferCall* const> calls) {
  Outcome outcome;
  if (calls.size() > 1 && RunTogether(calls, outcome)) return outcome;
  for (InferCall* call : calls) outcome.took = std::max(outcome.took, RunAlone(*call));
  return outcome;
}

// False when the calls have no answers from it.
bool BatchRun::RunTogether(std::span<InferCall* const> calls, Outcome& outcome) {
  const InferCall& first = *calls.front();
  const RowLayout& layout = LayoutOf(first);
  parts_.clear();
  int64_t rows = 0;
  base::Deadline deadline{.at = base::SteadyTime::min()};
  for (InferCall* call : calls) {
    parts_.push_back({.inputs = call->inputs, .rows = call->rows, .results = &call->results});
    rows += call->rows;
    deadline.at = std::max(deadline.at, call->deadline.at);
  }
  const std::span<const tensor::TensorView> inputs = joiner_.Join(layout, parts_);
  if (inputs.empty()) return false;
  std::vector<tensor::Tensor> together;
  const base::SteadyTime begin = clock_.SteadyNow();
  const base::Status status =
      first.model->engine().Run(inputs, first.outputs, Limited(deadline, begin), together);
  const base::SteadyTime end = clock_.SteadyNow();
  outcome.took = end - begin;
  if (!status.ok()) return false;
  outcome.divided = RowJoiner::Divide(layout, parts_, first.outputs, std::move(together));
  if (!outcome.divided) return false;
  for (InferCall* call : calls) {
    call->infer_begin = begin;
    call->infer_end = end;
  }
  calls.front()->executed_rows = rows;
  return true;
}

nanoseconds BatchRun::RunAlone(InferCall& call) {
  call.infer_begin = clock_.SteadyNow();
  base::Deadline deadline = Limited(call.deadline, call.infer_begin);
  if (options_.watch_abandoned) deadline.abandoned = &call.abandoned;
  call.status = call.model->engine().Run(call.inputs, call.outputs, deadline, call.results);
  call.infer_end = clock_.SteadyNow();
  call.executed_rows = call.rows;
  const nanoseconds took = call.infer_end - call.infer_begin;
  if (call.status.code() == base::StatusCode::kDeadlineExceeded && deadline.at < call.deadline.at) {
    call.status = base::Internal(base::StrCat(call.model->id(), ": stopped after ",
                                              base::FormatDuration(took),
                                              ", which is longer than max_run_time allows"));
  }
  return took;
}

base::Deadline BatchRun::Limited(base::Deadline deadline, base::SteadyTime begin) const {
  if (options_.max_run_time.count() > 0) {
    deadline.at = std::min(deadline.at, begin + options_.max_run_time);
  }
  return deadline;
}

bool RefuseStale(InferCall& call, base::SteadyTime now) {
  if (call.abandoned.load(std::memory_order_relaxed)) {
    call.status = base::Cancelled("the client went away before its request was run");
  } else if (call.deadline.Expired(now)) {
    call.status = base::DeadlineExceeded(base::StrCat(
        call.model->id(), ": the deadline had passed before the request could be run"));
  } else {
    return false;
  }
  call.infer_begin = call.infer_end = now;
  return true;
}

}  // namespace slipway::inference
