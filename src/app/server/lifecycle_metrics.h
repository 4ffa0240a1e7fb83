#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lifecycle/model_observer.h"
#include "monitor/histogram.h"

namespace slipway::app {

// Counts what the manager does. Thread-safe; pass `Listener()` to the manager and keep
// this alive as long.
class LifecycleMetrics {
 public:
  lifecycle::ModelEventListener Listener() {
    return [this](const lifecycle::ModelEvent& event) { OnEvent(event); };
  }

  struct Counts {
    uint64_t loads = 0;
    uint64_t load_failures = 0;
    uint64_t unloads = 0;
    uint64_t load_ns = 0;  // of successful loads
  };
  // Per model name, sorted. Only models that exist are counted, so the names are a closed set.
  std::vector<std::pair<std::string, Counts>> Read() const;

 private:
  void OnEvent(const lifecycle::ModelEvent& event);
  Counts& Of(const std::string& model);

  mutable std::mutex mutex_;  // guards counts_
  std::vector<std::pair<std::string, Counts>> counts_;
};

}  // namespace slipway::app
