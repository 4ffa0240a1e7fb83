#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace slipway::base {

// The machine's files, until Fail(): then everything that would take a descriptor fails, as it does
// in a process that has none left. Thread-compatible.
class FailingFileSystem final : public FileSystem {
 public:
  // Fails with `error_number` from now on where the path has `part` in it; 0 ends that.
  void Fail(int error_number, std::string part = "") {
    error_ = error_number;
    part_ = std::move(part);
  }

  Result<std::unique_ptr<MappedFile>> Map(const Path& path) const override {
    SLIPWAY_RETURN_IF_ERROR(Check(path));
    return real_.Map(path);
  }
  Result<std::unique_ptr<MappedFile>> MapContained(const Path& directory,
                                                   std::string_view relative) const override {
    SLIPWAY_RETURN_IF_ERROR(Check(directory / relative));
    return real_.MapContained(directory, relative);
  }
  Result<std::string> Read(const Path& path, uint64_t max_bytes) const override {
    SLIPWAY_RETURN_IF_ERROR(Check(path));
    return real_.Read(path, max_bytes);
  }
  Result<std::string> ReadContained(const Path& directory, std::string_view relative,
                                    uint64_t max_bytes) const override {
    SLIPWAY_RETURN_IF_ERROR(Check(directory / relative));
    return real_.ReadContained(directory, relative, max_bytes);
  }
  Status WriteAtomically(const Path& path, std::string_view content) const override {
    SLIPWAY_RETURN_IF_ERROR(Check(path));
    return real_.WriteAtomically(path, content);
  }
  Result<std::unique_ptr<FileWriter>> CreateAtomically(const Path& path) const override {
    SLIPWAY_RETURN_IF_ERROR(Check(path));
    return real_.CreateAtomically(path);
  }
  Result<FileInfo> Stat(const Path& path) const override { return real_.Stat(path); }
  Result<std::vector<DirectoryEntry>> List(const Path& path) const override {
    SLIPWAY_RETURN_IF_ERROR(Check(path));
    return real_.List(path);
  }
  Status CreateDirectories(const Path& path) const override {
    return real_.CreateDirectories(path);
  }

 private:
  Status Check(const Path& path) const {
    if (error_ == 0 || path.string().find(part_) == std::string::npos) return OkStatus();
    return ErrnoStatus(error_, "file '" + path.string() + "'");
  }

  const RealFileSystem real_;
  int error_ = 0;
  std::string part_;
};

}  // namespace slipway::base
