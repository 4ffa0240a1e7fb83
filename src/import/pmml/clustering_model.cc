#include <utility>

#include "base/str_cat.h"
#include "import/pmml/comparison.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;

Result<std::vector<Measured>> ReadFields(ModelScope& scope, const Element& model,
                                         const Element& measure) {
  std::vector<Measured> out;
  for (const Element& at : model.Children("ClusteringField")) {
    if (at.Or("isCenterField", "true") != "true") {
      return Conversion::Unsupported(at, "a field that is no part of the centers");
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Measured one, ReadMeasured(scope, at, measure));
    if (one.field->type == DataType::kText) return at.Error("a distance of text");
    out.push_back(one);
  }
  if (out.empty()) return model.Error("expected ClusteringField");
  return out;
}

Result<std::vector<double>> ReadMissingWeights(const Element& model, size_t fields) {
  const auto given = model.Child("MissingValueWeights");
  if (!given) return std::vector<double>();
  SLIPWAY_ASSIGN_OR_RETURN(const Element array, given->NeedChild("Array"));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<double> weights, array.ArrayNumbers());
  if (weights.size() != fields) return given->Error("expected a weight for each field");
  return weights;
}

}  // namespace

Result<ModelAnswer> MakeClustering(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  static constexpr std::string_view kClasses[] = {"centerBased"};
  SLIPWAY_RETURN_IF_ERROR(model.Choice("modelClass", kClasses).status());
  SLIPWAY_ASSIGN_OR_RETURN(const Element measure, model.NeedChild("ComparisonMeasure"));
  SLIPWAY_ASSIGN_OR_RETURN(const Metric metric, ReadMetric(measure));
  SLIPWAY_ASSIGN_OR_RETURN(const auto fields, ReadFields(scope, model, measure));
  SLIPWAY_ASSIGN_OR_RETURN(const auto weights, ReadMissingWeights(model, fields.size()));
  ModelAnswer out;
  out.classifies = true;
  std::vector<std::vector<double>> columns(fields.size());
  for (const Element& cluster : model.Children("Cluster")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Element array, cluster.NeedChild("Array"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto center, array.ArrayNumbers());
    if (center.size() != fields.size()) {
      return cluster.Error(StrCat("expected ", fields.size(), " numbers, got ", center.size()));
    }
    for (size_t i = 0; i < center.size(); ++i) columns[i].push_back(center[i]);
    out.classes.push_back(cluster.Or("id", StrCat(out.classes.size() + 1)));
  }
  if (out.classes.empty()) return model.Error("expected a Cluster");
  out.affinities = Distances(scope, metric, fields, columns, weights);
  out.value = FirstMaximum(graph, graph.Node("Neg", {out.affinities}));
  out.entities = {.positions = out.value, .names = out.classes};
  return out;
}

}  // namespace slipway::import::pmml
