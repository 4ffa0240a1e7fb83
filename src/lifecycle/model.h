#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace slipway::lifecycle {

// One version of one model. A value.
struct ModelId {
  std::string name;
  int64_t version = 0;  // >= 0
  friend auto operator<=>(const ModelId&, const ModelId&) = default;
};

// "model 'resnet50' version 3"
std::ostream& operator<<(std::ostream& out, const ModelId& id);

// How one model is to be loaded and served; every field has a default. A value.
struct ModelConfig {
  engine::EngineOptions engine = {};
  // Per output: class names by index, for the classification extension. Empty: none.
  std::map<std::string, std::vector<std::string>> labels = {};
  int warmup_runs = 3;
  // Memory that is kept for the model beside its engine's, such as a cache's: it is admitted, and
  // reported, as a part of the model's.
  uint64_t reserve_bytes = 0;
  // Sequences whose state is kept, for a model with state: their memory is admitted, and reported,
  // as a part of the model's, too.
  uint64_t max_sequences = 0;
  // The configuration a client sent with a load call (Triton's ModelConfig as JSON), "" when none.
  std::string override_json = {};
  // What an upper room runs it with, in words of its own: where they change, the model is loaded
  // again.
  std::string run_settings = {};

  bool operator==(const ModelConfig&) const = default;
};

// What an upper room keeps beside a loaded model: lanes, statistics. Made before the model becomes
// ready, destroyed with it.
class ModelAttachment {
 public:
  virtual ~ModelAttachment() = default;
};

// One model version in memory, ready to run. Immutable, so thread-safe. Lives as long as any handle
// to it; destroyed on a lifecycle thread, never on a request thread.
class LoadedModel : public std::enable_shared_from_this<LoadedModel> {
 public:
  virtual ~LoadedModel() = default;
  virtual const ModelId& id() const = 0;
  virtual engine::Engine& engine() const = 0;
  virtual const ModelConfig& config() const = 0;
  // Whether its files came with a load call, so that its source has others, or none.
  virtual bool from_request() const { return false; }
  // "sha256:..." over the model's files, the same for the same bytes; goes into every answer.
  virtual const std::string& digest() const = 0;
  // Name of the file it was loaded from, relative to the version's directory: "model.onnx".
  virtual const std::string& model_file() const = 0;
  virtual ModelAttachment* attachment() const = 0;
  virtual uint64_t estimated_bytes() const = 0;
};

// Keeps a model version alive. Cheap to copy, but each copy costs an atomic increment: a request
// that runs inline borrows from the snapshot instead. Shared, because the snapshot and every
// request in flight each may be the last to need it.
using ModelHandle = std::shared_ptr<const LoadedModel>;

// Which model versions are ready: one immutable table. The request path reads it without a lock.
class Snapshot {
 public:
  struct Model {
    std::string name;
    std::vector<ModelHandle> versions = {};  // ascending; not empty
    const LoadedModel& latest() const { return *versions.back(); }
  };

  explicit Snapshot(std::vector<Model> models);

  // nullptr when no version of that name is ready.
  const Model* Find(std::string_view name) const;
  // The model's version, or its latest when `version` is nullopt; nullptr when not ready.
  const ModelHandle* Find(std::string_view name, std::optional<int64_t> version) const;
  const std::vector<Model>& models() const { return models_; }  // sorted by name

 private:
  std::vector<Model> models_;
};

}  // namespace slipway::lifecycle
