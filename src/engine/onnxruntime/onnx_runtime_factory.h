#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::engine {

struct Runtime;

// Makes engines that run ONNX models with ONNX Runtime.
//
// Thread-safe. `files` and `logger` must outlive the factory and every engine it made; the factory
// itself need not outlive its engines.
class OnnxRuntimeFactory final : public EngineFactory {
 public:
  // kFailedPrecondition when the library is older than the headers we were built with.
  static base::Result<std::unique_ptr<OnnxRuntimeFactory>> Create(const base::FileSystem& files,
                                                                  base::Logger& logger);
  ~OnnxRuntimeFactory() override;

  base::Result<std::unique_ptr<Engine>> Load(const ModelFiles& files,
                                             const EngineOptions& options) const override;
  base::Result<uint64_t> EstimateBytes(const ModelFiles& files) const override;
  std::string name() const override { return "onnxruntime"; }
  std::string version() const override;
  std::vector<std::string> providers() const override;

 private:
  OnnxRuntimeFactory(const base::FileSystem& files, std::shared_ptr<const Runtime> runtime);

  const base::FileSystem& files_;
  const std::shared_ptr<const Runtime> runtime_;  // shared with every engine
};

}  // namespace slipway::engine
