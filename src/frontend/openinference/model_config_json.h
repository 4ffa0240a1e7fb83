#pragma once

#include <string>
#include <string_view>

#include "lifecycle/model.h"

namespace slipway::frontend::openinference {

// What "max_batch_size" says of models whose batch dimension is free and whose configuration does
// not say otherwise. The server itself sets no such limit; clients only compare with it.
inline constexpr int64_t kAnnouncedBatchSize = 1024;

// A model's configuration as Triton's ModelConfig: what follows from its signature, and the fields
// of the configuration it was loaded with. `dims` leave the batch dimension out when max_batch_size
// > 0. Source: Triton, model_config.proto.
std::string ModelConfigJson(const lifecycle::LoadedModel& model, std::string_view backend);

}  // namespace slipway::frontend::openinference
