#include "inference/sequence_calls.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "base/str_cat.h"

namespace slipway::inference {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorSpec;

constexpr size_t kMaxIdBytes = 128;

Status CheckId(const InferCall& call) {
  const SequenceWish& wish = call.sequence;
  if (wish.number == 0 && wish.text.empty()) {
    return base::InvalidArgument(
        StrCat(call.model->id(),
               ": expected the parameter 'sequence_id', a number from 1 or a text: the model has a "
               "state, which is kept for each sequence; its first request has 'sequence_start': "
               "true, its last may have 'sequence_end': true"));
  }
  if (wish.text.size() <= kMaxIdBytes) return base::OkStatus();
  return base::InvalidArgument(StrCat(call.model->id(), ": expected a sequence_id of at most ",
                                      kMaxIdBytes, " bytes, got ", wish.text.size()));
}

bool SameSpecs(const std::vector<TensorSpec>& one, const std::vector<TensorSpec>& other) {
  return std::ranges::equal(one, other, [](const TensorSpec& a, const TensorSpec& b) {
    return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape &&
           a.any_rank == b.any_rank && a.optional == b.optional;
  });
}

// Keeps what the state has become, which stands behind the outputs that the client wants.
Status Commit(const InferCall& call, size_t wanted, Sequence& sequence) {
  const std::span<const Tensor> start = call.model->engine().start_states();
  for (size_t i = 0; i < start.size(); ++i) {
    const Tensor& became = call.results[wanted + i];
    if (became.dtype() == start[i].dtype() && became.shape() == start[i].shape()) continue;
    return base::Internal(
        StrCat(call.model->id(), ": state '", call.model->engine().signature().states[i].input.name,
               "' became ", became.dtype(), became.shape(), ": expected ", start[i].dtype(),
               start[i].shape(), ", as it began; the sequence is as it was before the request"));
  }
  if (call.sequence.end) {
    sequence.model.reset();
    sequence.states.clear();
    return base::OkStatus();
  }
  if (call.sequence.start) {
    std::vector<Tensor> states;
    for (const Tensor& began : start) {
      SLIPWAY_ASSIGN_OR_RETURN(states.emplace_back(),
                               Tensor::Allocate(began.dtype(), began.shape()));
    }
    sequence.states = std::move(states);
    sequence.model = call.model->shared_from_this();
  }
  for (size_t i = 0; i < start.size(); ++i) {
    const std::span<const std::byte> became = call.results[wanted + i].view().data();
    if (became.empty()) continue;
    std::memcpy(sequence.states[i].mutable_data().data(), became.data(), became.size());
  }
  return base::OkStatus();
}

}  // namespace

void SequenceCalls::Submit(InferCall& call, ModelRuntime& runtime) {
  const Status valid = CheckId(call);
  if (!valid.ok()) {
    Refuse(call, valid);
    return;
  }
  Result<SequenceTable::Entered> entered = runtime.sequences()->Enter(
      {.call = &call, .owner = this, .loop = &loop_, .outstanding = &outstanding_});
  if (!entered.ok()) {
    Refuse(call, entered.status());
    return;
  }
  call.turn_ = std::move(entered->sequence);
  call.keep_alive_ = call.model->shared_from_this();
  if (entered->has_turn) {
    Begin(call);
  } else {
    waiting_.insert(&call);
  }
}

void SequenceCalls::TakeTurn(InferCall& call) {
  waiting_.erase(&call);
  Begin(call);
}

void SequenceCalls::Begin(InferCall& call) {
  Status ready = Prepare(call);
  if (ready.ok()) {
    run_(call, ModelRuntime::Of(*call.model));
  } else {
    Refuse(call, std::move(ready));
  }
}

Status SequenceCalls::Prepare(InferCall& call) const {
  const Sequence& sequence = *call.turn_;
  if (!call.sequence.start) {
    if (sequence.model == nullptr) {
      return ModelRuntime::Of(*call.model).sequences()->NotStarted(call, sequence.name);
    }
    if (sequence.model.get() != call.model) SLIPWAY_RETURN_IF_ERROR(FollowVersion(call, sequence));
  }
  const engine::Engine& engine = call.model->engine();
  const Signature& signature = engine.signature();
  if (signature.batched() && call.rows != 1) {
    return base::InvalidArgument(StrCat(call.model->id(),
                                        ": a request of a sequence has one row, "
                                        "got ",
                                        call.rows));
  }
  const std::span<const Tensor> states =
      call.sequence.start ? engine.start_states() : std::span<const Tensor>(sequence.states);
  for (size_t i = 0; i < states.size(); ++i) {
    call.inputs.push_back(states[i].view());
    call.outputs.push_back(signature.outputs.size() + i);
  }
  return base::OkStatus();
}

// The request was read as one to another version: the latest, or the one that it names.
Status SequenceCalls::FollowVersion(InferCall& call, const Sequence& sequence) const {
  const lifecycle::LoadedModel& asked = *call.model;
  const lifecycle::LoadedModel& began = *sequence.model;
  if (!call.any_version_ && asked.id().version != began.id().version) {
    return base::InvalidArgument(StrCat(asked.id(), ": sequence ", sequence.name,
                                        " runs on version ", began.id().version,
                                        ": ask for that one, or for none"));
  }
  if (!SameSpecs(asked.engine().signature().inputs, began.engine().signature().inputs) ||
      !SameSpecs(asked.engine().signature().outputs, began.engine().signature().outputs)) {
    return base::FailedPrecondition(
        StrCat(asked.id(), ": sequence ", sequence.name, " runs on version ", began.id().version,
               " as it was before, which has other inputs or outputs: start it again with "
               "'sequence_start'"));
  }
  ModelRuntime::Of(asked).stats().AddInFlight(shard_, -1);
  ModelRuntime::Of(began).stats().AddInFlight(shard_, 1);
  call.model = sequence.model.get();
  call.keep_alive_ = sequence.model;
  return base::OkStatus();
}

void SequenceCalls::Refuse(InferCall& call, Status status) const {
  call.status = std::move(status);
  call.infer_begin = call.infer_end = clock_.SteadyNow();
  call.Finish();
}

void SequenceCalls::Land(InferCall& call) {
  const std::shared_ptr<Sequence> sequence = std::move(call.turn_);
  if (call.status.ok()) {
    const size_t wanted = call.outputs.size() - call.model->engine().start_states().size();
    call.status = Commit(call, wanted, *sequence);
    call.results.resize(wanted);
    call.outputs.resize(wanted);
  }
  ModelRuntime::Of(*call.model).sequences()->Pass(sequence);
}

void SequenceCalls::Withdraw() {
  for (InferCall* call : waiting_) {
    ModelRuntime::Of(*call->model).sequences()->Withdraw(call->turn_, *call);
  }
  waiting_.clear();
}

}  // namespace slipway::inference
