#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/services.h"
#include "lifecycle/model.h"

namespace slipway::frontend::openinference {

// The protocol's extensions that work here: what GET /v2 announces.
std::vector<std::string_view> Extensions(const Services& services);

std::string ServerMetadataJson(const Services& services);
// {"models":["a","b"]}: the models that are ready.
std::string ModelListJson(const lifecycle::Snapshot& snapshot);
// `versions`: what to list as ready. `backend`: ServerState::backend().
std::string ModelMetadataJson(const lifecycle::LoadedModel& model,
                              std::span<const lifecycle::ModelHandle> versions,
                              std::string_view backend);
// "onnxruntime_onnx"
std::string PlatformName(std::string_view backend);

}  // namespace slipway::frontend::openinference
