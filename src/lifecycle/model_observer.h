#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "engine/engine.h"
#include "lifecycle/model.h"

namespace slipway::lifecycle {

// What an upper room wants to do when models come and go. Thread-safe: it is called on several
// lifecycle threads at once. Must outlive the manager.
class ModelObserver {
 public:
  virtual ~ModelObserver() = default;

  // After warm-up, on the thread of OnLoaded(): other options that the engine should be loaded
  // with, instead of `model.config().engine`; nullopt: those are right. Asked again when it was
  // loaded with them, so that what does not help can be taken back, and then no more.
  virtual std::optional<engine::EngineOptions> BetterOptions(const LoadedModel& /*model*/) {
    return std::nullopt;
  }
  // After warm-up, before the model becomes ready, on one thread that runs at the priority of
  // requests; may take its time and run the engine to measure it. What it returns (nullptr:
  // nothing) becomes `model.attachment()`; it is destroyed before the engine, and may refer to
  // `model` until then. An error fails the load.
  virtual base::Result<std::unique_ptr<ModelAttachment>> OnLoaded(const LoadedModel& model) = 0;
  // After the model was destroyed and its memory given back.
  virtual void OnUnloaded(const ModelId& id) = 0;
  virtual void OnLoadFailed(const ModelId& id, const base::Status& status) = 0;
};

// Something that happened to a model version. For metrics and the audit trail; a value.
struct ModelEvent {
  enum class Kind : uint8_t { kLoadStarted, kReady, kLoadFailed, kDraining, kUnloaded };

  Kind kind = Kind::kLoadStarted;
  ModelId id = {};
  base::Status status = {};             // why the load failed
  std::chrono::nanoseconds duration{};  // of the load: kReady and kLoadFailed
  uint64_t estimated_bytes = 0;         // from kReady on
  std::string digest = {};              // from kReady on
};

// Called on one lifecycle thread, one event after the other; must be quick.
using ModelEventListener = std::function<void(const ModelEvent&)>;

}  // namespace slipway::lifecycle
