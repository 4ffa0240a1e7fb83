#include "graph/tabular_metadata.h"

#include <string_view>

#include "base/text.h"
#include "tensor/json_reader.h"

namespace slipway::graph {
namespace {

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

void WriteTabularMetadata(const TabularMetadata& metadata, GraphBuilder& graph) {
  const auto set = [&graph](std::string_view key, const std::string& value) {
    if (!value.empty()) graph.SetMetadata(key, value);
  };
  set("slipway.source", metadata.source);
  set("slipway.framework", metadata.framework);
  set("slipway.framework_version", metadata.framework_version);
  if (!metadata.columns.empty()) graph.SetMetadata("slipway.columns", JsonList(metadata.columns));
  if (!metadata.classes.empty()) graph.SetMetadata("slipway.classes", JsonList(metadata.classes));
}

TabularMetadata ReadTabularMetadata(const std::map<std::string, std::string>& metadata) {
  const auto get = [&metadata](const std::string& key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string() : found->second;
  };
  return {.source = get("slipway.source"),
          .framework = get("slipway.framework"),
          .framework_version = get("slipway.framework_version"),
          .columns = ReadJsonList(get("slipway.columns")),
          .classes = ReadJsonList(get("slipway.classes"))};
}

}  // namespace slipway::graph
