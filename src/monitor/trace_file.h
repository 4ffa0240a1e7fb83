#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace slipway::monitor {

// A file with one JSON array that grows: after every Append() it is whole. Thread-compatible.
class TraceFile {
 public:
  // All elements go into `path`, or, with `elements_per_file`, into path.0, path.1, ... of so many
  // each. What is there is overwritten.
  TraceFile(std::string path, uint64_t elements_per_file)
      : path_(std::move(path)), elements_per_file_(elements_per_file) {}

  // `element`: JSON text, or several with commas. kUnavailable, kPermissionDenied, ... as errno
  // says.
  base::Status Append(std::string_view element);
  uint64_t elements_per_file() const { return elements_per_file_; }

 private:
  base::Status Open();

  const std::string path_;
  const uint64_t elements_per_file_;
  base::UniqueFd fd_;
  uint64_t in_file_ = 0;
  uint64_t next_file_ = 0;
  size_t end_ = 0;  // where the array's closing bracket goes
};

}  // namespace slipway::monitor
