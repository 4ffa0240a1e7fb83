#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"

namespace slipway::net {

// Looks at a few files once a period and reports when any of them has changed and all have rested
// for `settle`: whoever writes several files one after the other is given the time to finish.
//
// One thread, started here, stopped and joined by the destructor; `on_change` runs on it and must
// not destroy the watcher. A file that is replaced, also by moving a link above it, has changed.
class FileWatcher {
 public:
  struct Options {
    std::chrono::nanoseconds period = std::chrono::seconds(1);
    std::chrono::nanoseconds settle = std::chrono::seconds(1);
  };
  using State = std::vector<base::FileInfo>;

  // `known`: Look() from before the files were first read.
  FileWatcher(const base::FileSystem& fs, base::Clock& clock, std::vector<std::string> files,
              State known, const Options& options, std::function<void()> on_change);

  static State Look(const base::FileSystem& fs, const std::vector<std::string>& files);

 private:
  void Poll();

  const base::FileSystem& fs_;
  base::Clock& clock_;
  const std::vector<std::string> files_;
  const Options options_;
  const std::function<void()> on_change_;
  State known_;    // reported
  State changed_;  // seen, and resting
  base::SteadyTime changed_at_;
  std::jthread thread_;  // last, so that it is joined while everything above is alive
};

}  // namespace slipway::net
