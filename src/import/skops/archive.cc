#include "import/skops/archive.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::skops {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;

constexpr size_t kMaxMembers = 100'000;
constexpr uint64_t kFreeBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxRatio = 1000;

// skops writes plain names; anything else is an attempt to get out of the archive.
Status CheckName(std::string_view name) {
  const bool plain = !name.empty() && name != ".." && name.find('/') == std::string_view::npos &&
                     name.find('\\') == std::string_view::npos &&
                     name.find('\0') == std::string_view::npos;
  if (plain) return base::OkStatus();
  return InvalidArgument(StrCat("skops: a member called '", base::Printable(name, 100),
                                "': expected plain file names"));
}

}  // namespace

Result<Archive> Archive::Open(std::span<const std::byte> file, const ImportLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<tensor::ZipMember> members,
                           tensor::ReadZipDirectory(file, kMaxMembers));
  const uint64_t by_ratio = std::max<uint64_t>(kFreeBytes, file.size() * kMaxRatio);
  const uint64_t limit = std::min(limits.max_unpacked_bytes, by_ratio);
  Archive archive;
  archive.file_ = file;
  for (tensor::ZipMember& member : members) {
    SLIPWAY_RETURN_IF_ERROR(CheckName(member.name));
    if (member.size > limit - archive.total_bytes_) {
      return base::ResourceExhausted(StrCat("skops: a file of ", file.size(),
                                            " bytes unpacks to more than ", limit, ", the limit"));
    }
    archive.total_bytes_ += member.size;
    std::string name = member.name;
    if (!archive.members_.try_emplace(name, std::move(member)).second) {
      return InvalidArgument(StrCat("skops: two members called '", base::Printable(name), "'"));
    }
  }
  return archive;
}

Result<std::string_view> Archive::Read(const std::string& name, std::string& unpacked) const {
  const auto found = members_.find(name);
  if (found == members_.end()) {
    return InvalidArgument(StrCat("skops: has no member '", base::Printable(name, 100), "'"));
  }
  const auto content = tensor::ReadZipMember(file_, found->second, unpacked);
  if (!content.ok()) {
    return content.status().WithContext(StrCat("skops: member '", base::Printable(name), "'"));
  }
  if (content->empty()) return std::string_view();
  return std::string_view(reinterpret_cast<const char*>(content->data()), content->size());
}

Result<std::string_view> Archive::Read(const std::string& name, pickle::Document& document) const {
  std::string unpacked;
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, Read(name, unpacked));
  if (unpacked.empty()) return content;
  return document.Keep(std::move(unpacked));
}

}  // namespace slipway::import::skops
