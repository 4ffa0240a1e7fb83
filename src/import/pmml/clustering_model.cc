#include <cmath>
#include <numbers>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// How one field is compared with a center's number.
enum class Compares : uint8_t { kAbsDiff, kGaussSim, kDelta, kEqual };

struct Measured {
  Value x;
  double weight = 1;
  Compares compares = Compares::kAbsDiff;
  double scale = 1;  // of kGaussSim
};

struct Metric {
  std::string name;
  double power = 2;  // of the differences, and its root of the sum
  bool roots = false;
  bool is_chebychev = false;
};

Result<Metric> ReadMetric(const Element& measure) {
  Metric out;
  for (const Element& child : measure.Children()) {
    out.name = child.name();
    if (out.name == "euclidean") {
      out.roots = true;
    } else if (out.name == "cityBlock") {
      out.power = 1;
    } else if (out.name == "chebychev") {
      out.power = 1;
      out.is_chebychev = true;
    } else if (out.name == "minkowski") {
      SLIPWAY_ASSIGN_OR_RETURN(out.power, child.Number("p-parameter"));
      if (!(out.power > 0)) return child.Error("'p-parameter': expected a number above 0");
      out.roots = true;
    } else if (out.name != "squaredEuclidean") {
      return Conversion::Unsupported(child, "this measure");
    }
    return out;
  }
  return measure.Error("expected a measure");
}

constexpr std::string_view kCompares[] = {"absDiff", "gaussSim", "delta", "equal"};

Result<std::vector<Measured>> ReadFields(ModelScope& scope, const Element& model,
                                         const Element& measure) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t otherwise, measure.Choice("compareFunction", kCompares));
  std::vector<Measured> out;
  for (const Element& at : model.Children("ClusteringField")) {
    if (at.Or("isCenterField", "true") != "true") {
      return Conversion::Unsupported(at, "a field that is no part of the centers");
    }
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("field"));
    SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Use(at, name));
    if (field->type == DataType::kText) return at.Error("a distance of text");
    Measured one = {.x = field->value};
    SLIPWAY_ASSIGN_OR_RETURN(one.weight, at.NumberOr("fieldWeight", 1));
    SLIPWAY_ASSIGN_OR_RETURN(const size_t own, at.Choice("compareFunction", kCompares));
    one.compares = static_cast<Compares>(at.Find("compareFunction") ? own : otherwise);
    if (one.compares == Compares::kGaussSim) {
      SLIPWAY_ASSIGN_OR_RETURN(one.scale, at.Number("similarityScale"));
    }
    out.push_back(std::move(one));
  }
  if (out.empty()) return model.Error("expected ClusteringField");
  return out;
}

// The comparison of a field with a center; missing values give 0.
Value Difference(GraphBuilder& graph, const Measured& field, double center) {
  const Value distance = graph.Node("Abs", {Binary(graph, "Sub", field.x, Number(graph, center))});
  Value out = distance;
  if (field.compares == Compares::kGaussSim) {
    const double factor = -std::numbers::ln2 / (field.scale * field.scale);
    out = graph.Node("Exp", {Binary(graph, "Mul", Binary(graph, "Mul", distance, distance),
                                    Number(graph, factor))});
  } else if (field.compares != Compares::kAbsDiff) {
    const Value same = Compare(graph, "Equal", distance, Number(graph, 0));
    const Value truth = field.compares == Compares::kEqual ? same : Not(graph, same);
    out = graph.Cast(truth, ElementType::kDouble);
  }
  return Where(graph, IsMissing(graph, field.x), Number(graph, 0), out);
}

Value Power(GraphBuilder& graph, const Value& x, double power) {
  if (power == 1) return x;
  if (power == 2) return Binary(graph, "Mul", x, x);
  return graph.Node("Pow", {x, Number(graph, power)});
}

// The weight of all fields by that of those which are not missing, and where all are missing.
struct Adjustment {
  Value factor;
  Value nothing;
};

Result<Adjustment> Adjust(ModelScope& scope, const Element& model,
                          std::span<const Measured> fields) {
  GraphBuilder& graph = scope.graph();
  std::vector<double> weights(fields.size(), 1.0);
  if (const auto given = model.Child("MissingValueWeights")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Element array, given->NeedChild("Array"));
    SLIPWAY_ASSIGN_OR_RETURN(weights, array.ArrayNumbers());
    if (weights.size() != fields.size()) return given->Error("expected a weight for each field");
  }
  double all = 0;
  std::vector<Value> columns;
  for (const double weight : weights) all += weight;
  for (const Measured& field : fields) columns.push_back(field.x);
  const Value present = graph.Cast(Not(graph, IsMissing(graph, graph.Concat(std::move(columns)))),
                                   ElementType::kDouble);
  const Value there = Product(graph, present, weights, 1);
  return Adjustment{Binary(graph, "Div", Number(graph, all), there),
                    Compare(graph, "Less", Sum(graph, present), Number(graph, 0.5))};
}

Value Distance(GraphBuilder& graph, const Metric& metric, std::span<const Measured> fields,
               std::span<const double> center, const Value& factor) {
  std::vector<Value> parts;
  std::vector<double> weights;
  for (size_t i = 0; i < fields.size(); ++i) {
    parts.push_back(Power(graph, Difference(graph, fields[i], center[i]), metric.power));
    weights.push_back(fields[i].weight);
  }
  const Value joined = graph.Concat(std::move(parts));
  Value out = metric.is_chebychev
                  ? Largest(graph, Binary(graph, "Mul", joined, Row(graph, weights)))
                  : Product(graph, joined, weights, 1);
  out = Binary(graph, "Mul", out, factor);
  if (!metric.roots) return out;
  if (metric.power == 2) return graph.Node("Sqrt", {out});
  return graph.Node("Pow", {out, Number(graph, 1 / metric.power)});
}

}  // namespace

Result<ModelAnswer> MakeClustering(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  static constexpr std::string_view kClasses[] = {"centerBased"};
  SLIPWAY_ASSIGN_OR_RETURN([[maybe_unused]] const size_t model_class,
                           model.Choice("modelClass", kClasses));
  SLIPWAY_ASSIGN_OR_RETURN(const Element measure, model.NeedChild("ComparisonMeasure"));
  if (measure.Or("kind", "distance") != "distance") {
    return Conversion::Unsupported(measure, "a measure of similarity");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Metric metric, ReadMetric(measure));
  SLIPWAY_ASSIGN_OR_RETURN(const auto fields, ReadFields(scope, model, measure));
  SLIPWAY_ASSIGN_OR_RETURN(const Adjustment adjustment, Adjust(scope, model, fields));
  ModelAnswer out;
  out.classifies = true;
  std::vector<Value> distances;
  for (const Element& cluster : model.Children("Cluster")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Element array, cluster.NeedChild("Array"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto center, array.ArrayNumbers());
    if (center.size() != fields.size()) {
      return cluster.Error(StrCat("expected ", fields.size(), " numbers, got ", center.size()));
    }
    out.classes.push_back(cluster.Or("id", StrCat(out.classes.size() + 1)));
    distances.push_back(Distance(graph, metric, fields, center, adjustment.factor));
  }
  if (distances.empty()) return model.Error("expected a Cluster");
  out.affinities = graph.Concat(std::move(distances));
  const Value near = graph.Node("Neg", {out.affinities});
  scope.Fail(adjustment.nothing);
  out.value = FirstMaximum(graph, near);
  out.entities = {.positions = out.value, .names = out.classes};
  return out;
}

}  // namespace slipway::import::pmml
