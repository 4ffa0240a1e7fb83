#include "frontend/testing/fake_server.h"

#include <algorithm>
#include <chrono>

#include "base/str_cat.h"

namespace slipway::frontend {

base::Status FakeEngine::Run(std::span<const tensor::TensorView> inputs,
                             std::span<const size_t> outputs, base::Deadline /*deadline*/,
                             std::vector<tensor::Tensor>& results) {
  results.clear();
  if (run_) return run_(inputs, outputs, results);
  for (const size_t output : outputs) {
    SLIPWAY_ASSIGN_OR_RETURN(tensor::Tensor result, tensor::Tensor::CopyOf(inputs[output]));
    results.push_back(std::move(result));
  }
  return base::OkStatus();
}

FakeModel::FakeModel(lifecycle::ModelId id, tensor::Signature signature, base::Clock& clock,
                     lifecycle::ModelConfig config, bool inline_lane, uint64_t cache_bytes)
    : id_(std::move(id)),
      engine_(std::move(signature)),
      config_(std::move(config)),
      digest_(base::StrCat("sha256:of-", id_.name, "-", id_.version)),
      runtime_(std::make_unique<inference::ModelRuntime>(
          inference::ModelRuntime::Options{.cache = {.max_bytes = cache_bytes}, .queue = {}},
          inference::RunProfile{.run_time = inline_lane
                                                ? std::chrono::nanoseconds(1)
                                                : std::chrono::nanoseconds(std::chrono::hours(1))},
          clock)) {}

std::vector<ModelControl::Entry> FakeModelControl::Find(std::string_view name) const {
  std::vector<Entry> found;
  std::ranges::copy_if(entries, std::back_inserter(found),
                       [name](const Entry& entry) { return entry.name == name; });
  return found;
}

FakeServer::FakeServer() : log(base::Logger::Null()), dispatcher(publisher, loop, clock, 0) {
  Publish();
}

FakeServer::~FakeServer() { loop.RunPosted(); }

FakeModel& FakeServer::AddModel(const std::string& name, int64_t version,
                                tensor::Signature signature, lifecycle::ModelConfig config,
                                bool inline_lane) {
  auto model = std::make_shared<FakeModel>(lifecycle::ModelId{name, version}, std::move(signature),
                                           clock, std::move(config), inline_lane, cache_bytes);
  FakeModel& added = *model;
  auto found = std::ranges::find(models_, name, &lifecycle::Snapshot::Model::name);
  if (found == models_.end()) {
    models_.push_back({.name = name, .versions = {}});
    std::ranges::sort(models_, {}, &lifecycle::Snapshot::Model::name);
    found = std::ranges::find(models_, name, &lifecycle::Snapshot::Model::name);
  }
  found->versions.push_back(std::move(model));
  Publish();
  return added;
}

void FakeServer::RemoveModels() {
  models_.clear();
  Publish();
}

void FakeServer::Publish() {
  publisher.Publish(std::make_shared<const lifecycle::Snapshot>(models_));
}

}  // namespace slipway::frontend
