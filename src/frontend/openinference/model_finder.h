#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "frontend/model_control.h"
#include "inference/dispatcher.h"
#include "inference/infer_call.h"

namespace slipway::frontend::openinference {

// The version that `text` names: nullopt for "". kInvalidArgument unless it is digits; kNotFound
// (with the model's name in front) for a number that no version can have.
base::Status ParseVersion(std::string_view model, std::string_view text,
                          std::optional<int64_t>& version);

// Dispatcher::Resolve(), but a model that is known and not ready is kUnavailable, and the message
// says why.
base::Status FindModel(inference::Dispatcher& dispatcher, const ModelControl& control,
                       std::string_view name, std::optional<int64_t> version,
                       inference::InferCall& call);

}  // namespace slipway::frontend::openinference
