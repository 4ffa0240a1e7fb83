#include "import/catboost/category_columns.h"

#include <bit>
#include <numeric>
#include <utility>

namespace slipway::import::catboost {
namespace {

using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr uint64_t kMultiplier = 0x4906ba494954cb65;

Value Whole(GraphBuilder& graph, int64_t number) {
  return graph.Add(graph::Int64Constant(std::span(&number, 1), {}), "whole");
}

// How many of those counted, of how many: what a counter's quotient is made of.
struct Share {
  float part = 0;
  float all = 0;
};

Share ShareOf(const Counter& counter, std::span<const double> counts, double denominator) {
  const auto sum = [counts](size_t first, size_t end) {
    double out = 0;
    for (size_t i = first; i < end; ++i) out += counts[i];
    return static_cast<float>(out);
  };
  switch (counter.type) {
    case Counter::Type::kBorders:
      return {sum(counter.target_border + 1, counts.size()), sum(0, counts.size())};
    case Counter::Type::kBuckets:
      return {static_cast<float>(counts[counter.target_border]), sum(0, counts.size())};
    case Counter::Type::kMean:
      return {static_cast<float>(counts[0]), static_cast<float>(counts[1])};
    case Counter::Type::kFrequency:
      break;
  }
  return {static_cast<float>(counts[0]), static_cast<float>(denominator)};
}

float Quotient(const Counter& counter, Share share) {
  const float quotient = (share.part + counter.prior) / (share.all + counter.prior_denominator);
  return (quotient + counter.shift) * counter.scale;
}

}  // namespace

std::vector<float> CounterValues(const Counter& counter, const CounterTable& table) {
  std::vector<float> values;
  values.reserve(table.keys.size() + 1);
  const bool frequency = counter.type == Counter::Type::kFrequency;
  values.push_back(
      Quotient(counter, {.part = 0, .all = frequency ? static_cast<float>(table.denominator) : 0}));
  for (size_t row = 0; row < table.keys.size(); ++row) {
    const auto counts = std::span(table.counts).subspan(row * table.width, table.width);
    values.push_back(Quotient(counter, ShareOf(counter, counts, table.denominator)));
  }
  return values;
}

Value CategoryColumns::Hash(uint32_t category) {
  if (const auto known = hashes_.find(category); known != hashes_.end()) return known->second;
  Value hash = graph_.Node("CategoryHash", {inputs_.categories[category]}, {}, ElementType::kInt64,
                           GraphBuilder::kSlipwayDomain);
  hashes_[category] = hash;
  return hash;
}

Value CategoryColumns::Part(const Counter::Part& part) {
  if (part.whole_category) return Hash(part.split.feature);
  if (part.split.kind == Split::Kind::kOneHot) {
    const Value same =
        graph_.Node("Equal", {Hash(part.split.feature), Whole(graph_, part.split.value)}, {},
                    ElementType::kBool);
    return graph_.Cast(same, ElementType::kInt64);
  }
  const int64_t column[] = {part.split.feature};
  const Value number = graph_.Columns(inputs_.numbers, column);
  const Value border = graph_.Scalar(ElementType::kFloat, part.split.border);
  Value above;
  if (model_.floats[part.split.feature].nan_is_above) {
    const Value below = graph_.Node("LessOrEqual", {number, border}, {}, ElementType::kBool);
    above = graph_.Node("Not", {below});
  } else {
    above = graph_.Node("Greater", {number, border}, {}, ElementType::kBool);
  }
  return graph_.Cast(above, ElementType::kInt64);
}

Value CategoryColumns::Row(const Counter& counter) {
  if (const auto known = rows_.find(counter.table); known != rows_.end()) return known->second;
  const Value multiplier = Whole(graph_, std::bit_cast<int64_t>(kMultiplier));
  Value key = Whole(graph_, 0);
  for (const Counter::Part& part : counter.parts) {
    const Value spread = graph_.Node("Mul", {Part(part), multiplier});
    key = graph_.Node("Mul", {graph_.Node("Add", {spread, key}), multiplier});
  }
  const CounterTable& table = model_.tables[counter.table];
  std::vector<int64_t> rows(table.keys.size());
  std::iota(rows.begin(), rows.end(), int64_t{1});
  Value row = graph_.Node("LabelEncoder", {key},
                          {{"keys_int64s", table.keys},
                           {"values_int64s", std::move(rows)},
                           {"default_int64", int64_t{0}}},
                          ElementType::kInt64, GraphBuilder::kMlDomain);
  rows_[counter.table] = row;
  return row;
}

Value CategoryColumns::Count(uint32_t index) {
  const Counter& counter = model_.counters[index];
  const std::vector<float> values = CounterValues(counter, model_.tables[counter.table]);
  const auto size = static_cast<int64_t>(values.size());
  const Value table = graph_.Add(graph::FloatConstant(values, {size}), "counter");
  return graph_.Node("Gather", {table, Row(counter)});
}

}  // namespace slipway::import::catboost
