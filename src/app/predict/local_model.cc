#include <utility>

#include "app/engines/engines.h"
#include "app/engines/model_path.h"
#include "app/predict/model.h"
#include "base/log.h"
#include "base/str_cat.h"

namespace slipway::app {
namespace {

class LocalModel final : public PredictModel {
 public:
  LocalModel(std::string name, std::string version, std::unique_ptr<base::Logger> log,
             std::unique_ptr<engine::EngineFactory> factory, std::unique_ptr<engine::Engine> engine)
      : name_(std::move(name)),
        version_(std::move(version)),
        log_(std::move(log)),
        factory_(std::move(factory)),
        engine_(std::move(engine)) {}

  const std::string& name() const override { return name_; }
  const std::string& version() const override { return version_; }
  const tensor::Signature& signature() const override { return engine_->signature(); }

  base::Result<std::vector<tensor::Tensor>> Run(std::span<const tensor::TensorView> inputs,
                                                std::span<const size_t> outputs) override {
    std::vector<tensor::Tensor> results;
    SLIPWAY_RETURN_IF_ERROR(engine_->Run(inputs, outputs, base::Deadline::Never(), results));
    return results;
  }

 private:
  const std::string name_;
  const std::string version_;
  const std::unique_ptr<base::Logger> log_;  // used by the factory and the engine
  const std::unique_ptr<engine::EngineFactory> factory_;
  const std::unique_ptr<engine::Engine> engine_;
};

}  // namespace

base::Result<std::unique_ptr<PredictModel>> OpenLocalModel(const base::FileSystem& fs,
                                                           const std::string& path,
                                                           const engine::EngineOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(ModelOnDisk found, FindModel(fs, path));
  auto log = base::Logger::Null();
  SLIPWAY_ASSIGN_OR_RETURN(auto factory, MakeEngineFactory(fs, *log));
  auto engine = factory->Load(found.found.files, options);
  if (!engine.ok()) return engine.status().WithContext(base::StrCat("model '", path, "'"));
  return std::unique_ptr<PredictModel>(std::make_unique<LocalModel>(
      std::move(found.name), found.version ? base::StrCat(*found.version) : "", std::move(log),
      std::move(factory), *std::move(engine)));
}

}  // namespace slipway::app
