#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/client/server_client.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"
#include "engine/engine.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::app {

// A model that `slipway predict` can ask, here or on a server. Thread-compatible.
class PredictModel {
 public:
  virtual ~PredictModel() = default;

  virtual const std::string& name() const = 0;
  virtual const std::string& version() const = 0;  // "" when it has none
  // On a server every input counts as optional: only the server knows which ones have defaults.
  virtual const tensor::Signature& signature() const = 0;
  // `inputs` in the order of the signature; `outputs` are positions in it. One tensor for each.
  virtual base::Result<std::vector<tensor::Tensor>> Run(std::span<const tensor::TensorView> inputs,
                                                        std::span<const size_t> outputs) = 0;
};

// Loads a model from disk (model_path.h says what `path` may be). `fs` must outlive it.
base::Result<std::unique_ptr<PredictModel>> OpenLocalModel(const base::FileSystem& fs,
                                                           const std::string& path,
                                                           const engine::EngineOptions& options);

// Asks a server at `url` (server_client.h) with the Open Inference REST protocol and binary
// tensors. `model` is for URLs that name none; when it is empty too, a server's only model is
// taken. `clock` must outlive it.
base::Result<std::unique_ptr<PredictModel>> OpenRemoteModel(
    const std::string& url, const std::string& model, const base::Clock& clock,
    const base::FileSystem& fs, const TlsOptions& tls, std::chrono::milliseconds timeout);

}  // namespace slipway::app
