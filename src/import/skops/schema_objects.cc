#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "import/skops/schema_reader.h"

namespace slipway::import::skops {

using base::Result;
using pickle::kNoPlace;
using pickle::Value;
using Kind = pickle::Value::Kind;

// JSON within JSON: a number, a text, true, false or null.
Result<Value> SchemaReader::ReadJsonNode(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string content, TextAt(node, "content"));
  return ReadScalar(node, content);
}

Result<Value> SchemaReader::ReadScalar(const Place& node, std::string_view json) {
  constexpr std::string_view kNull = "null";
  constexpr std::string_view kTrue = "true";
  if (json == kNull) return Value();
  if (json == kTrue || json == "false") return Value::Bool(json == kTrue);
  if (json.starts_with('"')) {
    auto read = ReadJson(json, limits_);
    if (!read.ok()) return read.status().WithContext(node.path());
    SLIPWAY_ASSIGN_OR_RETURN(std::string text, Place(*read, node.path()).Text());
    return Text(std::move(text));
  }
  int64_t number = 0;
  const char* const last = json.data() + json.size();
  const auto [end, error] = std::from_chars(json.data(), last, number);
  if (error == std::errc() && end == last) return Value::Int(number);
  if (const auto real = ParseNumber(json)) return Value::Float(*real);
  return node.Error("expected a number, a text, true, false or null");
}

Result<Value> SchemaReader::ReadBytes(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(node));
  return document_.MakeText(Kind::kBytes, kNoPlace, content);
}

Result<Value> SchemaReader::Object(const Value& callable, const Value& args, const Value& state) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value object, document_.Make(Kind::kObject, kNoPlace));
  object.node().callable = callable;
  object.node().args = args;
  object.node().state = state;
  return object;
}

Result<Value> SchemaReader::ReadName(const Place& node) {
  const auto content = node.Find("content");  // protocol 0
  if (!content) return Class(node);
  SLIPWAY_ASSIGN_OR_RETURN(std::string module, TextAt(*content, "module_path"));
  SLIPWAY_ASSIGN_OR_RETURN(std::string name, TextAt(*content, "function"));
  return Named(std::move(module), std::move(name));
}

// An object by its class, what it was made of and its state. skops writes a state or none.
Result<Value> SchemaReader::ReadObject(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Class(node));
  SLIPWAY_ASSIGN_OR_RETURN(Value args, numpy_.Tuple({}));
  if (const auto reduce = node.Find("__reduce__")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place given, reduce->At("args"));
    SLIPWAY_ASSIGN_OR_RETURN(args, Read(given));
  }
  Value state;
  if (const auto content = node.Find("content")) {
    SLIPWAY_ASSIGN_OR_RETURN(state, Read(*content));
  }
  return Object(callable, args, state);
}

Result<Value> SchemaReader::ReadConstructed(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Class(node));
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, Read(content));
  return Object(callable, args, Value());
}

Result<Value> SchemaReader::ReadPartial(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  std::array<Value, 4> parts;
  constexpr std::array<std::string_view, 4> kParts = {"func", "args", "kwds", "namespace"};
  for (size_t i = 0; i < kParts.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place part, content.At(kParts[i]));
    SLIPWAY_ASSIGN_OR_RETURN(parts[i], Read(part));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Named("functools", "partial"));
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, numpy_.Tuple({parts[0]}));
  SLIPWAY_ASSIGN_OR_RETURN(const Value state,
                           numpy_.Tuple({parts[0], parts[1], parts[2], parts[3]}));
  return Object(callable, args, state);
}

Result<Value> SchemaReader::ReadSlice(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
  std::array<Value, 3> parts;
  constexpr std::array<std::string_view, 3> kParts = {"start", "stop", "step"};
  for (size_t i = 0; i < kParts.size(); ++i) {
    const auto part = content.Find(kParts[i]);
    if (!part) continue;
    constexpr int64_t kFar = std::numeric_limits<int32_t>::max();
    if (part->is_text()) {
      SLIPWAY_ASSIGN_OR_RETURN(std::string text, part->Text());
      SLIPWAY_ASSIGN_OR_RETURN(parts[i], Text(std::move(text)));
    } else {
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, part->Integer(-kFar, kFar));
      parts[i] = Value::Int(number);
    }
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Named("builtins", "slice"));
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, numpy_.Tuple({parts[0], parts[1], parts[2]}));
  return Object(callable, args, Value());
}

// What a generator of random numbers would give plays no part in what a model answers.
Result<Value> SchemaReader::ReadNothing(const Place&) { return Value(); }

}  // namespace slipway::import::skops
