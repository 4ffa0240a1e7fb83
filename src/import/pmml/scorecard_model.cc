#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/pmml/expression.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"
#include "import/pmml/predicate.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

constexpr size_t kMaxReasoned = 1000;  // Characteristics whose reasons are compared with each other

// What an Attribute adds: a number, or an expression, which then wins.
Result<Value> PartialScore(ModelScope& scope, const Element& attribute, const Value& chosen) {
  const auto complex = attribute.Child("ComplexPartialScore");
  if (!complex) {
    SLIPWAY_ASSIGN_OR_RETURN(const double score, attribute.Number("partialScore"));
    return Number(scope.graph(), score);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Field field, MakeDerivedField(scope, *complex));
  if (field.type == DataType::kText) return complex->Error("text as a score");
  if (!field.fails.name.empty()) scope.Fail(And(scope.graph(), chosen, field.fails));
  return field.value;
}

// What a Characteristic says: its score and, where reasons are asked for, the position of its
// reason and how much that counts.
struct Said {
  Value score;
  Value reason = {};
  Value points = {};
};

// The reasons of a Scorecard, as far as its Output asks for them.
struct Reasons {
  bool are_wanted = false;
  bool points_above = false;
  std::optional<double> baseline = std::nullopt;
  std::vector<std::string> codes = {};
};

Result<Reasons> ReadReasons(const Element& model) {
  Reasons out;
  SLIPWAY_ASSIGN_OR_RETURN(const bool uses, model.FlagOr("useReasonCodes", true));
  if (const auto output = model.Child("Output"); output && uses) {
    for (const Element& at : output->Children("OutputField")) {
      out.are_wanted = out.are_wanted || at.Or("feature", "") == "reasonCode";
    }
  }
  if (!out.are_wanted) return out;
  static constexpr std::string_view kAlgorithms[] = {"pointsBelow", "pointsAbove"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t algorithm,
                           model.Choice("reasonCodeAlgorithm", kAlgorithms));
  out.points_above = algorithm == 1;
  if (model.Find("baselineScore")) {
    SLIPWAY_ASSIGN_OR_RETURN(out.baseline, model.Number("baselineScore"));
  }
  return out;
}

Result<double> ReasonOf(const Element& attribute, const Element& characteristic, Reasons& reasons) {
  auto code = attribute.Find("reasonCode");
  if (!code) code = characteristic.Find("reasonCode");
  if (!code) return attribute.Error("'reasonCode' is missing, here and in its Characteristic");
  return static_cast<double>(ClassPosition(reasons.codes, *code));
}

// How far the score is from the baseline of the Characteristic, or of all.
Result<Value> PointsOf(GraphBuilder& graph, const Element& characteristic, const Reasons& reasons,
                       const Value& score) {
  std::optional<double> baseline = reasons.baseline;
  if (characteristic.Find("baselineScore")) {
    SLIPWAY_ASSIGN_OR_RETURN(baseline, characteristic.Number("baselineScore"));
  }
  if (!baseline) {
    return characteristic.Error("'baselineScore' is missing, here and in the Scorecard");
  }
  const Value base = Number(graph, *baseline);
  return reasons.points_above ? Binary(graph, "Sub", score, base)
                              : Binary(graph, "Sub", base, score);
}

// Of the first Attribute that is true; a failure where none is.
Result<Said> ReadCharacteristic(ModelScope& scope, const Element& characteristic,
                                Reasons& reasons) {
  GraphBuilder& graph = scope.graph();
  const auto attributes = characteristic.Children("Attribute");
  if (attributes.empty()) return characteristic.Error("expected an Attribute");
  Value taken = Compare(graph, "Less", scope.all().zeros, Number(graph, 0));  // nowhere yet
  Said out = {.score = scope.all().zeros, .reason = scope.all().zeros};
  for (const Element& attribute : attributes) {
    SLIPWAY_ASSIGN_OR_RETURN(const Predicate predicate, ReadPredicateOf(scope, attribute));
    const Truth truth = Evaluate(scope.all(), predicate);
    const Value chosen = And(graph, Not(graph, taken), truth.yes);
    SLIPWAY_ASSIGN_OR_RETURN(const Value score, PartialScore(scope, attribute, chosen));
    out.score = Where(graph, chosen, score, out.score);
    if (reasons.are_wanted) {
      SLIPWAY_ASSIGN_OR_RETURN(const double reason, ReasonOf(attribute, characteristic, reasons));
      out.reason = Where(graph, chosen, Number(graph, reason), out.reason);
    }
    taken = Or(graph, taken, chosen);
  }
  scope.Fail(Not(graph, taken));
  if (reasons.are_wanted) {
    SLIPWAY_ASSIGN_OR_RETURN(out.points, PointsOf(graph, characteristic, reasons, out.score));
  }
  return out;
}

// The reasons by the sums of their points, those below 0 left out; of equal ones that of the
// earlier Characteristic goes first.
Ranking RankReasons(GraphBuilder& graph, std::span<const Said> said, Reasons reasons) {
  const size_t n = said.size();
  std::vector<Value> columns;
  for (const Said& one : said) columns.push_back(one.reason);
  const Value all = graph.Concat(columns);
  columns.clear();
  for (const Said& one : said) columns.push_back(one.points);
  const Value points = graph.Concat(columns);
  const Value none = Number(graph, -std::numeric_limits<double>::infinity());
  columns.clear();
  Value before;  // the reasons of earlier Characteristics, [batch, i]
  for (const Said& one : said) {
    const Value same = Compare(graph, "Equal", all, one.reason);
    Value sum = Sum(graph, Where(graph, same, points, Number(graph, 0)));
    Value drop = Compare(graph, "Less", sum, Number(graph, 0));
    if (!before.name.empty()) {
      const Value again =
          graph.Cast(Compare(graph, "Equal", before, one.reason), graph::ElementType::kDouble);
      drop = Or(graph, drop, Compare(graph, "Greater", Sum(graph, again), Number(graph, 0)));
    }
    columns.push_back(Where(graph, drop, none, sum));
    before = before.name.empty() ? one.reason : graph.Concat({before, one.reason});
  }
  const Ranked ranked = Rank(graph, graph.Concat(std::move(columns)), n, true);
  const Value in_order =
      graph.Node("GatherElements", {all, graph.Cast(ranked.positions, graph::ElementType::kInt64)},
                 {{"axis", int64_t{1}}});
  const Value has = Compare(graph, "GreaterOrEqual", ranked.values, Number(graph, 0));
  return {.positions = Where(graph, has, in_order, Number(graph, std::nan(""))),
          .count = n,
          .is_whole = true,
          .names = std::move(reasons.codes)};
}

}  // namespace

Result<ModelAnswer> MakeScorecard(ModelScope& scope, const Element& model) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const double initial, model.NumberOr("initialScore", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const Element list, model.NeedChild("Characteristics"));
  SLIPWAY_ASSIGN_OR_RETURN(Reasons reasons, ReadReasons(model));
  ModelAnswer out;
  out.value = Binary(graph, "Add", scope.all().zeros, Number(graph, initial));
  std::vector<Said> said;
  for (const Element& characteristic : list.Children("Characteristic")) {
    SLIPWAY_ASSIGN_OR_RETURN(Said one, ReadCharacteristic(scope, characteristic, reasons));
    out.value = Binary(graph, "Add", out.value, one.score);
    said.push_back(std::move(one));
  }
  if (!reasons.are_wanted) return out;
  if (said.empty() || said.size() > kMaxReasoned) {
    return list.Error(
        StrCat("reasons of ", said.size(), " Characteristics, expected 1 to ", kMaxReasoned));
  }
  out.reasons = RankReasons(graph, said, std::move(reasons));
  return out;
}

}  // namespace slipway::import::pmml
