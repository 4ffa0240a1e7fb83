#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "lifecycle/model.h"
#include "lifecycle/model_files.h"

namespace slipway::lifecycle {

// A model version that could be loaded. A value.
struct AvailableVersion {
  int64_t version = 0;
  engine::ModelFiles files = {};
  // labels[""] holds class names for every output that fits their number; the loader resolves it.
  ModelConfig config = {};
  FileScope scope = FileScope::kDirectory;
  std::vector<FileStamp> stamps = {};  // two listings with equal stamps saw the same version
  int64_t changed_ns = 0;              // when its files were last written, since the epoch
};

// What a model is to be loaded with, by its name; asked at each listing, on any thread, so that it
// may change.
using ConfigOf = std::function<ModelConfig(std::string_view model)>;

// A model as its source has it.
struct SourceModel {
  std::string name;
  std::vector<AvailableVersion> versions = {};  // ascending; may be empty
  std::vector<std::string> notes = {};          // what was passed over, and why; for people
};

// Everything a source has at one moment.
struct SourceListing {
  std::vector<SourceModel> models;  // sorted by name
  std::vector<std::string> notes;   // what was passed over outside of any model
  // A change in one of these may change the listing.
  std::vector<std::filesystem::path> directories;
  // False from a RepositoryWatcher: files were still being written, so another listing follows
  // soon.
  bool settled = true;
};

// Where model versions come from.
//
// Use: List() for all, Find() for one; RepositoryWatcher calls List() again and again and reports
// what changed. Both read the disk, so neither belongs on a request thread.
// Thread-safe. What cannot be used is passed over with a note, and never fails the rest.
// Errors: kNotFound (the place itself, or the model, is not there), kPermissionDenied, kInternal.
class Source {
 public:
  virtual ~Source() = default;
  virtual base::Result<SourceListing> List() const = 0;
  virtual base::Result<SourceModel> Find(std::string_view name) const = 0;
};

}  // namespace slipway::lifecycle
