#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "import/importer.h"
#include "import/pickle/document.h"
#include "tensor/zip.h"

namespace slipway::import::skops {

// The members of a skops file, by name. Borrows the file. Thread-compatible.
class Archive {
 public:
  // kInvalidArgument: no archive, damaged, or a member that is encrypted, has the name of another
  // one or a path for a name. kResourceExhausted: more members, or unpacked bytes, than `limits`
  // allow or, beyond 64 MiB, than 1,000 times the file, as nothing but a bomb has.
  static base::Result<Archive> Open(std::span<const std::byte> file, const ImportLimits& limits);

  // Of all members together, unpacked.
  uint64_t total_bytes() const { return total_bytes_; }

  bool Has(std::string_view name) const { return members_.contains(name); }
  // Unpacked; 0 when there is none.
  uint64_t SizeOf(std::string_view name) const {
    const auto found = members_.find(name);
    return found == members_.end() ? 0 : found->second.size;
  }

  // The content of a member, which `document` keeps where the archive has it compressed.
  // kInvalidArgument, kUnimplemented (a compression other than deflate); names the member.
  base::Result<std::string_view> Read(const std::string& name, pickle::Document& document) const;
  // The same for a member that is read once, into `unpacked` where it is compressed.
  base::Result<std::string_view> Read(const std::string& name, std::string& unpacked) const;

 private:
  std::span<const std::byte> file_;
  std::map<std::string, tensor::ZipMember, std::less<>> members_;
  uint64_t total_bytes_ = 0;
};

}  // namespace slipway::import::skops
