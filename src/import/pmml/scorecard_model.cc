#include <utility>

#include "import/pmml/expression.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"
#include "import/pmml/predicate.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using graph::GraphBuilder;
using graph::Value;

// What an Attribute adds: a number, or an expression, which then wins.
Result<Value> PartialScore(ModelScope& scope, const Element& attribute, const Value& chosen) {
  const auto complex = attribute.Child("ComplexPartialScore");
  if (!complex) {
    SLIPWAY_ASSIGN_OR_RETURN(const double score, attribute.Number("partialScore"));
    return Number(scope.graph(), score);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Field field, MakeDerivedField(scope, *complex));
  if (field.type == DataType::kText) return complex->Error("text as a score");
  if (!field.fails.name.empty()) scope.Fail(And(scope.graph(), chosen, field.fails));
  return field.value;
}

// The score of the first Attribute that is true; a failure where none is.
Result<Value> CharacteristicScore(ModelScope& scope, const Element& characteristic) {
  GraphBuilder& graph = scope.graph();
  const auto attributes = characteristic.Children("Attribute");
  if (attributes.empty()) return characteristic.Error("expected an Attribute");
  Value taken = Compare(graph, "Less", scope.all().zeros, Number(graph, 0));  // nowhere yet
  Value out = scope.all().zeros;
  for (const Element& attribute : attributes) {
    SLIPWAY_ASSIGN_OR_RETURN(const Predicate predicate, ReadPredicateOf(scope, attribute));
    const Truth truth = Evaluate(scope.all(), predicate);
    const Value chosen = And(graph, Not(graph, taken), truth.yes);
    SLIPWAY_ASSIGN_OR_RETURN(const Value score, PartialScore(scope, attribute, chosen));
    out = Where(graph, chosen, score, out);
    taken = Or(graph, taken, chosen);
  }
  scope.Fail(Not(graph, taken));
  return out;
}

}  // namespace

Result<ModelAnswer> MakeScorecard(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const double initial, model.NumberOr("initialScore", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const Element list, model.NeedChild("Characteristics"));
  ModelAnswer out;
  out.value = Binary(graph, "Add", scope.all().zeros, Number(graph, initial));
  for (const Element& characteristic : list.Children("Characteristic")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value score, CharacteristicScore(scope, characteristic));
    out.value = Binary(graph, "Add", out.value, score);
  }
  return out;
}

}  // namespace slipway::import::pmml
