#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/npy.h"
#include "tensor/zip.h"

// Archives of arrays. Source: NumPy 2.x, numpy.savez.
namespace slipway::tensor {
namespace {

using base::Result;
using base::StrCat;
using Bytes = std::span<const std::byte>;

constexpr std::string_view kSuffix = ".npy";

Result<Tensor> ReadMemberTensor(Bytes file, const ZipMember& member, const NpyLimits& limits) {
  std::string unpacked;
  SLIPWAY_ASSIGN_OR_RETURN(const Bytes content, ReadZipMember(file, member, unpacked));
  return ReadNpy(content, limits);
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
  ZipWriter writer;
  for (const NamedView& tensor : tensors) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string content, WriteNpy(tensor.tensor));
    const base::Status added = writer.Add(StrCat(tensor.name, kSuffix), content);
    if (!added.ok()) return added.WithContext("NPZ");
  }
  return std::move(writer).Finish();
}

}  // namespace slipway::tensor
