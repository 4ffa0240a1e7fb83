#include "lifecycle/single_file_source.h"

#include <system_error>
#include <utility>

#include "base/str_cat.h"
#include "lifecycle/model_name.h"

namespace slipway::lifecycle {

using base::Result;
using base::StrCat;

SingleFileSource::SingleFileSource(const base::FileSystem& fs, std::filesystem::path file,
                                   std::string name, ConfigOf config_of)
    : fs_(fs), file_(std::move(file)), name_(std::move(name)), config_of_(std::move(config_of)) {}

std::string SingleFileSource::NameFromFile(const std::filesystem::path& file) {
  std::string name = file.stem().string();
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::absolute(file, error).parent_path();
  if (name == "model" && !error) {
    // NAME/model.onnx and NAME/1/model.onnx are both called NAME.
    const std::string folder = parent.filename().string();
    const bool in_version = ParseVersionName(folder).ok();
    name = in_version ? parent.parent_path().filename().string() : folder;
  }
  for (char& c : name) {
    if (!CheckModelName(std::string("a") + c).ok()) c = '_';
  }
  while (!name.empty() && !CheckModelName(name.substr(0, 1)).ok()) name.erase(0, 1);
  for (size_t dots = name.find(".."); dots != std::string::npos; dots = name.find("..")) {
    name.erase(dots, 1);
  }
  name.resize(std::min<size_t>(name.size(), 128));
  return CheckModelName(name).ok() ? name : "model";
}

Result<SourceListing> SingleFileSource::List() const {
  SLIPWAY_ASSIGN_OR_RETURN(SourceModel model, Find(name_));
  const AvailableVersion& version = model.versions.front();
  SourceListing listing;
  listing.directories.push_back(version.files.directory /
                                WarmupDirectory(version.files, version.scope));
  listing.models.push_back(std::move(model));
  const std::filesystem::path parent = file_.parent_path();
  listing.directories.push_back(parent.empty() ? "." : parent);
  return listing;
}

Result<SourceModel> SingleFileSource::Find(std::string_view name) const {
  if (name != name_) {
    return base::NotFound(StrCat("model '", name, "' is not here: expected '", name_,
                                 "', the only model of file '", file_.string(), "'"));
  }
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(file_, error);
  if (error) return base::ErrnoStatus(error.value(), StrCat("model file '", file_.string(), "'"));
  AvailableVersion version{.version = 1,
                           .files = {.directory = real.parent_path(),
                                     .model_file = real.filename().string(),
                                     .in_memory = nullptr},
                           .config = config_of_ ? config_of_(name_) : ModelConfig{},
                           .scope = FileScope::kFile};
  SLIPWAY_ASSIGN_OR_RETURN(ModelStamps stamps, StampFiles(fs_, version.files, version.scope));
  version.stamps = stamps.All();
  version.changed_ns = stamps.changed_ns;
  SourceModel model{.name = name_};
  model.versions.push_back(std::move(version));
  return model;
}

}  // namespace slipway::lifecycle
