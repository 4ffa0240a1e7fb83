#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

#include "app/server/model_settings.h"
#include "frontend/model_control.h"
#include "lifecycle/manager.h"

namespace slipway::app {

// The repository API of the front ends, over the manager. Thread-safe; `manager` must outlive it.
class ManagerModelControl final : public frontend::ModelControl {
 public:
  using SettingsOf = std::function<ModelSettings(std::string_view model)>;

  // `settings_of` says what holds for a model beside what a client's load call says.
  ManagerModelControl(lifecycle::Manager& manager, SettingsOf settings_of, size_t processors)
      : manager_(manager), settings_of_(std::move(settings_of)), processors_(processors) {}

  std::vector<Entry> Index() const override;
  std::vector<Entry> Find(std::string_view name) const override;
  void Load(LoadRequest request, Done done) override;
  void Unload(std::string name, Done done) override;

 private:
  lifecycle::Manager& manager_;
  const SettingsOf settings_of_;
  const size_t processors_;
};

// What a client's load call asks of us, where `defaults` hold otherwise. Its configuration, if it
// brings one, is kept as it is too, for the configuration call. Errors: those of
// ReadTritonConfig().
base::Result<lifecycle::LoadRequest> ToLoadRequest(frontend::ModelControl::LoadRequest request,
                                                   const ModelSettings& defaults,
                                                   size_t processors);

}  // namespace slipway::app
