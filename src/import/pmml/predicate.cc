#include "import/pmml/predicate.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/fields.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;
using Kind = Predicate::Kind;

constexpr int kMaxNesting = 200;

std::optional<Kind> SimpleKind(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 8> kKinds = {{
      {"equal", Kind::kEqual},
      {"notEqual", Kind::kNotEqual},
      {"lessThan", Kind::kLess},
      {"lessOrEqual", Kind::kLessOrEqual},
      {"greaterThan", Kind::kGreater},
      {"greaterOrEqual", Kind::kGreaterOrEqual},
      {"isMissing", Kind::kMissing},
      {"isNotMissing", Kind::kNotMissing},
  }};
  for (const auto& [known, kind] : kKinds) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

Result<Predicate> ReadSimple(ModelScope& scope, const Element& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("field"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string op, at.Need("operator"));
  const auto kind = SimpleKind(op);
  if (!kind) {
    return scope.all().Unsupported(at, StrCat("operator='", base::Printable(op), "'"));
  }
  Predicate out = {.kind = *kind};
  SLIPWAY_ASSIGN_OR_RETURN(out.field, scope.Use(at, name));
  if (*kind == Kind::kMissing || *kind == Kind::kNotMissing) return out;
  SLIPWAY_ASSIGN_OR_RETURN(const std::string value, at.Need("value"));
  const bool orders = *kind != Kind::kEqual && *kind != Kind::kNotEqual;
  if (orders && out.field->type == DataType::kText) {
    return scope.all().Unsupported(at, StrCat("operator='", op, "' on text"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(out.constant, ConstantOf(scope.all(), at, out.field->type, value));
  return out;
}

Result<Predicate> ReadSet(ModelScope& scope, const Element& at) {
  static constexpr std::string_view kOperators[] = {"isIn", "isNotIn"};
  SLIPWAY_RETURN_IF_ERROR(at.Need("booleanOperator").status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t op, at.Choice("booleanOperator", kOperators));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("field"));
  Predicate out = {.kind = op == 0 ? Kind::kIn : Kind::kNotIn};
  SLIPWAY_ASSIGN_OR_RETURN(out.field, scope.Use(at, name));
  SLIPWAY_ASSIGN_OR_RETURN(const Element array, at.NeedChild("Array"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto texts, array.ArrayTexts());
  if (texts.empty()) return array.Error("a set of nothing");
  for (const std::string& text : texts) {
    SLIPWAY_ASSIGN_OR_RETURN(const double value,
                             ConstantOf(scope.all(), array, out.field->type, text));
    out.members.push_back(value);
  }
  return out;
}

bool IsPredicate(std::string_view name) {
  return name == "SimplePredicate" || name == "SimpleSetPredicate" || name == "True" ||
         name == "False" || name == "CompoundPredicate";
}

Result<Predicate> Read(ModelScope& scope, const Element& at, int depth);

Result<Predicate> ReadCompound(ModelScope& scope, const Element& at, int depth) {
  static constexpr std::string_view kOperators[] = {"or", "and", "xor", "surrogate"};
  static constexpr Kind kKinds[] = {Kind::kOr, Kind::kAnd, Kind::kXor, Kind::kSurrogate};
  SLIPWAY_RETURN_IF_ERROR(at.Need("booleanOperator").status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t op, at.Choice("booleanOperator", kOperators));
  if (depth > kMaxNesting) {
    return at.Error(StrCat("predicates nested more than ", kMaxNesting, " levels deep"));
  }
  Predicate out = {.kind = kKinds[op]};
  for (const Element& child : at.Children()) {
    SLIPWAY_ASSIGN_OR_RETURN(Predicate part, Read(scope, child, depth + 1));
    out.parts.push_back(std::move(part));
  }
  if (out.parts.size() < 2) return at.Error("a compound of fewer than two predicates");
  return out;
}

Result<Predicate> Read(ModelScope& scope, const Element& at, int depth) {
  if (at.name() == "True") return Predicate{.kind = Kind::kTrue};
  if (at.name() == "False") return Predicate{.kind = Kind::kFalse};
  if (at.name() == "SimplePredicate") return ReadSimple(scope, at);
  if (at.name() == "SimpleSetPredicate") return ReadSet(scope, at);
  if (at.name() == "CompoundPredicate") return ReadCompound(scope, at, depth);
  return scope.all().Unsupported(at, "this as a predicate");
}

Value Everywhere(Conversion& all, bool truth) {
  return Compare(all.graph, truth ? "Equal" : "Less", all.zeros, Number(all.graph, 0));
}

Value TestOf(GraphBuilder& graph, const Predicate& p) {
  const Value& x = p.field->value;
  switch (p.kind) {
    case Kind::kLess:
      return Compare(graph, "Less", x, Number(graph, p.constant));
    case Kind::kLessOrEqual:
      return Compare(graph, "LessOrEqual", x, Number(graph, p.constant));
    case Kind::kGreater:
      return Compare(graph, "Greater", x, Number(graph, p.constant));
    case Kind::kGreaterOrEqual:
      return Compare(graph, "GreaterOrEqual", x, Number(graph, p.constant));
    case Kind::kIn:
    case Kind::kNotIn:
      return IsIn(graph, x, p.members);
    default:
      return Compare(graph, "Equal", x, Number(graph, p.constant));
  }
}

Truth EvaluateField(Conversion& all, const Predicate& p) {
  GraphBuilder& graph = all.graph;
  Value missing;
  if (p.field->may_miss) missing = IsMissing(graph, p.field->value);
  if (p.kind == Kind::kMissing || p.kind == Kind::kNotMissing) {
    const bool wants = p.kind == Kind::kMissing;
    if (missing.name.empty()) return {Everywhere(all, !wants), {}};
    return {wants ? missing : Not(graph, missing), {}};
  }
  Value yes = TestOf(graph, p);
  if (p.kind == Kind::kNotEqual || p.kind == Kind::kNotIn) {
    yes = Not(graph, yes);
    if (!missing.name.empty()) yes = And(graph, yes, Not(graph, missing));
  }
  return {yes, missing};
}

// false = neither true nor unknown.
Value FalseOf(GraphBuilder& graph, const Truth& truth) {
  return Not(graph, Or(graph, truth.yes, truth.unknown));
}

Truth Combine(Conversion& all, Kind kind, const Truth& a, const Truth& b) {
  GraphBuilder& graph = all.graph;
  const Value unknown = Or(graph, a.unknown, b.unknown);
  if (kind == Kind::kAnd) {
    const Value yes = And(graph, a.yes, b.yes);
    if (unknown.name.empty()) return {yes, {}};
    const Value no = Or(graph, FalseOf(graph, a), FalseOf(graph, b));
    return {yes, And(graph, unknown, Not(graph, no))};
  }
  if (kind == Kind::kOr) {
    const Value yes = Or(graph, a.yes, b.yes);
    if (unknown.name.empty()) return {yes, {}};
    return {yes, And(graph, unknown, Not(graph, yes))};
  }
  if (kind == Kind::kXor) {
    const Value differ = graph.Node("Xor", {a.yes, b.yes});
    if (unknown.name.empty()) return {differ, {}};
    return {And(graph, differ, Not(graph, unknown)), unknown};
  }
  if (a.unknown.name.empty()) return a;  // surrogate
  const Value yes = Or(graph, a.yes, And(graph, a.unknown, b.yes));
  return {yes, b.unknown.name.empty() ? Value() : And(graph, a.unknown, b.unknown)};
}

Truth Known(Conversion& all, const Predicate& p) {
  if (p.kind == Kind::kTrue || p.kind == Kind::kFalse) {
    return {Everywhere(all, p.kind == Kind::kTrue), {}};
  }
  if (p.parts.empty()) return EvaluateField(all, p);
  Truth out = Known(all, p.parts.front());
  for (const Predicate& part : std::span(p.parts).subspan(1)) {
    out = Combine(all, p.kind, out, Known(all, part));
  }
  return out;
}

}  // namespace

Result<Predicate> ReadPredicateOf(ModelScope& scope, const Element& holder) {
  for (const Element& child : holder.Children()) {
    if (IsPredicate(child.name())) return Read(scope, child, 0);
  }
  return holder.Error("expected a predicate");
}

Truth Evaluate(Conversion& all, const Predicate& predicate) {
  if (predicate.kind == Kind::kTrue) return {};
  return Known(all, predicate);
}

}  // namespace slipway::import::pmml
