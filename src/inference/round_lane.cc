#include "inference/round_lane.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/str_cat.h"

namespace slipway::inference {
namespace {

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

bool SameRow(const TensorSpec& spec, const TensorView& input) {
  return input.dtype() == spec.dtype && input.shape().rank() == spec.shape.rank() &&
         std::ranges::equal(input.shape().dims().subspan(1), spec.shape.dims().subspan(1));
}

}  // namespace

bool RoundLane::Fits(const InferCall& call) {
  const std::vector<TensorSpec>& specs = call.model->engine().signature().inputs;
  if (call.inputs.size() != specs.size() || call.rows < 1) return false;
  for (size_t i = 0; i < specs.size(); ++i) {
    const TensorView& input = call.inputs[i];
    if (input.absent() || !SameRow(specs[i], input) || input.shape()[0] != call.rows) return false;
  }
  return true;
}

void RoundLane::Add(InferCall& call, ModelRuntime& runtime) {
  Group& group = GroupFor(call, runtime);
  group.calls.push_back(&call);
  group.rows += call.rows;
  if (posted_) return;
  posted_ = true;
  loop_.Post([this] { EndRound(); });
}

RoundLane::Group& RoundLane::GroupFor(const InferCall& call, ModelRuntime& runtime) {
  const int64_t most = runtime.round_rows();
  for (size_t i = used_; i > 0; --i) {
    Group& group = groups_[i - 1];
    if (group.runtime == &runtime && group.rows + call.rows <= most &&
        group.calls.front()->outputs == call.outputs) {
      return group;
    }
  }
  if (used_ == groups_.size()) groups_.emplace_back();
  Group& group = groups_[used_++];
  group.model = call.model->shared_from_this();
  group.runtime = &runtime;
  return group;
}

// Calls may come while answers are given: they are the next round's.
void RoundLane::EndRound() {
  groups_.swap(running_);
  const size_t groups = std::exchange(used_, 0);
  posted_ = false;
  for (size_t i = 0; i < groups; ++i) {
    Group& group = running_[i];
    Run(group);
    group.calls.clear();
    group.rows = 0;
    group.model.reset();
  }
}

void RoundLane::Run(Group& group) {
  const base::SteadyTime now = clock_.SteadyNow();
  const auto refused = [&](InferCall* call) {
    call->infer_begin = call->infer_end = now;
    if (call->abandoned.load(std::memory_order_relaxed)) {
      call->status = base::Cancelled("the client went away before its request was run");
    } else if (call->deadline.Expired(now)) {
      call->status = base::DeadlineExceeded(base::StrCat(
          group.model->id(), ": the deadline had passed before the request could be run"));
    } else {
      return false;
    }
    group.rows -= call->rows;
    call->OnDone();
    return true;
  };
  std::erase_if(group.calls, refused);
  if (group.calls.empty()) return;
  if (group.calls.size() == 1 || !RunTogether(group)) {
    for (InferCall* call : group.calls) RunAlone(*call, *group.runtime);
  }
  for (InferCall* call : group.calls) call->OnDone();
}

void RoundLane::RunAlone(InferCall& call, ModelRuntime& runtime) {
  call.infer_begin = clock_.SteadyNow();
  call.status = call.model->engine().Run(call.inputs, call.outputs, call.deadline, call.results);
  call.infer_end = clock_.SteadyNow();
  call.executed_rows = call.rows;
  runtime.NoteInlineRun(call.infer_end - call.infer_begin);
}

bool RoundLane::RunTogether(const Group& group) {
  const std::vector<InferCall*>& calls = group.calls;
  if (!Join(group)) return false;
  const auto latest = [](const InferCall* a, const InferCall* b) {
    return a->deadline.at < b->deadline.at;
  };
  const base::Deadline deadline{.at = (*std::ranges::max_element(calls, latest))->deadline.at};
  std::vector<Tensor> together;
  const base::SteadyTime begin = clock_.SteadyNow();
  const base::Status status =
      group.model->engine().Run(inputs_, calls.front()->outputs, deadline, together);
  const base::SteadyTime end = clock_.SteadyNow();
  group.runtime->NoteInlineRun(end - begin);
  if (!status.ok()) return false;
  if (!Divide(group, std::move(together))) {
    group.runtime->StopRounds();
    return false;
  }
  for (InferCall* call : calls) {
    call->infer_begin = begin;
    call->infer_end = end;
  }
  calls.front()->executed_rows = group.rows;
  return true;
}

bool RoundLane::Join(const Group& group) {
  const std::vector<TensorSpec>& specs = group.model->engine().signature().inputs;
  if (buffers_.size() < specs.size()) buffers_.resize(specs.size());
  inputs_.clear();
  for (size_t i = 0; i < specs.size(); ++i) {
    size_t size = 0;
    for (const InferCall* call : group.calls) size += call->inputs[i].data().size();
    if (buffers_[i].size() < size) buffers_[i] = base::Buffer::Allocate(size);
    std::byte* end = buffers_[i].data();
    for (const InferCall* call : group.calls) {
      const std::span<const std::byte> rows = call->inputs[i].data();
      if (rows.empty()) continue;
      std::memcpy(end, rows.data(), rows.size());
      end += rows.size();
    }
    Shape shape = specs[i].shape;
    shape.set_dim(0, group.rows);
    auto view = TensorView::Create(specs[i].dtype, shape, {buffers_[i].data(), size});
    if (!view.ok()) return false;
    inputs_.push_back(*view);
  }
  return true;
}

// Gives each call its rows of the batch's outputs, without copying them.
bool RoundLane::Divide(const Group& group, std::vector<Tensor> together) {
  for (const Tensor& output : together) {
    if (output.dtype() == tensor::DType::kBytes || output.shape().rank() == 0 ||
        output.shape()[0] != group.rows) {
      return false;
    }
  }
  auto* shared = new SharedOutputs{.users = 1, .tensors = std::move(together)};
  int64_t row = 0;
  for (InferCall* call : group.calls) {
    call->results.clear();
    for (Tensor& output : shared->tensors) {
      const std::span<std::byte> data = output.mutable_data();
      const size_t row_bytes = data.size() / static_cast<size_t>(group.rows);
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

}  // namespace slipway::inference
