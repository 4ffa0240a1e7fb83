#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace slipway::engine {

// Asks one factory after the other; the first that loads the model has it. Special factories come
// first and refuse what is not theirs; the last one is for every model, and its words are what is
// said of a model that nobody takes. Thread-safe.
class SelectingFactory final : public EngineFactory {
 public:
  // At least one factory; the last is the general one.
  explicit SelectingFactory(std::vector<std::unique_ptr<EngineFactory>> factories);

  base::Result<std::unique_ptr<Engine>> Load(const ModelFiles& files,
                                             const EngineOptions& options) const override;
  // Of the general factory, which must not need less than the special ones.
  base::Result<uint64_t> EstimateBytes(const ModelFiles& files) const override;
  std::string name() const override { return factories_.back()->name(); }
  std::string version() const override { return factories_.back()->version(); }
  std::vector<std::string> providers() const override { return factories_.back()->providers(); }

 private:
  const std::vector<std::unique_ptr<EngineFactory>> factories_;
};

}  // namespace slipway::engine
