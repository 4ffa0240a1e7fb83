// Apply: the built-in functions of PMML 4.4 that are numbers, comparisons and logic, and functions
// that the file defines itself.
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/expression.h"
#include "import/pmml/fields.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

const double kNaN = std::nan("");
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What a function gets: its arguments, and the elements they come from.
struct Call {
  Conversion& all;
  GraphBuilder& graph;
  Element at;
  std::string name;
  std::vector<Field> arguments;
  std::vector<Element> elements;

  const Value& x() const { return arguments[0].value; }
  const Value& y() const { return arguments[1].value; }
};

DataType CommonType(const std::vector<Field>& fields) {
  DataType type = DataType::kInteger;
  for (const Field& field : fields) {
    if (field.type == DataType::kDouble) return DataType::kDouble;
    if (field.type == DataType::kFloat) type = DataType::kFloat;
  }
  return type;
}

Value AnyArgumentMissing(const Call& call) {
  Value missing;
  for (const Field& field : call.arguments) {
    if (field.may_miss) missing = Or(call.graph, missing, IsMissing(call.graph, field.value));
  }
  return missing;
}

Value ToNumber(GraphBuilder& graph, const Value& truth) {
  return graph.Cast(truth, ElementType::kDouble);
}

Value IsTrue(GraphBuilder& graph, const Value& number) {
  return Compare(graph, "Greater", number, Number(graph, 0.5));
}

// A result of an arithmetic type: rounded to float, or held to the range of an integer.
Field OfType(const Call& call, Value value, DataType type) {
  Field out = {.value = std::move(value), .type = type};
  if (type == DataType::kFloat) out.value = ToFloat(call.graph, out.value);
  if (type == DataType::kInteger) {
    out.fails = Compare(call.graph, "Greater", call.graph.Node("Abs", {out.value}),
                        Number(call.graph, 2147483648.0));
  }
  return out;
}

// Toward zero, for quotients of integers.
Value Truncated(GraphBuilder& graph, const Value& x) {
  const Value size = graph.Node("Floor", {graph.Node("Abs", {x})});
  return Binary(graph, "Mul", graph.Node("Sign", {x}), size);
}

Field Arithmetic(const Call& call) {
  GraphBuilder& graph = call.graph;
  const DataType type = CommonType(call.arguments);
  if (call.name == "+") return OfType(call, Binary(graph, "Add", call.x(), call.y()), type);
  if (call.name == "-") return OfType(call, Binary(graph, "Sub", call.x(), call.y()), type);
  if (call.name == "*") return OfType(call, Binary(graph, "Mul", call.x(), call.y()), type);
  const Value quotient = Binary(graph, "Div", call.x(), call.y());
  if (call.name == "/") {
    if (type != DataType::kInteger) return OfType(call, quotient, type);
    Field out = OfType(call, Truncated(graph, quotient), type);
    out.fails = Or(graph, out.fails, Compare(graph, "Equal", call.y(), Number(graph, 0)));
    return out;
  }
  const Value whole = graph.Node("Floor", {quotient});  // modulo
  return OfType(call, Binary(graph, "Sub", call.x(), Binary(graph, "Mul", whole, call.y())), type);
}

// Functions of all arguments but missing ones.
Field Fold(const Call& call) {
  GraphBuilder& graph = call.graph;
  std::vector<Value> columns;
  columns.reserve(call.arguments.size());
  for (const Field& field : call.arguments) columns.push_back(field.value);
  const Value all = graph.Concat(std::move(columns));
  const Value missing = IsMissing(graph, all);
  const auto filled = [&](double with) { return Where(graph, missing, Number(graph, with), all); };
  const Value present = Sum(graph, ToNumber(graph, Not(graph, missing)));
  DataType type = CommonType(call.arguments);
  Value value;
  if (call.name == "min") {
    value = graph.Node("Neg", {Largest(graph, graph.Node("Neg", {filled(kInfinity)}))});
  } else if (call.name == "max") {
    value = Largest(graph, filled(-kInfinity));
  } else if (call.name == "product") {
    value = call.arguments[0].value;
    for (size_t i = 0; i < call.arguments.size(); ++i) {
      const Value& x = call.arguments[i].value;
      const Value factor = Where(graph, IsMissing(graph, x), Number(graph, 1), x);
      value = i == 0 ? factor : Binary(graph, "Mul", value, factor);
    }
  } else {
    value = Sum(graph, filled(0));
    if (call.name == "avg") {
      value = Binary(graph, "Div", value, present);
      if (type == DataType::kInteger) type = DataType::kDouble;
    }
  }
  const Value none = Compare(graph, "Less", present, Number(graph, 1));
  return OfType(call, Where(graph, none, Number(graph, kNaN), value), type);
}

// exp(x) - 1 and ln(1 + x) that stay exact near zero: W. Kahan's quotients.
Value Expm1(GraphBuilder& graph, const Value& x) {
  const Value one = Number(graph, 1);
  const Value u = graph.Node("Exp", {x});
  const Value less = Binary(graph, "Sub", u, one);
  const Value exact = Binary(graph, "Div", Binary(graph, "Mul", less, x), graph.Node("Log", {u}));
  const Value small = Compare(graph, "Less", graph.Node("Abs", {x}), one);
  return Where(graph, Compare(graph, "Equal", u, one), x, Where(graph, small, exact, less));
}

Value Ln1p(GraphBuilder& graph, const Value& x) {
  const Value one = Number(graph, 1);
  const Value u = Binary(graph, "Add", x, one);
  const Value log = graph.Node("Log", {u});
  const Value exact =
      Binary(graph, "Div", Binary(graph, "Mul", log, x), Binary(graph, "Sub", u, one));
  const Value small = Compare(graph, "Less", graph.Node("Abs", {x}), one);
  return Where(graph, Compare(graph, "Equal", u, one), x, Where(graph, small, exact, log));
}

std::optional<Field> OfOneNumber(const Call& call) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kOperators = {{
      {"ln", "Log"},
      {"exp", "Exp"},
      {"sqrt", "Sqrt"},
      {"sin", "Sin"},
      {"cos", "Cos"},
      {"tanh", "Tanh"},
  }};
  GraphBuilder& graph = call.graph;
  const std::string& name = call.name;
  for (const auto& [function, op] : kOperators) {
    if (function == name) return Field{.value = graph.Node(op, {call.x()})};
  }
  if (name == "log10") {
    return Field{.value = Binary(graph, "Div", graph.Node("Log", {call.x()}),
                                 Number(graph, std::log(10.0)))};
  }
  if (name == "atan") return Field{.value = ArcTangent(graph, call.x())};
  if (name == "expm1") return Field{.value = Expm1(graph, call.x())};
  if (name == "ln1p") return Field{.value = Ln1p(graph, call.x())};
  const DataType type = call.arguments[0].type;
  if (name == "abs") return Field{.value = graph.Node("Abs", {call.x()}), .type = type};
  if (name == "rint") return Field{.value = graph.Node("Round", {call.x()}), .type = type};
  const DataType whole = DataType::kInteger;
  if (name == "floor") return OfType(call, graph.Node("Floor", {call.x()}), whole);
  if (name == "ceil") return OfType(call, graph.Node("Ceil", {call.x()}), whole);
  if (name == "round") return OfType(call, RoundHalfUp(graph, call.x()), whole);
  return std::nullopt;
}

// Two values that are compared are of one type; a constant is read as the other's.
Status AlignTypes(Call& call) {
  const bool text = call.arguments[0].type == DataType::kText;
  for (size_t i = 1; i < call.arguments.size(); ++i) {
    if ((call.arguments[i].type == DataType::kText) == text) {
      if (!text || call.elements[0].name() == "Constant" || call.elements[i].name() == "Constant") {
        continue;
      }
      return Conversion::Unsupported(call.at, "a comparison of two texts");
    }
    if (call.elements[i].name() != "Constant") {
      return Conversion::Unsupported(call.at, "a comparison of text and numbers");
    }
    SLIPWAY_ASSIGN_OR_RETURN(
        const double value,
        ConstantOf(call.all, call.elements[i], call.arguments[0].type, call.elements[i].Text()));
    call.arguments[i] = ConstantField(call.all, call.arguments[0].type, value);
  }
  return base::OkStatus();
}

std::optional<std::string_view> Comparison(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kOperators = {{
      {"equal", "Equal"},
      {"notEqual", "Equal"},
      {"lessThan", "Less"},
      {"lessOrEqual", "LessOrEqual"},
      {"greaterThan", "Greater"},
      {"greaterOrEqual", "GreaterOrEqual"},
  }};
  for (const auto& [function, op] : kOperators) {
    if (function == name) return op;
  }
  return std::nullopt;
}

Result<Field> Truths(Call& call) {
  GraphBuilder& graph = call.graph;
  Value truth;
  if (const auto op = Comparison(call.name)) {
    SLIPWAY_RETURN_IF_ERROR(AlignTypes(call));
    if (call.arguments[0].type == DataType::kText && *op != "Equal") {
      return Conversion::Unsupported(call.at, "an order of texts");
    }
    truth = Compare(graph, *op, call.x(), call.y());
    if (call.name == "notEqual") truth = Not(graph, truth);
  } else if (call.name == "not") {
    truth = Not(graph, IsTrue(graph, call.x()));
  } else if (call.name == "isIn" || call.name == "isNotIn") {
    SLIPWAY_RETURN_IF_ERROR(AlignTypes(call));
    for (size_t i = 1; i < call.arguments.size(); ++i) {
      const Value& y = call.arguments[i].value;
      Value same = Compare(graph, "Equal", call.x(), y);
      same = Or(graph, same, And(graph, IsMissing(graph, call.x()), IsMissing(graph, y)));
      truth = Or(graph, truth, same);
    }
    if (call.name == "isNotIn") truth = Not(graph, truth);
  } else {
    for (const Field& field : call.arguments) {
      const Value part = IsTrue(graph, field.value);
      truth = call.name == "and" ? And(graph, truth, part) : Or(graph, truth, part);
    }
  }
  return Field{.value = ToNumber(graph, truth), .type = DataType::kBoolean, .may_miss = false};
}

Field MissingTests(const Call& call) {
  GraphBuilder& graph = call.graph;
  Value truth = IsMissing(graph, call.x());
  if (call.name == "isNotMissing" || call.name == "isValid") truth = Not(graph, truth);
  if (call.name == "isNotValid") truth = Compare(graph, "Less", call.x(), call.x());  // nowhere
  return {.value = ToNumber(graph, truth), .type = DataType::kBoolean, .may_miss = false};
}

// What a call of two numbers to a function other than arithmetic gives.
// pow, threshold or hypot.
Field OfTwoNumbers(const Call& call) {
  GraphBuilder& graph = call.graph;
  const DataType type = CommonType(call.arguments);
  if (call.name == "pow") return OfType(call, Binary(graph, "Pow", call.x(), call.y()), type);
  if (call.name == "threshold") {
    const Value above = Compare(graph, "Greater", call.x(), call.y());
    return OfType(call, ToNumber(graph, above), type);
  }
  const Value squares = Binary(graph, "Add", Binary(graph, "Mul", call.x(), call.x()),
                               Binary(graph, "Mul", call.y(), call.y()));
  return Field{.value = graph.Node("Sqrt", {squares})};
}

// What missing arguments do: make the result missing, are errors, or are nothing special.
enum class OnMissing : uint8_t { kMissing, kError, kAllowed };

struct Outcome {
  Field field;
  OnMissing on_missing = OnMissing::kError;
  bool may_be_undefined = false;  // NaN is the result of an argument out of the domain
};

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  for (const std::string_view known : names) {
    if (known == name) return true;
  }
  return false;
}

Status NeedArguments(const Call& call, size_t least, size_t most) {
  const size_t count = call.arguments.size();
  if (count >= least && count <= most) return base::OkStatus();
  return call.at.Error(
      StrCat("expected ", least, most > least ? " or more" : "", " arguments, got ", count));
}

Status NeedNumbers(const Call& call) {
  for (const Field& field : call.arguments) {
    if (field.type == DataType::kText) return call.at.Error("calculates with text");
  }
  return base::OkStatus();
}

Result<Outcome> BuiltIn(Call& call) {
  const std::string& name = call.name;
  constexpr size_t kMany = 10'000;
  if (IsOneOf(name, {"isMissing", "isNotMissing", "isValid", "isNotValid"})) {
    SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 1, 1));
    return Outcome{MissingTests(call), OnMissing::kAllowed};
  }
  if (Comparison(name) || IsOneOf(name, {"and", "or", "isIn", "isNotIn"})) {
    SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 2, Comparison(name) ? 2 : kMany));
    SLIPWAY_ASSIGN_OR_RETURN(Field field, Truths(call));
    const bool allowed = name == "isIn" || name == "isNotIn";
    return Outcome{std::move(field), allowed ? OnMissing::kAllowed : OnMissing::kError};
  }
  if (name == "not") {
    SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 1, 1));
    SLIPWAY_ASSIGN_OR_RETURN(Field field, Truths(call));
    return Outcome{std::move(field)};
  }
  SLIPWAY_RETURN_IF_ERROR(NeedNumbers(call));
  if (IsOneOf(name, {"+", "-", "*", "/", "modulo"})) {
    SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 2, 2));
    return Outcome{Arithmetic(call), OnMissing::kMissing, true};
  }
  if (IsOneOf(name, {"min", "max", "sum", "avg", "product"})) {
    SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 1, kMany));
    return Outcome{Fold(call), OnMissing::kAllowed};
  }
  if (IsOneOf(name, {"pow", "threshold", "hypot"})) {
    SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 2, 2));
    return Outcome{OfTwoNumbers(call), OnMissing::kError, true};
  }
  if (!call.arguments.empty()) {
    if (auto field = OfOneNumber(call)) {
      SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 1, 1));
      return Outcome{*std::move(field), OnMissing::kError, true};
    }
  }
  return Conversion::Unsupported(call.at, StrCat("function '", Printable(name), "'"));
}

// The attributes of Apply around a function's result.
Result<Field> Finish(const Call& call, Outcome outcome) {
  GraphBuilder& graph = call.graph;
  Field out = std::move(outcome.field);
  const Value missing = AnyArgumentMissing(call);
  const auto mapped = call.at.Find("mapMissingTo");
  const bool maps = mapped.has_value() && !missing.name.empty();
  static constexpr std::string_view kTreatments[] = {"returnInvalid", "asMissing"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t treatment,
                           call.at.Choice("invalidValueTreatment", kTreatments));
  Value own = out.fails;
  if (outcome.may_be_undefined && treatment == 0) {
    const Value nan = IsMissing(graph, out.value);
    own = Or(graph, own, missing.name.empty() ? nan : And(graph, nan, Not(graph, missing)));
  }
  if (outcome.on_missing == OnMissing::kError) own = Or(graph, own, missing);
  if (maps && !own.name.empty()) own = And(graph, own, Not(graph, missing));
  out.fails = own;
  if (const auto text = call.at.Find("defaultValue")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(call.all, call.at, out.type, *text));
    out.value = Where(graph, IsMissing(graph, out.value), Number(graph, value), out.value);
  }
  if (mapped.has_value() && maps) {
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(call.all, call.at, out.type, *mapped));
    out.value = Where(graph, missing, Number(graph, value), out.value);
  }
  for (const Field& field : call.arguments) out.fails = Or(graph, out.fails, field.fails);
  return out;
}

// if: only the branch that is taken may fail.
Result<Field> If(Call& call) {
  GraphBuilder& graph = call.graph;
  SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, 2, 3));
  const Field& condition = call.arguments[0];
  const Value yes = IsTrue(graph, condition.value);
  Field then = call.arguments[1];
  Field otherwise =
      call.arguments.size() == 3 ? call.arguments[2] : ConstantField(call.all, then.type, kNaN);
  if ((then.type == DataType::kText) != (otherwise.type == DataType::kText)) {
    return Conversion::Unsupported(call.at, "a result that is either text or number");
  }
  Field out = {
      .value = Where(graph, yes, then.value, otherwise.value),
      .type = then.type == DataType::kText ? DataType::kText : CommonType({then, otherwise})};
  if (then.type == otherwise.type) out.type = then.type;
  if (!then.fails.name.empty()) out.fails = And(graph, yes, then.fails);
  if (!otherwise.fails.name.empty()) {
    out.fails = Or(graph, out.fails, And(graph, Not(graph, yes), otherwise.fails));
  }
  if (const auto text = call.at.Find("defaultValue")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(call.all, call.at, out.type, *text));
    out.value = Where(graph, IsMissing(graph, out.value), Number(graph, value), out.value);
  }
  const Value unknown = IsMissing(graph, condition.value);
  if (const auto mapped = call.at.Find("mapMissingTo")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(call.all, call.at, out.type, *mapped));
    const Value where = Or(graph, unknown, IsMissing(graph, out.value));
    out.value = Where(graph, where, Number(graph, value), out.value);
  } else if (condition.may_miss) {
    out.fails = Or(graph, out.fails, unknown);
  }
  out.fails = Or(graph, out.fails, condition.fails);
  return out;
}

Result<Field> CallDefined(ModelScope& scope, const Call& call) {
  Conversion& all = scope.all();
  const auto found = all.functions.find(call.name);
  const Element function = found->second;
  const auto parameters = function.Children("ParameterField");
  SLIPWAY_RETURN_IF_ERROR(NeedArguments(call, parameters.size(), parameters.size()));
  Parameters values;
  for (size_t i = 0; i < parameters.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, parameters[i].Need("name"));
    Field value = call.arguments[i];
    if (parameters[i].Find("dataType")) {
      SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(all, parameters[i], ""));
      SLIPWAY_ASSIGN_OR_RETURN(value, CastTo(all, call.at, std::move(value), type));
    }
    values[name] = std::move(value);
  }
  for (const Element& child : function.Children()) {
    if (child.name() == "ParameterField") continue;
    // A function that calls itself is not seen while it is called.
    all.functions.erase(call.name);
    auto result = MakeExpression(scope, child, &values);
    all.functions.emplace(call.name, function);
    if (!result.ok() || !function.Find("dataType")) return result;
    SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(all, function, ""));
    return CastTo(all, call.at, *std::move(result), type);
  }
  return function.Error("expected an expression");
}

}  // namespace

Result<Field> MakeApply(ModelScope& scope, const Element& at, const Parameters* parameters) {
  SLIPWAY_ASSIGN_OR_RETURN(std::string name, at.Need("function"));
  if (name.starts_with("x-")) name.erase(0, 2);
  if (scope.all().is_before_4_2 && at.Find("mapMissingTo")) {
    return Conversion::Unsupported(at, "mapMissingTo, which meant something else before PMML 4.2,");
  }
  Call call = {.all = scope.all(),
               .graph = scope.graph(),
               .at = at,
               .name = std::move(name),
               .arguments = {},
               .elements = at.Children()};
  for (const Element& child : call.elements) {
    SLIPWAY_ASSIGN_OR_RETURN(Field argument, MakeExpression(scope, child, parameters));
    call.arguments.push_back(std::move(argument));
  }
  if (call.name == "if") return If(call);
  if (scope.all().functions.contains(call.name)) {
    SLIPWAY_ASSIGN_OR_RETURN(Field field, CallDefined(scope, call));
    return Finish(call, {std::move(field), OnMissing::kAllowed, false});
  }
  SLIPWAY_ASSIGN_OR_RETURN(Outcome outcome, BuiltIn(call));
  return Finish(call, std::move(outcome));
}

}  // namespace slipway::import::pmml
