#include <zlib.h>

#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/npy.h"
#include "tensor/zip.h"

// Archives of arrays. Source: NumPy 2.x, numpy.savez; PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12
// and 4.3.16.
namespace slipway::tensor {
namespace {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using Bytes = std::span<const std::byte>;

constexpr uint32_t kLocalSignature = 0x04034B50;
constexpr uint32_t kCentralSignature = 0x02014B50;
constexpr uint32_t kEndSignature = 0x06054B50;
constexpr size_t kMaxComment = 65535;
constexpr uint32_t kInZip64 = 0xFFFFFFFF;
constexpr uint16_t kStored = 0;
constexpr std::string_view kSuffix = ".npy";

Result<Tensor> ReadMemberTensor(Bytes file, const ZipMember& member, const NpyLimits& limits) {
  std::string unpacked;
  SLIPWAY_ASSIGN_OR_RETURN(const Bytes content, ReadZipMember(file, member, unpacked));
  return ReadNpy(content, limits);
}

template <typename T>
void Append(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// What local header and central directory have in common, from "version needed" on.
void AppendCommon(uint32_t crc, uint32_t size, size_t name_bytes, std::string& out) {
  Append<uint16_t>(20, out);  // version needed: 2.0
  Append<uint16_t>(0, out);   // flags
  Append<uint16_t>(kStored, out);
  Append<uint16_t>(0, out);       // time: midnight
  Append<uint16_t>(0x0021, out);  // date: 1980-01-01, so that equal tensors give equal archives
  Append(crc, out);
  Append(size, out);
  Append(size, out);
  Append(static_cast<uint16_t>(name_bytes), out);
  Append<uint16_t>(0, out);  // extra
}

}  // namespace

Result<std::vector<NamedTensor>> ReadNpz(Bytes file, const NpyLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<ZipMember> members,
                           ReadZipDirectory(file, limits.max_entries));
  std::vector<NamedTensor> tensors;
  uint64_t total = 0;
  for (const ZipMember& member : members) {
    if (!member.name.ends_with(kSuffix)) continue;
    const std::string name = member.name.substr(0, member.name.size() - kSuffix.size());
    if (member.size > limits.max_tensor_bytes - total) {
      return base::ResourceExhausted(StrCat("NPZ: its tensors are over the limit of ",
                                            base::FormatByteSize(limits.max_tensor_bytes)));
    }
    total += member.size;
    Result<Tensor> tensor = ReadMemberTensor(file, member, limits);
    if (!tensor.ok()) {
      return tensor.status().WithContext(StrCat("member '", base::Printable(name), "'"));
    }
    tensors.push_back({.name = name, .tensor = *std::move(tensor)});
  }
  return tensors;
}

Result<std::string> WriteNpz(std::span<const NamedView> tensors) {
  if (tensors.size() > 0xFFFF) return InvalidArgument("NPZ: expected at most 65535 tensors");
  std::string out;
  std::string directory;
  for (const NamedView& tensor : tensors) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string content, WriteNpy(tensor.tensor));
    const std::string name = StrCat(tensor.name, kSuffix);
    if (out.size() + content.size() >= kInZip64 - kMaxComment || name.size() > kMaxComment) {
      return base::Unimplemented("NPZ: archives of 4 GiB and more cannot be written");
    }
    const auto crc = static_cast<uint32_t>(
        crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
    const auto size = static_cast<uint32_t>(content.size());
    Append(kCentralSignature, directory);
    Append<uint16_t>(20, directory);  // made by
    AppendCommon(crc, size, name.size(), directory);
    Append<uint16_t>(0, directory);  // comment
    Append<uint16_t>(0, directory);  // disk
    Append<uint16_t>(0, directory);  // internal attributes
    Append<uint32_t>(0, directory);  // external attributes
    Append(static_cast<uint32_t>(out.size()), directory);
    directory.append(name);
    Append(kLocalSignature, out);
    AppendCommon(crc, size, name.size(), out);
    out.append(name).append(content);
  }
  const auto begin = static_cast<uint32_t>(out.size());
  out.append(directory);
  Append(kEndSignature, out);
  Append<uint32_t>(0, out);  // this disk, disk of the directory
  Append(static_cast<uint16_t>(tensors.size()), out);
  Append(static_cast<uint16_t>(tensors.size()), out);
  Append(static_cast<uint32_t>(directory.size()), out);
  Append(begin, out);
  Append<uint16_t>(0, out);  // comment
  return out;
}

}  // namespace slipway::tensor
