#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Missing values that are estimated from the other columns, column by column and over again.
// Source: scikit-learn 1.9, sklearn/impute/_iterative.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMaxColumns = 1000;  // for each there is a row of as many numbers

// One estimate: of which column, from which, by which estimator.
struct Step {
  int64_t column = 0;
  std::vector<int64_t> from;
  pickle::Value estimator;
};

// A named tuple: an object of its class, or in skops files a tuple.
Result<Step> ReadStep(const Record& record, const pickle::Value& item, int64_t width) {
  const bool is_named = pickle::IsCallOf(item, "sklearn.impute._iterative", "_ImputerTriplet");
  const pickle::Value& tuple = is_named ? item.node().args : item;
  if (!tuple.Is(pickle::Value::Kind::kTuple) || tuple.node().items.size() != 3) {
    return record.Damaged("imputation_sequence_: expected columns with estimators");
  }
  const std::vector<pickle::Value>& parts = tuple.node().items;
  Step out{.column = 0, .from = {}, .estimator = parts[2]};
  const auto column = pickle::ReadInteger(parts[0]);
  auto from = ReadReals(parts[1], record.budget());
  if (!column.ok()) return record.At("imputation_sequence_", column.status());
  if (!from.ok()) return record.At("imputation_sequence_", from.status());
  out.column = *column;
  const auto is_column = [width](double one) {
    return one >= 0 && one < static_cast<double>(width);
  };
  if (!is_column(static_cast<double>(out.column)) ||
      !std::ranges::all_of(from->values, is_column)) {
    return record.Damaged(StrCat("imputation_sequence_: expected columns from 0 to ", width - 1));
  }
  for (const double one : from->values) out.from.push_back(static_cast<int64_t>(one));
  return out;
}

// The limits of estimates for each column.
Result<std::vector<double>> ReadLimits(const Record& record, std::string_view attribute,
                                       int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(Reals limits, record.Numbers(attribute));
  if (static_cast<int64_t>(limits.values.size()) != width) {
    return record.Damaged(StrCat(attribute, ": expected ", width, " numbers"));
  }
  return std::move(limits.values);
}

// Whether there was a column without any value, which versions treat in different ways.
Result<bool> HasEmptyColumn(const Record& record) {
  if (record.Has("_is_empty_feature")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> empty,
                             record.Integers("_is_empty_feature"));
    return std::ranges::any_of(empty, [](int64_t one) { return one != 0; });
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Record initial, record.Child("initial_imputer_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals fills, initial.Numbers("statistics_"));
  return std::ranges::any_of(fills.values, [](double fill) { return std::isnan(fill); });
}

// Fills up the matrix step by step.
class Filling {
 public:
  // `x`: as it came, [batch, width]; `guess`: with something in the place of what is missing.
  Filling(Scope& scope, const Record& record, Value x, Value guess, int64_t width)
      : scope_(scope),
        record_(record),
        x_(std::move(x)),
        filled_(std::move(guess)),
        width_(width),
        gaps_(static_cast<size_t>(width)) {}

  base::Status ReadSettings() {
    SLIPWAY_ASSIGN_OR_RETURN(const double missing, record_.NumberOr("missing_values", kNan));
    SLIPWAY_ASSIGN_OR_RETURN(lowest_, ReadLimits(record_, "_min_value", width_));
    SLIPWAY_ASSIGN_OR_RETURN(highest_, ReadLimits(record_, "_max_value", width_));
    GraphBuilder& graph = scope_.graph;
    is_missing_ = std::isnan(missing)
                      ? graph.Node("IsNaN", {x_}, {}, ElementType::kBool)
                      : graph.Node("Equal", {x_, Constant(graph, missing)}, {}, ElementType::kBool);
    return base::OkStatus();
  }

  base::Status Apply(const Step& step, std::string place) {
    GraphBuilder& graph = scope_.graph;
    const Frame seen =
        Frame::Of(graph.Columns(filled_, step.from), static_cast<int64_t>(step.from.size()));
    SLIPWAY_ASSIGN_OR_RETURN(const Answer answer,
                             Convert(scope_, step.estimator, std::move(place), seen));
    if (!answer.is_regressor() || answer.targets != 1) {
      return record_.Damaged(
          "imputation_sequence_: an estimator that is no regressor of one target");
    }
    const auto at = static_cast<size_t>(step.column);
    Value estimate = answer.prediction;
    if (!std::isinf(lowest_[at])) {
      estimate = graph.Node("Max", {estimate, Constant(graph, lowest_[at])});
    }
    if (!std::isinf(highest_[at])) {
      estimate = graph.Node("Min", {estimate, Constant(graph, highest_[at])});
    }
    filled_ =
        graph.Node("Where", {GapsOf(step.column), estimate, filled_}, {}, ElementType::kDouble);
    return base::OkStatus();
  }

  const Value& filled() const { return filled_; }

 private:
  // Where the column is missing, and no other, [batch, width].
  const Value& GapsOf(int64_t column) {
    Value& gaps = gaps_[static_cast<size_t>(column)];
    if (!gaps.name.empty()) return gaps;
    GraphBuilder& graph = scope_.graph;
    std::vector<double> row(static_cast<size_t>(width_), 0.0);
    row[static_cast<size_t>(column)] = 1;
    const Value is_column = graph.Cast(RowConstant(graph, row), ElementType::kBool);
    gaps = graph.Node("And", {is_missing_, is_column}, {}, ElementType::kBool);
    return gaps;
  }

  Scope& scope_;
  const Record& record_;
  const Value x_;
  Value filled_;
  const int64_t width_;
  std::vector<double> lowest_;
  std::vector<double> highest_;
  Value is_missing_;
  std::vector<Value> gaps_;  // of each column that a step has estimated
};

Result<Value> FirstGuess(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* initial, record.Get("initial_imputer_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Answer answer,
                           Convert(scope, *initial, record.PlaceOf("initial_imputer_"), input));
  if (!answer.output || answer.output->width() != input.width()) {
    return record.Damaged("initial_imputer_: of other columns");
  }
  return scope.Matrix(record, *answer.output);
}

base::Status CheckOptions(Scope& scope, const Record& record, int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool draws, record.BoolOr("sample_posterior", false));
  if (draws) return scope.Unsupported(record, "sample_posterior=True draws at random");
  SLIPWAY_ASSIGN_OR_RETURN(const bool has_empty, HasEmptyColumn(record));
  if (has_empty) return scope.Unsupported(record, "a column that had no value in training");
  if (width > kMaxColumns) {
    return scope.Unsupported(record, StrCat("more than ", kMaxColumns, " columns"));
  }
  return base::OkStatus();
}

Result<Answer> ConvertIterativeImputer(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_RETURN_IF_ERROR(CheckOptions(scope, record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(Value guess, FirstGuess(scope, record, input));
  Filling filling(scope, record, x, std::move(guess), input.width());
  SLIPWAY_RETURN_IF_ERROR(filling.ReadSettings());
  SLIPWAY_ASSIGN_OR_RETURN(const auto sequence, record.List("imputation_sequence_"));
  for (size_t i = 0; i < sequence.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const Step step, ReadStep(record, sequence[i], input.width()));
    SLIPWAY_RETURN_IF_ERROR(
        filling.Apply(step, record.PlaceOf(StrCat("imputation_sequence_[", i, "]"))));
  }
  scope.Warn(record,
             "rows without any value are estimated too, where Python does that only beside "
             "rows that have some");
  std::vector<Frame> parts = {Frame::Of(filling.filled(), input.width())};
  if (record.Has("indicator_")) {
    SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* indicator, record.Get("indicator_"));
    SLIPWAY_ASSIGN_OR_RETURN(Answer missing,
                             Convert(scope, *indicator, record.PlaceOf("indicator_"), input));
    if (!missing.output) return record.Damaged("indicator_: no transformer");
    parts.push_back(*std::move(missing.output));
  }
  return Answer::Output(Frame::Join(std::move(parts)));
}

constexpr Estimator kEstimators[] = {
    {"sklearn.impute", "IterativeImputer", ConvertIterativeImputer},
};

}  // namespace

std::span<const Estimator> IterativeImputerEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
