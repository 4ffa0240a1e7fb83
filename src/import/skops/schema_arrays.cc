#include <string>
#include <vector>

#include "base/str_cat.h"
#include "import/pickle/array.h"
#include "import/skops/schema_reader.h"

namespace slipway::import::skops {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using pickle::kNoPlace;
using pickle::Value;
using Kind = pickle::Value::Kind;

Result<std::string_view> SchemaReader::MemberOf(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, TextAt(node, "file"));
  const auto [found, is_new] = contents_.try_emplace(name);
  if (is_new) {
    SLIPWAY_ASSIGN_OR_RETURN(found->second, archive_.Read(name, document_));
  }
  return found->second;
}

// Arrays that several nodes share are one value.
Result<Value> SchemaReader::ReadArray(const Place& node) {
  SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "numpy", "ndarray").status());
  SLIPWAY_ASSIGN_OR_RETURN(const std::string type, TextAt(node, "type"));
  if (type == "json") return ReadObjectArray(node);
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, TextAt(node, "file"));
  if (const auto found = arrays_.find(name); found != arrays_.end()) return found->second;
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(node));
  auto array = numpy_.Array(content);
  if (!array.ok()) return array.status().WithContext(node.path());
  arrays_[name] = *array;
  return *array;
}

// The items of an array of objects, from lists in lists as deep as it has dimensions.
Status SchemaReader::Flatten(const std::vector<Place>& nodes, size_t dimensions, Value& list) {
  for (const Place& node : nodes) {
    if (dimensions > 1) {
      SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
      SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> inner, content.Items());
      SLIPWAY_RETURN_IF_ERROR(Flatten(inner, dimensions - 1, list));
      continue;
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Value item, Read(node));
    SLIPWAY_RETURN_IF_ERROR(document_.Charge(1));
    list.node().items.push_back(item);
  }
  return base::OkStatus();
}

Result<Value> SchemaReader::ReadObjectArray(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place shape_node, node.At("shape"));
  SLIPWAY_ASSIGN_OR_RETURN(const Value shape, Read(shape_node));
  const auto dims = pickle::ReadShape(shape);
  if (!dims.ok()) return dims.status().WithContext(node.path());
  if (dims->empty()) return node.Error("an array of one object without dimensions");
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> nodes, content.Items());
  SLIPWAY_ASSIGN_OR_RETURN(Value list, document_.Make(Kind::kList, kNoPlace));
  SLIPWAY_RETURN_IF_ERROR(Flatten(nodes, dims->size(), list));
  return numpy_.ObjectArray(shape, list);
}

Result<Value> SchemaReader::ReadMaskedArray(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const Place data, content.At("data"));
  return Read(data);
}

Result<Value> SchemaReader::ReadDType(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place array, ContentOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(array));
  auto dtype = numpy_.DType(content);
  return dtype.ok() ? dtype : dtype.status().WithContext(node.path());
}

// An archive of arrays within the archive, whose members become attributes.
Result<Value> SchemaReader::ReadSparse(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Class(node));
  auto inner = Archive::Open(std::as_bytes(std::span(content)), limits_);
  if (!inner.ok()) return inner.status().WithContext(node.path());
  SLIPWAY_ASSIGN_OR_RETURN(const Value state, document_.Make(Kind::kDict, kNoPlace));
  for (const std::string_view part : {"shape", "data", "indices", "indptr", "offsets"}) {
    const std::string member = StrCat(part, ".npy");
    if (!inner->Has(member)) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view npy, inner->Read(member, document_));
    SLIPWAY_ASSIGN_OR_RETURN(Value array, numpy_.Array(npy));
    if (part == "shape") {
      SLIPWAY_ASSIGN_OR_RETURN(array, ShapeOf(array));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Value key, Text(std::string(part == "shape" ? "_shape" : part)));
    SLIPWAY_RETURN_IF_ERROR(document_.Charge(2));
    state.node().items.push_back(key);
    state.node().items.push_back(array);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, numpy_.Tuple({}));
  return Object(callable, args, state);
}

// An array of two integers as the tuple that a pickle has.
Result<Value> SchemaReader::ShapeOf(const Value& array) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array read, pickle::ReadArray(array));
  if (read.count != 2) return InvalidArgument("a sparse matrix without two dimensions");
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, pickle::ToIntegers(read));
  return numpy_.Tuple({Value::Int(dims[0]), Value::Int(dims[1])});
}

}  // namespace slipway::import::skops
