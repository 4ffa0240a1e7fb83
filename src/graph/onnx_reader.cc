#include "graph/onnx_reader.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;

namespace {

constexpr std::string_view kStandardDomain = "ai.onnx";

std::string_view DomainName(std::string_view domain) {
  return domain.empty() ? kStandardDomain : domain;
}

Status ReadText(const WireField& field, std::string& out) {
  std::string_view text;
  SLIPWAY_RETURN_IF_ERROR(ReadField(field, text));
  out = text;
  return OkStatus();
}

}  // namespace

Status OnnxReader::Count(uint64_t& counter, uint64_t limit, std::string_view what) const {
  if (counter == limit) {
    return InvalidArgument(StrCat("expected at most ", limit, " ", what, ", got more"));
  }
  ++counter;
  return OkStatus();
}

// ---- ModelProto and what lies beside the graph ----

Status OnnxReader::ReadModel(WireReader& reader) {
  for (WireField field; reader.Next(field);) {
    SLIPWAY_RETURN_IF_ERROR(ReadModelField(reader, field));
  }
  return reader.status();
}

Status OnnxReader::ReadModelField(const WireReader& reader, const WireField& field) {
  switch (field.number) {
    case 1:
      return ReadField(field, summary_.ir_version);
    case 2:
      return ReadText(field, summary_.producer_name);
    case 3:
      return ReadText(field, summary_.producer_version);
    case 4:
      return ReadText(field, summary_.domain);
    case 5:
      return ReadField(field, summary_.model_version);
    case 7:
      SLIPWAY_RETURN_IF_ERROR(model_fields_.See(field));
      has_graph_ = true;
      return ReadMainGraph(reader.Enter(field));
    case 8:
      return ReadOpset(reader.Enter(field));
    case 14:
      return ReadMetadata(reader.Enter(field));
    case 25:
      return ReadFunction(reader.Enter(field));
    default:
      return OkStatus();
  }
}

Status OnnxReader::ReadOpset(WireReader reader) {
  SLIPWAY_RETURN_IF_ERROR(Count(opset_count_, limits_.max_entries, "operator sets"));
  std::string_view domain;
  int64_t version = 0;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadField(field, domain));
    if (field.number == 2) SLIPWAY_RETURN_IF_ERROR(ReadField(field, version));
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  summary_.opsets[std::string(DomainName(domain))] = version;
  return OkStatus();
}

Status OnnxReader::ReadMetadata(WireReader reader) {
  SLIPWAY_RETURN_IF_ERROR(Count(metadata_count_, limits_.max_entries, "metadata entries"));
  std::string_view key;
  std::string_view value;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadField(field, key));
    if (field.number == 2) SLIPWAY_RETURN_IF_ERROR(ReadField(field, value));
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  summary_.metadata[std::string(key)] = value;
  return OkStatus();
}

Status OnnxReader::ReadFunction(WireReader reader) {
  SLIPWAY_RETURN_IF_ERROR(Count(function_count_, limits_.max_entries, "functions"));
  ValueScope scope;
  std::string_view name;
  std::string_view domain;
  for (WireField field; reader.Next(field);) {
    std::string_view value;
    if (field.number == 1) {
      SLIPWAY_RETURN_IF_ERROR(ReadField(field, name));
    } else if (field.number == 10) {
      SLIPWAY_RETURN_IF_ERROR(ReadField(field, domain));
    } else if (field.number == 4 || field.number == 5) {  // input, output
      SLIPWAY_RETURN_IF_ERROR(Count(name_count_, limits_.max_names, "names of values"));
      SLIPWAY_RETURN_IF_ERROR(ReadField(field, value));
      field.number == 4 ? scope.AddInput(value) : scope.AddGraphOutput(value);
    } else if (field.number == 7) {
      SLIPWAY_RETURN_IF_ERROR(ReadNode(reader.Enter(field), Place::kFunction, scope));
    } else if (field.number == 11) {  // attribute_proto: what a call does not give
      Missing of_call;                // where a graph finds its values is known when it is called
      SLIPWAY_RETURN_IF_ERROR(ReadAttribute(reader.Enter(field), {}, Place::kFunction, of_call));
    }
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  Missing missing;
  Status status = scope.Check(missing);
  if (status.ok() && !missing.empty()) status = MissingValue(missing.front());
  summary_.functions.push_back(StrCat(DomainName(domain), ".", name));
  return status.WithContext(StrCat("function '", Printable(name), "'"));
}

// ---- GraphProto ----

Status OnnxReader::ReadMainGraph(WireReader reader) {
  ValueScope scope;
  SLIPWAY_RETURN_IF_ERROR(ReadGraph(std::move(reader), Place::kInitializer, scope));
  Missing missing;
  SLIPWAY_RETURN_IF_ERROR(scope.Check(missing));
  return missing.empty() ? OkStatus() : MissingValue(missing.front());
}

Status OnnxReader::ReadGraph(WireReader reader, Place place, ValueScope& scope) {
  for (WireField field; reader.Next(field);) {
    SLIPWAY_RETURN_IF_ERROR(ReadGraphField(reader, field, place, scope));
  }
  return reader.status();
}

Status OnnxReader::ReadGraphField(const WireReader& reader, const WireField& field, Place place,
                                  ValueScope& scope) {
  const bool is_main = place == Place::kInitializer;
  switch (field.number) {
    case 1:
      return ReadNode(reader.Enter(field), place, scope);
    case 2:
      return is_main ? ReadText(field, summary_.graph_name) : OkStatus();
    case 5:
      return ReadInitializer(reader.Enter(field), place, scope);
    case 11:
      return ReadGraphValue(reader.Enter(field), true, is_main, scope);
    case 12:
      return ReadGraphValue(reader.Enter(field), false, is_main, scope);
    case 15:
      return ReadSparse(reader.Enter(field), &scope);
    default:
      return OkStatus();
  }
}

Status OnnxReader::ReadGraphValue(WireReader reader, bool is_input, bool is_main,
                                  ValueScope& scope) {
  // The name, as a view into the file, for the scope.
  std::string_view name;
  WireReader again = reader;
  for (WireField field; again.Next(field);) {
    if (field.number == 1) SLIPWAY_RETURN_IF_ERROR(ReadField(field, name));
  }
  SLIPWAY_RETURN_IF_ERROR(Count(name_count_, limits_.max_names, "names of values"));
  is_input ? scope.AddInput(name) : scope.AddGraphOutput(name);
  if (!is_main) return again.status();

  SLIPWAY_RETURN_IF_ERROR(Count(value_count_, limits_.max_entries, "inputs and outputs"));
  SLIPWAY_ASSIGN_OR_RETURN(OnnxValue value, ReadValueInfo(std::move(reader)));
  (is_input ? summary_.inputs : summary_.outputs).push_back(std::move(value));
  return OkStatus();
}

Status OnnxReader::ReadInitializer(WireReader reader, Place place, ValueScope& scope) {
  ++summary_.initializer_count;
  std::string_view name;
  SLIPWAY_RETURN_IF_ERROR(AddTensor(std::move(reader), place, name));
  scope.AddInitializer(name);
  if (place == Place::kInitializer) initializers_.push_back(name);
  return OkStatus();
}

// A SparseTensorProto: values, whose name is the name of the whole, and indices.
Status OnnxReader::ReadSparse(WireReader reader, ValueScope* scope) {
  if (scope != nullptr) ++summary_.initializer_count;
  SingularFields seen;
  for (WireField field; reader.Next(field);) {
    if (field.number != 1 && field.number != 2) continue;
    SLIPWAY_RETURN_IF_ERROR(seen.See(field));
    std::string_view name;
    SLIPWAY_RETURN_IF_ERROR(AddTensor(reader.Enter(field), Place::kSparse, name));
    if (field.number == 1 && scope != nullptr) scope->AddInitializer(name);
  }
  return reader.status();
}

// ---- NodeProto and AttributeProto ----

Status OnnxReader::ReadNode(WireReader reader, Place place, ValueScope& scope) {
  SLIPWAY_RETURN_IF_ERROR(Count(summary_.node_count, limits_.max_nodes, "nodes"));
  NodeLabel label{.name = {}, .op_type = {}, .index = scope.node_count()};
  std::string_view domain;
  // The label comes first, for messages about the rest.
  WireReader again = reader;
  for (WireField field; again.Next(field);) {
    if (field.number == 3) SLIPWAY_RETURN_IF_ERROR(ReadField(field, label.name));
    if (field.number == 4) SLIPWAY_RETURN_IF_ERROR(ReadField(field, label.op_type));
    if (field.number == 7) SLIPWAY_RETURN_IF_ERROR(ReadField(field, domain));
  }
  SLIPWAY_RETURN_IF_ERROR(again.status());
  ++operators_[{DomainName(domain), label.op_type}];
  scope.AddNode(label);

  Missing missing;  // what subgraphs need from here or further out
  for (WireField field; reader.Next(field);) {
    std::string_view value;
    if (field.number == 1 || field.number == 2) {
      SLIPWAY_RETURN_IF_ERROR(Count(name_count_, limits_.max_names, "names of values"));
      SLIPWAY_RETURN_IF_ERROR(ReadField(field, value));
      field.number == 1 ? scope.AddNodeInput(value) : scope.AddNodeOutput(value);
    } else if (field.number == 5) {
      SLIPWAY_RETURN_IF_ERROR(ReadAttribute(reader.Enter(field), label, place, missing));
    }
  }
  for (const ValueScope::Need& need : missing) scope.AddNodeInput(need.value);
  return OkStatus();
}

Status OnnxReader::ReadAttribute(WireReader reader, const NodeLabel& label, Place place,
                                 Missing& missing) {
  // Initializers of subgraphs, and tensors of attributes, count as such unless in a function.
  const Place tensor_place = place == Place::kFunction ? place : Place::kAttribute;
  const Place graph_place = place == Place::kFunction ? place : Place::kSubgraph;
  SingularFields seen;
  for (WireField field; reader.Next(field);) {
    if (field.number == 5 || field.number == 6 || field.number == 22) {
      SLIPWAY_RETURN_IF_ERROR(seen.See(field));
    }
    switch (field.number) {
      case 5:     // t
      case 10: {  // tensors
        std::string_view name;
        const Status status = AddTensor(reader.Enter(field), tensor_place, name);
        if (!status.ok()) return status.WithContext(label.ToString());
        break;
      }
      case 6:   // g
      case 11:  // graphs
        SLIPWAY_RETURN_IF_ERROR(ReadSubgraph(reader.Enter(field), graph_place, missing));
        break;
      case 22:  // sparse_tensor
      case 23:  // sparse_tensors
        SLIPWAY_RETURN_IF_ERROR(ReadSparse(reader.Enter(field), nullptr));
        break;
      default:
        break;
    }
  }
  return reader.status();
}

Status OnnxReader::ReadSubgraph(WireReader reader, Place place, Missing& missing) {
  ++summary_.subgraph_count;
  ValueScope scope;
  SLIPWAY_RETURN_IF_ERROR(ReadGraph(std::move(reader), place, scope));
  const size_t before = missing.size();
  SLIPWAY_RETURN_IF_ERROR(scope.Check(missing));
  // Each name once: otherwise nesting would multiply them.
  std::ranges::sort(missing, {}, &ValueScope::Need::value);
  const auto repeated = std::ranges::unique(missing, {}, &ValueScope::Need::value);
  missing.erase(repeated.begin(), repeated.end());
  name_count_ += missing.size() > before ? missing.size() - before : 0;
  if (name_count_ > limits_.max_names) {
    return InvalidArgument(StrCat("expected at most ", limits_.max_names, " names of values"));
  }
  return OkStatus();
}

Status OnnxReader::AddTensor(WireReader reader, Place place, std::string_view& name) {
  SLIPWAY_RETURN_IF_ERROR(Count(tensor_count_, limits_.max_tensors, "tensors"));
  SLIPWAY_ASSIGN_OR_RETURN(const OnnxTensor tensor, ReadTensor(std::move(reader)));
  name = tensor.name;
  if (__builtin_add_overflow(summary_.parameter_bytes, tensor.byte_size,
                             &summary_.parameter_bytes)) {
    return InvalidArgument("the tensors together exceed the memory of any machine");
  }
  summary_.parameter_count += tensor.element_count;
  if (!tensor.external) return OkStatus();
  summary_.external_bytes += tensor.byte_size;
  summary_.external.push_back({.name = std::string(tensor.name),
                               .place = place,
                               .element_type = tensor.element_type,
                               .dims = tensor.dims,
                               .byte_size = tensor.byte_size,
                               .location = std::string(tensor.location),
                               .offset = tensor.offset,
                               .length = tensor.length});
  return OkStatus();
}

OnnxSummary OnnxReader::Finish() {
  for (const auto& [name, count] : operators_) {
    summary_.operators.push_back(
        {.domain = std::string(name.first), .type = std::string(name.second), .count = count});
  }
  std::ranges::sort(summary_.operators, [](const OnnxOperator& a, const OnnxOperator& b) {
    return std::tie(b.count, a.domain, a.type) < std::tie(a.count, b.domain, b.type);
  });
  std::ranges::sort(initializers_);
  for (OnnxValue& input : summary_.inputs) {
    input.has_initializer = std::ranges::binary_search(initializers_, std::string_view(input.name));
  }
  return std::move(summary_);
}

}  // namespace slipway::graph
