#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "engine/engine.h"

namespace slipway::app {

// Loads foreign model files as if they were ONNX: imports them, in memory and anew at each load,
// and hands the ONNX to the factory below. All else goes there as it is. So everything that loads a
// model takes a foreign one too: serve, predict, inspect.
//
// Thread-safe, as factories are. Owns `inner`; `fs` must outlive it. Errors: those of the importer,
// and of `inner`.
class ImportingFactory final : public engine::EngineFactory {
 public:
  ImportingFactory(const base::FileSystem& fs, std::unique_ptr<engine::EngineFactory> inner)
      : fs_(fs), inner_(std::move(inner)) {}

  base::Result<std::unique_ptr<engine::Engine>> Load(
      const engine::ModelFiles& files, const engine::EngineOptions& options) const override;
  // Imports the model to know what its graph takes.
  base::Result<uint64_t> EstimateBytes(const engine::ModelFiles& files) const override;
  std::string name() const override { return inner_->name(); }
  std::string version() const override { return inner_->version(); }
  std::vector<std::string> providers() const override { return inner_->providers(); }

 private:
  // The files themselves, or the ONNX that was made of them.
  base::Result<engine::ModelFiles> Imported(const engine::ModelFiles& files) const;

  const base::FileSystem& fs_;
  const std::unique_ptr<engine::EngineFactory> inner_;
};

// An ONNX model as files in memory.
engine::ModelFiles OnnxInMemory(std::string onnx);

}  // namespace slipway::app
