#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "lifecycle/source.h"

namespace slipway::lifecycle {

// The source that `path` suggests: a file is one model; so is a directory with model.onnx in it,
// and one with VERSION/model.onnx in it, called as the directory is; every other directory is a
// model repository. `name`, when not empty, names the model of a single file; for everything else
// it is kInvalidArgument. kNotFound, kInvalidArgument (neither file nor directory, a bad name).
base::Result<std::unique_ptr<Source>> OpenSource(const base::FileSystem& fs,
                                                 const std::filesystem::path& path,
                                                 const std::string& name,
                                                 const ConfigOf& config_of);

// One source for all of `paths`, at least one; `name` may be given for a single path only.
base::Result<std::unique_ptr<Source>> OpenSources(const base::FileSystem& fs,
                                                  const std::vector<std::filesystem::path>& paths,
                                                  const std::string& name,
                                                  const ConfigOf& config_of);

}  // namespace slipway::lifecycle
