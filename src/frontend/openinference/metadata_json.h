#pragma once

#include <span>
#include <string>
#include <string_view>

#include "frontend/server_state.h"
#include "lifecycle/model.h"

namespace slipway::frontend::openinference {

// The protocol's extensions that work here: what GET /v2 announces. `shared_memory`: whether it is
// on.
std::span<const std::string_view> Extensions(bool shared_memory);

std::string ServerMetadataJson(const ServerState& state, bool shared_memory);
// {"models":["a","b"]}: the models that are ready.
std::string ModelListJson(const lifecycle::Snapshot& snapshot);
// `versions`: what to list as ready. `backend`: ServerState::backend().
std::string ModelMetadataJson(const lifecycle::LoadedModel& model,
                              std::span<const lifecycle::ModelHandle> versions,
                              std::string_view backend);
// "onnxruntime_onnx"
std::string PlatformName(std::string_view backend);

}  // namespace slipway::frontend::openinference
