#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Estimators that answer the same for every row. Source: scikit-learn 1.9, sklearn/dummy.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;
using Kind = pickle::Value::Kind;

// One output of a classifier: its labels, their shares, and which of them it always is.
struct Output {
  Labels labels;
  std::vector<double> shares;
  int64_t code = 0;
};

// The values of `constant`, one for each output.
Result<std::vector<pickle::Value>> Constants(Scope& scope, const Record& record) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* value, record.Get("constant"));
  if (value->Is(Kind::kList) || value->Is(Kind::kTuple)) return record.List("constant");
  if (!pickle::IsArray(*value)) return std::vector<pickle::Value>{*value};
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, record.Array("constant"));
  if (array.shape.empty()) return std::vector<pickle::Value>{*value};
  if (array.type.kind == 'O') return record.List("constant");
  if (array.type.kind == 'U') return scope.Unsupported(record, "constant: an array of texts");
  SLIPWAY_ASSIGN_OR_RETURN(const Reals numbers, record.Numbers("constant"));
  std::vector<pickle::Value> out;
  out.reserve(numbers.values.size());
  for (const double number : numbers.values) out.push_back(pickle::Value::Float(number));
  return out;
}

Result<std::vector<Output>> ReadPriors(const Record& record) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, record.Integer("n_outputs_"));
  std::vector<Output> outputs;
  if (count == 1) {
    Output& only = outputs.emplace_back();
    SLIPWAY_ASSIGN_OR_RETURN(only.labels, Labels::Read(record, "classes_"));
    SLIPWAY_ASSIGN_OR_RETURN(Reals shares, record.Numbers("class_prior_"));
    only.shares = std::move(shares.values);
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const auto classes, record.List("classes_"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto priors, record.List("class_prior_"));
    for (size_t i = 0; i < classes.size() && i < priors.size(); ++i) {
      Output& one = outputs.emplace_back();
      SLIPWAY_ASSIGN_OR_RETURN(one.labels, Labels::Read(record, "classes_", classes[i]));
      auto shares = ReadReals(priors[i], record.budget());
      if (!shares.ok()) return record.At("class_prior_", shares.status());
      one.shares = std::move(shares->values);
    }
  }
  const bool fit = std::ranges::all_of(outputs, [](const Output& one) {
    return static_cast<int64_t>(one.shares.size()) == one.labels.size();
  });
  if (!fit || outputs.empty() || static_cast<int64_t>(outputs.size()) != count) {
    return record.Damaged("classes_, class_prior_: do not fit each other");
  }
  return outputs;
}

// Sets what the strategy makes of the shares that the labels had in training.
base::Status ApplyStrategy(Scope& scope, const Record& record, std::vector<Output>& outputs) {
  const std::string strategy = record.TextOr("_strategy", record.TextOr("strategy", "prior"));
  if (strategy == "stratified" || strategy == "uniform") {
    return scope.Unsupported(record, StrCat("strategy '", strategy, "' answers at random"));
  }
  std::vector<pickle::Value> constants;
  if (strategy == "constant") {
    SLIPWAY_ASSIGN_OR_RETURN(constants, Constants(scope, record));
    if (constants.size() != outputs.size()) {
      return record.Damaged(StrCat("constant: expected one for each of ", outputs.size(),
                                   " outputs, got ", constants.size()));
    }
  } else if (strategy != "prior" && strategy != "most_frequent") {
    return scope.Unsupported(record, StrCat("strategy '", strategy, "' is not supported"));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    Output& one = outputs[i];
    one.code = std::ranges::max_element(one.shares) - one.shares.begin();
    if (strategy == "prior") continue;
    if (strategy == "constant") {
      const auto code = one.labels.Find(constants[i]);
      if (!code) return record.Damaged("constant: none of the classes");
      one.code = *code;
    }
    std::ranges::fill(one.shares, 0.0);
    one.shares[static_cast<size_t>(one.code)] = 1;
  }
  return base::OkStatus();
}

// The same numbers for every row, [batch, numbers].
Value EveryRow(GraphBuilder& graph, const Value& zeros, std::span<const double> row) {
  return graph.Node("Add", {zeros, RowConstant(graph, row)});
}

// [batch, 1]
Value EveryCode(GraphBuilder& graph, const Value& zeros, int64_t code) {
  const Value number = graph.Add(graph::Int64Constant(std::span(&code, 1), {1}), "code");
  return graph.Node("Add", {graph.Cast(zeros, ElementType::kInt64), number});
}

Result<Answer> ConvertClassifier(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const bool sparse, record.BoolOr("sparse_output_", false));
  if (sparse) return scope.Unsupported(record, "labels that were sparse");
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Output> outputs, ReadPriors(record));
  SLIPWAY_RETURN_IF_ERROR(ApplyStrategy(scope, record, outputs));
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  const Value zeros = ZeroColumn(graph, x);
  Answer answer;
  if (outputs.size() == 1) {
    Output& only = outputs.front();
    answer.code = Flat(graph, EveryCode(graph, zeros, only.code));
    answer.probabilities = EveryRow(graph, zeros, only.shares);
    answer.labels = std::move(only.labels);
    return answer;
  }
  Several several;
  std::vector<Value> codes;
  for (Output& one : outputs) {
    codes.push_back(EveryCode(graph, zeros, one.code));
    several.each.push_back(EveryRow(graph, zeros, one.shares));
    several.labels.push_back(std::move(one.labels));
  }
  several.codes = graph.Concat(std::move(codes));
  answer.several = std::move(several);
  return answer;
}

Result<Answer> ConvertRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Reals constant, record.Numbers("constant_"));
  if (constant.values.empty()) return record.Damaged("constant_: no numbers");
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  Answer answer;
  answer.targets = static_cast<int64_t>(constant.values.size());
  answer.prediction = EveryRow(scope.graph, ZeroColumn(scope.graph, x), constant.values);
  return answer;
}

constexpr Estimator kEstimators[] = {
    {"sklearn.dummy", "DummyClassifier", ConvertClassifier},
    {"sklearn.dummy", "DummyRegressor", ConvertRegressor},
};

}  // namespace

std::span<const Estimator> DummyEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
