#pragma once

#include <optional>
#include <string>

#include "base/file_system.h"

namespace slipway::base {

// Processors that this process may run on: its affinity mask, which std::thread's
// hardware_concurrency() ignores. At least 1. Source: sched_getaffinity(2).
int AllowedProcessors();

// How many processors' time our control group and those above it allow, at most; nullopt when none
// of them says. Read through `fs`. Source: kernel documentation, cgroup-v2, cpu.max; sched-bwc for
// version 1.
std::optional<double> ProcessorQuota(const FileSystem& fs);

// How many threads can really run at the same time: the lesser of both, at least 1. What defaults
// of thread counts are made of.
int UsableProcessors(const FileSystem& fs);

// What the processor is called, by /proc/cpuinfo: its name, or the numbers that Arm's have instead;
// "unknown" where it says nothing.
std::string ProcessorName(const FileSystem& fs);

}  // namespace slipway::base
