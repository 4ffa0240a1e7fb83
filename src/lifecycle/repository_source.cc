#include "lifecycle/repository_source.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/model_name.h"

namespace slipway::lifecycle {

using base::DirectoryEntry;
using base::FileInfo;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr uint64_t kMaxLabelsBytes = 16 * 1024 * 1024;
constexpr std::string_view kLabelsFile = "labels.txt";

// One label to a line; a last line without an end counts, a carriage return before the end does
// not.
std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// The machine could not look, for want of descriptors or memory, or because its disk failed.
bool SaysNothingOfTheFiles(const Status& status) {
  return status.code() == base::StatusCode::kResourceExhausted ||
         status.code() == base::StatusCode::kInternal;
}

}  // namespace

RepositorySource::RepositorySource(const base::FileSystem& fs, std::filesystem::path root,
                                   ConfigOf config_of, std::string only)
    : fs_(fs), root_(std::move(root)), config_of_(std::move(config_of)), only_(std::move(only)) {}

Result<SourceListing> RepositorySource::List() const {
  Result<std::vector<DirectoryEntry>> entries = fs_.List(root_);
  if (!entries.ok()) return entries.status().WithContext("model repository");
  SourceListing listing;
  listing.directories.push_back(root_);
  for (const DirectoryEntry& entry : *entries) {
    if (entry.kind != FileInfo::Kind::kDirectory || entry.name.starts_with('.')) continue;
    if (!only_.empty() && entry.name != only_) continue;
    if (const Status status = CheckModelName(entry.name); !status.ok()) {
      listing.notes.push_back(StrCat("directory passed over: ", status.message()));
      continue;
    }
    SLIPWAY_ASSIGN_OR_RETURN(SourceModel model, ReadModel(entry.name, &listing.directories));
    listing.models.push_back(std::move(model));
  }
  return listing;
}

Result<SourceModel> RepositorySource::Find(std::string_view name) const {
  SLIPWAY_RETURN_IF_ERROR(CheckModelName(name));
  if (!only_.empty() && name != only_) {
    return base::NotFound(StrCat("model '", name, "' is not here: expected '", only_,
                                 "', the only model that is served from directory '",
                                 root_.string(), "'"));
  }
  const Result<FileInfo> info = fs_.Stat(root_ / name);
  if (!info.ok() && info.status().code() != base::StatusCode::kNotFound) return info.status();
  if (!info.ok() || info->kind != FileInfo::Kind::kDirectory) {
    return base::NotFound(StrCat("model '", name, "' is not in the model repository"));
  }
  return ReadModel(std::string(name), nullptr);
}

// An unreadable directory fails the listing, so that what is loaded stays, and so does a machine
// that is short of descriptors or memory; a directory that has just been removed has no versions.
Result<SourceModel> RepositorySource::ReadModel(
    const std::string& name, std::vector<std::filesystem::path>* directories) const {
  SourceModel model{.name = name};
  const std::filesystem::path directory = root_ / name;
  const Result<std::vector<DirectoryEntry>> entries = fs_.List(directory);
  if (!entries.ok()) {
    if (entries.status().code() != base::StatusCode::kNotFound) return entries.status();
    model.notes.push_back(StrCat("model '", name, "': ", entries.status().message()));
    return model;
  }
  if (directories != nullptr) directories->push_back(directory);
  FileStamp labels_stamp;
  SLIPWAY_ASSIGN_OR_RETURN(const ModelConfig config, ReadConfig(model, labels_stamp));
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name == "config.pbtxt") {
      model.notes.push_back(StrCat("model '", name, "': config.pbtxt is not read"));
    }
    if (entry.kind != FileInfo::Kind::kDirectory || entry.name.starts_with('.')) continue;
    if (directories != nullptr) directories->push_back(directory / entry.name);
    SLIPWAY_RETURN_IF_ERROR(ReadVersion(name, entry.name, config, model, directories));
  }
  if (!labels_stamp.name.empty()) {
    for (AvailableVersion& version : model.versions) version.stamps.push_back(labels_stamp);
  }
  std::ranges::sort(model.versions, {}, &AvailableVersion::version);
  return model;
}

Result<ModelConfig> RepositorySource::ReadConfig(SourceModel& model,
                                                 FileStamp& labels_stamp) const {
  ModelConfig config = config_of_ ? config_of_(model.name) : ModelConfig{};
  const std::filesystem::path path = root_ / model.name / kLabelsFile;
  const Result<FileInfo> info = fs_.Stat(path);
  if (!info.ok() || !config.labels.empty()) return config;
  const Result<std::string> text = fs_.Read(path, kMaxLabelsBytes);
  if (!text.ok()) {
    if (SaysNothingOfTheFiles(text.status())) return text.status();
    model.notes.push_back(StrCat("model '", model.name, "': ", text.status().message()));
    return config;
  }
  config.labels[""] = SplitLines(*text);
  labels_stamp = {.name = StrCat("../", kLabelsFile),
                  .size_bytes = info->size_bytes,
                  .modified_ns = info->modified_ns,
                  .inode = info->inode};
  return config;
}

Status RepositorySource::ReadVersion(const std::string& name, const std::string& entry,
                                     const ModelConfig& config, SourceModel& model,
                                     std::vector<std::filesystem::path>* directories) const {
  const Result<int64_t> number = ParseVersionName(entry);
  if (!number.ok()) {
    model.notes.push_back(
        StrCat("model '", name, "': directory passed over: ", number.status().message()));
    return base::OkStatus();
  }
  const auto pass_over = [&](const Status& why) {
    if (SaysNothingOfTheFiles(why)) return why;
    model.notes.push_back(
        StrCat("model '", name, "': version directory '", entry, "' passed over: ", why.message()));
    return base::OkStatus();
  };
  const std::filesystem::path directory = root_ / name / entry;
  Result<std::string> model_file = FindModelFile(fs_, directory);
  if (!model_file.ok()) return pass_over(model_file.status());
  AvailableVersion version{
      .version = *number,
      .files = {.directory = directory, .model_file = *std::move(model_file), .in_memory = nullptr},
      .config = config};
  Result<ModelStamps> stamps = StampFiles(fs_, version.files, version.scope);
  if (!stamps.ok()) return pass_over(stamps.status());
  version.stamps = stamps->All();
  if (directories != nullptr)
    std::ranges::move(stamps->directories, std::back_inserter(*directories));
  version.changed_ns = stamps->changed_ns;
  model.versions.push_back(std::move(version));
  return base::OkStatus();
}

}  // namespace slipway::lifecycle
