#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::tensor {

// ZIP archives, as far as other libraries write them for arrays and models: members that are stored
// or deflated, also beyond 4 GiB. Every function works on the bytes of the whole archive, which it
// borrows; nothing is ever written anywhere, so that names cannot lead out of it.

// What the archive's directory says about a member. Only ReadZipMember() finds out whether it
// holds.
struct ZipMember {
  std::string name;  // any bytes
  uint16_t method = 0;
  bool encrypted = false;
  uint32_t crc = 0;
  uint64_t packed = 0;  // bytes in the archive
  uint64_t size = 0;    // bytes of the content
  uint64_t offset = 0;  // of the local header
};

// In the order of the archive. kInvalidArgument when it is none or damaged, kResourceExhausted for
// more than `max_members`.
base::Result<std::vector<ZipMember>> ReadZipDirectory(std::span<const std::byte> file,
                                                      size_t max_members);

// The content, whose size and checksum are right: a part of `file`, or, where it was compressed,
// `unpacked`. Takes memory for member.size bytes, which the caller has limited, but never more than
// the packed bytes can hold. kInvalidArgument, kUnimplemented (encrypted, other compression).
base::Result<std::span<const std::byte>> ReadZipMember(std::span<const std::byte> file,
                                                       const ZipMember& member,
                                                       std::string& unpacked);

// Puts an archive of stored members together. The same members give the same archive: they all have
// one date.
//
// Thread-compatible.
class ZipWriter {
 public:
  // kUnimplemented where ZIP64 would be needed: 4 GiB and more, 65,536 members and more.
  base::Status Add(std::string_view name, std::string_view content);
  // The archive; nothing can be added afterwards.
  std::string Finish() &&;

 private:
  std::string archive_;
  std::string directory_;
  uint16_t members_ = 0;
};

}  // namespace slipway::tensor
