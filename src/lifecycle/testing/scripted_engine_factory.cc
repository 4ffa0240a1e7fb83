#include "lifecycle/testing/scripted_engine_factory.h"

#include <optional>
#include <sstream>
#include <utility>

#include "base/file_system.h"
#include "base/str_cat.h"

namespace slipway::lifecycle {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StatusCode;
using tensor::Tensor;
using tensor::TensorView;

namespace {

Result<std::string> Script(const engine::ModelFiles& files) {
  if (files.in_memory == nullptr) {
    return base::RealFileSystem().Read(files.directory / files.model_file, 1 << 20);
  }
  const auto found = files.in_memory->find(files.model_file);
  if (found == files.in_memory->end()) return base::NotFound("no model file in memory");
  return found->second;
}

std::optional<std::string> Word(const std::string& script, const std::string& key) {
  std::istringstream words(script);
  for (std::string word; words >> word;) {
    if (word == key) return "";
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  }
  return std::nullopt;
}

Status Scripted(const std::string& script, const std::string& key) {
  const std::optional<std::string> wanted = Word(script, key);
  if (!wanted) return OkStatus();
  for (int code = 1; code <= 16; ++code) {
    if (StatusCodeName(static_cast<StatusCode>(code)) == *wanted) {
      return {static_cast<StatusCode>(code), base::StrCat("scripted ", key)};
    }
  }
  return base::Internal("the script names no status code");
}

class ScriptedEngine final : public engine::Engine {
 public:
  ScriptedEngine(std::string script, std::shared_ptr<std::atomic<int>> live)
      : script_(std::move(script)), live_(std::move(live)) {
    const tensor::TensorSpec x{
        .name = "x", .dtype = tensor::DType::kFp32, .shape = {-1, 2}, .dim_names = {}};
    signature_ = {.inputs = {x}, .outputs = {x}};
    ++*live_;
  }
  ScriptedEngine(const ScriptedEngine&) = delete;
  ScriptedEngine& operator=(const ScriptedEngine&) = delete;
  ~ScriptedEngine() override { --*live_; }

  const tensor::Signature& signature() const override { return signature_; }
  Status Run(std::span<const TensorView> inputs, std::span<const size_t> outputs, base::Deadline,
             std::vector<Tensor>& results) override {
    results.clear();
    SLIPWAY_RETURN_IF_ERROR(Scripted(script_, "run"));
    for (const size_t output : outputs) {
      SLIPWAY_ASSIGN_OR_RETURN(Tensor copy, Tensor::CopyOf(inputs[output]));
      results.push_back(std::move(copy));
    }
    return OkStatus();
  }

 private:
  const std::string script_;
  const std::shared_ptr<std::atomic<int>> live_;
  tensor::Signature signature_;
};

}  // namespace

Result<std::unique_ptr<engine::Engine>> ScriptedEngineFactory::Load(
    const engine::ModelFiles& files, const engine::EngineOptions& options) const {
  ++loads_;
  SLIPWAY_ASSIGN_OR_RETURN(std::string script, Script(files));
  if (Word(script, "wait")) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  SLIPWAY_RETURN_IF_ERROR(Scripted(script, "fail"));
  if (Word(script, "one_thread") && options.intra_op_threads != 1) {
    return base::ResourceExhausted("scripted one_thread");
  }
  return std::unique_ptr<engine::Engine>(
      std::make_unique<ScriptedEngine>(std::move(script), live_));
}

Result<uint64_t> ScriptedEngineFactory::EstimateBytes(const engine::ModelFiles& files) const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string script, Script(files));
  const std::optional<std::string> bytes = Word(script, "bytes");
  return bytes ? std::stoull(*bytes) : uint64_t{1000};
}

void ScriptedEngineFactory::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

void ScriptedEngineFactory::AwaitWaiting() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_ > 0; });
}

}  // namespace slipway::lifecycle
