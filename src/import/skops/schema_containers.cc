#include <charconv>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/skops/schema_reader.h"

namespace slipway::import::skops {

using base::Result;
using base::Status;
using base::StrCat;
using pickle::kNoPlace;
using pickle::Value;
using Kind = pickle::Value::Kind;

Result<Value> SchemaReader::ReadSequence(const Place& node, Kind kind) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> items, content.Items());
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.Make(kind, kNoPlace));
  SLIPWAY_RETURN_IF_ERROR(document_.Charge(items.size()));
  value.node().items.reserve(items.size());
  for (const Place& item : items) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value one, Read(item));
    value.node().items.push_back(one);
  }
  return value;
}

Result<Value> SchemaReader::ReadList(const Place& node) {
  SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "builtins", "list").status());
  return ReadSequence(node, Kind::kList);
}

Result<Value> SchemaReader::ReadTuple(const Place& node) {
  SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "builtins", "tuple").status());
  return ReadSequence(node, Kind::kTuple);
}

Result<Value> SchemaReader::ReadSet(const Place& node) {
  SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "builtins", "set").status());
  return ReadSequence(node, Kind::kSet);
}

// A key, which JSON has as a text, as what it was.
Result<Value> SchemaReader::Key(const std::string& text, std::string_view type) {
  if (type.starts_with("int") || type.starts_with("uint")) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return Value::Int(number);
  }
  if (type.starts_with("float")) {
    if (const auto number = ParseNumber(text)) return Value::Float(*number);
  }
  if (type.starts_with("bool")) return Value::Bool(text == "true");
  if (type == "NoneType") return Value();
  return Text(text);
}

Status SchemaReader::ReadMembers(const Place& node, std::vector<Value>& pairs) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const auto* members, content.Members());
  SLIPWAY_ASSIGN_OR_RETURN(const Place types, node.At("key_types"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place type_list, ContentOf(types));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> type_nodes, type_list.Items());
  if (type_nodes.size() != members->size()) {
    return node.Error(StrCat(members->size(), " keys, but ", type_nodes.size(), " types of keys"));
  }
  SLIPWAY_RETURN_IF_ERROR(document_.Charge(2 * members->size()));
  pairs.reserve(2 * members->size());
  for (size_t i = 0; i < members->size(); ++i) {
    const auto& member = (*members)[i];
    SLIPWAY_ASSIGN_OR_RETURN(const std::string type, TextAt(type_nodes[i], "__class__"));
    SLIPWAY_ASSIGN_OR_RETURN(const Value key, Key(member.name, type));
    const Place at(member.value, StrCat(content.path(), ".", base::Printable(member.name, 40)));
    SLIPWAY_ASSIGN_OR_RETURN(const Value value, Read(at));
    pairs.push_back(key);
    pairs.push_back(value);
  }
  return base::OkStatus();
}

// Classes that are dicts with more to them, such as scikit-learn's Bunch, are objects with items.
Result<Value> SchemaReader::ReadDict(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool plain, IsPlain(node, "builtins", "dict"));
  SLIPWAY_ASSIGN_OR_RETURN(const bool ordered, IsPlain(node, "collections", "OrderedDict"));
  SLIPWAY_ASSIGN_OR_RETURN(
      const Value value, document_.Make(plain || ordered ? Kind::kDict : Kind::kObject, kNoPlace));
  if (!plain && !ordered) {
    SLIPWAY_ASSIGN_OR_RETURN(value.node().callable, Class(node));
    SLIPWAY_ASSIGN_OR_RETURN(value.node().args, numpy_.Tuple({}));
  }
  value.node().pairs = true;
  SLIPWAY_RETURN_IF_ERROR(ReadMembers(node, value.node().items));
  return value;
}

Result<Value> SchemaReader::ReadDefaultDict(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const Place main, content.At("main"));
  return Read(main);
}

}  // namespace slipway::import::skops
