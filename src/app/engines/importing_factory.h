#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/file_system.h"
#include "engine/engine.h"

namespace slipway::app {

// Loads foreign model files as if they were ONNX: imports them in memory and hands the ONNX to the
// factory below. All else goes there as it is. So everything that loads a model takes a foreign one
// too: serve, predict, inspect. What EstimateBytes() imported is kept, by the digest of the file,
// until Load() takes it or another file is imported: a model that is weighed and then loaded is
// imported once. (Not so a model with tensors in other files, which may change meanwhile.)
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
  struct Kept {
    base::Sha256Digest source;
    engine::ModelFiles onnx;
  };

  // The files themselves, or the ONNX that was made of them. `keep`: for the next call.
  base::Result<engine::ModelFiles> Imported(const engine::ModelFiles& files, bool keep) const;
  base::Result<engine::ModelFiles> Import(std::span<const std::byte> content,
                                          const base::FileSystem* fs,
                                          const engine::ModelFiles& files, bool keep) const;

  const base::FileSystem& fs_;
  const std::unique_ptr<engine::EngineFactory> inner_;
  mutable std::mutex mutex_;
  mutable std::optional<Kept> kept_;  // under mutex_
};

// An ONNX model as files in memory.
engine::ModelFiles OnnxInMemory(std::string onnx);

}  // namespace slipway::app
