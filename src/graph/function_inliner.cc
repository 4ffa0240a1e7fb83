#include "graph/function_inliner.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "graph/function_opsets.h"
#include "graph/wire_fields.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

// Numbers of fields of AttributeProto, TensorProto and ValueInfoProto.
constexpr uint32_t kAttributeName = 1;
constexpr uint32_t kReferredName = 21;
constexpr uint32_t kTensorName = 8;
constexpr uint32_t kValueName = 1;

// What the names in a body, or in a graph inside it, become.
struct Scope {
  const Scope* outer = nullptr;
  std::map<std::string_view, std::string_view> names = {};

  // A name that no scope knows is one of outside the body.
  std::string_view Find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
      const auto found = scope->names.find(name);
      if (found != scope->names.end()) return found->second;
    }
    return name;
  }
};

// A function and the node that calls it.
struct Call {
  const ModelNode& node;
  const ModelFunction& function;
};

// A copy of a message with `field_number`, a text, replaced; it is added where there was none.
std::string WithText(std::span<const std::byte> message, uint32_t field_number,
                     std::string_view text) {
  std::string out;
  out.reserve(message.size() + text.size() + 8);
  base::WireWriter(out).Bytes(field_number, text);
  base::WireReader reader(message);
  for (base::WireField field; reader.Next(field);) {
    if (field.number != field_number) AppendField(field, out);
  }
  return out;
}

uint64_t TextBytes(const std::vector<std::string_view>& texts) {
  uint64_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size() + 4;
  return bytes;
}

class Inliner {
 public:
  Inliner(OnnxModel& model, const FunctionTable& functions, const InlineLimits& limits)
      : model_(model), functions_(functions), limits_(limits), fresh_(model) {}

  // Replaces the calls in a graph that lies in `depth` others.
  Status Graph(ModelGraph& graph, int depth) {
    std::vector<ModelNode> nodes;
    nodes.reserve(graph.nodes.size());
    for (ModelNode& node : graph.nodes) {
      SLIPWAY_RETURN_IF_ERROR(Node(std::move(node), depth, nodes));
    }
    graph.nodes = std::move(nodes);
    return OkStatus();
  }

  size_t calls() const { return calls_; }

 private:
  Status Node(ModelNode node, int depth, std::vector<ModelNode>& out) {
    for (ModelSubgraph& subgraph : node.subgraphs) {
      for (ModelGraph& graph : subgraph.graphs) {
        if (depth == limits_.max_graph_depth && !open_.empty()) {
          return TooMuch(StrCat("graphs inside graphs, ", limits_.max_graph_depth, " deep"));
        }
        SLIPWAY_RETURN_IF_ERROR(Graph(graph, depth + 1));
      }
    }
    const ModelFunction* function = functions_.Find(node);
    if (function == nullptr) {
      out.push_back(std::move(node));
      return OkStatus();
    }
    return Replace({.node = node, .function = *function}, depth, out);
  }

  Status Replace(const Call& call, int depth, std::vector<ModelNode>& out) {
    SLIPWAY_RETURN_IF_ERROR(Open(call));
    ++calls_;
    Scope scope;
    std::vector<ModelNode> links;
    SLIPWAY_RETURN_IF_ERROR(Bind(call, scope, links));
    for (const ModelNode& node : call.function.nodes) AddOutputs(node, scope);
    for (const ModelNode& node : call.function.nodes) {
      SLIPWAY_ASSIGN_OR_RETURN(ModelNode copy, CopyNode(node, &call, scope));
      SLIPWAY_RETURN_IF_ERROR(Node(std::move(copy), depth, out));
    }
    std::ranges::move(links, std::back_inserter(out));
    open_.pop_back();
    return OkStatus();
  }

  Status Open(const Call& call) {
    const auto again = std::ranges::find(open_, &call.function);
    if (again != open_.end()) {
      std::string chain;
      for (auto one = again; one != open_.end(); ++one) {
        chain += StrCat("'", Printable((*one)->ToString()), "' calls ");
      }
      return InvalidArgument(StrCat("recursive functions: ", Printable(chain, 800), "'",
                                    Printable(call.function.ToString()), "'"));
    }
    open_.push_back(&call.function);
    if (open_.size() > static_cast<size_t>(limits_.max_call_depth)) {
      return TooMuch(StrCat("functions that call functions, ", limits_.max_call_depth, " deep"));
    }
    if (call.node.inputs.size() > call.function.inputs.size() ||
        call.node.outputs.size() > call.function.outputs.size()) {
      return InvalidArgument(StrCat(
          "node '", Printable(call.node.name), "': function '", Printable(call.function.ToString()),
          "' has ", call.function.inputs.size(), " inputs and ", call.function.outputs.size(),
          " outputs, the node ", call.node.inputs.size(), " and ", call.node.outputs.size()));
    }
    return Count(0);
  }

  // Gives the function's inputs and outputs the names of the call's. What is given out twice, or is
  // an input, gets a node in `links`.
  Status Bind(const Call& call, Scope& scope, std::vector<ModelNode>& links) {
    const std::vector<std::string_view>& inputs = call.function.inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      scope.names[inputs[i]] = i < call.node.inputs.size() ? call.node.inputs[i] : "";
    }
    for (size_t i = 0; i < call.node.outputs.size(); ++i) {
      const std::string_view output = call.node.outputs[i];
      if (output.empty()) continue;
      const auto [bound, is_new] = scope.names.emplace(call.function.outputs[i], output);
      if (is_new) continue;
      if (bound->second.empty()) {
        return InvalidArgument(StrCat(call.node.Label(), ": function '",
                                      Printable(call.function.ToString()), "' gives back '",
                                      Printable(call.function.outputs[i]),
                                      "', an input that the node leaves out"));
      }
      ModelNode& link = links.emplace_back();
      link.op_type = "Identity";
      link.inputs = {bound->second};
      link.outputs = {output};
    }
    return OkStatus();
  }

  void AddOutputs(const ModelNode& node, Scope& scope) {
    for (const std::string_view output : node.outputs) {
      if (!output.empty()) AddName(output, scope);
    }
  }

  void AddName(std::string_view name, Scope& scope) {
    const auto [entry, is_new] = scope.names.emplace(name, std::string_view());
    if (is_new) entry->second = fresh_.Make(name);
  }

  // A node of a body. `call` is null inside a graph that came from outside the body: what it refers
  // to is settled already.
  Result<ModelNode> CopyNode(const ModelNode& node, const Call* call, const Scope& scope) {
    ModelNode copy;
    copy.name = node.name.empty() ? node.name : fresh_.Make(node.name);
    copy.op_type = node.op_type;
    copy.domain = node.domain;
    copy.overload = node.overload;
    copy.rest = node.rest;
    copy.opset = node.opset;
    for (const std::string_view input : node.inputs) copy.inputs.push_back(scope.Find(input));
    for (const std::string_view output : node.outputs) copy.outputs.push_back(scope.Find(output));
    SLIPWAY_RETURN_IF_ERROR(Count(TextBytes(copy.inputs) + TextBytes(copy.outputs) +
                                  copy.name.size() + copy.op_type.size() + copy.rest.size()));
    for (const OnnxAttribute& attribute : node.attributes) {
      const std::string_view referred = TextOf(attribute.message, kReferredName);
      if (referred.empty() || call == nullptr) {
        SLIPWAY_RETURN_IF_ERROR(CountBytes(attribute.message.size()));
        copy.attributes.push_back(attribute);
      } else {
        SLIPWAY_RETURN_IF_ERROR(Refer(*call, attribute.name, referred, copy));
      }
    }
    for (const ModelSubgraph& subgraph : node.subgraphs) {
      SLIPWAY_RETURN_IF_ERROR(CopySubgraph(subgraph, subgraph.attribute, call, &scope, copy));
    }
    return copy;
  }

  // Adds the attribute `referred` of the call or its default to `copy`, as `name`.
  Status Refer(const Call& call, std::string_view name, std::string_view referred,
               ModelNode& copy) {
    for (const ModelNode* from : {&call.node, &call.function.defaults}) {
      SLIPWAY_RETURN_IF_ERROR(CountBytes(from->attributes.size()));  // looking costs time too
      const auto found = std::ranges::find(from->attributes, referred, &OnnxAttribute::name);
      if (found != from->attributes.end()) {
        SLIPWAY_RETURN_IF_ERROR(CountBytes(found->message.size()));
        copy.attributes.push_back(
            {.name = name,
             .message = model_.KeepMessage(WithText(found->message, kAttributeName, name))});
        return OkStatus();
      }
      const auto graph = std::ranges::find(from->subgraphs, referred, &ModelSubgraph::attribute);
      if (graph != from->subgraphs.end()) return CopySubgraph(*graph, name, nullptr, nullptr, copy);
    }
    return OkStatus();
  }

  Status CopySubgraph(const ModelSubgraph& subgraph, std::string_view attribute, const Call* call,
                      const Scope* scope, ModelNode& copy) {
    ModelSubgraph out{.attribute = attribute, .is_list = subgraph.is_list, .graphs = {}};
    for (const ModelGraph& graph : subgraph.graphs) {
      SLIPWAY_RETURN_IF_ERROR(CopyGraph(graph, call, scope, out.graphs.emplace_back()));
    }
    copy.subgraphs.push_back(std::move(out));
    return OkStatus();
  }

  Status CopyGraph(const ModelGraph& graph, const Call* call, const Scope* outer,
                   ModelGraph& copy) {
    Scope scope{.outer = outer};
    copy.name = graph.name;
    if (!graph.sparse_initializers.empty()) {
      return base::Unimplemented("sparse initializers of graphs inside functions");
    }
    for (const NamedMessage& one : graph.inputs) AddName(one.name, scope);
    for (const OnnxInitializer& one : graph.initializers) AddName(one.name, scope);
    for (const ModelNode& node : graph.nodes) AddOutputs(node, scope);
    for (const NamedMessage& one : graph.inputs) {
      SLIPWAY_ASSIGN_OR_RETURN(copy.inputs.emplace_back(), Renamed(one, kValueName, scope));
    }
    for (const NamedMessage& one : graph.outputs) {
      SLIPWAY_ASSIGN_OR_RETURN(copy.outputs.emplace_back(), Renamed(one, kValueName, scope));
    }
    for (const OnnxInitializer& one : graph.initializers) {
      SLIPWAY_ASSIGN_OR_RETURN(
          const NamedMessage tensor,
          Renamed({.name = one.name, .message = one.message}, kTensorName, scope));
      copy.initializers.push_back({.name = tensor.name, .message = tensor.message});
    }
    for (const ModelNode& node : graph.nodes) {
      SLIPWAY_ASSIGN_OR_RETURN(copy.nodes.emplace_back(), CopyNode(node, call, scope));
    }
    return OkStatus();
  }

  // A value or tensor under the name that it has in `scope`.
  Result<NamedMessage> Renamed(const NamedMessage& from, uint32_t name_field, const Scope& scope) {
    const std::string_view name = scope.Find(from.name);
    SLIPWAY_RETURN_IF_ERROR(CountBytes(from.message.size() + name.size()));
    return NamedMessage{.name = name,
                        .message = model_.KeepMessage(WithText(from.message, name_field, name))};
  }

  Status Count(uint64_t bytes) {
    if (++nodes_ > limits_.max_nodes) {
      return TooMuch(StrCat("more than ", limits_.max_nodes, " nodes"));
    }
    return CountBytes(bytes);
  }

  Status CountBytes(uint64_t bytes) {
    bytes_ += bytes;
    if (bytes_ > limits_.max_bytes) {
      return TooMuch(StrCat("more than ", base::FormatByteSize(limits_.max_bytes)));
    }
    return OkStatus();
  }

  Status TooMuch(std::string_view what) const {
    return base::ResourceExhausted(StrCat("function '", Printable(open_.back()->ToString()),
                                          "': its calls and those around it make ", what));
  }

  OnnxModel& model_;
  const FunctionTable& functions_;
  const InlineLimits& limits_;
  FreshNames fresh_;
  std::vector<const ModelFunction*> open_;  // the calls around what is being copied
  uint64_t nodes_ = 0;
  uint64_t bytes_ = 0;
  size_t calls_ = 0;
};

}  // namespace

Result<size_t> InlineFunctions(OnnxModel& model, const InlineLimits& limits) {
  if (model.functions.empty()) return size_t{0};
  FunctionTable functions;
  SLIPWAY_RETURN_IF_ERROR(functions.Add(model.functions));
  FunctionOpsets opsets(functions, model);
  SLIPWAY_RETURN_IF_ERROR(opsets.Mark());
  Inliner inliner(model, functions, limits);
  SLIPWAY_RETURN_IF_ERROR(inliner.Graph(model.graph, 0));
  model.functions.clear();
  SLIPWAY_RETURN_IF_ERROR(opsets.Unify());
  return inliner.calls();
}

}  // namespace slipway::graph
