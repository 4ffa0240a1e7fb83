#include "graph/tabular_metadata.h"

#include <string_view>
#include <utility>

#include "base/protobuf_wire.h"
#include "base/text.h"
#include "tensor/json_reader.h"

namespace slipway::graph {
namespace {

constexpr std::string_view kSource = "slipway.source";
constexpr std::string_view kFramework = "slipway.framework";
constexpr std::string_view kFrameworkVersion = "slipway.framework_version";
constexpr std::string_view kColumns = "slipway.columns";
constexpr std::string_view kClasses = "slipway.classes";

std::string JsonList(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    base::AppendJsonString(out, text);
  }
  return out + "]";
}

std::vector<std::string> ReadJsonList(std::string text) {
  const size_t size = text.size();
  text.resize(size + tensor::JsonReader::kPadding);
  tensor::JsonReader reader({text.data(), size});
  std::vector<std::string> out;
  if (!reader.BeginArray()) return {};
  while (reader.NextElement()) {
    std::string_view item;
    if (!reader.ReadString(item)) return {};
    out.emplace_back(item);
  }
  return reader.Finish() ? out : std::vector<std::string>();
}

}  // namespace

std::map<std::string, std::string> MetadataEntries(const TabularMetadata& metadata) {
  std::map<std::string, std::string> entries;
  const auto set = [&entries](std::string_view key, const std::string& value) {
    if (!value.empty()) entries.emplace(key, value);
  };
  set(kSource, metadata.source);
  set(kFramework, metadata.framework);
  set(kFrameworkVersion, metadata.framework_version);
  if (!metadata.columns.empty()) entries.emplace(kColumns, JsonList(metadata.columns));
  if (!metadata.classes.empty()) entries.emplace(kClasses, JsonList(metadata.classes));
  return entries;
}

void WriteTabularMetadata(const TabularMetadata& metadata, GraphBuilder& graph) {
  for (const auto& [key, value] : MetadataEntries(metadata)) graph.SetMetadata(key, value);
}

void AppendMetadata(std::string_view key, std::string_view value, std::string& onnx) {
  std::string entry;
  base::WireWriter(entry).Bytes(1, key);
  base::WireWriter(entry).Bytes(2, value);
  base::WireWriter(onnx).Bytes(14, entry);
}

TabularMetadata ReadTabularMetadata(const std::map<std::string, std::string>& metadata) {
  const auto get = [&metadata](std::string_view key) {
    const auto found = metadata.find(std::string(key));
    return found == metadata.end() ? std::string() : found->second;
  };
  return {.source = get(kSource),
          .framework = get(kFramework),
          .framework_version = get(kFrameworkVersion),
          .columns = ReadJsonList(get(kColumns)),
          .classes = ReadJsonList(get(kClasses))};
}

void DescribeSignature(const std::map<std::string, std::string>& metadata,
                       tensor::Signature& signature) {
  TabularMetadata described = ReadTabularMetadata(metadata);
  signature.columns = std::move(described.columns);
  signature.classes = std::move(described.classes);
  for (const std::string_view key :
       {kSource, kFramework, kFrameworkVersion, kColumns, kClasses, kProofKey}) {
    const auto found = metadata.find(std::string(key));
    if (found != metadata.end() && base::IsValidUtf8(found->second)) {
      signature.properties.insert(*found);
    }
  }
}

}  // namespace slipway::graph
