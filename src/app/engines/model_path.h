#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "base/status.h"
#include "lifecycle/source.h"

namespace slipway::app {

// The model version that a path on the command line means.
struct ModelOnDisk {
  std::string name;
  std::optional<int64_t> version;  // none: a lone file
  lifecycle::AvailableVersion found;

  std::filesystem::path file() const { return found.files.directory / found.files.model_file; }
};

// Finds it: `path` is a model file, a directory with model.onnx or another model file
// (NAME/VERSION, lifecycle::FindModelFile), or a directory of versions (NAME), of which the newest
// is taken. kNotFound; kInvalidArgument for a repository of several models (lists them) and for a
// directory without a model or with several (says why).
base::Result<ModelOnDisk> FindModel(const base::FileSystem& fs, const std::filesystem::path& path);

}  // namespace slipway::app
