#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::engine {

// The files of one model version, wherever they are: mapped from its directory, and then never from
// outside of it (FileSystem::MapContained), or given over the API. Files stay mapped as long as
// this lives. Thread-compatible. Borrows the file system.
class ModelBytes {
 public:
  // Opens the model file.
  static base::Result<ModelBytes> Open(const base::FileSystem& system, const ModelFiles& files);

  std::span<const std::byte> model() const { return model_; }
  // A file that the model names, relative to the model file. Opened once, however often it is asked
  // for. kPermissionDenied when it leaves the directory; kNotFound.
  base::Result<std::span<const std::byte>> File(std::string_view location);

 private:
  ModelBytes(const base::FileSystem& system, const ModelFiles& files)
      : system_(&system), files_(files) {}

  base::Result<std::span<const std::byte>> Find(const std::string& relative);

  const base::FileSystem* system_;
  ModelFiles files_;
  std::span<const std::byte> model_;
  std::map<std::string, std::unique_ptr<base::MappedFile>, std::less<>> mapped_;
};

}  // namespace slipway::engine
