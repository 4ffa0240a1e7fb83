#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/server/model_settings.h"

namespace slipway::app {

// The settings of models, which may change while the server runs. Thread-safe.
class LiveSettings {
 public:
  LiveSettings(ModelSettings all, OwnModelSettings own) { Set(std::move(all), std::move(own)); }

  void Set(ModelSettings all, OwnModelSettings own) {
    auto settings = std::make_shared<const Settings>(std::move(all), std::move(own));
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
  }
  ModelSettings For(std::string_view model) const {
    const std::shared_ptr<const Settings> settings = Current();
    return settings->second.For(model, settings->first);
  }
  // The models that have settings of their own.
  std::vector<std::string> names() const { return Current()->second.names(); }

 private:
  using Settings = std::pair<ModelSettings, OwnModelSettings>;  // of all models, of single ones

  std::shared_ptr<const Settings> Current() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }

  mutable std::mutex mutex_;  // guards settings_
  std::shared_ptr<const Settings> settings_;
};

}  // namespace slipway::app
