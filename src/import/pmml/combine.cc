#include "import/pmml/combine.h"

#include <cmath>
#include <limits>
#include <utility>

#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

const double kNaN = std::nan("");

Value ToNumber(GraphBuilder& graph, const Value& truth) {
  return graph.Cast(truth, ElementType::kDouble);
}

bool UsesWeights(Method method) {
  return method == Method::kWeightedSum || method == Method::kWeightedAverage ||
         method == Method::kWeightedMedian || method == Method::kWeightedMajorityVote;
}

// Which members count, and for which rows there is no answer whatever they say.
struct Counting {
  Value present;  // BOOL [batch, members]
  Value without;  // BOOL [batch, 1]
};

Counting Count(GraphBuilder& graph, const Members& members, const MissingPolicy& policy,
               const Value& weights) {
  const Value missing = And(graph, IsMissing(graph, members.values), members.active);
  const Value present = And(graph, Not(graph, IsMissing(graph, members.values)), members.active);
  const Value none =
      Compare(graph, "Less", Sum(graph, ToNumber(graph, present)), Number(graph, 0.5));
  const auto weight_of = [&](const Value& mask) {
    return Sum(graph, Binary(graph, "Mul", ToNumber(graph, mask), weights));
  };
  if (policy.treatment != MissingPolicy::Treatment::kSkip) {
    const Value any =
        Compare(graph, "Greater", Sum(graph, ToNumber(graph, missing)), Number(graph, 0.5));
    return {present, Or(graph, none, any)};
  }
  const Value share =
      Binary(graph, "Div", weight_of(missing), weight_of(Or(graph, missing, present)));
  return {present,
          Or(graph, none, Compare(graph, "Greater", share, Number(graph, policy.threshold)))};
}

// The columns `index` ([batch, 1], doubles) of x.
Value Pick(GraphBuilder& graph, const Value& x, const Value& index) {
  return graph.Node("GatherElements", {x, graph.Cast(index, ElementType::kInt64)},
                    {{"axis", int64_t{1}}});
}

struct Sorted {
  Value values;
  Value order;
};

Sorted Ascending(GraphBuilder& graph, const Value& x, size_t members) {
  const auto k = static_cast<int64_t>(members);
  const auto sorted = graph.Nodes(
      "TopK", {x, graph.Add(graph::Int64Constant(std::span(&k, 1), {1}), "k")},
      {{"largest", int64_t{0}}, {"axis", int64_t{1}}}, {ElementType::kDouble, ElementType::kInt64});
  return {sorted[0], sorted[1]};
}

Value Median(GraphBuilder& graph, const Members& members, const Value& present) {
  const Value infinity = Number(graph, std::numeric_limits<double>::infinity());
  const Sorted sorted =
      Ascending(graph, Where(graph, present, members.values, infinity), members.weights.size());
  const Value count = Sum(graph, ToNumber(graph, present));
  const Value half = Number(graph, 0.5);
  const Value upper = graph.Node("Floor", {Binary(graph, "Mul", count, half)});
  const Value before = Binary(graph, "Sub", count, Number(graph, 1));
  const Value lower = graph.Node("Floor", {Binary(graph, "Mul", before, half)});
  const Value at_least_0 =
      Where(graph, Compare(graph, "Less", lower, Number(graph, 0)), Number(graph, 0), lower);
  const auto last = static_cast<double>(members.weights.size() - 1);
  const Value at_most = Where(graph, Compare(graph, "Greater", upper, Number(graph, last)),
                              Number(graph, last), upper);
  const Value sum = Binary(graph, "Add", Pick(graph, sorted.values, at_least_0),
                           Pick(graph, sorted.values, at_most));
  return Binary(graph, "Mul", sum, half);
}

Value WeightedMedian(GraphBuilder& graph, const Members& members, const Value& present,
                     const Value& weights) {
  const Value infinity = Number(graph, std::numeric_limits<double>::infinity());
  const Sorted sorted =
      Ascending(graph, Where(graph, present, members.values, infinity), members.weights.size());
  const Value counted = Binary(graph, "Mul", ToNumber(graph, present), weights);
  const Value in_order =
      graph.Node("GatherElements", {counted, sorted.order}, {{"axis", int64_t{1}}});
  const Value axis = graph.Scalar(ElementType::kInt64, 1);
  const Value cumulated = graph.Node("CumSum", {in_order, axis});
  const Value half = Binary(graph, "Mul", Sum(graph, counted), Number(graph, 0.5));
  const Value reached = ToNumber(graph, Compare(graph, "GreaterOrEqual", cumulated, half));
  return Pick(graph, sorted.values, FirstMaximum(graph, reached));
}

}  // namespace

Value CombineNumbers(GraphBuilder& graph, Method method, const Members& members,
                     const MissingPolicy& policy) {
  const std::vector<double> equal(members.weights.size(), 1.0);
  const Value weights = Row(graph, UsesWeights(method) ? members.weights : equal);
  const Counting counting = Count(graph, members, policy, weights);
  Value out;
  if (method == Method::kMedian) {
    out = Median(graph, members, counting.present);
  } else if (method == Method::kWeightedMedian) {
    out = WeightedMedian(graph, members, counting.present, weights);
  } else {
    const Value counted = Where(graph, counting.present, members.values, Number(graph, 0));
    out = Sum(graph, Binary(graph, "Mul", counted, weights));
    if (method == Method::kAverage || method == Method::kWeightedAverage) {
      const Value total =
          Sum(graph, Binary(graph, "Mul", ToNumber(graph, counting.present), weights));
      out = Binary(graph, "Div", out, total);
    }
  }
  return Where(graph, counting.without, Number(graph, kNaN), out);
}

ModelAnswer CombineVotes(GraphBuilder& graph, Method method, const Members& members,
                         const MissingPolicy& policy, std::vector<std::string> classes) {
  const std::vector<double> equal(members.weights.size(), 1.0);
  const Value weights = Row(graph, UsesWeights(method) ? members.weights : equal);
  const Counting counting = Count(graph, members, policy, weights);
  const auto votes_of = [&](const Value& mask) {
    return Sum(graph, Binary(graph, "Mul", ToNumber(graph, mask), weights));
  };
  std::vector<Value> columns;
  for (size_t i = 0; i < classes.size(); ++i) {
    const Value same =
        Compare(graph, "Equal", members.values, Number(graph, static_cast<double>(i)));
    columns.push_back(votes_of(And(graph, same, counting.present)));
  }
  const Value votes = graph.Concat(std::move(columns));
  // The votes of each member's own class: the first that has the most is the class voted first.
  const Value safe = Where(graph, counting.present, members.values, Number(graph, 0));
  const Value own = Where(graph, counting.present, Pick(graph, votes, safe), Number(graph, -1));
  const Value winner = Pick(graph, safe, FirstMaximum(graph, own));
  Value without = counting.without;
  if (policy.treatment == MissingPolicy::Treatment::kContinue) {
    // "Missing" is a candidate, too, and wins when it has more than every class.
    const Value missing = votes_of(And(graph, IsMissing(graph, members.values), members.active));
    const Value none = Compare(graph, "Less", Sum(graph, votes), Number(graph, 1e-300));
    without = Or(graph, none, Compare(graph, "Greater", missing, Largest(graph, votes)));
  }
  const Value nothing = Number(graph, kNaN);
  return {.classifies = true,
          .value = Where(graph, without, nothing, winner),
          .classes = std::move(classes),
          .probabilities = Where(graph, without, nothing, DividedBySum(graph, votes))};
}

}  // namespace slipway::import::pmml
