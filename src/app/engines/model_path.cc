#include "app/engines/model_path.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/model_files.h"
#include "lifecycle/model_name.h"
#include "lifecycle/repository_source.h"
#include "lifecycle/single_file_source.h"

namespace slipway::app {
namespace {

using base::FileInfo;
using base::FileSystem;
using base::InvalidArgument;
using base::NotFound;
using base::Result;
using base::StrCat;
using lifecycle::SourceModel;
using Path = std::filesystem::path;

// Directories called 1, 2, ...: the directory of one model.
bool HasVersions(const FileSystem& fs, const Path& directory) {
  const auto entries = fs.List(directory);
  return entries.ok() && std::ranges::any_of(*entries, [](const base::DirectoryEntry& entry) {
           return entry.kind == FileInfo::Kind::kDirectory &&
                  lifecycle::ParseVersionName(entry.name).ok();
         });
}

Result<ModelOnDisk> FindFile(const FileSystem& fs, const Path& file) {
  ModelOnDisk model;
  model.name = lifecycle::SingleFileSource::NameFromFile(file);
  const Path directory = file.parent_path();
  const auto version = lifecycle::ParseVersionName(directory.filename().string());
  const std::string parent = directory.parent_path().filename().string();
  if (version.ok() && lifecycle::CheckModelName(parent).ok()) {
    model.name = parent;
    model.version = *version;
  }
  SLIPWAY_ASSIGN_OR_RETURN(auto listing, lifecycle::SingleFileSource(fs, file, model.name).List());
  model.found = std::move(listing.models.front().versions.front());
  return model;
}

// NAME, or NAME/VERSION when `wanted` is given.
Result<ModelOnDisk> FindVersion(const FileSystem& fs, const Path& directory,
                                std::optional<int64_t> wanted) {
  const std::string name = directory.filename().string();
  SLIPWAY_ASSIGN_OR_RETURN(SourceModel source,
                           lifecycle::RepositorySource(fs, directory.parent_path()).Find(name));
  if (wanted) {
    std::erase_if(source.versions, [&](const auto& found) { return found.version != *wanted; });
  }
  if (source.versions.empty()) {
    std::string why;
    for (const std::string& note : source.notes) why += StrCat("; ", note);
    return NotFound(
        StrCat("directory '", directory.string(), "' has no version that can be used", why));
  }
  ModelOnDisk model;
  model.name = name;
  model.version = source.versions.back().version;
  model.found = std::move(source.versions.back());
  return model;
}

// Why a directory is not one model.
base::Status NotOneModel(const FileSystem& fs, const Path& given, const Path& directory) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto entries, fs.List(directory));
  std::string models;
  for (const base::DirectoryEntry& entry : entries) {
    if (entry.kind == FileInfo::Kind::kFile && entry.name.ends_with(".onnx")) {
      return InvalidArgument(
          StrCat("directory '", given.string(),
                 "' has no model.onnx; give the file: ", (given / entry.name).string()));
    }
    if (entry.kind != FileInfo::Kind::kDirectory || !HasVersions(fs, directory / entry.name))
      continue;
    models += StrCat(models.empty() ? "" : ", ", (given / entry.name).string());
  }
  if (models.empty()) {
    return NotFound(
        StrCat("directory '", given.string(),
               "' holds no model: expected model.onnx, model.joblib or the like in it, or "
               "below VERSION/"));
  }
  return InvalidArgument(StrCat("directory '", given.string(),
                                "' is a model repository; name one of its models: ", models));
}

}  // namespace

Result<ModelOnDisk> FindModel(const FileSystem& fs, const Path& path) {
  const Result<FileInfo> info = fs.Stat(path);
  if (!info.ok()) return info.status().WithContext("model");
  std::error_code error;
  Path full = std::filesystem::absolute(path, error).lexically_normal();
  if (full.filename().empty()) full = full.parent_path();  // the path ended with '/'
  if (info->kind == FileInfo::Kind::kFile) return FindFile(fs, full);
  if (info->kind != FileInfo::Kind::kDirectory) {
    return InvalidArgument(StrCat("'", path.string(), "': expected a model file or a directory"));
  }
  const bool versions = HasVersions(fs, full);
  if (versions) return FindVersion(fs, full, std::nullopt);
  const Result<std::string> model_file = lifecycle::FindModelFile(fs, full);
  if (model_file.ok()) {
    const auto version = lifecycle::ParseVersionName(full.filename().string());
    const bool in_repository =
        version.ok() && lifecycle::CheckModelName(full.parent_path().filename().string()).ok();
    if (in_repository) return FindVersion(fs, full.parent_path(), *version);
    return FindFile(fs, full / *model_file);
  }
  if (model_file.status().code() == base::StatusCode::kInvalidArgument) {
    return model_file.status().WithContext(StrCat("directory '", path.string(), "'"));
  }
  return NotOneModel(fs, path, full);
}

}  // namespace slipway::app
