#include "app/server/lifecycle_metrics.h"

#include <algorithm>

namespace slipway::app {

using Kind = lifecycle::ModelEvent::Kind;

void LifecycleMetrics::OnEvent(const lifecycle::ModelEvent& event) {
  const std::string& model = event.id.name;
  const std::lock_guard lock(mutex_);
  Counts& counts = Of(model);
  if (event.kind == Kind::kReady) {
    ++counts.loads;
    counts.load_ns += static_cast<uint64_t>(std::max<int64_t>(event.duration.count(), 0));
  } else if (event.kind == Kind::kLoadFailed) {
    ++counts.load_failures;
  } else if (event.kind == Kind::kUnloaded) {
    ++counts.unloads;
  }
}

LifecycleMetrics::Counts& LifecycleMetrics::Of(const std::string& model) {
  const auto at =
      std::ranges::lower_bound(counts_, model, {}, &std::pair<std::string, Counts>::first);
  if (at != counts_.end() && at->first == model) return at->second;
  return counts_.insert(at, {model, Counts()})->second;
}

std::vector<std::pair<std::string, LifecycleMetrics::Counts>> LifecycleMetrics::Read() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace slipway::app
