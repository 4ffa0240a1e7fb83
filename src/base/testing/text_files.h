#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace slipway::base {

// A file system in memory that only knows how to Read(); for code that looks at /proc and /sys.
class TextFiles final : public FileSystem {
 public:
  using Files = std::map<std::string, std::string>;  // content by path

  explicit TextFiles(Files files) : files_(std::move(files)) {}
  Result<std::string> Read(const Path& path, uint64_t /*max_bytes*/) const override {
    const auto found = files_.find(path.string());
    if (found == files_.end()) return NotFound(path.string());
    return found->second;
  }
  Result<std::unique_ptr<MappedFile>> Map(const Path&) const override { return None(); }
  Result<std::unique_ptr<MappedFile>> MapContained(const Path&, std::string_view) const override {
    return None();
  }
  Status WriteAtomically(const Path&, std::string_view) const override { return None(); }
  Result<FileInfo> Stat(const Path&) const override { return None(); }
  Result<std::vector<DirectoryEntry>> List(const Path&) const override { return None(); }
  Status CreateDirectories(const Path&) const override { return None(); }

 private:
  static Status None() { return Unimplemented("text files only"); }
  const Files files_;
};

}  // namespace slipway::base
