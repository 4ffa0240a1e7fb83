#include "import/pmml/output.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/expression.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

// Positions of texts as codes that constants can be compared with, or as numbers.
Result<Field> Named(ModelScope& scope, const Element& at, const Value& position,
                    const std::vector<std::string>& names, DataType type) {
  std::vector<double> values;
  for (const std::string& name : names) {
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), at, type, name));
    values.push_back(value);
  }
  if (values.empty()) return at.Error("a class of a model that has none");
  return Field{.value = LookUp(scope.graph(), values, position), .type = type};
}

// The name at the OutputField's rank.
Result<Field> AtRank(ModelScope& scope, const Element& at, const Ranking& ranking) {
  SLIPWAY_ASSIGN_OR_RETURN(const double rank, at.NumberOr("rank", 1));
  if (!(rank >= 1 && rank == std::floor(rank))) {
    return at.Error("'rank': expected a whole number from 1 on");
  }
  if (rank > static_cast<double>(ranking.count)) {
    if (!ranking.is_whole) return Conversion::Unsupported(at, "a rank beyond the first");
    return ConstantField(scope.all(), DataType::kText, std::nan(""));
  }
  const auto column = static_cast<int64_t>(rank) - 1;
  return Named(scope, at, scope.graph().Columns(ranking.positions, std::span(&column, 1)),
               ranking.names, DataType::kText);
}

// The names of classes are of the target's type; texts where that is not known.
Result<DataType> TypeOfClasses(ModelScope& scope, const Element& model, const Element& at) {
  if (at.Find("dataType")) return ReadDataType(scope.all(), at, "");
  const auto field = scope.all().data_fields.find(TargetName(model));
  if (field == scope.all().data_fields.end()) return DataType::kText;
  return ReadDataType(scope.all(), field->second, "");
}

Result<Field> Probability(ModelScope& scope, const Element& at, const ModelAnswer& answer) {
  GraphBuilder& graph = scope.graph();
  if (answer.probabilities.name.empty()) {
    return Conversion::Unsupported(at, "a probability of a model that has none");
  }
  const auto name = at.Find("value");
  if (!name) return Field{.value = Largest(graph, answer.probabilities)};
  const auto found = std::ranges::find(answer.classes, *name);
  if (found == answer.classes.end()) return ConstantField(scope.all(), DataType::kDouble, 0);
  const int64_t position = found - answer.classes.begin();
  return Field{.value = graph.Columns(answer.probabilities, std::span(&position, 1))};
}

// The distance to the entity that is named, or to the nearest.
Result<Field> Affinity(ModelScope& scope, const Element& at, const ModelAnswer& answer) {
  GraphBuilder& graph = scope.graph();
  const auto name = at.Find("value");
  if (!name) {
    const Value nearest = Largest(graph, graph.Node("Neg", {answer.affinities}));
    return Field{.value = graph.Node("Neg", {nearest})};
  }
  const std::vector<std::string>& names = answer.entities.names;
  const auto found = std::ranges::find(names, *name);
  if (found == names.end()) return at.Error("'value' names no cluster");
  const int64_t position = found - names.begin();
  return Field{.value = graph.Columns(answer.affinities, std::span(&position, 1))};
}

Result<Field> MakeOutput(ModelScope& scope, const Element& model, const Element& at,
                         const ModelAnswer& answer, const std::string& feature) {
  if (feature == "transformedValue" || feature == "decision") return MakeDerivedField(scope, at);
  if (feature == "probability") return Probability(scope, at, answer);
  if (feature == "predictedValue" && answer.classifies) {
    SLIPWAY_ASSIGN_OR_RETURN(const DataType type, TypeOfClasses(scope, model, at));
    return Named(scope, at, answer.value, answer.classes, type);
  }
  if (feature == "predictedValue") {
    Field field = {.value = answer.value};
    if (!at.Find("dataType")) return field;
    SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(scope.all(), at, ""));
    return CastTo(scope.all(), at, std::move(field), type);
  }
  if (feature == "confidence" && !answer.confidence.name.empty() && !at.Find("value")) {
    return Field{.value = answer.confidence};
  }
  if ((feature == "entityId" || feature == "clusterId") &&
      !answer.entities.positions.name.empty()) {
    return AtRank(scope, at, answer.entities);
  }
  if (feature == "reasonCode" && !answer.reasons.positions.name.empty()) {
    return AtRank(scope, at, answer.reasons);
  }
  if ((feature == "affinity" || feature == "clusterAffinity") && !answer.affinities.name.empty()) {
    return Affinity(scope, at, answer);
  }
  return Conversion::Unsupported(at, StrCat("feature='", base::Printable(feature), "'"));
}

}  // namespace

Result<std::vector<OutputValue>> MakeOutputs(ModelScope& scope, const Element& model,
                                             const ModelAnswer& answer) {
  std::vector<OutputValue> out;
  const auto output = model.Child("Output");
  if (!output) return out;
  for (const Element& at : output->Children("OutputField")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("name"));
    const std::string feature = at.Or("feature", "predictedValue");
    if (at.Find("segmentId") ||
        at.Find("targetField").value_or(TargetName(model)) != TargetName(model)) {
      SLIPWAY_RETURN_IF_ERROR(scope.all().Recover(
          Conversion::Unsupported(at, "the output of a single segment or of another target")));
      continue;
    }
    auto field = MakeOutput(scope, model, at, answer, feature);
    SLIPWAY_RETURN_IF_ERROR(scope.all().Recover(field.status()));
    if (!field.ok()) continue;
    scope.Define(name, *field);
    out.push_back({.name = name,
                   .feature = feature,
                   .value = at.Or("value", ""),
                   .is_final = at.Or("isFinalResult", "true") != "false",
                   .field = *std::move(field)});
  }
  return out;
}

}  // namespace slipway::import::pmml
