#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/testing/fake_clock.h"
#include "base/testing/manual_executor.h"
#include "frontend/model_control.h"
#include "frontend/server_state.h"
#include "inference/dispatcher.h"
#include "lifecycle/snapshot_publisher.h"

namespace slipway::frontend {

// An engine whose outputs are its inputs, by position, unless told what to do.
class FakeEngine final : public engine::Engine {
 public:
  using RunFunction = std::function<base::Status(std::span<const tensor::TensorView> inputs,
                                                 std::span<const size_t> outputs,
                                                 std::vector<tensor::Tensor>& results)>;

  explicit FakeEngine(tensor::Signature signature) : signature_(std::move(signature)) {}
  const tensor::Signature& signature() const override { return signature_; }
  base::Status Run(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                   base::Deadline deadline, std::vector<tensor::Tensor>& results) override;
  void set_run(RunFunction run) { run_ = std::move(run); }

 private:
  const tensor::Signature signature_;
  RunFunction run_;
};

// A loaded model without files, over a FakeEngine of its own.
class FakeModel final : public lifecycle::LoadedModel {
 public:
  // `inline_lane`: false puts every call into the queue lane. `cache_bytes`: 0 for no cache.
  FakeModel(lifecycle::ModelId id, tensor::Signature signature, base::Clock& clock,
            lifecycle::ModelConfig config, bool inline_lane, uint64_t cache_bytes);
  const lifecycle::ModelId& id() const override { return id_; }
  FakeEngine& engine() const override { return engine_; }
  const lifecycle::ModelConfig& config() const override { return config_; }
  const std::string& digest() const override { return digest_; }
  const std::string& model_file() const override { return model_file_; }
  lifecycle::ModelAttachment* attachment() const override { return runtime_.get(); }
  uint64_t estimated_bytes() const override { return 4096; }
  inference::ModelRuntime& runtime() const { return *runtime_; }

 private:
  const lifecycle::ModelId id_;
  mutable FakeEngine engine_;
  const lifecycle::ModelConfig config_;
  const std::string digest_;
  const std::string model_file_ = "model.onnx";
  std::unique_ptr<inference::ModelRuntime> runtime_;
};

// The state of a server as the test sets it.
class FakeServerState final : public ServerState {
 public:
  bool live() const override { return is_live; }
  bool ready() const override { return is_ready; }
  bool draining() const override { return is_draining; }
  const std::string& name() const override { return name_; }
  const std::string& version() const override { return version_; }
  const std::string& backend() const override { return backend_; }

  bool is_live = true;
  bool is_ready = true;
  bool is_draining = false;

 private:
  const std::string name_ = "slipway";
  const std::string version_ = "0.1.0";
  const std::string backend_ = "onnxruntime";
};

// Remembers what it was asked for; calls back when told.
class FakeModelControl final : public ModelControl {
 public:
  std::vector<Entry> Index() const override { return entries; }
  std::vector<Entry> Find(std::string_view name) const override;
  void Load(LoadRequest request, Done done) override {
    loads.push_back(std::move(request));
    waiting.push_back(std::move(done));
  }
  void Unload(std::string name, Done done) override {
    unloads.push_back(std::move(name));
    waiting.push_back(std::move(done));
  }

  std::vector<Entry> entries;
  std::vector<LoadRequest> loads;
  std::vector<std::string> unloads;
  std::vector<Done> waiting;
};

// Everything an OpenInferenceHandler needs, and models as the test likes them.
class FakeServer {
 public:
  FakeServer();
  ~FakeServer();
  // Adds a version; visible at once.
  FakeModel& AddModel(const std::string& name, int64_t version, tensor::Signature signature,
                      lifecycle::ModelConfig config = {}, bool inline_lane = true);
  void RemoveModels();

  base::FakeClock clock;
  uint64_t cache_bytes = 0;  // of models added from now on
  std::unique_ptr<base::Logger> log;
  base::ManualExecutor loop;
  FakeServerState state;
  FakeModelControl control;
  lifecycle::SnapshotPublisher publisher;
  inference::Dispatcher dispatcher;

 private:
  void Publish();
  std::vector<lifecycle::Snapshot::Model> models_;
};

}  // namespace slipway::frontend
