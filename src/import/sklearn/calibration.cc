#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Calibrated probabilities, and isotonic regression. Source: scikit-learn 1.9,
// sklearn/calibration.py, sklearn/isotonic.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// Linear interpolation of x, [batch, 1], between thresholds. Outside of them it stays at the ends,
// or is no number.
Result<Value> Isotonic(Scope& scope, const Record& record, const Value& x) {
  GraphBuilder& graph = scope.graph;
  const bool clips = record.Is("out_of_bounds", "clip");
  if (!clips && !record.Is("out_of_bounds", "nan")) {
    return scope.Unsupported(record, StrCat("out_of_bounds='", record.TextOr("out_of_bounds", ""),
                                            "': only 'clip' and 'nan' are supported"));
  }
  const std::string_view x_name = record.Has("X_thresholds_") ? "X_thresholds_" : "_necessary_X_";
  const std::string_view y_name = record.Has("y_thresholds_") ? "y_thresholds_" : "_necessary_y_";
  SLIPWAY_ASSIGN_OR_RETURN(const Reals from, record.Numbers(x_name));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals to, record.Numbers(y_name));
  const size_t count = from.values.size();
  if (count == 0 || to.values.size() != count) return record.Damaged("thresholds: do not fit");
  const Value low = Constant(graph, from.values.front());
  const Value high = Constant(graph, from.values.back());
  const Value inside = graph.Node("Min", {graph.Node("Max", {x, low}), high});
  if (count == 1) {
    const Value zero = graph.Node("Mul", {inside, Constant(graph, 0)});
    return graph.Node("Add", {zero, Constant(graph, to.values.front())});
  }
  std::vector<double> slopes;
  for (size_t i = 0; i + 1 < count; ++i) {
    slopes.push_back((to.values[i + 1] - to.values[i]) / (from.values[i + 1] - from.values[i]));
  }
  // The piece is the number of inner thresholds below x.
  const std::span<const double> inner = std::span<const double>(from.values).subspan(1, count - 2);
  Value piece = Constant(graph, 0);
  if (!inner.empty()) {
    const Value above =
        graph.Node("Greater", {inside, RowConstant(graph, inner)}, {}, ElementType::kBool);
    piece = SumOfRows(graph, graph.Cast(above, ElementType::kDouble));
  }
  piece = graph.Cast(piece, ElementType::kInt64);
  const auto of_piece = [&](std::span<const double> values) {
    const auto size = static_cast<int64_t>(slopes.size());
    const Value table =
        graph.Add(graph::DoubleConstant(values.first(slopes.size()), {size}), "pieces");
    return graph.Node("Gather", {table, piece}, {{"axis", int64_t{0}}});
  };
  const Value run = graph.Node("Sub", {inside, of_piece(from.values)});
  const Value y =
      graph.Node("Add", {graph.Node("Mul", {of_piece(slopes), run}), of_piece(to.values)});
  if (clips) return y;
  const Value within = graph.Node("Equal", {x, inside}, {}, ElementType::kBool);
  const Value nan = Constant(graph, std::numeric_limits<double>::quiet_NaN());
  return graph.Node("Where", {within, y, nan}, {}, ElementType::kDouble);
}

Result<Answer> ConvertIsotonic(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.Matrix(record, input));
  if (input.width() != 1) return record.Damaged("takes one column");
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.prediction, Isotonic(scope, record, x));
  return answer;
}

// One calibrator of one column of scores.
Result<Value> Calibrated(Scope& scope, const Record& calibrator, const Value& score) {
  GraphBuilder& graph = scope.graph;
  if (calibrator.name() == "IsotonicRegression") return Isotonic(scope, calibrator, score);
  if (calibrator.name() != "_SigmoidCalibration") {
    return scope.Unsupported(calibrator, "calibration of this kind is not supported");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const double a, calibrator.Number("a_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double b, calibrator.Number("b_"));
  const Value line =
      graph.Node("Add", {graph.Node("Mul", {score, Constant(graph, a)}), Constant(graph, b)});
  return Expit(graph, graph.Node("Neg", {line}));
}

// Decisions, or probabilities where there are none: of two classes one column, else all.
Result<std::vector<Value>> Scores(Scope& scope, const Record& record, const Answer& part) {
  if (!part.labels) return record.Damaged("an estimator that is no classifier");
  const int64_t count = part.classes();
  const bool decides = !part.decision.name.empty();
  const Value& all = decides ? part.decision : part.probabilities;
  if (all.name.empty()) return scope.Unsupported(record, "an estimator without scores");
  if (count == 2 && decides) return std::vector<Value>{all};
  std::vector<Value> columns;
  for (int64_t i = count == 2 ? 1 : 0; i < count; ++i) {
    columns.push_back(scope.graph.Columns(all, std::span(&i, 1)));
  }
  return columns;
}

// Probabilities by one fitted classifier and its calibrators.
Result<Value> CalibratedPart(Scope& scope, const Record& record, const Frame& input,
                             int64_t classes) {
  constexpr std::array<std::string_view, 2> kEstimatorNames = {"estimator", "base_estimator"};
  constexpr std::array<std::string_view, 2> kCalibratorNames = {"calibrators", "calibrators_"};
  const std::string_view name = record.FirstOf(kEstimatorNames);
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* estimator, record.Get(name));
  SLIPWAY_ASSIGN_OR_RETURN(const Answer part,
                           Convert(scope, *estimator, record.PlaceOf(name), input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> scores, Scores(scope, record, part));
  SLIPWAY_ASSIGN_OR_RETURN(const auto calibrators, record.List(record.FirstOf(kCalibratorNames)));
  if (!part.is_classifier() || part.classes() != classes || calibrators.size() != scores.size()) {
    return scope.Unsupported(record, "calibration of some of the classes, or of all at once");
  }
  std::vector<Value> columns;
  for (size_t i = 0; i < scores.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(
        const Record calibrator,
        Record::From(calibrators[i], record.PlaceOf(StrCat("calibrators[", i, "]")),
                     record.budget()));
    SLIPWAY_ASSIGN_OR_RETURN(Value column, Calibrated(scope, calibrator, scores[i]));
    columns.push_back(std::move(column));
  }
  GraphBuilder& graph = scope.graph;
  if (classes == 2) return WithComplement(graph, columns.front());
  const Value shares =
      Normalized(graph, graph.Concat(std::move(columns)), 1.0 / static_cast<double>(classes));
  return graph.Node("Min", {shares, Constant(graph, 1)});
}

Result<Answer> ConvertCalibrated(Scope& scope, const Record& record, const Frame& input) {
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto parts, record.List("calibrated_classifiers_"));
  std::vector<Value> shares;
  for (size_t i = 0; i < parts.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(
        const Record part,
        Record::From(parts[i], record.PlaceOf(StrCat("calibrated_classifiers_[", i, "]")),
                     record.budget()));
    SLIPWAY_ASSIGN_OR_RETURN(Value share, CalibratedPart(scope, part, input, answer.classes()));
    shares.push_back(std::move(share));
  }
  if (shares.empty()) return record.Damaged("calibrated_classifiers_: none");
  answer.probabilities = Average(scope.graph, shares);
  answer.code = FirstMaximum(scope.graph, answer.probabilities);
  return answer;
}

constexpr Estimator kEstimators[] = {
    {"sklearn.calibration", "CalibratedClassifierCV", ConvertCalibrated},
    {"sklearn.isotonic", "IsotonicRegression", ConvertIsotonic},
};

}  // namespace

std::span<const Estimator> CalibrationEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
