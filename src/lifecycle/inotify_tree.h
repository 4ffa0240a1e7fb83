#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace slipway::lifecycle {

// Tells whether anything changed in a set of directories, by inotify(7). It does not say what: the
// answer to every change is to look again. Thread-compatible.
class InotifyTree {
 public:
  // kResourceExhausted when the machine has no inotify instances left; kUnimplemented without
  // inotify.
  static base::Result<InotifyTree> Create();

  // Watches these directories and no others. Those that cannot be watched, because they went away,
  // are left out. A new one counts as a change, since something may have happened before it was
  // watched. kResourceExhausted: the machine allows no more watches (fs.inotify.max_user_watches).
  base::Status Watch(std::span<const std::filesystem::path> directories);
  // True when something changed since the last call, or when the kernel lost track. Never blocks.
  bool TakeChanged();

 private:
  explicit InotifyTree(base::UniqueFd fd) : fd_(std::move(fd)) {}

  base::UniqueFd fd_;
  std::map<std::string, int> watches_;  // by path
  bool changed_ = false;
};

}  // namespace slipway::lifecycle
