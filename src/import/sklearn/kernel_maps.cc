#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Columns whose products are close to a kernel. Source: scikit-learn 1.9,
// sklearn/kernel_approximation.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// cos(x weights + offset) sqrt(2 / components)
Result<Answer> Waves(Scope& scope, const Record& record, const Value& x, int64_t width) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals weights, record.Numbers("random_weights_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals offset, record.Numbers("random_offset_"));
  const int64_t count = weights.columns();
  if (weights.shape.size() != 2 || weights.rows() != width || count < 1 ||
      static_cast<int64_t>(offset.values.size()) != count) {
    return record.Damaged("random_weights_, random_offset_: do not fit each other or the columns");
  }
  const Value table = graph.Add(graph::DoubleConstant(weights.values, {width, count}), "weights");
  const Value turned =
      graph.Node("Add", {graph.Node("MatMul", {x, table}), RowConstant(graph, offset.values)});
  const Value scale = Constant(graph, std::sqrt(2.0 / static_cast<double>(count)));
  return Answer::Output(Frame::Of(graph.Node("Mul", {graph.Node("Cos", {turned}), scale}), count));
}

Result<Answer> ConvertRbf(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  return Waves(scope, record, x, input.width());
}

Result<Answer> ConvertSkewedChi2(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const double skewedness, record.Number("skewedness"));
  const Value shifted = scope.graph.Node("Add", {x, Constant(scope.graph, skewedness)});
  return Waves(scope, record, scope.graph.Node("Log", {shifted}), input.width());
}

// How far apart the samples of the spectrum are.
Result<double> SampleInterval(const Record& record, int64_t steps) {
  constexpr double kIntervals[] = {0.8, 0.5, 0.4};
  if (record.Has("sample_interval")) return record.Number("sample_interval");
  if (record.Has("sample_interval_")) return record.Number("sample_interval_");
  if (steps < 1 || steps > 3) return record.Damaged("sample_steps: without a sample_interval");
  return kIntervals[steps - 1];
}

// A column that is 0 gives zeros, and one below 0, which Python refuses, no numbers.
Result<Answer> ConvertAdditiveChi2(Scope& scope, const Record& record, const Frame& input) {
  constexpr int64_t kMaxSteps = 1000;
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t steps, record.Integer("sample_steps"));
  SLIPWAY_ASSIGN_OR_RETURN(const double interval, SampleInterval(record, steps));
  if (steps < 1 || steps > kMaxSteps) {
    return record.Damaged(StrCat("sample_steps: expected 1 to ", kMaxSteps, ", got ", steps));
  }
  const Value zero = Constant(graph, 0);
  const Value none = graph.Node("Equal", {x, zero}, {}, ElementType::kBool);
  const auto unless_none = [&](const Value& value) {
    return graph.Node("Where", {none, zero, value}, {}, ElementType::kDouble);
  };
  const Value step = Constant(graph, interval);
  std::vector<Value> parts = {unless_none(graph.Node("Sqrt", {graph.Node("Mul", {x, step})}))};
  const Value logarithm = graph.Node("Mul", {step, graph.Node("Log", {x})});
  const Value twice = graph.Node("Mul", {graph.Node("Mul", {Constant(graph, 2), x}), step});
  for (int64_t j = 1; j < steps; ++j) {
    const auto number = static_cast<double>(j);
    const Value spread = Constant(graph, std::cosh(std::numbers::pi * number * interval));
    const Value factor = graph.Node("Sqrt", {graph.Node("Div", {twice, spread})});
    const Value angle = graph.Node("Mul", {Constant(graph, number), logarithm});
    for (const std::string_view wave : {"Cos", "Sin"}) {
      parts.push_back(unless_none(graph.Node("Mul", {factor, graph.Node(wave, {angle})})));
    }
  }
  const auto width = static_cast<int64_t>(parts.size()) * input.width();
  return Answer::Output(Frame::Of(graph.Concat(std::move(parts)), width));
}

constexpr std::string_view kApproximation = "sklearn.kernel_approximation";

constexpr Estimator kEstimators[] = {
    {kApproximation, "RBFSampler", ConvertRbf},
    {kApproximation, "SkewedChi2Sampler", ConvertSkewedChi2},
    {kApproximation, "AdditiveChi2Sampler", ConvertAdditiveChi2},
};

}  // namespace

std::span<const Estimator> KernelMapEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
