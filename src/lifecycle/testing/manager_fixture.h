#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/testing/fake_clock.h"
#include "base/testing/temporary_directory.h"
#include "lifecycle/manager.h"
#include "lifecycle/repository_source.h"
#include "lifecycle/testing/scripted_engine_factory.h"

namespace slipway::lifecycle {

// Waits for what other threads do; 60 s is for machines under sanitizers and load.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A manager over a temporary repository of scripted models; for tests.
class ManagerFixture : public testing::Test {
 public:
  ~ManagerFixture() override { manager_.reset(); }

 protected:
  void Write(const std::string& relative, const std::string& content) const {
    const std::filesystem::path path = directory_.path() / relative;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  void Remove(const std::string& relative) const {
    std::filesystem::remove_all(directory_.path() / relative);
  }

  void Make(ManagerOptions options, ModelObserver* observer = nullptr) {
    manager_ = std::make_unique<Manager>(
        Manager::Services{.fs = fs_,
                          .clock = clock_,
                          .log = *log_,
                          .factory = factory_,
                          .source = source_,
                          .publisher = publisher_,
                          .observer = observer,
                          .listener = [this](const ModelEvent& event) { Record(event); }},
        std::move(options));
  }
  // An explicit manager on which the initial loads have ended.
  void StartExplicit(ManagerOptions options = {}, ModelObserver* observer = nullptr) {
    options.mode = ControlMode::kExplicit;
    if (options.memory_budget_bytes == 0) options.memory_budget_bytes = 1'000'000;
    Make(std::move(options), observer);
    ASSERT_TRUE(manager_->Start().ok());
    ASSERT_TRUE(Eventually([this] { return manager_->AllInitialLoadsDone(); }));
  }

  base::Status Load(LoadRequest request) {
    std::promise<base::Status> done;
    manager_->Load(std::move(request), [&](const base::Status& status) { done.set_value(status); });
    return done.get_future().get();
  }
  base::Status Load(const std::string& name) { return Load(LoadRequest{.name = name}); }
  base::Status Unload(const std::string& name) {
    std::promise<base::Status> done;
    manager_->Unload(name, [&](const base::Status& status) { done.set_value(status); });
    return done.get_future().get();
  }

  // The ready versions of a model, as the published snapshot has them.
  std::vector<int64_t> Ready(const std::string& name) const {
    std::vector<int64_t> versions;
    const auto snapshot = publisher_.Current();
    if (const Snapshot::Model* model = snapshot->Find(name)) {
      for (const ModelHandle& handle : model->versions) versions.push_back(handle->id().version);
    }
    return versions;
  }
  VersionStatus StatusOf(const std::string& name, int64_t version) const {
    for (const ModelStatus& model : manager_->Index()) {
      if (model.name != name) continue;
      for (const VersionStatus& one : model.versions) {
        if (one.version == version) return one;
      }
    }
    return {};
  }
  size_t Count(ModelEvent::Kind kind) const {
    const std::lock_guard lock(events_mutex_);
    size_t count = 0;
    for (const ModelEvent& event : events_) count += event.kind == kind ? 1 : 0;
    return count;
  }

  // What every model of the repository is to be loaded with.
  void SetConfig(ModelConfig config) {
    const std::lock_guard lock(config_mutex_);
    config_ = std::move(config);
  }

  const base::TemporaryDirectory directory_;
  const base::RealFileSystem fs_;
  base::FakeClock clock_;
  const std::unique_ptr<base::Logger> log_ = base::Logger::Null();
  ScriptedEngineFactory factory_;
  const RepositorySource source_{fs_, directory_.path(), [this](std::string_view) {
                                   const std::lock_guard lock(config_mutex_);
                                   return config_;
                                 }};
  SnapshotPublisher publisher_;
  std::unique_ptr<Manager> manager_;

 private:
  void Record(const ModelEvent& event) {
    const std::lock_guard lock(events_mutex_);
    events_.push_back(event);
  }
  mutable std::mutex config_mutex_;  // guards config_
  ModelConfig config_;
  mutable std::mutex events_mutex_;  // guards events_
  std::vector<ModelEvent> events_;
};

}  // namespace slipway::lifecycle
