#include "frontend/openinference/repository_api.h"

#include <array>
#include <charconv>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"
#include "frontend/openinference/json_text.h"
#include "tensor/json_reader.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::JsonReader;

// Reads a body that is empty or one object.
template <typename OnKey>
Status ReadBody(std::span<std::byte> body, OnKey&& on_key) {
  if (body.empty()) return OkStatus();
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  SLIPWAY_RETURN_IF_ERROR(
      ReadObject(reader, [&](std::string_view key) { return on_key(reader, key); }));
  reader.Finish();
  return reader.status();
}

// The same for {"parameters": {...}}.
template <typename OnParameter>
Status ReadParameters(std::span<std::byte> body, OnParameter&& on_parameter) {
  return ReadBody(body, [&](JsonReader& reader, std::string_view key) -> Status {
    if (key != "parameters") {
      return InvalidArgument(StrCat("expected 'parameters', got the key '", Printable(key), "'"));
    }
    return ReadObject(reader, [&](std::string_view name) { return on_parameter(reader, name); });
  });
}

Status ReadFile(JsonReader& reader, std::string_view key, ModelControl::LoadRequest& request) {
  int64_t version = 0;
  std::string path;
  SLIPWAY_RETURN_IF_ERROR(ParseFileKey(key, version, path));
  std::string_view text;
  if (!reader.ReadString(text)) return reader.status();
  Result<std::string> content = DecodeBase64(text);
  if (!content.ok()) return content.status().WithContext(StrCat("'", Printable(key), "'"));
  request.files[version][path] = *std::move(content);
  return OkStatus();
}

constexpr std::array<int8_t, 256> kBase64Values = [] {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}();

}  // namespace

Status ParseFileKey(std::string_view key, int64_t& version, std::string& path) {
  const std::string_view name = key.substr(key.find(':') + 1);
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  const auto digits = static_cast<size_t>(stop - name.data());
  const bool versioned =
      error == std::errc() && version >= 0 && digits + 1 < name.size() && name[digits] == '/';
  if (!versioned) {
    return InvalidArgument(
        StrCat("'", Printable(key), "': expected 'file:VERSION/PATH', as in 'file:1/model.onnx'"));
  }
  path = name.substr(digits + 1);
  const bool leaves = path.front() == '/' || path == ".." || path.starts_with("../") ||
                      path.ends_with("/..") || path.find("/../") != std::string::npos;
  if (leaves || path.find('\0') != std::string::npos) {
    return InvalidArgument(StrCat("'", Printable(key), "': the path must stay inside the version"));
  }
  return OkStatus();
}

Status CheckLoadRequest(const ModelControl::LoadRequest& request) {
  if (request.files.empty() || !request.config_json.empty()) return OkStatus();
  return InvalidArgument("files need the parameter 'config' beside them (\"{}\" will do)");
}

Status UnknownLoadParameter(std::string_view key) {
  return InvalidArgument(
      StrCat("parameter '", Printable(key), "': expected 'config' or 'file:VERSION/PATH'"));
}

Status UnknownUnloadParameter(std::string_view key) {
  return InvalidArgument(StrCat("parameter '", Printable(key), "': expected 'unload_dependents'"));
}

Status NamedRepositoryRefused(std::string_view name) {
  return base::Unimplemented(StrCat("repository '", Printable(name),
                                    "': named repositories are not supported; leave the name out"));
}

Result<std::string> DecodeBase64(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('=') && text.size() % 4 != 1; ++i) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int held = 0;  // bits
  for (const char c : text) {
    const int8_t value = kBase64Values[static_cast<uint8_t>(c)];
    if (value < 0) return InvalidArgument("expected base64");
    bits = (bits << 6) | static_cast<uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(bits >> held));
      bits &= (1U << held) - 1;
    }
  }
  if (held == 6 || bits != 0) return InvalidArgument("expected base64, but its end is cut off");
  return out;
}

Result<bool> ReadIndexRequest(std::span<std::byte> body) {
  bool ready_only = false;
  SLIPWAY_RETURN_IF_ERROR(ReadBody(body, [&](JsonReader& reader, std::string_view key) -> Status {
    if (key != "ready") {
      return InvalidArgument(StrCat("expected 'ready', got the key '", Printable(key), "'"));
    }
    reader.ReadBool(ready_only);
    return reader.status();
  }));
  return ready_only;
}

std::string IndexJson(std::span<const ModelControl::Entry> entries, bool ready_only) {
  std::string out = "[";
  for (const ModelControl::Entry& entry : entries) {
    if (ready_only && entry.state != "READY") continue;
    if (out.size() > 1) out.push_back(',');
    out.append("{\"name\":");
    base::AppendJsonString(out, entry.name);
    if (entry.version) {
      out.append(",\"version\":\"");
      AppendNumber(*entry.version, out);
      out.append("\",\"state\":\"").append(entry.state).append("\",\"reason\":");
      base::AppendJsonString(out, entry.reason);
    }
    out.push_back('}');
  }
  out.push_back(']');
  return out;
}

Result<ModelControl::LoadRequest> ReadLoadRequest(std::string name, std::span<std::byte> body) {
  ModelControl::LoadRequest request;
  request.name = std::move(name);
  SLIPWAY_RETURN_IF_ERROR(
      ReadParameters(body, [&](JsonReader& reader, std::string_view key) -> Status {
        if (key.starts_with("file:")) return ReadFile(reader, key, request);
        if (key != "config") return UnknownLoadParameter(key);
        std::string_view config;
        if (reader.ReadString(config)) request.config_json = config;
        return reader.status();
      }));
  SLIPWAY_RETURN_IF_ERROR(CheckLoadRequest(request));
  return request;
}

Status ReadUnloadRequest(std::span<std::byte> body) {
  return ReadParameters(body, [&](JsonReader& reader, std::string_view key) -> Status {
    if (key != "unload_dependents") return UnknownUnloadParameter(key);
    bool dependents = false;
    reader.ReadBool(dependents);
    return reader.status();
  });
}

}  // namespace slipway::frontend::openinference
