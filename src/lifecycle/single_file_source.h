#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "lifecycle/source.h"

namespace slipway::lifecycle {

// One model file, served as version 1 of one model: `slipway serve model.onnx`. A symbolic link is
// followed at each listing. Thread-safe; `fs` must outlive it.
class SingleFileSource final : public Source {
 public:
  // `name` must pass CheckModelName(); see NameFromFile(). Without `config_of` the model has the
  // defaults.
  SingleFileSource(const base::FileSystem& fs, std::filesystem::path file, std::string name,
                   ConfigOf config_of = {});

  // The model name that a file suggests: its stem with what a name may not hold replaced by '_', or
  // the parent directory's name when the file is called "model.onnx" and lies in no version
  // directory; "model" when nothing is left.
  static std::string NameFromFile(const std::filesystem::path& file);

  base::Result<SourceListing> List() const override;
  base::Result<SourceModel> Find(std::string_view name) const override;

 private:
  const base::FileSystem& fs_;
  const std::filesystem::path file_;
  const std::string name_;
  const ConfigOf config_of_;
};

}  // namespace slipway::lifecycle
