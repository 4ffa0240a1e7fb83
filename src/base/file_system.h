#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::base {

// The bytes of a file, mapped read-only. The file must not shrink while it is mapped.
//
// Immutable, so thread-safe. Owns the mapping; spans into bytes() must not outlive it.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  virtual std::span<const std::byte> bytes() const = 0;
};

// A file that is being written beside its path and takes its place when it is whole.
//
// Thread-compatible. Errors: as FileSystem.
class FileWriter {
 public:
  // Without Commit() nothing is left behind.
  virtual ~FileWriter() = default;
  virtual Status Append(std::string_view bytes) = 0;
  // Syncs the file and renames it over the path. Call once, last.
  virtual Status Commit() = 0;
};

struct FileInfo {
  enum class Kind : uint8_t { kFile, kDirectory, kOther };
  Kind kind = Kind::kOther;
  uint64_t size_bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
  uint64_t inode = 0;
  uint64_t links = 1;  // number of hard links
  friend bool operator==(const FileInfo&, const FileInfo&) = default;
};

struct DirectoryEntry {
  std::string name;
  FileInfo::Kind kind = FileInfo::Kind::kOther;  // of what a symbolic link points to
};

// What we do with files.
//
// Thread-safe. Made once in `app`. Errors: kNotFound, kPermissionDenied (also: the path leaves its
// directory), kResourceExhausted (disk full, no descriptors), kInvalidArgument, kInternal; the
// message names the path.
class FileSystem {
 public:
  using Path = std::filesystem::path;
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<MappedFile>> Map(const Path& path) const = 0;
  // Maps `relative` inside `directory` with kernel containment: `..`, symbolic links, absolute
  // paths and files with more than one hard link are refused (openat2, RESOLVE_BENEATH and
  // RESOLVE_NO_SYMLINKS), whatever else happens to the directory meanwhile.
  virtual Result<std::unique_ptr<MappedFile>> MapContained(const Path& directory,
                                                           std::string_view relative) const = 0;
  // The whole file; kInvalidArgument when it is larger than `max_bytes`.
  virtual Result<std::string> Read(const Path& path, uint64_t max_bytes) const = 0;
  // The same for `relative` inside `directory`, with the containment of MapContained().
  virtual Result<std::string> ReadContained(const Path& directory, std::string_view relative,
                                            uint64_t max_bytes) const = 0;
  // Writes a new file beside `path`, syncs it and renames it over `path`: readers see the old or
  // the new content, never a part.
  virtual Status WriteAtomically(const Path& path, std::string_view content) const = 0;
  // The same for content that comes in pieces.
  virtual Result<std::unique_ptr<FileWriter>> CreateAtomically(const Path& path) const = 0;
  virtual Result<FileInfo> Stat(const Path& path) const = 0;
  // Entries but "." and "..", sorted by name.
  virtual Result<std::vector<DirectoryEntry>> List(const Path& path) const = 0;
  virtual Status CreateDirectories(const Path& path) const = 0;
};

// The machine's file system.
class RealFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<MappedFile>> Map(const Path& path) const override;
  Result<std::unique_ptr<MappedFile>> MapContained(const Path& directory,
                                                   std::string_view relative) const override;
  Result<std::string> Read(const Path& path, uint64_t max_bytes) const override;
  Result<std::string> ReadContained(const Path& directory, std::string_view relative,
                                    uint64_t max_bytes) const override;
  Status WriteAtomically(const Path& path, std::string_view content) const override;
  Result<std::unique_ptr<FileWriter>> CreateAtomically(const Path& path) const override;
  Result<FileInfo> Stat(const Path& path) const override;
  Result<std::vector<DirectoryEntry>> List(const Path& path) const override;
  Status CreateDirectories(const Path& path) const override;
};

}  // namespace slipway::base
