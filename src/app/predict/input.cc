#include "app/predict/input.h"

#include <algorithm>
#include <iostream>
#include <iterator>

#include "app/predict/convert.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::Signature;
using tensor::TensorSpec;
using tensor::TensorView;

namespace {

constexpr std::string_view kNpyMagic = "\x93NUMPY";
constexpr std::string_view kZipMagic = "PK";

// The first dozen, with commas, and how many more there are.
std::string Listed(const std::vector<std::string>& items) {
  constexpr size_t kShown = 12;
  std::string list;
  for (size_t i = 0; i < std::min(items.size(), kShown); ++i) {
    list += StrCat(i == 0 ? "" : ", ", items[i]);
  }
  if (items.size() > kShown) list += StrCat(" and ", items.size() - kShown, " more");
  return list;
}

std::string Quoted(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  quoted.reserve(names.size());
  for (const std::string& name : names) quoted.push_back(StrCat("'", Printable(name), "'"));
  return Listed(quoted);
}

std::string Described(const TensorSpec& spec) {
  return StrCat("'", Printable(spec.name), "' ", spec);
}

struct InputFile {
  std::shared_ptr<void> owner;
  std::string_view content;
};

InputFile Own(std::string text) {
  auto owner = std::make_shared<std::string>(std::move(text));
  const std::string_view content = *owner;
  return {.owner = std::move(owner), .content = content};
}

// Maps files; reads what cannot be mapped: standard input, pipes.
Result<InputFile> OpenInput(const base::FileSystem& fs, const std::string& path) {
  constexpr uint64_t kMaxPipeBytes = uint64_t{64} << 30;
  if (path == "-") return Own(std::string{std::istreambuf_iterator<char>(std::cin), {}});
  SLIPWAY_ASSIGN_OR_RETURN(const base::FileInfo info, fs.Stat(path));
  if (info.kind == base::FileInfo::Kind::kDirectory) {
    return InvalidArgument(StrCat("'", Printable(path), "' is a directory: expected a file"));
  }
  if (info.kind == base::FileInfo::Kind::kOther) {
    SLIPWAY_ASSIGN_OR_RETURN(std::string text, fs.Read(path, kMaxPipeBytes));
    return Own(std::move(text));
  }
  SLIPWAY_ASSIGN_OR_RETURN(std::shared_ptr<base::MappedFile> file, fs.Map(path));
  const auto bytes = file->bytes();
  const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return InputFile{.owner = std::move(file), .content = content};
}

Result<PredictInputs> ReadContent(InputFormat format, std::string_view content,
                                  const Signature& signature, const InputOptions& options) {
  if (content.empty()) return InvalidArgument("is empty");
  const auto bytes = std::as_bytes(std::span(content));
  switch (format) {
    case InputFormat::kJson:
      return ReadJsonInputs(std::string(content), signature, options);
    case InputFormat::kCsv:
      return ReadCsvInputs(content, signature, options);
    case InputFormat::kNpy:
      return ReadNpyInputs(bytes, signature, options);
    case InputFormat::kNpz:
      break;
  }
  return ReadNpzInputs(bytes, signature, options);
}

}  // namespace

InputFormat DetectFormat(std::string_view name, std::string_view content) {
  if (name.ends_with(".json")) return InputFormat::kJson;
  if (name.ends_with(".csv")) return InputFormat::kCsv;
  if (name.ends_with(".npy")) return InputFormat::kNpy;
  if (name.ends_with(".npz")) return InputFormat::kNpz;
  if (content.starts_with(kNpyMagic)) return InputFormat::kNpy;
  if (content.starts_with(kZipMagic)) return InputFormat::kNpz;
  const std::string_view text = base::TrimWhitespace(content.substr(0, 4096));
  const bool json = text.starts_with('{') || text.starts_with('[');
  return json ? InputFormat::kJson : InputFormat::kCsv;
}

InputMatcher::InputMatcher(const Signature& signature, const InputOptions& options,
                           std::string_view noun)
    : signature_(signature), options_(options), noun_(noun), found_(signature.inputs.size()) {}

bool InputMatcher::Dropped(std::string_view name) const {
  return std::ranges::find(options_.drop, name) != options_.drop.end();
}

std::optional<size_t> InputMatcher::Find(std::string_view name) {
  if (Dropped(name)) return std::nullopt;
  std::string_view input = name;
  for (const auto& [ours, theirs] : options_.renames) {
    if (theirs == name) input = ours;
  }
  const std::optional<size_t> index = signature_.FindInput(input);
  if (index) {
    found_[*index] = true;
  } else {
    extra_.emplace_back(name);
  }
  return index;
}

std::string InputMatcher::Advice(const std::vector<std::string>& missing) const {
  if (missing.size() == 1 && !extra_.empty()) {
    const std::vector<std::string_view> names(extra_.begin(), extra_.end());
    const std::string_view near = base::NearestName(missing.front(), names);
    return StrCat("; if it has another name there, say so: --map ", missing.front(), "=",
                  near.empty() ? names.front() : near);
  }
  if (missing.empty()) return "; to pass over them: --ignore-extra";
  return "";
}

Status InputMatcher::Finish(std::vector<std::string>& notes) const {
  std::vector<std::string> missing;
  std::vector<std::string> described;
  for (size_t i = 0; i < found_.size(); ++i) {
    if (found_[i] || signature_.inputs[i].optional) continue;
    missing.push_back(signature_.inputs[i].name);
    described.push_back(Described(signature_.inputs[i]));
  }
  const bool nothing = std::ranges::find(found_, true) == found_.end();
  const bool refused = !extra_.empty() && (!options_.ignore_extra || nothing);
  if (missing.empty() && !refused) {
    if (!extra_.empty()) notes.push_back(StrCat("passed over: ", Quoted(extra_)));
    return OkStatus();
  }
  std::string message;
  if (!missing.empty()) {
    message = StrCat("the model's ", noun_, missing.size() == 1 ? " " : "s ", Listed(described),
                     missing.size() == 1 ? " is missing" : " are missing");
  }
  if (!extra_.empty()) {
    message +=
        StrCat(message.empty() ? "" : "; ", Quoted(extra_),
               extra_.size() == 1 ? StrCat(" is no ", noun_) : StrCat(" are no ", noun_, "s"),
               " of the model");
  }
  if (missing.empty()) message += StrCat(", which expects ", DescribeInputs(signature_));
  return InvalidArgument(message + Advice(missing));
}

Status SetInput(const Signature& signature, size_t index, const TensorView& view,
                PredictInputs& inputs) {
  const TensorSpec& spec = signature.inputs[index];
  if (!spec.Accepts(spec.dtype, view.shape())) {
    return InvalidArgument(
        StrCat("input '", spec.name, "': expected ", spec, ", got ", view.dtype(), view.shape()));
  }
  if (view.dtype() == spec.dtype) {
    inputs.views[index] = view;
    return OkStatus();
  }
  Result<tensor::Tensor> converted = ConvertTensor(view, spec.dtype);
  if (!converted.ok()) {
    return converted.status().WithContext(
        StrCat("input '", spec.name, "': expected ", spec, ", got ", view.dtype(), view.shape()));
  }
  inputs.notes.push_back(
      StrCat("input '", spec.name, "' converted from ", view.dtype(), " to ", spec.dtype));
  inputs.tensors.push_back(*std::move(converted));
  inputs.views[index] = inputs.tensors.back().view();
  return OkStatus();
}

std::string DescribeInputs(const Signature& signature) {
  std::string text;
  for (const TensorSpec& spec : signature.inputs) {
    text += StrCat(text.empty() ? "" : ", ", Described(spec));
  }
  return text.empty() ? "no inputs" : text;
}

Result<PredictInputs> ReadInputs(const base::FileSystem& fs, const std::string& path,
                                 const Signature& signature, const InputOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(const InputFile file, OpenInput(fs, path));
  Result<PredictInputs> inputs =
      ReadContent(DetectFormat(path, file.content), file.content, signature, options);
  if (!inputs.ok()) return inputs.status().WithContext(StrCat("input '", Printable(path), "'"));
  if (inputs->memory == nullptr) inputs->memory = file.owner;
  return inputs;
}

}  // namespace slipway::app
