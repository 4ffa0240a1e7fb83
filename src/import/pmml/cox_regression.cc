#include "import/pmml/cox_regression.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "import/pmml/formulas.h"
#include "import/pmml/search_tree.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using graph::GraphBuilder;
using graph::Value;

// The baseline of all rows, or of those of one stratum.
struct Baseline {
  double stratum = 0;
  double max_time = 0;
  std::vector<double> times = {};  // ascending, no two of one
  std::vector<double> hazards = {};
};

Result<Baseline> ReadBaseline(const Element& at) {
  Baseline out;
  SLIPWAY_ASSIGN_OR_RETURN(out.max_time, at.Number("maxTime"));
  std::map<double, double> hazards;
  for (const Element& cell : at.Children("BaselineCell")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double time, cell.Number("time"));
    SLIPWAY_ASSIGN_OR_RETURN(const double hazard, cell.Number("cumHazard"));
    hazards.emplace(time, hazard);
  }
  if (hazards.empty()) return at.Error("expected a BaselineCell");
  for (const auto& [time, hazard] : hazards) {
    out.times.push_back(time);
    out.hazards.push_back(hazard);
  }
  return out;
}

// One for each stratum, by its value; without strata, one.
Result<std::vector<Baseline>> ReadBaselines(ModelScope& scope, const Element& tables,
                                            const Field* stratum) {
  std::vector<Baseline> out;
  if (stratum == nullptr) {
    SLIPWAY_ASSIGN_OR_RETURN(out.emplace_back(), ReadBaseline(tables));
    return out;
  }
  std::set<double> values;
  for (const Element& one : tables.Children("BaselineStratum")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text, one.Need("value"));
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), one, stratum->type, text));
    if (!values.insert(value).second) return one.Error("the second one");
    SLIPWAY_ASSIGN_OR_RETURN(out.emplace_back(), ReadBaseline(one));
    out.back().stratum = value;
  }
  if (out.empty()) return tables.Error("expected a BaselineStratum");
  std::ranges::sort(out, {}, &Baseline::stratum);
  return out;
}

// The step functions of all strata, of the columns stratum (if there are strata) and time: a
// hazard, or NaN; and 1 before the first cell, else 0.
Result<Value> FindSteps(GraphBuilder& graph, std::span<const Baseline> baselines, bool has_strata,
                        const Value& x) {
  const uint32_t time = has_strata ? 1 : 0;
  SearchTree tree(time + 1, 2);
  const auto steps = [&](size_t position) {
    const Baseline& baseline = baselines[position];
    static constexpr double kEarly[] = {0, 1};
    const int32_t before = tree.Leaf(kEarly);
    const int32_t within = tree.NotAbove(time, baseline.times, before, [&](size_t cell) {
      const double leaf[] = {baseline.hazards[cell], 0};
      return tree.Leaf(leaf);
    });
    return tree.Test(time, graph::TreeEnsemble::Test::kLessOrEqual, baseline.max_time, within,
                     tree.Missing());
  };
  std::vector<double> strata;
  for (const Baseline& one : baselines) strata.push_back(one.stratum);
  const int32_t root = has_strata ? tree.Equal(0, strata, steps) : steps(0);
  return std::move(tree).AddTo(graph, x, root);
}

// A number or text that every row must have.
Result<const Field*> NeedField(ModelScope& scope, const Element& model, const std::string& name) {
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Use(model, name));
  scope.Fail(IsMissing(scope.graph(), field->value));
  return field;
}

}  // namespace

Result<ModelAnswer> MakeCoxRegression(ModelScope& scope, const Element& model, const Value& eta) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const std::string end, model.Need("endTimeVariable"));
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const time, NeedField(scope, model, end));
  if (time->type == DataType::kText) return model.Error("a text as the time");
  std::vector<Value> columns;
  const Field* stratum = nullptr;
  if (const auto name = model.Find("baselineStrataVariable")) {
    SLIPWAY_ASSIGN_OR_RETURN(stratum, NeedField(scope, model, *name));
    columns.push_back(stratum->value);
  }
  columns.push_back(time->value);
  SLIPWAY_ASSIGN_OR_RETURN(const Element tables, model.NeedChild("BaseCumHazardTables"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto baselines, ReadBaselines(scope, tables, stratum));

  SLIPWAY_ASSIGN_OR_RETURN(const Value step, FindSteps(graph, baselines, stratum != nullptr,
                                                       graph.Concat(std::move(columns))));
  const int64_t hazard[] = {0};
  const int64_t early[] = {1};
  const Value risk = graph.Node("Exp", {eta});
  ModelAnswer out;
  out.value = Binary(graph, "Mul", risk, graph.Columns(step, hazard));
  const Value is_early = Compare(graph, "Greater", graph.Columns(step, early), Number(graph, 0.5));
  out.value = Where(graph, is_early, Number(graph, 0), out.value);
  return out;
}

}  // namespace slipway::import::pmml
