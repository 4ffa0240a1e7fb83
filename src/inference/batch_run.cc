#include "inference/batch_run.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::inference {
namespace {

using std::chrono::nanoseconds;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

// The outputs of one batch, shared by the answers that are parts of it: the last to be sent frees
// them. Counted by hand, because a Buffer's owner is one pointer.
struct SharedOutputs {
  std::atomic<size_t> users;
  std::vector<Tensor> tensors;

  static void Release(void* owner) {
    auto* shared = static_cast<SharedOutputs*>(owner);
    if (shared->users.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared;
  }
};

// Of the input at `position` of a run: behind the inputs come the states.
const TensorSpec& SpecOf(const tensor::Signature& signature, size_t position) {
  const size_t inputs = signature.inputs.size();
  return position < inputs ? signature.inputs[position] : signature.states[position - inputs].input;
}

bool SameRow(const TensorSpec& spec, const TensorView& input) {
  return input.dtype() == spec.dtype && input.shape().rank() == spec.shape.rank() &&
         std::ranges::equal(input.shape().dims().subspan(1), spec.shape.dims().subspan(1));
}

}  // namespace

bool BatchRun::Fits(const InferCall& call) {
  const tensor::Signature& signature = call.model->engine().signature();
  const size_t count = signature.inputs.size() + signature.states.size();
  if (call.inputs.size() != count || call.rows < 1) return false;
  for (size_t i = 0; i < count; ++i) {
    const TensorView& input = call.inputs[i];
    if (input.absent() || !SameRow(SpecOf(signature, i), input) || input.shape()[0] != call.rows) {
      return false;
    }
  }
  return true;
}

BatchRun::Outcome BatchRun::Run(std::span<InferCall* const> calls) {
  Outcome outcome;
  if (calls.size() > 1) {
    int64_t rows = 0;
    base::Deadline deadline{.at = base::SteadyTime::min()};
    for (const InferCall* call : calls) {
      rows += call->rows;
      deadline.at = std::max(deadline.at, call->deadline.at);
    }
    if (Join(calls, rows)) {
      std::vector<Tensor> together;
      const base::SteadyTime begin = clock_.SteadyNow();
      const base::Status status = calls.front()->model->engine().Run(
          inputs_, calls.front()->outputs, Limited(deadline, begin), together);
      const base::SteadyTime end = clock_.SteadyNow();
      outcome.took = end - begin;
      outcome.divided = !status.ok() || Divide(calls, rows, std::move(together));
      if (status.ok() && outcome.divided) {
        for (InferCall* call : calls) {
          call->infer_begin = begin;
          call->infer_end = end;
        }
        calls.front()->executed_rows = rows;
        return outcome;
      }
    }
  }
  for (InferCall* call : calls) outcome.took = std::max(outcome.took, RunAlone(*call));
  return outcome;
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

bool BatchRun::Join(std::span<InferCall* const> calls, int64_t rows) {
  const tensor::Signature& signature = calls.front()->model->engine().signature();
  const size_t count = signature.inputs.size() + signature.states.size();
  if (buffers_.size() < count) buffers_.resize(count);
  inputs_.clear();
  for (size_t i = 0; i < count; ++i) {
    size_t size = 0;
    for (const InferCall* call : calls) size += call->inputs[i].data().size();
    if (buffers_[i].size() < size) buffers_[i] = base::Buffer::Allocate(size);
    std::byte* end = buffers_[i].data();
    for (const InferCall* call : calls) {
      const std::span<const std::byte> part = call->inputs[i].data();
      if (part.empty()) continue;
      std::memcpy(end, part.data(), part.size());
      end += part.size();
    }
    const TensorSpec& spec = SpecOf(signature, i);
    Shape shape = spec.shape;
    shape.set_dim(0, rows);
    const auto view = TensorView::Create(spec.dtype, shape, {buffers_[i].data(), size});
    if (!view.ok()) return false;
    inputs_.push_back(*view);
  }
  return true;
}

// Gives each call its rows of the batch's outputs, without copying them.
bool BatchRun::Divide(std::span<InferCall* const> calls, int64_t rows,
                      std::vector<Tensor> together) {
  SLIPWAY_CHECK(rows > 0);  // a call without rows is part of no batch
  for (const Tensor& output : together) {
    if (output.dtype() == tensor::DType::kBytes || output.shape().rank() == 0 ||
        output.shape()[0] != rows) {
      return false;
    }
  }
  auto* shared = new SharedOutputs{.users = 1, .tensors = std::move(together)};
  int64_t row = 0;
  for (InferCall* call : calls) {
    call->results.clear();
    for (Tensor& output : shared->tensors) {
      const std::span<std::byte> data = output.mutable_data();
      const size_t row_bytes = data.size() / static_cast<size_t>(rows);
      Shape shape = output.shape();
      shape.set_dim(0, call->rows);
      shared->users.fetch_add(1, std::memory_order_relaxed);
      base::Buffer part(data.data() + static_cast<size_t>(row) * row_bytes,
                        static_cast<size_t>(call->rows) * row_bytes, shared,
                        SharedOutputs::Release);
      call->results.push_back(*Tensor::Adopt(output.dtype(), shape, std::move(part)));
    }
    row += call->rows;
  }
  SharedOutputs::Release(shared);
  return true;
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
