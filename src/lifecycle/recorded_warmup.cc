#include "lifecycle/recorded_warmup.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/model_files.h"
#include "tensor/npy.h"

namespace slipway::lifecycle {

using base::DirectoryEntry;
using base::FileInfo;
using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorSpec;

namespace {

constexpr std::string_view kNpz = ".npz";
constexpr std::string_view kJson = ".json";

std::string InputList(const Signature& signature) {
  std::string list;
  for (const TensorSpec& input : signature.inputs) {
    list += StrCat(list.empty() ? "" : ", ", "'", input.name, "' ", input);
  }
  return list;
}

// Puts the arrays of an archive into the order of the signature, as they are.
Result<std::vector<Tensor>> Arrange(std::vector<tensor::NamedTensor> arrays,
                                    const Signature& signature) {
  std::vector<Tensor> inputs(signature.inputs.size());
  for (tensor::NamedTensor& array : arrays) {
    const std::optional<size_t> index = signature.FindInput(array.name);
    if (!index) {
      return InvalidArgument(StrCat("array '", Printable(array.name),
                                    "': expected the name of an input, ", InputList(signature)));
    }
    const TensorSpec& spec = signature.inputs[*index];
    if (!inputs[*index].view().absent()) {
      return InvalidArgument(StrCat("input '", spec.name, "': expected one array, got several"));
    }
    if (!spec.Accepts(array.tensor.dtype(), array.tensor.shape())) {
      return InvalidArgument(StrCat("input '", spec.name, "': expected ", spec, ", got ",
                                    array.tensor.dtype(), array.tensor.shape()));
    }
    inputs[*index] = std::move(array.tensor);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature.inputs[i];
    if (spec.optional || !inputs[i].view().absent()) continue;
    return InvalidArgument(StrCat("input '", spec.name, "': expected ", spec, ", got none"));
  }
  return inputs;
}

Status CheckEntry(const DirectoryEntry& entry, const std::string& directory) {
  if (entry.kind == FileInfo::Kind::kFile &&
      (entry.name.ends_with(kNpz) || entry.name.ends_with(kJson))) {
    return OkStatus();
  }
  return InvalidArgument(StrCat("warm-up directory '", directory,
                                "': expected files *.npz and *.json, got '", Printable(entry.name),
                                "'; what is to be passed over needs a name that begins with '.'"));
}

}  // namespace

Result<std::vector<WarmupCase>> RecordedWarmup::Cases(const AvailableVersion& version,
                                                      const Signature& signature) const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(version));
  if (names.empty()) return SyntheticWarmup().Cases(version, signature);
  std::vector<WarmupCase> cases;
  uint64_t left = limits_.max_bytes;
  for (const std::string& name : names) {
    Result<std::vector<Tensor>> inputs = Read(version, name, signature, left);
    if (!inputs.ok()) {
      return inputs.status().WithContext(StrCat("warm-up file '", Printable(name), "'"));
    }
    cases.push_back({.name = StrCat("'", Printable(name), "'"), .inputs = *std::move(inputs)});
  }
  return cases;
}

// The files of the warm-up directory, relative to the version's, sorted.
Result<std::vector<std::string>> RecordedWarmup::Names(const AvailableVersion& version) const {
  const std::string directory = WarmupDirectory(version.files, version.scope);
  const std::string prefix = directory + "/";
  std::vector<DirectoryEntry> entries;
  if (version.files.in_memory != nullptr) {
    for (const auto& [name, content] : *version.files.in_memory) {
      if (!name.starts_with(prefix)) continue;
      entries.push_back({.name = name.substr(prefix.size()), .kind = FileInfo::Kind::kFile});
    }
  } else {
    Result<std::vector<DirectoryEntry>> listed = fs_.List(version.files.directory / directory);
    if (!listed.ok() && listed.status().code() != base::StatusCode::kNotFound) {
      return listed.status().WithContext("warm-up");
    }
    if (listed.ok()) entries = *std::move(listed);
  }
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : entries) {
    if (entry.name.starts_with('.')) continue;
    SLIPWAY_RETURN_IF_ERROR(CheckEntry(entry, directory));
    names.push_back(prefix + entry.name);
  }
  if (names.size() > limits_.max_files) {
    return InvalidArgument(StrCat("warm-up directory '", directory, "': expected at most ",
                                  limits_.max_files, " files, got ", names.size()));
  }
  return names;
}

// `left`: how many bytes may still come; becomes less.
Result<std::vector<Tensor>> RecordedWarmup::Read(const AvailableVersion& version,
                                                 const std::string& name,
                                                 const Signature& signature, uint64_t& left) const {
  std::string content;
  if (version.files.in_memory != nullptr) {
    content = version.files.in_memory->at(name);
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(content, fs_.ReadContained(version.files.directory, name, left));
  }
  if (content.size() > left) {
    return InvalidArgument(StrCat("expected all files together to have at most ",
                                  base::FormatByteSize(limits_.max_bytes)));
  }
  const uint64_t file_bytes = content.size();
  std::vector<Tensor> inputs;
  if (name.ends_with(kJson)) {
    SLIPWAY_ASSIGN_OR_RETURN(inputs, decode_json_(std::move(content), signature));
  } else {
    tensor::NpyLimits npy;
    npy.max_tensor_bytes = left;
    SLIPWAY_ASSIGN_OR_RETURN(std::vector<tensor::NamedTensor> arrays,
                             tensor::ReadNpz(std::as_bytes(std::span(content)), npy));
    SLIPWAY_ASSIGN_OR_RETURN(inputs, Arrange(std::move(arrays), signature));
  }
  uint64_t tensor_bytes = 0;
  for (const Tensor& input : inputs) tensor_bytes += input.view().data().size();
  left -= std::min(left, std::max(file_bytes, tensor_bytes));
  return inputs;
}

}  // namespace slipway::lifecycle
