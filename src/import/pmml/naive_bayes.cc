#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/expression.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

// Log scores of the classes so far, [batch, 1] each.
struct Scores {
  std::vector<std::string> classes;
  std::vector<double> priors;
  std::vector<Value> logs;
  double threshold = 0;
};

Result<std::vector<double>> CountsByClass(const Element& counts, const Scores& scores) {
  std::vector<double> out(scores.classes.size(), 0);
  for (const Element& count : counts.Children("TargetValueCount")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, count.Need("value"));
    SLIPWAY_ASSIGN_OR_RETURN(const double number, count.Number("count"));
    if (number < 0) return count.Error("a negative count");
    for (size_t i = 0; i < out.size(); ++i) {
      if (scores.classes[i] == name) out[i] = number;
    }
  }
  return out;
}

Result<Scores> ReadPriors(const Element& model) {
  Scores out;
  SLIPWAY_ASSIGN_OR_RETURN(out.threshold, model.Number("threshold"));
  if (out.threshold < 0) return model.Error("a negative threshold");
  SLIPWAY_ASSIGN_OR_RETURN(const Element output, model.NeedChild("BayesOutput"));
  SLIPWAY_ASSIGN_OR_RETURN(const Element counts, output.NeedChild("TargetValueCounts"));
  for (const Element& count : counts.Children("TargetValueCount")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, count.Need("value"));
    if (ClassPosition(out.classes, name) + 1 != out.classes.size() ||
        out.classes.size() != out.priors.size() + 1) {
      return count.Error("the second one");
    }
    SLIPWAY_ASSIGN_OR_RETURN(const double number, count.Number("count"));
    if (number < 0) return count.Error("a negative count");
    out.priors.push_back(number);
  }
  if (out.classes.empty()) return counts.Error("expected a TargetValueCount");
  return out;
}

// Adds log P(value | class) where the value is one that is listed.
Status AddDiscrete(ModelScope& scope, const Element& input, const Field& field, Scores& scores) {
  GraphBuilder& graph = scope.graph();
  std::vector<std::vector<double>> rows;
  std::vector<double> values;
  std::vector<double> sums(scores.classes.size(), 0);
  for (const Element& pair : input.Children("PairCounts")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text, pair.Need("value"));
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), pair, field.type, text));
    SLIPWAY_ASSIGN_OR_RETURN(const Element counts, pair.NeedChild("TargetValueCounts"));
    SLIPWAY_ASSIGN_OR_RETURN(auto row, CountsByClass(counts, scores));
    for (size_t i = 0; i < row.size(); ++i) sums[i] += row[i];
    values.push_back(value);
    rows.push_back(std::move(row));
  }
  const Value same = Compare(graph, "Equal", field.value, Row(graph, values));
  const Value match = graph.Cast(same, graph::ElementType::kDouble);
  const Value found = Compare(graph, "Greater", Sum(graph, match), Number(graph, 0));
  const Value position = FirstMaximum(graph, match);
  for (size_t i = 0; i < scores.classes.size(); ++i) {
    std::vector<double> logs;
    logs.reserve(rows.size());
    for (const auto& row : rows) {
      logs.push_back(std::log(row[i] > 0 ? row[i] / sums[i] : scores.threshold));
    }
    const Value log = Where(graph, found, LookUp(graph, logs, position), Number(graph, 0));
    scores.logs[i] = Binary(graph, "Add", scores.logs[i], log);
  }
  return base::OkStatus();
}

// Adds the log of a normal density for each class, held above the threshold.
Status AddContinuous(ModelScope& scope, const Element& stats, const Field& field, Scores& scores) {
  GraphBuilder& graph = scope.graph();
  for (const Element& stat : stats.Children("TargetValueStat")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, stat.Need("value"));
    const auto gaussian = stat.Child("GaussianDistribution");
    if (!gaussian) return Conversion::Unsupported(stat, "a distribution other than Gaussian");
    SLIPWAY_ASSIGN_OR_RETURN(const double mean, gaussian->Number("mean"));
    SLIPWAY_ASSIGN_OR_RETURN(const double variance, gaussian->Number("variance"));
    if (!(variance > 0)) return gaussian->Error("'variance': expected a number above 0");
    for (size_t i = 0; i < scores.classes.size(); ++i) {
      if (scores.classes[i] != name) continue;
      const Value from = Binary(graph, "Sub", field.value, Number(graph, mean));
      const Value square = Binary(graph, "Mul", from, from);
      const Value exponent = Binary(graph, "Mul", square, Number(graph, -0.5 / variance));
      const double scale = -0.5 * std::log(2 * std::numbers::pi * variance);
      Value log = Binary(graph, "Add", exponent, Number(graph, scale));
      const Value least = Number(graph, std::log(scores.threshold));
      log = Where(graph, Compare(graph, "Less", log, least), least, log);
      log = Where(graph, IsMissing(graph, field.value), Number(graph, 0), log);
      scores.logs[i] = Binary(graph, "Add", scores.logs[i], log);
    }
  }
  return base::OkStatus();
}

Status AddInput(ModelScope& scope, const Element& input, Scores& scores) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, input.Need("fieldName"));
  const auto derived = input.Child("DerivedField");
  Field field;
  if (derived) {
    SLIPWAY_ASSIGN_OR_RETURN(field, MakeDerivedField(scope, *derived));
    if (!field.fails.name.empty()) scope.Fail(field.fails);
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const Field* const found, scope.Use(input, name));
    field = *found;
  }
  if (const auto stats = input.Child("TargetValueStats")) {
    if (field.type == DataType::kText) return input.Error("a density of text");
    return AddContinuous(scope, *stats, field, scores);
  }
  if (!input.Child("PairCounts")) return input.Error("expected PairCounts or TargetValueStats");
  return AddDiscrete(scope, input, field, scores);
}

}  // namespace

Result<ModelAnswer> MakeNaiveBayes(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(Scores scores, ReadPriors(model));
  for (const double prior : scores.priors) {
    scores.logs.push_back(Binary(graph, "Add", scope.all().zeros, Number(graph, std::log(prior))));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Element inputs, model.NeedChild("BayesInputs"));
  // Files of PMML 3 and 4.1 hide their continuous inputs in Extensions.
  for (const Element& holder : inputs.Children("Extension")) {
    for (const Element& input : holder.Children("BayesInput")) {
      SLIPWAY_RETURN_IF_ERROR(AddInput(scope, input, scores));
    }
  }
  for (const Element& input : inputs.Children("BayesInput")) {
    SLIPWAY_RETURN_IF_ERROR(AddInput(scope, input, scores));
  }
  const Value probabilities = Softmax(graph, graph.Concat(scores.logs));
  return ByProbability(scope, std::move(scores.classes), probabilities);
}

}  // namespace slipway::import::pmml
