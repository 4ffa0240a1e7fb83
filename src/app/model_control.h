#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "frontend/model_control.h"
#include "lifecycle/manager.h"

namespace slipway::app {

// The repository API of the front ends, over the manager. Thread-safe; `manager` must outlive it.
class ManagerModelControl final : public frontend::ModelControl {
 public:
  using ConfigOf = std::function<lifecycle::ModelConfig(std::string_view model)>;

  // `config_of` says how a model is loaded when a client's load call brings a configuration.
  ManagerModelControl(lifecycle::Manager& manager, ConfigOf config_of)
      : manager_(manager), config_of_(std::move(config_of)) {}

  std::vector<Entry> Index() const override;
  std::vector<Entry> Find(std::string_view name) const override;
  void Load(LoadRequest request, Done done) override;
  void Unload(std::string name, Done done) override;

 private:
  lifecycle::Manager& manager_;
  const ConfigOf config_of_;
};

// What a client's ModelConfig (Triton's JSON) asks of us: the version policy; the rest is kept as
// it is for the configuration call. kInvalidArgument: not JSON, not an object, or a field that is
// not one of ModelConfig's.
base::Result<lifecycle::LoadRequest> ToLoadRequest(frontend::ModelControl::LoadRequest request,
                                                   const lifecycle::ModelConfig& defaults);

}  // namespace slipway::app
