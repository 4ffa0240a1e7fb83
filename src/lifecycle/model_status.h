#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace slipway::lifecycle {

// The states of Triton's repository index. Ours: a version that serves is kReady also while it is
// being replaced; one whose last request still runs is kUnloading.
// Source: Open Inference Protocol v2, model repository extension.
enum class ModelState : uint8_t { kUnknown, kLoading, kReady, kUnloading, kUnavailable };

// The wire name: "READY".
std::string_view ModelStateName(ModelState state);

// What is known of one version of a model. A value.
struct VersionStatus {
  int64_t version = 0;
  ModelState state = ModelState::kUnknown;
  // Why it is kUnavailable ("unloaded", or what failed), or why its last reload failed; else "".
  std::string reason;
  base::SystemTime since;                    // when it entered `state`
  std::chrono::nanoseconds load_duration{};  // of the last load that ended
  uint64_t estimated_bytes = 0;              // 0 unless in memory
  std::string digest;                        // of what is or was last in memory
};

// What is known of one model. A value.
struct ModelStatus {
  std::string name;
  bool in_repository = false;                // as far as the last listing knew
  std::vector<VersionStatus> versions = {};  // ascending; empty: never loaded
};

// How far the loads that were asked for at start have come, for readiness. A value.
struct InitialLoads {
  struct Failure {
    std::string model;
    base::Status status;
  };
  bool done = false;
  std::vector<Failure> failed;  // as they ended at start; later loads change nothing here
};

}  // namespace slipway::lifecycle
