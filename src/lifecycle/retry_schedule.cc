#include "lifecycle/retry_schedule.h"

#include <algorithm>

#include "lifecycle/settle_tracker.h"

namespace slipway::lifecycle {

using base::StatusCode;

bool RetrySchedule::MayPass(StatusCode code) {
  return code == StatusCode::kUnavailable || code == StatusCode::kAborted ||
         code == StatusCode::kResourceExhausted || code == StatusCode::kDeadlineExceeded ||
         code == StatusCode::kCancelled;
}

void RetrySchedule::Failed(const ModelId& id, const AvailableVersion& version,
                           const base::Status& status, base::SteadyTime now) {
  if (!Known(id, version)) {
    failures_[id] = {.version = version, .status = {}, .attempts = 0, .due = {}};
  }
  Failure& failure = failures_[id];
  failure.status = status;
  failure.due.reset();
  if (!MayPass(status.code()) || failure.attempts == options_.delays.size()) return;
  failure.due = now + options_.delays[failure.attempts++];
}

void RetrySchedule::Keep(const std::string& name, const std::vector<int64_t>& available) {
  std::erase_if(failures_, [&](const auto& entry) {
    return entry.first.name == name && !std::ranges::binary_search(available, entry.first.version);
  });
}

void RetrySchedule::MemoryFreed(base::SteadyTime now) {
  for (auto& [id, failure] : failures_) {
    if (failure.status.code() == StatusCode::kResourceExhausted) failure.due = now;
  }
}

bool RetrySchedule::Known(const ModelId& id, const AvailableVersion& version) const {
  const auto found = failures_.find(id);
  return found != failures_.end() && SameVersion(found->second.version, version);
}

std::vector<ModelId> RetrySchedule::TakeDue(base::SteadyTime now) {
  std::vector<ModelId> due;
  for (auto& [id, failure] : failures_) {
    if (!failure.due || *failure.due > now) continue;
    failure.due.reset();
    due.push_back(id);
  }
  return due;
}

base::Status RetrySchedule::Reason(const ModelId& id) const {
  const auto found = failures_.find(id);
  return found == failures_.end() ? base::OkStatus() : found->second.status;
}

}  // namespace slipway::lifecycle
