#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "lifecycle/source.h"

namespace slipway::lifecycle {

// A model repository: a directory with NAME/VERSION/model.onnx, as Triton and TensorFlow Serving
// lay it out, or NAME/VERSION/model.joblib and so on (FindModelFile). NAME/labels.txt, when there,
// holds class names, one to a line in the order of their index.
//
// Passed over with a note: directories whose name is no model name (model_name.h), version
// directories with other names than canonical numbers, empty ones, ones without a model or with
// several, and Triton's config.pbtxt, which is not read. Hidden entries and files beside the models
// are passed over silently. Links to directories are followed; files are opened with containment by
// the engine.
//
// Thread-safe; `fs` must outlive it. Nothing is cached: each call reads the disk.
class RepositorySource final : public Source {
 public:
  // Without `config_of` models have the defaults. `only`, when not empty, is the one model of the
  // repository that counts.
  RepositorySource(const base::FileSystem& fs, std::filesystem::path root, ConfigOf config_of = {},
                   std::string only = "");

  base::Result<SourceListing> List() const override;
  // A model without a usable version is found: its notes say why there is none.
  base::Result<SourceModel> Find(std::string_view name) const override;

 private:
  // `directories`, when not null, gets each directory that was looked into.
  base::Result<SourceModel> ReadModel(const std::string& name,
                                      std::vector<std::filesystem::path>* directories) const;
  base::Status ReadVersion(const std::string& name, const std::string& entry,
                           const ModelConfig& config, SourceModel& model,
                           std::vector<std::filesystem::path>* directories) const;
  base::Result<ModelConfig> ReadConfig(SourceModel& model, FileStamp& labels_stamp) const;

  const base::FileSystem& fs_;
  const std::filesystem::path root_;
  const ConfigOf config_of_;
  const std::string only_;
};

}  // namespace slipway::lifecycle
