#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "app/server/model_settings.h"
#include "base/status.h"
#include "lifecycle/version_policy.h"

namespace slipway::app {

// What Triton's ModelConfig says about how a model runs, as far as there is the same here. Clients
// send one, as JSON, with a load call. A value.
struct TritonConfig {
  std::optional<lifecycle::VersionPolicy> version_policy = {};
  std::optional<int64_t> max_batch_size = {};                // 0: each request runs alone
  std::optional<std::vector<int64_t>> preferred_sizes = {};  // dynamic_batching
  std::optional<std::chrono::nanoseconds> max_queue_delay = {};
  std::optional<int64_t> max_queue_size = {};  // its default_queue_policy; 0: as it was
  std::optional<std::chrono::nanoseconds> default_timeout = {};
  std::optional<int64_t> instances = {};  // instance_group: the sum of its counts
  std::optional<bool> response_cache = {};
  bool sequence_batching = false;
  std::vector<engine::StateOption> states = {};  // empty: as it was
  std::optional<std::chrono::nanoseconds> sequence_idle = {};

  // `settings`, and what is given here instead. kInvalidArgument: values that do not fit together,
  // or a cache where the server's configuration has none for the model. kUnimplemented: sequences
  // of a model whose state neither says.
  base::Result<ModelSettings> Applied(ModelSettings settings) const;
};

// Reads it; fields that only describe the model, such as its inputs, are not looked into.
// kInvalidArgument: not JSON, not an object, nested deeper than 64, a field that is none of
// ModelConfig's, a value of another kind. kUnimplemented, by name: of sequence batching all but the
// state and the idle time, ensembles, decoupled answers, instances on other processors than the
// CPU. Source: model_config.proto.
base::Result<TritonConfig> ReadTritonConfig(std::string_view json);

}  // namespace slipway::app
