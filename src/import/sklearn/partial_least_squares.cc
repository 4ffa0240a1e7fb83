#include "import/sklearn/partial_least_squares.h"

#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/formulas.h"

// `coef_` means another matrix in 1.0, 1.2, 1.4 and 1.5; what it is made of has stayed the same.
// Source: scikit-learn 1.9, sklearn/cross_decomposition/_pls.py.
namespace slipway::import::sklearn {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

namespace {

Result<Reals> ReadRow(const Record& record, std::string_view attribute, int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(Reals row, record.Numbers(attribute));
  if (static_cast<int64_t>(row.values.size()) == width) return row;
  return record.Damaged(StrCat(attribute, ": expected ", width, " numbers"));
}

// The columns at their scale, turned by the attribute, which has a row for each.
Result<Frame> Scores(Scope& scope, const Record& record, const Frame& input,
                     std::string_view attribute) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals mean, ReadRow(record, "_x_mean", input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals scale, ReadRow(record, "_x_std", input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals rotations, record.Numbers(attribute));
  if (rotations.shape.size() != 2 || rotations.rows() != input.width() ||
      rotations.columns() == 0) {
    return record.Damaged(StrCat(attribute, ": expected ", input.width(), " rows"));
  }
  const Value centered = graph.Node("Sub", {x, RowConstant(graph, mean.values)});
  const Value scaled = graph.Node("Div", {centered, RowConstant(graph, scale.values)});
  const Value turn = graph.Add(
      graph::DoubleConstant(rotations.values, {rotations.rows(), rotations.columns()}), "turn");
  return Frame::Of(graph.Node("MatMul", {scaled, turn}), rotations.columns());
}

}  // namespace

Result<Answer> ConvertPartialLeastSquares(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Frame scores, Scores(scope, record, input, "x_rotations_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals loadings, record.Numbers("y_loadings_"));
  if (loadings.shape.size() != 2 || loadings.columns() != scores.width() || loadings.rows() == 0) {
    return record.Damaged("x_rotations_, y_loadings_: do not fit each other");
  }
  Answer answer;
  answer.targets = loadings.rows();
  SLIPWAY_ASSIGN_OR_RETURN(const Reals offset, ReadRow(record, "_y_mean", answer.targets));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals spread, ReadRow(record, "_y_std", answer.targets));
  const Value product =
      graph.Node("MatMul", {scores.blocks.front().value, Transposed(graph, loadings)});
  const Value spread_out = graph.Node("Mul", {product, RowConstant(graph, spread.values)});
  answer.prediction = graph.Node("Add", {spread_out, RowConstant(graph, offset.values)});
  answer.output = scores;
  return answer;
}

Result<Answer> ConvertPartialLeastSquaresScores(Scope& scope, const Record& record,
                                                const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Frame scores, Scores(scope, record, input, "x_weights_"));
  return Answer::Output(std::move(scores));
}

}  // namespace slipway::import::sklearn
