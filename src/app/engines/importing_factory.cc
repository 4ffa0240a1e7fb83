#include "app/engines/importing_factory.h"

#include <map>
#include <span>
#include <utility>

#include "app/engines/importers.h"
#include "base/str_cat.h"

namespace slipway::app {

using base::Result;

engine::ModelFiles OnnxInMemory(std::string onnx) {
  auto content = std::make_shared<std::map<std::string, std::string>>();
  (*content)["model.onnx"] = std::move(onnx);
  return {.directory = {}, .model_file = "model.onnx", .in_memory = std::move(content)};
}

// `fs` is where the model's other files are, in the model's directory; nullptr: it has none.
Result<engine::ModelFiles> ImportingFactory::Import(std::span<const std::byte> content,
                                                    const base::FileSystem* fs,
                                                    const engine::ModelFiles& files,
                                                    bool keep) const {
  const import::Importer* importer = FindImporter(content);
  if (importer == nullptr) return files;
  const base::Sha256Digest source = base::Sha256Of(content);
  {
    const std::lock_guard lock(mutex_);
    const std::optional<Kept> kept = std::exchange(kept_, std::nullopt);
    if (kept && kept->source == source) {
      if (keep) kept_ = kept;
      return kept->onnx;
    }
  }
  import::ImportOptions options;
  options.keep_optional_inputs = true;
  options.keep_opset = true;
  options.files = fs;
  options.directory = files.directory;
  auto model = importer->import(content, options);
  if (!model.ok())
    return model.status().WithContext(base::StrCat("importing from ", importer->name));
  const bool has_other_files = model->has_other_files;
  engine::ModelFiles onnx = OnnxInMemory(std::move(model->onnx));
  if (keep && !has_other_files) {
    const std::lock_guard lock(mutex_);
    kept_ = {.source = source, .onnx = onnx};
  }
  return onnx;
}

Result<engine::ModelFiles> ImportingFactory::Imported(const engine::ModelFiles& files,
                                                      bool keep) const {
  if (files.in_memory != nullptr) {
    const auto found = files.in_memory->find(files.model_file);
    if (found == files.in_memory->end()) return files;
    return Import(std::as_bytes(std::span(found->second)), nullptr, files, keep);
  }
  const auto file = fs_.MapContained(files.directory, files.model_file);
  if (!file.ok()) return files;  // the factory below says what is wrong with it
  return Import((*file)->bytes(), &fs_, files, keep);
}

Result<std::unique_ptr<engine::Engine>> ImportingFactory::Load(
    const engine::ModelFiles& files, const engine::EngineOptions& options) const {
  SLIPWAY_ASSIGN_OR_RETURN(const engine::ModelFiles imported, Imported(files, false));
  return inner_->Load(imported, options);
}

Result<uint64_t> ImportingFactory::EstimateBytes(const engine::ModelFiles& files) const {
  SLIPWAY_ASSIGN_OR_RETURN(const engine::ModelFiles imported, Imported(files, true));
  return inner_->EstimateBytes(imported);
}

}  // namespace slipway::app
