#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/file_system.h"
#include "base/status.h"
#include "inference/run_profile.h"

namespace slipway::inference {

// Keeps what was measured of models in a directory, for the next start of the server: one small
// text file for each model and kind of processor, named by the digest of both. What is kept of a
// model says that its rows may be put together, so nobody else should be able to write there.
//
// Thread-safe; several servers may share a directory. `fs` must outlive it.
class ProfileStore {
 public:
  // `machine`: what times depend on beside the model, such as the name of the processor.
  ProfileStore(const base::FileSystem& fs, std::filesystem::path directory, std::string machine)
      : fs_(fs), directory_(std::move(directory)), machine_(std::move(machine)) {}

  // `model`: its digest, and all that its times depend on. kNotFound (nothing is kept),
  // kInvalidArgument (a file that is damaged, or of another model), and those of the file system.
  base::Result<RunProfile> Find(std::string_view model) const;
  // Takes the place of what was kept. Makes the directory. Errors of the file system.
  base::Status Keep(std::string_view model, const RunProfile& profile) const;

 private:
  std::string KeyOf(std::string_view model) const;
  std::filesystem::path PathOf(const std::string& key) const;

  const base::FileSystem& fs_;
  const std::filesystem::path directory_;
  const std::string machine_;
};

}  // namespace slipway::inference
