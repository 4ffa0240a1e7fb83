#pragma once

#include <string>
#include <string_view>

#include "frontend/grpc/proto_schema.h"
#include "lifecycle/model.h"

namespace slipway::frontend::grpc {

// Message ModelConfig of a model: what openinference::ModelConfigJson() says, encoded.
std::string ModelConfigMessage(const ProtoSchema& schema, const lifecycle::LoadedModel& model,
                               std::string_view backend);

// Encodes a JSON text as the message of that name, as protobuf's JSON form has it with the proto's
// field names: enumerations as names or numbers, 64-bit numbers also as text. What the message has
// no field for, and what does not fit a field's type, is left out. `json` must not nest deeper than
// a parser's stack (it comes from a configuration that was accepted when it was loaded).
std::string EncodeJson(const ProtoSchema& schema, std::string_view message, std::string_view json);

}  // namespace slipway::frontend::grpc
