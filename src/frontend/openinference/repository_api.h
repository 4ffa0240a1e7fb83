#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/status.h"
#include "frontend/model_control.h"

namespace slipway::frontend::openinference {

// The bodies of the model repository extension. Source: protocols.md 1.10.

// {} or nothing, or {"ready": bool}: whether only ready versions are asked for.
base::Result<bool> ReadIndexRequest(std::span<std::byte> body);
// [{"name","version","state","reason"}, ...]
std::string IndexJson(std::span<const ModelControl::Entry> entries, bool ready_only);

// {} or nothing, or {"parameters": {"config": TEXT, "file:VERSION/PATH": BASE64, ...}}. Files need
// a config, as in Triton. kInvalidArgument names the key.
base::Result<ModelControl::LoadRequest> ReadLoadRequest(std::string name,
                                                        std::span<std::byte> body);
// {} or nothing, or {"parameters": {"unload_dependents": bool}}. No model depends on another here,
// so the flag changes nothing.
base::Status ReadUnloadRequest(std::span<std::byte> body);

// The bytes that `text` stands for (RFC 4648, section 4; padding may be left out).
// kInvalidArgument.
base::Result<std::string> DecodeBase64(std::string_view text);

}  // namespace slipway::frontend::openinference
