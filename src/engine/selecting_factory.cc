#include "engine/selecting_factory.h"

#include <utility>

#include "base/check.h"

namespace slipway::engine {

using base::Result;

SelectingFactory::SelectingFactory(std::vector<std::unique_ptr<EngineFactory>> factories)
    : factories_(std::move(factories)) {
  SLIPWAY_CHECK(!factories_.empty());
}

Result<std::unique_ptr<Engine>> SelectingFactory::Load(const ModelFiles& files,
                                                       const EngineOptions& options) const {
  for (size_t i = 0; i + 1 < factories_.size(); ++i) {
    Result<std::unique_ptr<Engine>> engine = factories_[i]->Load(files, options);
    if (engine.ok()) return engine;
  }
  return factories_.back()->Load(files, options);
}

Result<uint64_t> SelectingFactory::EstimateBytes(const ModelFiles& files) const {
  return factories_.back()->EstimateBytes(files);
}

}  // namespace slipway::engine
