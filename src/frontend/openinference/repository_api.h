#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "frontend/model_control.h"

namespace slipway::frontend::openinference {

// The bodies of the model repository extension. Source: Triton, "Model Repository Extension".

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

// "file:1/model.onnx": version 1, "model.onnx". kInvalidArgument; also for a path that leaves the
// version.
base::Status ParseFileKey(std::string_view key, int64_t& version, std::string& path);
// kInvalidArgument unless the parts of the request fit together.
base::Status CheckLoadRequest(const ModelControl::LoadRequest& request);
// The errors for a load or unload parameter that there is not.
base::Status UnknownLoadParameter(std::string_view key);
base::Status UnknownUnloadParameter(std::string_view key);
// Named repositories there are none.
base::Status NamedRepositoryRefused(std::string_view name);

// The bytes that `text` stands for (RFC 4648, section 4; padding may be left out).
// kInvalidArgument.
base::Result<std::string> DecodeBase64(std::string_view text);

}  // namespace slipway::frontend::openinference
