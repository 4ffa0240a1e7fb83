#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Transformers that work on each number or column by itself. Source: scikit-learn 1.9,
// sklearn/preprocessing/_data.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::Value;

Answer Output(Value value, int64_t width) {
  return Answer::Output(Frame::Of(std::move(value), width));
}

Result<Answer> ConvertStandardScaler(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  const int64_t width = input.width();
  SLIPWAY_ASSIGN_OR_RETURN(const bool center, record.BoolOr("with_mean", true));
  SLIPWAY_ASSIGN_OR_RETURN(const bool scale, record.BoolOr("with_std", true));
  if (center) SLIPWAY_RETURN_IF_ERROR(ApplyRow(scope.graph, record, "Sub", "mean_", width, x));
  if (scale) SLIPWAY_RETURN_IF_ERROR(ApplyRow(scope.graph, record, "Div", "scale_", width, x));
  return Output(x, width);
}

Result<Answer> ConvertRobustScaler(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  const int64_t width = input.width();
  SLIPWAY_RETURN_IF_ERROR(ApplyRow(scope.graph, record, "Sub", "center_", width, x));
  SLIPWAY_RETURN_IF_ERROR(ApplyRow(scope.graph, record, "Div", "scale_", width, x));
  return Output(x, width);
}

Result<Answer> ConvertMaxAbsScaler(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  SLIPWAY_RETURN_IF_ERROR(ApplyRow(scope.graph, record, "Div", "scale_", input.width(), x));
  SLIPWAY_ASSIGN_OR_RETURN(const bool clip, record.BoolOr("clip", false));
  if (clip) {
    x = scope.graph.Node("Clip", {x, Constant(scope.graph, -1), Constant(scope.graph, 1)});
  }
  return Output(x, input.width());
}

Result<Answer> ConvertMinMaxScaler(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Value x, FittedMatrix(scope, record, input));
  const int64_t width = input.width();
  SLIPWAY_RETURN_IF_ERROR(ApplyRow(scope.graph, record, "Mul", "scale_", width, x));
  SLIPWAY_RETURN_IF_ERROR(ApplyRow(scope.graph, record, "Add", "min_", width, x));
  SLIPWAY_ASSIGN_OR_RETURN(const bool clip, record.BoolOr("clip", false));
  if (!clip) return Output(x, width);
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> range, record.List("feature_range"));
  if (range.size() != 2) return record.Damaged("feature_range: expected two numbers");
  std::array<double, 2> ends = {};
  for (size_t i = 0; i < 2; ++i) {
    auto end = pickle::ReadNumber(range[i]);
    if (!end.ok()) return record.At("feature_range", end.status());
    ends[i] = *end;
  }
  x = scope.graph.Node("Clip", {x, Constant(scope.graph, ends[0]), Constant(scope.graph, ends[1])});
  return Output(x, width);
}

// Divides each row by its norm; a row whose norm is next to zero stays as it is.
Result<Answer> ConvertNormalizer(Scope& scope, const Record& record, const Frame& input) {
  graph::GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  const std::string norm = record.TextOr("norm", "l2");
  Value length;
  if (norm == "l1") {
    length = SumOfRows(graph, graph.Node("Abs", {x}));
  } else if (norm == "l2") {
    length = graph.Node("Sqrt", {SumOfRows(graph, graph.Node("Mul", {x, x}))});
  } else if (norm == "max") {
    constexpr std::array<int64_t, 1> kRow = {1};
    const Value axes = graph.Add(graph::Int64Constant(kRow, {1}), "axes");
    length = graph.Node("ReduceMax", {graph.Node("Abs", {x}), axes}, {{"keepdims", int64_t{1}}});
  } else {
    return scope.Unsupported(record, StrCat("norm '", norm, "' is not supported"));
  }
  constexpr double kNextToZero = 10 * std::numeric_limits<double>::epsilon();
  const Value zero =
      graph.Node("Less", {length, Constant(graph, kNextToZero)}, {}, ElementType::kBool);
  length = graph.Node("Where", {zero, Constant(graph, 1), length}, {}, ElementType::kDouble);
  return Output(graph.Node("Div", {x, length}), input.width());
}

Result<Answer> ConvertBinarizer(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const double threshold, record.NumberOr("threshold", 0));
  const Value above =
      scope.graph.Node("Greater", {x, Constant(scope.graph, threshold)}, {}, ElementType::kBool);
  return Output(scope.graph.Cast(above, ElementType::kDouble), input.width());
}

constexpr std::string_view kPreprocessing = "sklearn.preprocessing";

constexpr Estimator kEstimators[] = {
    {kPreprocessing, "StandardScaler", ConvertStandardScaler},
    {kPreprocessing, "RobustScaler", ConvertRobustScaler},
    {kPreprocessing, "MaxAbsScaler", ConvertMaxAbsScaler},
    {kPreprocessing, "MinMaxScaler", ConvertMinMaxScaler},
    {kPreprocessing, "Normalizer", ConvertNormalizer},
    {kPreprocessing, "Binarizer", ConvertBinarizer},
};

}  // namespace

std::span<const Estimator> ScalerEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
