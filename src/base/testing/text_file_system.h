#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace slipway::base {

// Files from a map, which can be read and nothing else: for tests of what reads /proc and /sys.
// Everything that is not in the map is kNotFound. Immutable, so thread-safe.
class TextFileSystem final : public FileSystem {
 public:
  explicit TextFileSystem(std::map<std::string, std::string> files) : files_(std::move(files)) {}

  Result<std::string> Read(const Path& path, uint64_t) const override {
    const auto found = files_.find(path.string());
    if (found == files_.end()) return NotFound(path.string());
    return found->second;
  }
  Result<std::string> ReadContained(const Path& directory, std::string_view relative,
                                    uint64_t max_bytes) const override {
    return Read(directory / relative, max_bytes);
  }
  Result<std::unique_ptr<MappedFile>> Map(const Path& path) const override {
    return NotFound(path.string());
  }
  Result<std::unique_ptr<MappedFile>> MapContained(const Path& path,
                                                   std::string_view) const override {
    return NotFound(path.string());
  }
  Status WriteAtomically(const Path& path, std::string_view) const override {
    return NotFound(path.string());
  }
  Result<std::unique_ptr<FileWriter>> CreateAtomically(const Path& path) const override {
    return NotFound(path.string());
  }
  Result<FileInfo> Stat(const Path& path) const override { return NotFound(path.string()); }
  Result<std::vector<DirectoryEntry>> List(const Path& path) const override {
    return NotFound(path.string());
  }
  Status CreateDirectories(const Path& path) const override { return NotFound(path.string()); }

 private:
  const std::map<std::string, std::string> files_;
};

}  // namespace slipway::base
