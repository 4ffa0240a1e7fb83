#include "frontend/openinference/metadata_json.h"

#include <array>
#include <map>
#include <string>

#include "base/text.h"
#include "frontend/openinference/json_text.h"

namespace slipway::frontend::openinference {
namespace {

constexpr std::array<std::string_view, 10> kExtensions = {"classification",
                                                          "sequence",
                                                          "sequence(string_id)",
                                                          "model_repository",
                                                          "model_repository(unload_dependents)",
                                                          "model_configuration",
                                                          "binary_tensor_data",
                                                          "parameters",
                                                          "statistics",
                                                          "logging"};

void AppendKey(std::string_view key, std::string& out) {
  out.append("\"").append(key).append("\":");
}

template <typename Items, typename AppendItem>
void AppendList(const Items& items, std::string& out, AppendItem&& append) {
  out.push_back('[');
  bool first = true;
  for (const auto& item : items) {
    if (!first) out.push_back(',');
    first = false;
    append(item);
  }
  out.push_back(']');
}

void AppendSpecs(const std::vector<tensor::TensorSpec>& specs, std::string& out) {
  AppendList(specs, out, [&](const tensor::TensorSpec& spec) {
    out.append("{\"name\":");
    base::AppendJsonString(out, spec.name);
    out.append(",\"datatype\":\"").append(tensor::DTypeName(spec.dtype)).append("\",\"shape\":");
    AppendShape(spec.any_rank ? tensor::Shape{-1} : spec.shape, out);
    out.push_back('}');
  });
}

void AppendProperties(const std::map<std::string, std::string>& properties, std::string& out) {
  out.push_back('{');
  for (const auto& [key, value] : properties) {
    if (out.back() != '{') out.push_back(',');
    base::AppendJsonString(out, key);
    out.push_back(':');
    base::AppendJsonString(out, value);
  }
  out.push_back('}');
}

}  // namespace

std::vector<std::string_view> Extensions(const Services& services) {
  std::vector<std::string_view> extensions(kExtensions.begin(), kExtensions.end());
  if (services.shared_memory != nullptr) extensions.emplace_back("system_shared_memory");
  if (services.tracer != nullptr && !services.tracer->file().empty()) {
    extensions.emplace_back("trace");
  }
  return extensions;
}

std::string PlatformName(std::string_view backend) { return std::string(backend).append("_onnx"); }

std::string ServerMetadataJson(const Services& services) {
  std::string out = "{\"name\":";
  base::AppendJsonString(out, services.state.name());
  out.append(",\"version\":");
  base::AppendJsonString(out, services.state.version());
  out.append(",\"extensions\":");
  AppendList(Extensions(services), out,
             [&](std::string_view extension) { base::AppendJsonString(out, extension); });
  out.push_back('}');
  return out;
}

std::string ModelListJson(const lifecycle::Snapshot& snapshot) {
  std::string out = "{\"models\":";
  AppendList(snapshot.models(), out, [&](const lifecycle::Snapshot::Model& model) {
    base::AppendJsonString(out, model.name);
  });
  out.push_back('}');
  return out;
}

std::string ModelMetadataJson(const lifecycle::LoadedModel& model,
                              std::span<const lifecycle::ModelHandle> versions,
                              std::string_view backend) {
  std::string out = "{";
  AppendKey("name", out);
  base::AppendJsonString(out, model.id().name);
  out.push_back(',');
  AppendKey("versions", out);
  AppendList(versions, out, [&](const lifecycle::ModelHandle& version) {
    out.push_back('"');
    AppendNumber(version->id().version, out);
    out.push_back('"');
  });
  out.push_back(',');
  AppendKey("platform", out);
  base::AppendJsonString(out, PlatformName(backend));
  out.push_back(',');
  AppendKey("inputs", out);
  AppendSpecs(model.engine().signature().inputs, out);
  out.push_back(',');
  AppendKey("outputs", out);
  AppendSpecs(model.engine().signature().outputs, out);
  if (const auto& properties = model.engine().signature().properties; !properties.empty()) {
    out.push_back(',');
    AppendKey("properties", out);
    AppendProperties(properties, out);
  }
  out.push_back('}');
  return out;
}

}  // namespace slipway::frontend::openinference
