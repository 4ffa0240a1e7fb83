// AnomalyDetectionModel: another model's answer, made a measure of how unusual the row is.
// Source: PMML 4.4, Anomaly Detection Models.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str_cat.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

Result<Element> InnerModel(const Element& model) {
  static constexpr std::string_view kBeside[] = {
      "MiningSchema",      "Output",  "ModelStats",           "ModelExplanation",
      "ModelVerification", "Targets", "LocalTransformations", "ParameterList"};
  for (const Element& child : model.Children()) {
    const bool is_beside = std::ranges::find(kBeside, child.name()) != std::end(kBeside);
    if (!is_beside && child.name() != "MeanClusterDistances") return child;
  }
  return model.Error("expected a model in it");
}

// 2^(-x / c(n)): the mean length of paths as a share of that of a search that fails in a tree of n
// values, c(n) = 2 (ln(n - 1) + 0.5772156649) - 2 (n - 1) / n.
Status FromPathLength(GraphBuilder& graph, const Element& model, Value& x) {
  SLIPWAY_ASSIGN_OR_RETURN(const double n, model.Number("sampleDataSize"));
  if (!(n >= 3 && n == std::floor(n))) {
    return model.Error("'sampleDataSize': expected a whole number from 3 on");
  }
  const double mean = 2 * (std::log(n - 1) + 0.5772156649) - 2 * (n - 1) / n;
  x = graph.Node("Pow", {Number(graph, 2), Binary(graph, "Mul", x, Number(graph, -1 / mean))});
  return OkStatus();
}

// The distance to the nearest cluster, by the mean distance of that cluster's training rows.
Status FromClusters(GraphBuilder& graph, const Element& model, const ModelAnswer& inner, Value& x) {
  if (inner.affinities.name.empty()) {
    return Conversion::Unsupported(model, "clusterMeanDist of a model without distances");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Element means, model.NeedChild("MeanClusterDistances"));
  SLIPWAY_ASSIGN_OR_RETURN(const Element array, means.NeedChild("Array"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> numbers, array.ArrayNumbers());
  if (numbers.size() != inner.classes.size()) {
    return array.Error(StrCat("expected ", inner.classes.size(), " numbers, got ", numbers.size()));
  }
  if (!std::ranges::all_of(numbers, [](double mean) { return mean > 0; })) {
    return array.Error("expected numbers above 0");
  }
  const Value near = graph.Node("Neg", {Largest(graph, graph.Node("Neg", {inner.affinities}))});
  x = Binary(graph, "Div", near, LookUp(graph, numbers, inner.value));
  return OkStatus();
}

}  // namespace

Result<ModelAnswer> MakeAnomalyDetection(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  static constexpr std::string_view kAlgorithms[] = {"iforest", "ocsvm", "clusterMeanDist",
                                                     "other"};
  SLIPWAY_RETURN_IF_ERROR(model.Need("algorithmType").status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t algorithm, model.Choice("algorithmType", kAlgorithms));
  SLIPWAY_ASSIGN_OR_RETURN(const Element element, InnerModel(model));
  ModelScope inner(scope.all(), &scope);
  SLIPWAY_ASSIGN_OR_RETURN(const ModelAnswer answer, MakeInnerModel(inner, scope, element, {}));
  const bool is_clusters = algorithm == 2;
  if (answer.classifies != is_clusters) {
    return Conversion::Unsupported(
        element, StrCat("algorithmType='", kAlgorithms[algorithm], "' of this model's answers"));
  }
  ModelAnswer out = {.value = answer.value};
  if (algorithm == 0) SLIPWAY_RETURN_IF_ERROR(FromPathLength(graph, model, out.value));
  if (is_clusters) SLIPWAY_RETURN_IF_ERROR(FromClusters(graph, model, answer, out.value));
  return out;
}

}  // namespace slipway::import::pmml
