#include "inference/cached_calls.h"

#include <utility>

#include "inference/batch_run.h"

namespace slipway::inference {
namespace {

using base::SteadyTime;

// Inputs up to this size are put together and digested at once.
constexpr size_t kSmallBytes = 4096;

uint64_t InputBytes(const InferCall& call) {
  uint64_t bytes = 0;
  for (const tensor::TensorView& input : call.inputs) bytes += input.data().size();
  return bytes;
}

}  // namespace

void CachedCalls::Submit(InferCall& call, ModelRuntime& runtime) {
  ResponseCache& cache = *runtime.cache();
  if (InputBytes(call) > cache.max_request_bytes()) {
    run_(call, runtime);
    return;
  }
  const SteadyTime begin = clock_.SteadyNow();
  if (RefuseStale(call, begin)) {
    call.OnDone();
    return;
  }
  const ResponseCache::Found found = cache.Enter(
      KeyOf(call), {.call = &call, .owner = this, .loop = &loop_, .outstanding = &outstanding_});
  if (found.answer != nullptr) {
    Answer(call, *found.answer, AnswerSource::kCache);
    runtime.stats().RecordCacheHit(shard_, call.infer_end - begin);
    call.OnDone();
  } else if (found.leads) {
    runtime.stats().RecordCacheMiss(shard_, clock_.SteadyNow() - begin);
    run_(call, runtime);
  } else {
    call.keep_alive_ = call.model->shared_from_this();
    following_.insert(&call);
  }
}

void CachedCalls::Answer(InferCall& call, const CachedAnswer& answer, AnswerSource source) {
  call.status = answer.ShareWith(call.results);
  call.source = source;
  call.infer_begin = call.infer_end = clock_.SteadyNow();
}

void CachedCalls::Land(InferCall& call, const ResponseCache::Landing& landing) {
  following_.erase(&call);
  call.flight_.reset();
  const lifecycle::ModelHandle keep_alive = std::move(call.keep_alive_);
  ModelRuntime& runtime = ModelRuntime::Of(*call.model);
  if (landing.again) {
    Submit(call, runtime);
    return;
  }
  if (landing.status.ok()) {
    Answer(call, *landing.answer, AnswerSource::kShared);
  } else {
    call.status = landing.status;
    call.infer_begin = call.infer_end = clock_.SteadyNow();
  }
  runtime.stats().RecordCacheShared(shard_);
  call.OnDone();
}

void CachedCalls::Withdraw() {
  for (InferCall* call : following_) ModelRuntime::Of(*call->model).cache()->Withdraw(*call);
  following_.clear();
}

// Every part has a fixed size or is preceded by its size, so no two calls have the same text.
ResponseCache::Key CachedCalls::KeyOf(const InferCall& call) {
  sha256_.Restart();
  text_.clear();
  const size_t inputs = call.inputs.size();
  Append(&inputs, sizeof(inputs));
  for (const tensor::TensorView& input : call.inputs) Describe(input);
  Append(call.outputs.data(), call.outputs.size() * sizeof(call.outputs[0]));
  sha256_.Update(text_);
  return sha256_.Finish();
}

void CachedCalls::Describe(const tensor::TensorView& input) {
  const std::span<const int64_t> dims = input.shape().dims();
  const std::span<const std::byte> data = input.data();
  const uint64_t head[] = {input.absent() ? 1U : 0U, static_cast<uint64_t>(input.dtype()),
                           dims.size(), data.size()};
  Append(head, sizeof(head));
  Append(dims.data(), dims.size_bytes());
  if (data.size() <= kSmallBytes) {
    Append(data.data(), data.size());
    return;
  }
  sha256_.Update(text_);
  text_.clear();
  sha256_.Update(data);
}

void CachedCalls::Append(const void* data, size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  text_.insert(text_.end(), bytes, bytes + size);
}

}  // namespace slipway::inference
