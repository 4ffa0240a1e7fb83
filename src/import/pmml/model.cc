#include "import/pmml/model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/expression.h"
#include "import/pmml/fields.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

constexpr int kMaxModels = 20;  // in each other

using Make = Result<ModelAnswer> (*)(ModelScope&, const Element&);

Make MakerOf(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Make>, 12> kMakers = {{
      {"TreeModel", &MakeTree},
      {"RegressionModel", &MakeRegression},
      {"MiningModel", &MakeMining},
      {"GeneralRegressionModel", &MakeGeneralRegression},
      {"NeuralNetwork", &MakeNeuralNetwork},
      {"ClusteringModel", &MakeClustering},
      {"NaiveBayesModel", &MakeNaiveBayes},
      {"Scorecard", &MakeScorecard},
      {"SupportVectorMachineModel", &MakeSupportVectorMachine},
      {"RuleSetModel", &MakeRuleSet},
      {"AnomalyDetectionModel", &MakeAnomalyDetection},
      {"NearestNeighborModel", &MakeNearestNeighbor},
  }};
  for (const auto& [known, make] : kMakers) {
    if (known == name) return make;
  }
  return nullptr;
}

std::optional<Element> FindTarget(const Element& model) {
  const auto targets = model.Child("Targets");
  if (!targets) return std::nullopt;
  const std::string name = TargetName(model);
  for (const Element& target : targets->Children("Target")) {
    if (!target.Find("field") || target.Or("field", "") == name) return target;
  }
  return std::nullopt;
}

// Clamped, scaled, shifted and rounded, in this order. Source: PMML 4.4, Targets.
Status Rescale(GraphBuilder& graph, const Element& target, bool as_float, Value& x) {
  if (target.Find("min")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double low, target.Number("min"));
    x = Where(graph, Compare(graph, "Less", x, Number(graph, low)), Number(graph, low), x);
  }
  if (target.Find("max")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double high, target.Number("max"));
    x = Where(graph, Compare(graph, "Greater", x, Number(graph, high)), Number(graph, high), x);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const double factor, target.NumberOr("rescaleFactor", 1));
  SLIPWAY_ASSIGN_OR_RETURN(const double constant, target.NumberOr("rescaleConstant", 0));
  if (factor != 1) x = Binary(graph, "Mul", x, Number(graph, factor));
  if (factor != 1 && as_float) x = ToFloat(graph, x);
  if (constant != 0) x = Binary(graph, "Add", x, Number(graph, constant));
  if (constant != 0 && as_float) x = ToFloat(graph, x);
  if (!target.Find("castInteger")) return OkStatus();
  static constexpr std::string_view kCasts[] = {"round", "ceiling", "floor"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t cast, target.Choice("castInteger", kCasts));
  x = cast == 0 ? RoundHalfUp(graph, x) : graph.Node(cast == 1 ? "Ceil" : "Floor", {x});
  return OkStatus();
}

Status ApplyDefault(GraphBuilder& graph, const Element& target, Value& x) {
  for (const Element& value : target.Children("TargetValue")) {
    if (!value.Find("defaultValue")) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const double otherwise, value.Number("defaultValue"));
    x = Where(graph, IsMissing(graph, x), Number(graph, otherwise), x);
    return OkStatus();
  }
  return OkStatus();
}

// The prior probabilities of a Target where the model has no answer.
Status ApplyPriors(ModelScope& scope, const Element& target, ModelAnswer& answer) {
  GraphBuilder& graph = scope.graph();
  std::vector<double> priors(answer.classes.size(), 0);
  double sum = 0;
  bool any = false;
  for (const Element& value : target.Children("TargetValue")) {
    if (!value.Find("priorProbability")) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const double prior, value.Number("priorProbability"));
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, value.Need("value"));
    const auto at = std::ranges::find(answer.classes, name);
    if (at == answer.classes.end()) return value.Error("the prior of a class that is none");
    priors[static_cast<size_t>(at - answer.classes.begin())] = prior;
    sum += prior;
    any = true;
  }
  if (!any) return OkStatus();
  if (!(sum > 0)) return target.Error("priors that are all zero");
  for (double& prior : priors) prior /= sum;
  const auto best = std::ranges::max_element(priors) - priors.begin();
  const Value missing = IsMissing(graph, answer.value);
  answer.value = Where(graph, missing, Number(graph, static_cast<double>(best)), answer.value);
  if (!answer.probabilities.name.empty()) {
    answer.probabilities = Where(graph, missing, Row(graph, priors), answer.probabilities);
  }
  return OkStatus();
}

// A number is cast to the type of the model's target.
Status CastToTarget(ModelScope& scope, const Element& model, ModelAnswer& answer) {
  const auto field = scope.all().data_fields.find(TargetName(model));
  if (field == scope.all().data_fields.end()) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(scope.all(), field->second, ""));
  if (type == DataType::kText) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(
      const Field cast,
      CastTo(scope.all(), model, {.value = answer.value, .type = answer.type}, type));
  if (!cast.fails.name.empty()) scope.Fail(cast.fails);
  answer.value = cast.value;
  return OkStatus();
}

Status ApplyTarget(ModelScope& scope, const Element& model, ModelAnswer& answer) {
  const auto target = FindTarget(model);
  if (target && answer.classifies) SLIPWAY_RETURN_IF_ERROR(ApplyPriors(scope, *target, answer));
  if (answer.classifies) return OkStatus();
  if (target) {
    const bool as_float = model.Or("x-mathContext", "double") == "float";
    SLIPWAY_RETURN_IF_ERROR(ApplyDefault(scope.graph(), *target, answer.value));
    SLIPWAY_RETURN_IF_ERROR(Rescale(scope.graph(), *target, as_float, answer.value));
  }
  return CastToTarget(scope, model, answer);
}

}  // namespace

Result<bool> Classifies(const Element& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, model.Need("functionName"));
  if (name == "classification") return true;
  if (name == "regression" || name == "clustering") return false;
  return Conversion::Unsupported(model, StrCat("functionName='", Printable(name), "'"));
}

std::string TargetName(const Element& model) {
  if (const auto schema = model.Child("MiningSchema")) {
    for (const Element& field : schema->Children("MiningField")) {
      const std::string usage = field.Or("usageType", "active");
      if (usage == "target" || usage == "predicted") return field.Or("name", "");
    }
  }
  return {};
}

std::vector<std::string> TargetCategories(ModelScope& scope, const Element& model) {
  std::vector<std::string> out;
  const auto field = scope.all().data_fields.find(TargetName(model));
  if (field == scope.all().data_fields.end()) return out;
  for (const Element& value : field->second.Children("Value")) {
    if (value.Or("property", "valid") == "valid") out.push_back(value.Or("value", ""));
  }
  return out;
}

size_t ClassPosition(std::vector<std::string>& classes, const std::string& name) {
  const auto at = std::ranges::find(classes, name);
  if (at != classes.end()) return static_cast<size_t>(at - classes.begin());
  classes.push_back(name);
  return classes.size() - 1;
}

ModelAnswer ByProbability(ModelScope& scope, std::vector<std::string> classes,
                          const Value& probabilities) {
  return {.classifies = true,
          .value = FirstMaximum(scope.graph(), probabilities),
          .classes = std::move(classes),
          .probabilities = probabilities};
}

Status DefineDerivedFields(ModelScope& scope, const Element& transformations) {
  for (const Element& child : transformations.Children()) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, child.Need("name"));
    if (child.name() == "DerivedField") {
      scope.DefineDerived(name, child);
    } else if (child.name() == "DefineFunction") {
      scope.all().functions.emplace(name, child);
    } else {
      SLIPWAY_RETURN_IF_ERROR(scope.all().Recover(Conversion::Unsupported(child, "this element")));
    }
  }
  return OkStatus();
}

Result<ModelAnswer> MakeModel(ModelScope& scope, const Element& model) {
  const Make make = MakerOf(model.name());
  if (make == nullptr) return Conversion::Unsupported(model, "this model");
  if (const auto local = model.Child("LocalTransformations")) {
    SLIPWAY_RETURN_IF_ERROR(DefineDerivedFields(scope, *local));
  }
  scope.all().Describe(StrCat(model.name(), ", ", Printable(model.Or("functionName", ""))));
  if (scope.all().depth >= kMaxModels) return model.Error("models nested too deeply");
  ++scope.all().depth;
  auto answer = make(scope, model);
  --scope.all().depth;
  if (!answer.ok()) return answer;
  SLIPWAY_RETURN_IF_ERROR(ApplyTarget(scope, model, *answer));
  return answer;
}

Result<ModelAnswer> MakeInnerModel(ModelScope& scope, ModelScope& around, const Element& model,
                                   const Value& active) {
  if (const auto schema = model.Child("MiningSchema")) {
    SLIPWAY_RETURN_IF_ERROR(DefineInnerInputs(scope, *schema));
  }
  auto answer = MakeModel(scope, model);
  if (!answer.ok()) return answer;
  if (!scope.fails().name.empty()) around.Fail(And(scope.graph(), active, scope.fails()));
  return answer;
}

}  // namespace slipway::import::pmml
