// NearestNeighborModel: what the nearest training rows say. Source: PMML 4.4, KNN Models.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/comparison.h"
#include "import/pmml/formulas.h"
#include "import/pmml/inline_table.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr size_t kMaxRows = 1'000'000;
constexpr size_t kMaxCells = 50'000'000;

// The training rows, a column of numbers for each KNNInput.
struct Instances {
  std::vector<std::vector<double>> columns;
  std::vector<std::string> targets;
  std::vector<std::string> ids;
};

// The names of columns by the names of fields.
Result<std::map<std::string, std::string>> ReadInstanceFields(const Element& instances) {
  SLIPWAY_ASSIGN_OR_RETURN(const Element list, instances.NeedChild("InstanceFields"));
  std::map<std::string, std::string> out;
  for (const Element& at : list.Children("InstanceField")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("field"));
    if (!out.emplace(name, at.Or("column", name)).second) return at.Error("the second one");
  }
  SLIPWAY_RETURN_IF_ERROR(CheckCount(instances, "fieldCount", out.size()));
  return out;
}

Result<std::vector<Measured>> ReadInputs(ModelScope& scope, const Element& model,
                                         const Element& measure,
                                         const std::map<std::string, std::string>& columns,
                                         std::vector<std::string>& wanted) {
  SLIPWAY_ASSIGN_OR_RETURN(const Element list, model.NeedChild("KNNInputs"));
  std::vector<Measured> out;
  for (const Element& at : list.Children("KNNInput")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Measured one, ReadMeasured(scope, at, measure));
    const auto column = columns.find(at.Or("field", ""));
    if (column == columns.end()) {
      return Conversion::Unsupported(at, "a field that the training rows do not have");
    }
    if (one.compares == Compares::kGaussSim) {  // a KNNInput has no similarityScale
      return Conversion::Unsupported(at, "compareFunction='gaussSim' of neighbors");
    }
    out.push_back(one);
    wanted.push_back(column->second);
  }
  if (out.empty()) return list.Error("expected a KNNInput");
  return out;
}

// Adds the column of that field to those that are wanted.
Status Want(const Element& model, const std::map<std::string, std::string>& columns,
            const std::string& name, std::vector<std::string>& wanted) {
  const auto column = columns.find(name);
  if (column == columns.end()) {
    return model.Error(StrCat("no InstanceField for '", Printable(name), "'"));
  }
  wanted.push_back(column->second);
  return OkStatus();
}

// `wanted` are the columns of the inputs, of the target, and of the id where there is one.
Result<Instances> ReadInstances(ModelScope& scope, const Element& instances,
                                std::span<const Measured> inputs,
                                std::span<const std::string> wanted) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto rows, TableRows(instances, kMaxRows));
  SLIPWAY_RETURN_IF_ERROR(CheckCount(instances, "recordCount", rows.size()));
  if (rows.size() > kMaxCells / wanted.size()) {
    return base::ResourceExhausted(StrCat(instances.Where(), ": more than ", kMaxCells, " cells"));
  }
  Instances out;
  out.columns.resize(inputs.size());
  const RowReader reader(wanted);
  for (const Element& row : rows) {
    const auto cells = reader.Read(row);
    std::vector<std::string> texts;
    texts.reserve(cells.size());
    for (const std::optional<std::string>& cell : cells) {
      if (!cell) return row.Error(StrCat("no cell '", Printable(wanted[texts.size()]), "'"));
      texts.push_back(*cell);
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      SLIPWAY_ASSIGN_OR_RETURN(const double number,
                               ConstantOf(scope.all(), row, inputs[i].field->type, texts[i]));
      out.columns[i].push_back(number);
    }
    out.targets.push_back(texts[inputs.size()]);
    out.ids.push_back(texts.size() > inputs.size() + 1 ? texts.back() : StrCat(out.ids.size() + 1));
  }
  return out;
}

// The neighbors of each row, [batch, k].
struct Neighbors {
  Ranked ranked;  // distances, and positions of training rows
  size_t count = 0;
  double threshold = 0;

  // 1 / (distance + threshold)
  Value Weights(GraphBuilder& graph) const {
    return Binary(graph, "Div", Number(graph, 1),
                  Binary(graph, "Add", ranked.values, Number(graph, threshold)));
  }
};

Result<Value> Continuous(ModelScope& scope, const Element& model, const Instances& instances,
                         const Neighbors& near) {
  GraphBuilder& graph = scope.graph();
  static constexpr std::string_view kMethods[] = {"average", "median", "weightedAverage"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t method, model.Choice("continuousScoringMethod", kMethods));
  std::vector<double> numbers;
  for (const std::string& text : instances.targets) {
    SLIPWAY_ASSIGN_OR_RETURN(const double number,
                             ConstantOf(scope.all(), model, DataType::kDouble, text));
    numbers.push_back(number);
  }
  const Value values = LookUp(graph, numbers, near.ranked.positions);
  const auto k = static_cast<double>(near.count);
  if (method == 0) return Binary(graph, "Div", Sum(graph, values), Number(graph, k));
  if (method == 1) {
    const Value sorted = Rank(graph, values, near.count, false).values;
    const auto high = static_cast<int64_t>(near.count / 2);
    const auto low = static_cast<int64_t>((near.count - 1) / 2);
    const Value sum = Binary(graph, "Add", graph.Columns(sorted, std::span(&low, 1)),
                             graph.Columns(sorted, std::span(&high, 1)));
    return Binary(graph, "Mul", sum, Number(graph, 0.5));
  }
  const Value weights = near.Weights(graph);
  return Binary(graph, "Div", Sum(graph, Binary(graph, "Mul", values, weights)),
                Sum(graph, weights));
}

// The classes in the order in which ties go: that of more training rows, then the smaller one.
std::vector<std::string> ClassesByWeight(const Instances& instances, bool of_numbers) {
  std::map<std::string, int64_t> counts;
  for (const std::string& name : instances.targets) ++counts[name];
  std::vector<std::tuple<int64_t, double, std::string>> keys;
  for (const auto& [name, count] : counts) {
    const double number = of_numbers ? ParseValue(name).value_or(0) : 0;
    keys.emplace_back(-count, std::isnan(number) ? 0 : number, name);
  }
  std::ranges::sort(keys);
  std::vector<std::string> out;
  out.reserve(keys.size());
  for (auto& [count, number, name] : keys) out.push_back(std::move(name));
  return out;
}

Result<ModelAnswer> Categorical(ModelScope& scope, const Element& model, const Instances& instances,
                                const Neighbors& near) {
  GraphBuilder& graph = scope.graph();
  static constexpr std::string_view kMethods[] = {"majorityVote", "weightedMajorityVote"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t method, model.Choice("categoricalScoringMethod", kMethods));
  const auto target = scope.all().data_fields.find(TargetName(model));
  const bool of_numbers = target != scope.all().data_fields.end() &&
                          target->second.Or("dataType", "string") != "string";
  ModelAnswer out;
  out.classifies = true;
  out.classes = ClassesByWeight(instances, of_numbers);
  std::map<std::string, double> positions;
  for (const std::string& name : out.classes) {
    positions.emplace(name, static_cast<double>(positions.size()));
  }
  std::vector<double> of_rows;
  of_rows.reserve(instances.targets.size());
  for (const std::string& name : instances.targets) of_rows.push_back(positions[name]);
  const Value voted = LookUp(graph, of_rows, near.ranked.positions);
  const Value weights = near.Weights(graph);
  std::vector<Value> votes;
  for (size_t i = 0; i < out.classes.size(); ++i) {
    const Value same = Compare(graph, "Equal", voted, Number(graph, static_cast<double>(i)));
    votes.push_back(Sum(graph, method == 0 ? graph.Cast(same, ElementType::kDouble)
                                           : Where(graph, same, weights, Number(graph, 0))));
  }
  out.value = FirstMaximum(graph, graph.Concat(std::move(votes)));
  return out;
}

Result<Neighbors> Nearest(ModelScope& scope, const Element& model, const Value& distances,
                          size_t rows) {
  SLIPWAY_ASSIGN_OR_RETURN(const double k, model.Number("numberOfNeighbors"));
  if (!(k >= 1 && k <= static_cast<double>(rows) && k == std::floor(k))) {
    return model.Error(StrCat("'numberOfNeighbors': expected a whole number from 1 to ", rows,
                              ", that of the training rows"));
  }
  Neighbors out = {.ranked = {}, .count = static_cast<size_t>(k)};
  SLIPWAY_ASSIGN_OR_RETURN(out.threshold, model.NumberOr("threshold", 0.001));
  if (out.threshold < 0) return model.Error("'threshold': expected a number of at least 0");
  out.ranked = Rank(scope.graph(), distances, out.count, false);
  return out;
}

}  // namespace

Result<ModelAnswer> MakeNearestNeighbor(ModelScope& scope, const Element& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  const std::string target = TargetName(model);
  if (target.empty()) return Conversion::Unsupported(model, "neighbors without a target");
  SLIPWAY_ASSIGN_OR_RETURN(const Element measure, model.NeedChild("ComparisonMeasure"));
  SLIPWAY_ASSIGN_OR_RETURN(const Metric metric, ReadMetric(measure));
  SLIPWAY_ASSIGN_OR_RETURN(const Element training, model.NeedChild("TrainingInstances"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto columns, ReadInstanceFields(training));
  std::vector<std::string> wanted;
  SLIPWAY_ASSIGN_OR_RETURN(const auto inputs, ReadInputs(scope, model, measure, columns, wanted));
  SLIPWAY_RETURN_IF_ERROR(Want(model, columns, target, wanted));
  if (const auto id = model.Find("instanceIdVariable")) {
    SLIPWAY_RETURN_IF_ERROR(Want(model, columns, *id, wanted));
  }
  SLIPWAY_ASSIGN_OR_RETURN(Instances instances, ReadInstances(scope, training, inputs, wanted));
  const Value distances = Distances(scope, metric, inputs, instances.columns, {});
  SLIPWAY_ASSIGN_OR_RETURN(const Neighbors near,
                           Nearest(scope, model, distances, instances.targets.size()));
  ModelAnswer out;
  if (classifies) {
    SLIPWAY_ASSIGN_OR_RETURN(out, Categorical(scope, model, instances, near));
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(out.value, Continuous(scope, model, instances, near));
  }
  out.entities = {.positions = near.ranked.positions,
                  .count = near.count,
                  .is_whole = true,
                  .names = std::move(instances.ids)};
  return out;
}

}  // namespace slipway::import::pmml
