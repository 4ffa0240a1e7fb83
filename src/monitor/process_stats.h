#pragma once

#include <cstdint>

#include "base/status.h"

namespace slipway::monitor {

// What the operating system says of a process. Source: proc(5).
struct ProcessStats {
  double cpu_seconds = 0;  // user and system, all threads
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  double start_time_seconds = 0;  // since the epoch
  uint64_t open_descriptors = 0;
  uint64_t max_descriptors = 0;
  uint64_t threads = 0;
};

// Of process `pid`; 0 is this one. kNotFound when there is none, kPermissionDenied when it is
// somebody else's.
base::Result<ProcessStats> ReadProcessStats(int pid = 0);

}  // namespace slipway::monitor
