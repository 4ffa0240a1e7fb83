#include "import/onnx/zip_maps.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "graph/onnx_encoding.h"

namespace slipway::import::onnx {

using base::Result;
using graph::ModelNode;
using graph::NamedMessage;

namespace {

Result<std::vector<std::string>> ClassNames(const ModelNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<std::string> names, node.Texts("classlabels_strings"));
  if (!names.empty()) return names;
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, node.Ints("classlabels_int64s"));
  for (const int64_t number : numbers) names.push_back(std::to_string(number));
  return names;
}

}  // namespace

Result<std::vector<UnzippedOutput>> UnzipOutputs(graph::OnnxModel& model) {
  std::set<std::string_view> used;
  for (const ModelNode& node : model.graph.nodes) graph::CollectUses(node, used);
  std::map<std::string_view, NamedMessage*> outputs;
  for (NamedMessage& output : model.graph.outputs) outputs.emplace(output.name, &output);
  std::vector<UnzippedOutput> unzipped;
  for (ModelNode& node : model.graph.nodes) {
    if (node.op_type != "ZipMap" || node.inputs.size() != 1 || node.outputs.size() != 1) continue;
    const auto output = outputs.find(node.outputs[0]);
    if (used.contains(node.outputs[0]) || output == outputs.end()) continue;
    auto classes = ClassNames(node);
    if (!classes.ok()) return classes.status().WithContext(node.Label());
    if (classes->empty()) continue;
    const std::vector<graph::Dim> dims = {std::string(), static_cast<int64_t>(classes->size())};
    output->second->message = model.KeepMessage(
        graph::EncodeValueInfo(node.outputs[0], graph::ElementType::kFloat, dims));
    node.op_type = "Identity";
    node.domain = {};
    node.attributes.clear();
    unzipped.push_back({.name = node.outputs[0], .classes = *std::move(classes)});
  }
  return unzipped;
}

}  // namespace slipway::import::onnx
