#include "graph/external_data.h"

#include <string>
#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_tensor.h"
#include "graph/wire_fields.h"

namespace slipway::graph {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireWriter;

namespace {

using Message = std::span<const std::byte>;

class Folder {
 public:
  Folder(const ExternalBytes& read, OnnxModel& model) : read_(read), model_(model) {}

  Status Graph(ModelGraph& graph) {
    for (OnnxInitializer& one : graph.initializers) {
      SLIPWAY_RETURN_IF_ERROR(Tensor(one.message));
    }
    for (const NamedMessage& one : graph.sparse_initializers) {
      SLIPWAY_RETURN_IF_ERROR(CheckSparse(WireReader(one.message)));
    }
    return Nodes(graph.nodes);
  }

  Status Nodes(std::vector<ModelNode>& nodes) {
    for (ModelNode& node : nodes) SLIPWAY_RETURN_IF_ERROR(Node(node));
    return OkStatus();
  }

  Status Node(ModelNode& node) {
    for (OnnxAttribute& one : node.attributes) SLIPWAY_RETURN_IF_ERROR(Attribute(one));
    for (ModelSubgraph& subgraph : node.subgraphs) {
      for (ModelGraph& graph : subgraph.graphs) SLIPWAY_RETURN_IF_ERROR(Graph(graph));
    }
    return OkStatus();
  }

 private:
  Status Attribute(OnnxAttribute& attribute) {
    SLIPWAY_ASSIGN_OR_RETURN(const bool external, IsExternal(WireReader(attribute.message)));
    if (!external) return OkStatus();
    std::string out;
    WireReader reader(attribute.message);
    for (WireField field; reader.Next(field);) {
      if (field.number == 5 || field.number == 10) {
        SLIPWAY_RETURN_IF_ERROR(Tensor(field.bytes));
      }
      AppendField(field, out);
    }
    attribute.message = model_.KeepMessage(std::move(out));
    return reader.status();
  }

  // Whether an AttributeProto has a tensor that lies elsewhere.
  static Result<bool> IsExternal(WireReader reader) {
    bool external = false;
    for (WireField field; reader.Next(field);) {
      if (field.number == 5 || field.number == 10) {  // t, tensors
        SLIPWAY_ASSIGN_OR_RETURN(const OnnxTensor tensor, ReadTensor(reader.Enter(field)));
        external = external || tensor.external;
      } else if (field.number == 22 || field.number == 23) {  // sparse_tensor, sparse_tensors
        SLIPWAY_RETURN_IF_ERROR(CheckSparse(reader.Enter(field)));
      }
    }
    SLIPWAY_RETURN_IF_ERROR(reader.status());
    return external;
  }

  // Replaces a TensorProto that lies elsewhere.
  Status Tensor(Message& message) {
    SLIPWAY_ASSIGN_OR_RETURN(const OnnxTensor tensor, ReadTensor(WireReader(message)));
    if (!tensor.external) return OkStatus();
    const auto content = read_(tensor.location, tensor.offset, tensor.byte_size);
    if (!content.ok()) {
      return content.status().WithContext(StrCat("tensor '", base::Printable(tensor.name), "'"));
    }
    std::string out;
    out.reserve(message.size() + content->size() + 16);
    WireReader reader(message);
    for (WireField field; reader.Next(field);) {
      const bool tells_where = field.number == 13 || field.number == 14;
      if (!tells_where) AppendField(field, out);
    }
    WireWriter(out).Bytes(9, *content);
    message = model_.KeepMessage(std::move(out));
    return reader.status();
  }

  static Status CheckSparse(WireReader reader) {
    for (WireField field; reader.Next(field);) {
      if (field.number != 1 && field.number != 2) continue;
      SLIPWAY_ASSIGN_OR_RETURN(const OnnxTensor tensor, ReadTensor(reader.Enter(field)));
      if (!tensor.external) continue;
      return base::Unimplemented(StrCat("sparse tensor '", base::Printable(tensor.name),
                                        "' lies in another file; write it into the model"));
    }
    return reader.status();
  }

  const ExternalBytes& read_;
  OnnxModel& model_;
};

}  // namespace

Status FoldExternalData(const ExternalBytes& read, OnnxModel& model) {
  Folder folder(read, model);
  SLIPWAY_RETURN_IF_ERROR(folder.Graph(model.graph));
  for (ModelFunction& function : model.functions) {
    SLIPWAY_RETURN_IF_ERROR(folder.Node(function.defaults));
    SLIPWAY_RETURN_IF_ERROR(folder.Nodes(function.nodes));
  }
  return OkStatus();
}

}  // namespace slipway::graph
