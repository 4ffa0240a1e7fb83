#include "inference/queue_lane.h"

#include <utility>

#include "base/check.h"
#include "base/str_cat.h"

namespace slipway::inference {

using base::StrCat;

QueueLane::QueueLane(const Options& options, base::Clock& clock)
    : options_(options), clock_(clock) {
  SLIPWAY_CHECK(options.threads > 0);
}

QueueLane::~QueueLane() {
  {
    const std::lock_guard lock(mutex_);
    SLIPWAY_CHECK(queue_.empty());
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

base::Status QueueLane::Enqueue(InferCall& call, const lifecycle::ModelHandle& model,
                                const Origin& origin) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.max_queued) {
      return base::ResourceExhausted(StrCat(model->id(), ": its queue is full (", queue_.size(),
                                            " requests wait); try again later"));
    }
    call.keep_alive_ = model;
    queue_.push_back({.call = &call, .origin = origin});
    if (threads_.empty()) {
      for (size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { RunLoop(); });
    }
  }
  wake_.notify_one();
  return base::OkStatus();
}

size_t QueueLane::depth() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void QueueLane::RunLoop() {
  base::SetThreadName(options_.name);
  for (;;) {
    Entry entry;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      entry = queue_.front();
      queue_.pop_front();
    }
    RunOne(*entry.call);
    entry.origin.loop->Post([call = entry.call] {
      // The front end may reuse the call inside OnDone(), so let go of the model through a copy.
      const lifecycle::ModelHandle keep_alive = std::move(call->keep_alive_);
      call->OnDone();
    });
    entry.origin.outstanding->fetch_sub(1, std::memory_order_release);
    entry.origin.outstanding->notify_all();
  }
}

void QueueLane::RunOne(InferCall& call) {
  if (call.abandoned.load(std::memory_order_relaxed)) {
    call.status = base::Cancelled("the client went away before its request was run");
    return;
  }
  call.infer_begin = clock_.SteadyNow();
  call.infer_end = call.infer_begin;
  if (call.deadline.Expired(call.infer_begin)) {
    call.status = base::DeadlineExceeded(
        StrCat(call.model->id(), ": the deadline passed while the request waited in the queue"));
    return;
  }
  const base::Deadline deadline{.at = call.deadline.at, .abandoned = &call.abandoned};
  call.status = call.model->engine().Run(call.inputs, call.outputs, deadline, call.results);
  call.infer_end = clock_.SteadyNow();
  call.executed_rows = call.rows;
}

}  // namespace slipway::inference
