#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace slipway::frontend {

// A part of a POSIX shared memory object that a client made, for reading and writing tensors.
//
// It is never mapped. Its client may cut the object short at any time, and touching a mapped page
// that is gone would end the process (SIGBUS). pread() and pwrite() then fail, and a tensor that
// was read is ours: nobody can change it after it was checked.
//
// Thread-safe. Owns a descriptor, so the part stays readable when the object's name is removed.
// Source: POSIX, shm_open(); Linux, shm_overview(7).
class SharedMemoryFile {
 public:
  // Where shm_open() has its objects.
  static constexpr std::string_view kDirectory = "/dev/shm";

  // Opens bytes [offset, offset + size) of the object `key`: a name as shm_open() takes it, whose
  // leading slash may be left out. Symbolic links are not followed. kInvalidArgument (no such name,
  // not a regular file, the object ends earlier), kNotFound, kPermissionDenied.
  static base::Result<SharedMemoryFile> Open(const std::filesystem::path& directory,
                                             std::string_view key, uint64_t offset, uint64_t size);

  // Copies bytes from `at` on, counted from the part's beginning, which must lie inside it.
  // kInvalidArgument when the object has become too short, kInternal.
  base::Status Read(uint64_t at, std::span<std::byte> out) const;
  // The other way. What has become too short is not made longer.
  base::Status Write(uint64_t at, std::span<const std::byte> bytes) const;

  uint64_t offset() const { return offset_; }
  uint64_t size() const { return size_; }

 private:
  SharedMemoryFile(base::UniqueFd fd, uint64_t offset, uint64_t size)
      : fd_(std::move(fd)), offset_(offset), size_(size) {}

  base::UniqueFd fd_;
  uint64_t offset_ = 0;
  uint64_t size_ = 0;
};

}  // namespace slipway::frontend
