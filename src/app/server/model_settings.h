#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "inference/model_runtime.h"
#include "lifecycle/model.h"

namespace slipway::app {

// How a model is loaded and run: what may differ from model to model. A value.
struct ModelSettings {
  std::string provider = "cpu";
  int64_t intra_op_threads = 0;  // 0: 1, or as many as an objective needs
  int64_t max_batch_rows = 64;
  std::chrono::nanoseconds max_batch_delay = std::chrono::seconds(0);
  std::vector<int64_t> preferred_batch_rows;  // in any order
  std::map<std::string, int64_t> pad;         // values by inputs, for rows of different lengths
  std::chrono::nanoseconds objective = std::chrono::seconds(0);  // p99 of an answer; 0: none
  std::chrono::nanoseconds timeout = std::chrono::seconds(0);    // of every request; 0: none
  int64_t queue_threads = 0;  // in the queue lane; 0: one per processor
  int64_t max_queued = 1024;
  bool shed_overload = true;
  std::string overflow_model;  // that answers what a queue refuses; empty: none
  bool fair_share = true;      // between clients
  int64_t cpu_weight = 100;    // of its threads beside those of other models
  std::chrono::nanoseconds max_run_time = std::chrono::minutes(1);
  std::string isolation = "none";
  uint64_t process_memory_bytes = 0;  // of a worker process; 0: no limit
  uint64_t cache_bytes = 0;           // 0: no cache
  uint64_t cache_request_bytes = uint64_t{1} << 20;
  std::vector<engine::StateOption> states;  // that are kept for each sequence; none: no sequences
  std::chrono::nanoseconds sequence_idle = std::chrono::minutes(1);  // 0: they stay until they end
  int64_t max_sequences = 1000;

  // The fields of slipway.yaml, bound to this object: at its top level they hold for every model,
  // in model_settings for one.
  std::vector<base::ConfigField> Fields();
  // kInvalidArgument when values do not fit together.
  base::Status Validate() const;

  // On one line: {provider: cpu, ...}, the same for the same settings.
  std::string Print() const;
  // The same as the rooms below want it.
  lifecycle::ModelConfig ToConfig(size_t processors) const;
  inference::ModelRuntime::Options ToRuntime(size_t processors, size_t io_threads) const;

 private:
  size_t QueueThreads(size_t processors) const;
};

// The section model_settings: which settings a model has of its own, by the model's name. A value.
//
//   model_settings:
//     resnet50: {provider: cuda, objective: 50ms, batching: {max_rows: 32}}
class OwnModelSettings {
 public:
  // Errors as of base::ReadConfig(); a field that is not one of ModelSettings is one of them.
  base::Status Read(const base::ConfigValue& section);
  // On one line, in a form that Read() takes.
  std::string Print() const;

  bool empty() const { return models_.empty(); }
  std::vector<std::string> names() const;
  // `defaults`, and what the model has of its own instead.
  ModelSettings For(std::string_view name, ModelSettings defaults) const;

 private:
  using Given = std::pair<std::string_view, base::ConfigValue>;  // a field's path, its value
  std::map<std::string, std::vector<Given>, std::less<>> models_;
};

}  // namespace slipway::app
