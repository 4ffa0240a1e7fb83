#include "engine/model_bytes.h"

#include <filesystem>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::engine {

using base::NotFound;
using base::PermissionDenied;
using base::Printable;
using base::Result;
using base::StrCat;
using Path = std::filesystem::path;
using Bytes = std::span<const std::byte>;

namespace {

bool LeavesDirectory(const Path& relative) {
  return relative.is_absolute() || relative.lexically_normal().string().starts_with("..");
}

Result<Bytes> FindGiven(const std::map<std::string, std::string>& given,
                        const std::string& relative) {
  if (LeavesDirectory(relative)) {
    return PermissionDenied(StrCat("file '", Printable(relative),
                                   "': expected a file that was sent along, got a path that leaves "
                                   "the model's directory"));
  }
  const auto found = given.find(Path(relative).lexically_normal().string());
  if (found == given.end()) {
    return NotFound(StrCat("file '", Printable(relative), "': expected among the ", given.size(),
                           " files that were sent along"));
  }
  return std::as_bytes(std::span(found->second));
}

}  // namespace

Result<ModelBytes> ModelBytes::Open(const base::FileSystem& system, const ModelFiles& files) {
  ModelBytes bytes(system, files);
  SLIPWAY_ASSIGN_OR_RETURN(bytes.model_, bytes.Find(files.model_file));
  return bytes;
}

Result<Bytes> ModelBytes::Find(const std::string& relative) {
  if (files_.in_memory != nullptr && !files_.in_memory->empty()) {
    return FindGiven(*files_.in_memory, relative);
  }
  const auto found = mapped_.find(relative);
  if (found != mapped_.end()) return found->second->bytes();
  SLIPWAY_ASSIGN_OR_RETURN(auto file, system_->MapContained(files_.directory, relative));
  return (mapped_[relative] = std::move(file))->bytes();
}

Result<Bytes> ModelBytes::File(std::string_view location) {
  if (Path(location).is_absolute()) {
    return PermissionDenied(StrCat("file '", Printable(location),
                                   "': expected a path inside the model's directory, got an "
                                   "absolute path"));
  }
  return Find((Path(files_.model_file).parent_path() / location).string());
}

}  // namespace slipway::engine
