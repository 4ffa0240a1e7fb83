#include "lifecycle/open_source.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/str_cat.h"
#include "lifecycle/combined_source.h"
#include "lifecycle/model_name.h"
#include "lifecycle/repository_source.h"
#include "lifecycle/single_file_source.h"

namespace slipway::lifecycle {

using base::FileInfo;
using base::FileSystem;
using base::InvalidArgument;
using base::Result;
using base::StrCat;

namespace {

constexpr std::string_view kModelFile = "model.onnx";

bool IsFile(const FileSystem& fs, const std::filesystem::path& path) {
  const Result<FileInfo> info = fs.Stat(path);
  return info.ok() && info->kind == FileInfo::Kind::kFile;
}

// ROOT/1/model.onnx: the base path of one model in TensorFlow Serving's words.
bool HoldsVersions(const FileSystem& fs, const std::filesystem::path& path) {
  const auto entries = fs.List(path);
  return entries.ok() && std::ranges::any_of(*entries, [&](const base::DirectoryEntry& entry) {
           return ParseVersionName(entry.name).ok() && IsFile(fs, path / entry.name / kModelFile);
         });
}

Result<std::unique_ptr<Source>> OpenFile(const FileSystem& fs, const std::filesystem::path& file,
                                         const std::string& name, const ConfigOf& config_of) {
  std::string model = name.empty() ? SingleFileSource::NameFromFile(file) : name;
  SLIPWAY_RETURN_IF_ERROR(CheckModelName(model));
  return std::unique_ptr<Source>(
      std::make_unique<SingleFileSource>(fs, file, std::move(model), config_of));
}

// The directory of one model in a repository, NAME/ in NAME/VERSION/model.onnx.
Result<std::unique_ptr<Source>> OpenOneModel(const FileSystem& fs,
                                             const std::filesystem::path& directory,
                                             const ConfigOf& config_of) {
  std::error_code error;
  std::filesystem::path full = std::filesystem::absolute(directory, error).lexically_normal();
  if (error) return base::ErrnoStatus(error.value(), StrCat("'", directory.string(), "'"));
  if (full.filename().empty()) full = full.parent_path();  // the path ended with '/' or '.'
  std::string name = full.filename().string();
  if (const base::Status named = CheckModelName(name); !named.ok()) {
    return named.WithContext(StrCat("directory '", directory.string(), "' gives its model a name"));
  }
  return std::unique_ptr<Source>(
      std::make_unique<RepositorySource>(fs, full.parent_path(), config_of, std::move(name)));
}

}  // namespace

Result<std::unique_ptr<Source>> OpenSource(const FileSystem& fs, const std::filesystem::path& path,
                                           const std::string& name, const ConfigOf& config_of) {
  SLIPWAY_ASSIGN_OR_RETURN(const FileInfo info, fs.Stat(path));
  if (info.kind == FileInfo::Kind::kFile) return OpenFile(fs, path, name, config_of);
  if (info.kind != FileInfo::Kind::kDirectory) {
    return InvalidArgument(StrCat("'", path.string(), "': expected a model file or a directory"));
  }
  if (IsFile(fs, path / kModelFile)) return OpenFile(fs, path / kModelFile, name, config_of);
  const bool one_model = HoldsVersions(fs, path);
  if (!name.empty()) {
    return InvalidArgument(StrCat(
        "directory '", path.string(),
        one_model ? "' holds the versions of one model" : "' is a model repository",
        ", and directories give models their names: a name can be given for a model file only"));
  }
  if (one_model) return OpenOneModel(fs, path, config_of);
  return std::unique_ptr<Source>(std::make_unique<RepositorySource>(fs, path, config_of));
}

Result<std::unique_ptr<Source>> OpenSources(const FileSystem& fs,
                                            const std::vector<std::filesystem::path>& paths,
                                            const std::string& name, const ConfigOf& config_of) {
  if (paths.empty()) return InvalidArgument("expected a model file or a model repository");
  if (paths.size() > 1 && !name.empty()) {
    return InvalidArgument(StrCat("name '", name, "' for ", paths.size(),
                                  " sources: a name can be given for one model file only"));
  }
  if (paths.size() == 1) return OpenSource(fs, paths.front(), name, config_of);
  std::vector<std::unique_ptr<Source>> sources;
  for (const std::filesystem::path& path : paths) {
    SLIPWAY_ASSIGN_OR_RETURN(std::unique_ptr<Source> source, OpenSource(fs, path, name, config_of));
    sources.push_back(std::move(source));
  }
  return std::unique_ptr<Source>(std::make_unique<CombinedSource>(std::move(sources)));
}

}  // namespace slipway::lifecycle
