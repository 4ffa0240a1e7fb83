#include "graph/onnx_model.h"

#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "graph/wire_fields.h"

namespace slipway::graph {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;
using base::WireWriter;

namespace {

// Numbers of AttributeProto.AttributeType.
constexpr uint64_t kGraphAttribute = 5;
constexpr uint64_t kGraphsAttribute = 10;

std::string_view AsText(std::span<const std::byte> message) {
  return {reinterpret_cast<const char*>(message.data()), message.size()};
}

std::string_view NormalDomain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

// ---- Reading: one function for each message ----

class ModelReader {
 public:
  explicit ModelReader(OnnxModel& model) : model_(model) {}

  Status Model(WireReader reader) {
    std::string rest;
    for (WireField field; reader.Next(field);) {
      switch (field.number) {
        case 1:
          SLIPWAY_RETURN_IF_ERROR(ReadField(field, model_.ir_version));
          break;
        case 7:
          SLIPWAY_RETURN_IF_ERROR(Graph(reader.Enter(field), model_.graph));
          break;
        case 8:
          SLIPWAY_RETURN_IF_ERROR(Opset(reader.Enter(field), model_.opsets));
          break;
        case 25:
          SLIPWAY_RETURN_IF_ERROR(Function(reader.Enter(field), model_.functions.emplace_back()));
          break;
        default:
          AppendField(field, rest);
      }
    }
    model_.rest = KeepRest(std::move(rest));
    return reader.status();
  }

 private:
  std::string_view KeepRest(std::string rest) {
    return rest.empty() ? std::string_view() : model_.Keep(std::move(rest));
  }

  static Status Opset(WireReader reader, std::map<std::string_view, int64_t>& opsets) {
    std::string_view domain;
    int64_t version = 0;
    for (WireField field; reader.Next(field);) {
      if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadField(field, domain));
      if (field.number == 2) SLIPWAY_RETURN_IF_ERROR(ReadField(field, version));
    }
    opsets[NormalDomain(domain)] = version;
    return reader.status();
  }

  Status Function(WireReader reader, ModelFunction& function) {
    std::string rest;
    for (WireField field; reader.Next(field);) {
      SLIPWAY_RETURN_IF_ERROR(FunctionField(reader, field, function, rest));
    }
    function.domain = NormalDomain(function.domain);
    function.rest = KeepRest(std::move(rest));
    return reader.status();
  }

  Status FunctionField(const WireReader& reader, const WireField& field, ModelFunction& function,
                       std::string& rest) {
    switch (field.number) {
      case 1:
        return ReadField(field, function.name);
      case 4:
        return ReadField(field, function.inputs.emplace_back());
      case 5:
        return ReadField(field, function.outputs.emplace_back());
      case 7:
        return Node(reader.Enter(field), function.nodes.emplace_back());
      case 9:
        return Opset(reader.Enter(field), function.opsets);
      case 10:
        return ReadField(field, function.domain);
      case 11:
        return Attribute(field, reader.Enter(field), function.defaults);
      case 13:
        return ReadField(field, function.overload);
      default:
        AppendField(field, rest);
        return OkStatus();
    }
  }

  Status Graph(WireReader reader, ModelGraph& graph) {
    std::string rest;
    for (WireField field; reader.Next(field);) {
      SLIPWAY_RETURN_IF_ERROR(GraphField(reader, field, graph, rest));
    }
    graph.rest = KeepRest(std::move(rest));
    return reader.status();
  }

  Status GraphField(const WireReader& reader, const WireField& field, ModelGraph& graph,
                    std::string& rest) {
    switch (field.number) {
      case 1:
        return Node(reader.Enter(field), graph.nodes.emplace_back());
      case 2:
        return ReadField(field, graph.name);
      case 5:
        graph.initializers.push_back({.name = TextOf(field.bytes, 8), .message = field.bytes});
        return OkStatus();
      case 11:
        graph.inputs.push_back({.name = TextOf(field.bytes, 1), .message = field.bytes});
        return OkStatus();
      case 12:
        graph.outputs.push_back({.name = TextOf(field.bytes, 1), .message = field.bytes});
        return OkStatus();
      case 13:
        graph.values.push_back({.name = TextOf(field.bytes, 1), .message = field.bytes});
        return OkStatus();
      case 15:
        return Sparse(field, reader.Enter(field), graph);
      default:
        AppendField(field, rest);
        return OkStatus();
    }
  }

  static Status Sparse(const WireField& tensor, WireReader reader, ModelGraph& graph) {
    NamedMessage& sparse = graph.sparse_initializers.emplace_back();
    sparse.message = tensor.bytes;
    for (WireField field; reader.Next(field);) {
      if (field.number == 1) sparse.name = TextOf(field.bytes, 8);  // the name of the values
    }
    return reader.status();
  }

  Status Node(WireReader reader, ModelNode& node) {
    std::string rest;
    for (WireField field; reader.Next(field);) {
      SLIPWAY_RETURN_IF_ERROR(NodeField(reader, field, node, rest));
    }
    node.domain = NormalDomain(node.domain);
    node.rest = KeepRest(std::move(rest));
    return reader.status();
  }

  Status NodeField(const WireReader& reader, const WireField& field, ModelNode& node,
                   std::string& rest) {
    switch (field.number) {
      case 1:
        return ReadField(field, node.inputs.emplace_back());
      case 2:
        return ReadField(field, node.outputs.emplace_back());
      case 3:
        return ReadField(field, node.name);
      case 4:
        return ReadField(field, node.op_type);
      case 5:
        return Attribute(field, reader.Enter(field), node);
      case 7:
        return ReadField(field, node.domain);
      case 8:
        return ReadField(field, node.overload);
      default:
        AppendField(field, rest);
        return OkStatus();
    }
  }

  Status Attribute(const WireField& attribute, WireReader reader, ModelNode& node) {
    const std::string_view name = TextOf(attribute.bytes, 1);
    ModelSubgraph subgraph{.attribute = name, .is_list = false, .graphs = {}};
    for (WireField field; reader.Next(field);) {
      if (field.number != 6 && field.number != 11) continue;
      subgraph.is_list = field.number == 11;
      SLIPWAY_RETURN_IF_ERROR(Graph(reader.Enter(field), subgraph.graphs.emplace_back()));
    }
    if (subgraph.graphs.empty()) {
      node.attributes.push_back({.name = name, .message = attribute.bytes});
    } else {
      node.subgraphs.push_back(std::move(subgraph));
    }
    return reader.status();
  }

  OnnxModel& model_;
};

// ---- Writing ----

std::string EncodeGraph(const ModelGraph& graph);

std::string EncodeSubgraph(const ModelSubgraph& subgraph) {
  std::string out;
  WireWriter writer(out);
  writer.Bytes(1, subgraph.attribute);
  for (const ModelGraph& graph : subgraph.graphs) {
    writer.Bytes(subgraph.is_list ? 11 : 6, EncodeGraph(graph));
  }
  writer.Varint(20, subgraph.is_list ? kGraphsAttribute : kGraphAttribute);
  return out;
}

std::string EncodeNode(const ModelNode& node) {
  std::string out;
  WireWriter writer(out);
  for (const std::string_view input : node.inputs) writer.Bytes(1, input);
  for (const std::string_view output : node.outputs) writer.Bytes(2, output);
  if (!node.name.empty()) writer.Bytes(3, node.name);
  writer.Bytes(4, node.op_type);
  for (const OnnxAttribute& one : node.attributes) writer.Bytes(5, AsText(one.message));
  for (const ModelSubgraph& one : node.subgraphs) writer.Bytes(5, EncodeSubgraph(one));
  if (!node.domain.empty()) writer.Bytes(7, node.domain);
  if (!node.overload.empty()) writer.Bytes(8, node.overload);
  return out.append(node.rest);
}

// All of a graph but its initializers.
std::string EncodeStructure(const ModelGraph& graph) {
  std::string out;
  WireWriter writer(out);
  for (const ModelNode& node : graph.nodes) writer.Bytes(1, EncodeNode(node));
  writer.Bytes(2, graph.name);
  for (const NamedMessage& one : graph.inputs) writer.Bytes(11, AsText(one.message));
  for (const NamedMessage& one : graph.outputs) writer.Bytes(12, AsText(one.message));
  for (const NamedMessage& one : graph.values) writer.Bytes(13, AsText(one.message));
  for (const NamedMessage& one : graph.sparse_initializers) writer.Bytes(15, AsText(one.message));
  return out.append(graph.rest);
}

// The size of an embedded message with its key, of one byte, and its length.
size_t EmbeddedSize(size_t size) {
  size_t length_bytes = 1;
  for (size_t rest = size >> 7; rest > 0; rest >>= 7) ++length_bytes;
  return 1 + length_bytes + size;
}

void AppendGraph(const ModelGraph& graph, uint32_t field_number, std::string& out) {
  const std::string structure = EncodeStructure(graph);
  size_t size = structure.size();
  for (const OnnxInitializer& one : graph.initializers) size += EmbeddedSize(one.message.size());
  out.reserve(out.size() + size + 4096);
  WireWriter writer(out);
  writer.BeginBytes(field_number, size);
  out.append(structure);
  for (const OnnxInitializer& one : graph.initializers) writer.Bytes(5, AsText(one.message));
}

std::string EncodeGraph(const ModelGraph& graph) {
  std::string out = EncodeStructure(graph);
  for (const OnnxInitializer& one : graph.initializers) {
    WireWriter(out).Bytes(5, AsText(one.message));
  }
  return out;
}

void AppendOpsets(const std::map<std::string_view, int64_t>& opsets, uint32_t field_number,
                  std::string& out) {
  for (const auto& [domain, version] : opsets) {
    std::string opset;
    if (!domain.empty()) WireWriter(opset).Bytes(1, domain);
    WireWriter(opset).Varint(2, static_cast<uint64_t>(version));
    WireWriter(out).Bytes(field_number, opset);
  }
}

std::string EncodeFunction(const ModelFunction& function) {
  std::string out;
  WireWriter writer(out);
  writer.Bytes(1, function.name);
  for (const std::string_view input : function.inputs) writer.Bytes(4, input);
  for (const std::string_view output : function.outputs) writer.Bytes(5, output);
  for (const ModelNode& node : function.nodes) writer.Bytes(7, EncodeNode(node));
  AppendOpsets(function.opsets, 9, out);
  writer.Bytes(10, function.domain);
  for (const OnnxAttribute& one : function.defaults.attributes) {
    writer.Bytes(11, AsText(one.message));
  }
  for (const ModelSubgraph& one : function.defaults.subgraphs) {
    writer.Bytes(11, EncodeSubgraph(one));
  }
  if (!function.overload.empty()) writer.Bytes(13, function.overload);
  return out.append(function.rest);
}

}  // namespace

std::string ModelFunction::ToString() const {
  const std::string_view shown = domain.empty() ? std::string_view("ai.onnx") : domain;
  return overload.empty() ? StrCat(shown, ".", name) : StrCat(shown, ".", name, ":", overload);
}

Result<OnnxModel> ReadOnnxModel(std::span<const std::byte> file) {
  OnnxModel model;
  SLIPWAY_RETURN_IF_ERROR(ModelReader(model).Model(WireReader(file)));
  return model;
}

std::string WriteOnnxModel(const OnnxModel& model) {
  std::string out;
  WireWriter writer(out);
  writer.Varint(1, static_cast<uint64_t>(model.ir_version));
  AppendGraph(model.graph, 7, out);
  AppendOpsets(model.opsets, 8, out);
  for (const ModelFunction& function : model.functions) writer.Bytes(25, EncodeFunction(function));
  return out.append(model.rest);
}

std::string_view TextOf(std::span<const std::byte> message, uint32_t field_number) {
  std::string_view text;
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    if (field.number == field_number && field.type == WireType::kBytes) text = field.text();
  }
  return text;
}

void CollectUses(const ModelNode& node, std::set<std::string_view>& used) {
  used.insert(node.inputs.begin(), node.inputs.end());
  for (const ModelSubgraph& subgraph : node.subgraphs) {
    for (const ModelGraph& graph : subgraph.graphs) {
      for (const ModelNode& inner : graph.nodes) CollectUses(inner, used);
      for (const NamedMessage& output : graph.outputs) used.insert(output.name);
    }
  }
}

FreshNames::FreshNames(OnnxModel& model) : model_(model) { Collect(model.graph); }

void FreshNames::Collect(const ModelGraph& graph) {
  for (const NamedMessage& one : graph.inputs) used_.insert(one.name);
  for (const OnnxInitializer& one : graph.initializers) used_.insert(one.name);
  for (const NamedMessage& one : graph.sparse_initializers) used_.insert(one.name);
  for (const ModelNode& node : graph.nodes) Collect(node);
}

void FreshNames::Collect(const ModelNode& node) {
  used_.insert(node.name);
  used_.insert(node.outputs.begin(), node.outputs.end());
  for (const ModelSubgraph& subgraph : node.subgraphs) {
    for (const ModelGraph& graph : subgraph.graphs) Collect(graph);
  }
}

std::string_view FreshNames::Make(std::string_view wish) {
  if (!wish.empty() && used_.insert(wish).second) return wish;
  while (true) {
    std::string name = StrCat(wish, "_", ++made_);
    if (used_.contains(name)) continue;
    const std::string_view kept = model_.Keep(std::move(name));
    used_.insert(kept);
    return kept;
  }
}

}  // namespace slipway::graph
