// RuleSetModel: rules that fire, and which of them is believed. Source: PMML 4.4, RuleSet.
#include <cmath>
#include <limits>
#include <utility>

#include "base/str_cat.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"
#include "import/pmml/predicate.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr size_t kMaxRules = 10'000;
constexpr int kMaxNesting = 200;  // of CompoundRules

// The SimpleRules, those in CompoundRules too, in the order of the file.
struct Rules {
  std::vector<Value> fired;  // as numbers, 1 or 0
  std::vector<double> classes;
  std::vector<double> weights;
  std::vector<double> confidences;
  std::vector<std::string> ids;
};

Status ReadSimpleRule(ModelScope& scope, const Element& at, const Value& fires,
                      std::vector<std::string>& classes, Rules& out) {
  if (out.ids.size() == kMaxRules) {
    return base::ResourceExhausted(StrCat(at.Where(), ": more than ", kMaxRules, " rules"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::string score, at.Need("score"));
  SLIPWAY_ASSIGN_OR_RETURN(const double weight, at.NumberOr("weight", 1));
  SLIPWAY_ASSIGN_OR_RETURN(const double confidence, at.NumberOr("confidence", 1));
  GraphBuilder& graph = scope.graph();
  const Value always = Compare(graph, "Equal", scope.all().zeros, Number(graph, 0));
  out.fired.push_back(graph.Cast(fires.name.empty() ? always : fires, ElementType::kDouble));
  out.classes.push_back(static_cast<double>(ClassPosition(classes, score)));
  out.weights.push_back(weight);
  out.confidences.push_back(confidence);
  out.ids.push_back(at.Or("id", StrCat(out.ids.size() + 1)));
  return OkStatus();
}

// The rules among an element's children, each of which fires where `gate` does, too.
Status ReadRules(ModelScope& scope, const Element& holder, const Value& gate, int depth,
                 std::vector<std::string>& classes, Rules& out) {
  if (depth > kMaxNesting) {
    return holder.Error(StrCat("rules nested more than ", kMaxNesting, " levels deep"));
  }
  for (const Element& at : holder.Children()) {
    const bool is_compound = at.name() == "CompoundRule";
    if (!is_compound && at.name() != "SimpleRule") continue;
    SLIPWAY_ASSIGN_OR_RETURN(const Predicate predicate, ReadPredicateOf(scope, at));
    const Value fires = And(scope.graph(), gate, Evaluate(scope.all(), predicate).yes);
    SLIPWAY_RETURN_IF_ERROR(is_compound ? ReadRules(scope, at, fires, depth + 1, classes, out)
                                        : ReadSimpleRule(scope, at, fires, classes, out));
  }
  return OkStatus();
}

// Position of the rule that has the largest of `values` among those where `counts`.
Value BestRule(GraphBuilder& graph, const Value& counts, const Value& values) {
  const Value lowest = Number(graph, -std::numeric_limits<double>::infinity());
  return FirstMaximum(graph, Where(graph, counts, values, lowest));
}

// The class whose rules weigh most, and what they weigh on average of all rules that fired. Of
// equal classes the one that fired first wins; the heaviest of its rules stands for it.
void SumWeights(GraphBuilder& graph, const Rules& rules, const Value& fired, size_t classes,
                ModelAnswer& out) {
  std::vector<double> weights(classes * rules.ids.size(), 0);
  std::vector<int64_t> own;
  for (size_t i = 0; i < rules.ids.size(); ++i) {
    own.push_back(static_cast<int64_t>(rules.classes[i]));
    weights[static_cast<size_t>(own.back()) * rules.ids.size() + i] = rules.weights[i];
  }
  const Value count = Sum(graph, fired);
  const Value totals = Binary(graph, "Div", Product(graph, fired, weights, classes), count);
  const Value total_of_rule = graph.Columns(totals, own);
  const Value counts = Compare(graph, "Greater", fired, Number(graph, 0));
  const Value any = BestRule(graph, counts, total_of_rule);
  out.value = LookUp(graph, rules.classes, any);
  out.confidence = graph.Node(
      "GatherElements",
      {total_of_rule,
       graph.Cast(Where(graph, IsMissing(graph, any), Number(graph, 0), any), ElementType::kInt64)},
      {{"axis", int64_t{1}}});
  const Value same = Compare(graph, "Equal", Row(graph, rules.classes), out.value);
  out.entities.positions = BestRule(graph, And(graph, counts, same), Row(graph, rules.weights));
}

// What is said where no rule has fired: nothing, unless there is a default.
Status ApplyDefault(GraphBuilder& graph, const Element& rule_set, const Value& fired,
                    ModelAnswer& out) {
  const Value none = Compare(graph, "Less", Largest(graph, fired), Number(graph, 0.5));
  double score = std::nan("");
  if (const auto text = rule_set.Find("defaultScore")) {
    score = static_cast<double>(ClassPosition(out.classes, *text));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const double confidence,
                           rule_set.NumberOr("defaultConfidence", std::nan("")));
  out.value = Where(graph, none, Number(graph, score), out.value);
  out.confidence = Where(graph, none, Number(graph, confidence), out.confidence);
  out.entities.positions = Where(graph, none, Number(graph, std::nan("")), out.entities.positions);
  return OkStatus();
}

}  // namespace

Result<ModelAnswer> MakeRuleSet(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  if (!classifies) return Conversion::Unsupported(model, "a RuleSetModel that does not classify");
  SLIPWAY_ASSIGN_OR_RETURN(const Element rule_set, model.NeedChild("RuleSet"));
  SLIPWAY_ASSIGN_OR_RETURN(const Element selection, rule_set.NeedChild("RuleSelectionMethod"));
  static constexpr std::string_view kCriteria[] = {"firstHit", "weightedSum", "weightedMax"};
  SLIPWAY_RETURN_IF_ERROR(selection.Need("criterion").status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t criterion, selection.Choice("criterion", kCriteria));
  ModelAnswer out;
  out.classifies = true;
  out.classes = TargetCategories(scope, model);
  Rules rules;
  SLIPWAY_RETURN_IF_ERROR(ReadRules(scope, rule_set, {}, 0, out.classes, rules));
  if (rules.ids.empty()) return rule_set.Error("expected a SimpleRule");
  const Value fired = graph.Concat(rules.fired);
  if (criterion == 1) {
    SumWeights(graph, rules, fired, out.classes.size(), out);
  } else {
    const std::vector<double> equal(rules.ids.size(), 1.0);
    const Value counts = Compare(graph, "Greater", fired, Number(graph, 0));
    const Value best = BestRule(graph, counts, Row(graph, criterion == 0 ? equal : rules.weights));
    out.value = LookUp(graph, rules.classes, best);
    out.confidence = LookUp(graph, rules.confidences, best);
    out.entities.positions = best;
  }
  SLIPWAY_RETURN_IF_ERROR(ApplyDefault(graph, rule_set, fired, out));
  out.entities.names = std::move(rules.ids);
  return out;
}

}  // namespace slipway::import::pmml
