#include "import/pmml/tree_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

const double kNaN = std::nan("");

// The ScoreDistributions of a node: shares of each class, by its position.
struct Distribution {
  std::vector<std::pair<size_t, double>> shares;
  double largest = -1;
  size_t winner = 0;
};

Result<Distribution> ReadDistribution(const Element& node, std::vector<std::string>& classes) {
  Distribution out;
  double sum = 0;
  const auto entries = node.Children("ScoreDistribution");
  const bool has_probability = std::ranges::any_of(
      entries, [](const Element& e) { return e.Find("probability").has_value(); });
  for (const Element& entry : entries) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, entry.Need("value"));
    SLIPWAY_ASSIGN_OR_RETURN(const double count, entry.Number("recordCount"));
    SLIPWAY_ASSIGN_OR_RETURN(const double share,
                             has_probability ? entry.Number("probability") : Result<double>(count));
    if (share < 0) return entry.Error("a negative share");
    const size_t position = ClassPosition(classes, name);
    out.shares.emplace_back(position, share);
    if (count > out.largest) {
      out.largest = count;
      out.winner = position;
    }
    sum += share;
  }
  for (auto& [position, share] : out.shares) {
    if (sum != 1.0) share /= sum;
  }
  return out;
}

Status ReadNumber(const Element& node, bool as_float, double& out) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, node.Need("score"));
  const auto number = ParseValue(text);
  if (!number || !std::isfinite(*number)) {
    return node.Error(StrCat("'score': expected a number, got '", base::Printable(text), "'"));
  }
  out = as_float ? static_cast<double>(static_cast<float>(*number)) : *number;
  return base::OkStatus();
}

}  // namespace

Result<TreeScores> ReadScores(const TreeCompiler& compiler, bool classifies, bool as_float,
                              std::vector<std::string> classes) {
  TreeScores out;
  out.all_have_probabilities = classifies;
  std::vector<Distribution> distributions;
  for (const TreeCompiler::End& end : compiler.ends()) {
    double score = kNaN;
    distributions.emplace_back();
    out.fails.push_back(end.kind == TreeCompiler::End::Kind::kError ? 1 : 0);
    out.may_fail = out.may_fail || out.fails.back() > 0;
    if (end.kind == TreeCompiler::End::Kind::kNode && !classifies) {
      SLIPWAY_RETURN_IF_ERROR(ReadNumber(end.node, as_float, score));
    } else if (end.kind == TreeCompiler::End::Kind::kNode) {
      SLIPWAY_ASSIGN_OR_RETURN(distributions.back(), ReadDistribution(end.node, classes));
      const auto text = end.node.Find("score");
      if (!text && distributions.back().shares.empty()) {
        return end.node.Error("a leaf without a score");
      }
      score =
          static_cast<double>(text ? ClassPosition(classes, *text) : distributions.back().winner);
      if (distributions.back().shares.empty()) out.all_have_probabilities = false;
    }
    out.may_be_missing = out.may_be_missing || std::isnan(score);
    out.scores.push_back(score);
  }
  if (classifies && classes.empty()) {
    return base::InvalidArgument("trees of a classification that name no class");
  }
  if (out.all_have_probabilities) {
    const uint64_t size = uint64_t{classes.size()} * out.scores.size();
    if (size > 200'000'000) return base::ResourceExhausted("too many classes for so many leaves");
    out.probabilities.assign(size, 0);
    for (size_t end = 0; end < out.scores.size(); ++end) {
      double* const row = out.probabilities.data() + end * classes.size();
      if (std::isnan(out.scores[end])) std::fill_n(row, classes.size(), kNaN);
      for (const auto& [position, share] : distributions[end].shares) row[position] = share;
    }
  }
  out.classes = std::move(classes);
  return out;
}

Result<ModelAnswer> MakeTree(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  TreeCompiler compiler(scope.all());
  SLIPWAY_RETURN_IF_ERROR(compiler.Add(scope, model));
  const bool as_float = model.Or("x-mathContext", "double") == "float";
  SLIPWAY_ASSIGN_OR_RETURN(
      const TreeScores scores,
      ReadScores(compiler, classifies, as_float,
                 classifies ? TargetCategories(scope, model) : std::vector<std::string>()));
  ModelAnswer out;
  out.classifies = classifies;
  out.classes = scores.classes;
  if (!classifies && !scores.may_be_missing) {
    SLIPWAY_ASSIGN_OR_RETURN(out.value, compiler.AddSums(scores.scores, 1, as_float));
    return out;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value ends, compiler.AddEnds());
  out.value = LookUp(graph, scores.scores, ends);
  if (scores.may_fail) {
    scope.Fail(Compare(graph, "Greater", LookUp(graph, scores.fails, ends), Number(graph, 0)));
  }
  if (scores.all_have_probabilities) {
    const auto rows = static_cast<int64_t>(scores.scores.size());
    const auto columns = static_cast<int64_t>(scores.classes.size());
    const Value table =
        graph.Add(graph::DoubleConstant(scores.probabilities, {rows, columns}), "shares");
    static constexpr int64_t kFlat[] = {-1};
    const Value flat = graph.Node("Reshape", {graph.Cast(ends, graph::ElementType::kInt64),
                                              graph.Add(graph::Int64Constant(kFlat, {1}), "flat")});
    out.probabilities = graph.Node("Gather", {table, flat});
  }
  return out;
}

}  // namespace slipway::import::pmml
