#include "graph/onnx_graph.h"

#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_reader.h"
#include "graph/wire_fields.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;

namespace {

class GraphReader {
 public:
  explicit GraphReader(const OnnxGraphLimits& limits) : limits_(limits) {}

  Status ReadModel(std::span<const std::byte> file) {
    WireReader reader(file);
    for (WireField field; reader.Next(field);) {
      if (field.number == 7) SLIPWAY_RETURN_IF_ERROR(ReadGraph(reader.Enter(field)));
    }
    return reader.status();
  }

  OnnxGraph& graph() { return graph_; }

 private:
  Status ReadGraph(WireReader reader) {
    for (WireField field; reader.Next(field);) {
      switch (field.number) {
        case 1:
          SLIPWAY_RETURN_IF_ERROR(ReadNode(reader.Enter(field)));
          break;
        case 5:
          SLIPWAY_RETURN_IF_ERROR(ReadInitializer(field, reader.Enter(field)));
          break;
        case 11:
        case 12:
          SLIPWAY_RETURN_IF_ERROR(ReadValue(field.number == 11, reader.Enter(field)));
          break;
        case 15:
          return base::Unimplemented("sparse initializers");
        default:
          break;
      }
    }
    return reader.status();
  }

  Status CountEntry() {
    if (++entries_ <= limits_.max_entries) return OkStatus();
    return base::Unimplemented(
        StrCat("expected at most ", limits_.max_entries, " names and attributes in the graph"));
  }

  Status ReadValue(bool is_input, const WireReader& reader) {
    SLIPWAY_RETURN_IF_ERROR(CountEntry());
    SLIPWAY_ASSIGN_OR_RETURN(OnnxValue value, ReadValueInfo(reader));
    (is_input ? graph_.inputs : graph_.outputs).push_back(std::move(value));
    return OkStatus();
  }

  Status ReadInitializer(const WireField& tensor, WireReader reader) {
    SLIPWAY_RETURN_IF_ERROR(CountEntry());
    OnnxInitializer initializer{.name = {}, .message = tensor.bytes};
    for (WireField field; reader.Next(field);) {
      if (field.number == 8) SLIPWAY_RETURN_IF_ERROR(ReadField(field, initializer.name));
    }
    graph_.initializers.push_back(initializer);
    return reader.status();
  }

  Status ReadNode(WireReader reader) {
    if (graph_.nodes.size() == limits_.max_nodes) {
      return base::Unimplemented(StrCat("expected at most ", limits_.max_nodes, " nodes"));
    }
    OnnxNode& node = graph_.nodes.emplace_back();
    for (WireField field; reader.Next(field);) {
      SLIPWAY_RETURN_IF_ERROR(ReadNodeField(reader, field, node));
    }
    if (node.domain == "ai.onnx") node.domain = "";
    return reader.status();
  }

  Status ReadNodeField(const WireReader& reader, const WireField& field, OnnxNode& node) {
    switch (field.number) {
      case 1:
      case 2:
        SLIPWAY_RETURN_IF_ERROR(CountEntry());
        return ReadField(field, (field.number == 1 ? node.inputs : node.outputs).emplace_back());
      case 3:
        return ReadField(field, node.name);
      case 4:
        return ReadField(field, node.op_type);
      case 5:
        return ReadAttribute(field, reader.Enter(field), node);
      case 7:
        return ReadField(field, node.domain);
      default:
        return OkStatus();
    }
  }

  Status ReadAttribute(const WireField& attribute, WireReader reader, OnnxNode& node) {
    SLIPWAY_RETURN_IF_ERROR(CountEntry());
    OnnxAttribute out{.name = {}, .message = attribute.bytes};
    for (WireField field; reader.Next(field);) {
      if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadField(field, out.name));
    }
    node.attributes.push_back(out);
    return reader.status();
  }

  const OnnxGraphLimits limits_;
  OnnxGraph graph_;
  size_t entries_ = 0;
};

}  // namespace

std::string OnnxNode::Label() const {
  const std::string op = base::Printable(op_type);
  if (!name.empty()) return StrCat("node '", base::Printable(name), "' (", op, ")");
  if (outputs.empty()) return StrCat("a node (", op, ")");
  return StrCat("the node of '", base::Printable(outputs[0]), "' (", op, ")");
}

Result<OnnxGraph> ReadOnnxGraph(std::span<const std::byte> file, const OnnxGraphLimits& limits) {
  GraphReader reader(limits);
  SLIPWAY_RETURN_IF_ERROR(reader.ReadModel(file));
  return std::move(reader.graph());
}

}  // namespace slipway::graph
