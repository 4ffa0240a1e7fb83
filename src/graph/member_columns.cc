#include "graph/member_columns.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <span>

namespace slipway::graph {
namespace {

// A table may have as many cells as this, or as this many times the members of its sets.
constexpr size_t kSmallTable = 4096;
constexpr size_t kCellsPerMember = 32;

using Set = std::vector<int64_t>;

// Sets that share one table, and all their members.
struct Group {
  std::span<const Set> sets;
  Set members;
};

// The longest run of `sets` whose table is small enough; at least one.
Group TakeGroup(std::span<const Set> sets) {
  Group group;
  size_t member_count = 0;
  size_t taken = 0;
  for (; taken < sets.size(); ++taken) {
    Set joined;
    std::ranges::set_union(group.members, sets[taken], std::back_inserter(joined));
    member_count += sets[taken].size();
    const size_t cells = (joined.size() + 1) * (taken + 1);
    if (taken > 0 && cells > std::max(kSmallTable, kCellsPerMember * member_count)) break;
    group.members = std::move(joined);
  }
  group.sets = sets.first(taken);
  return group;
}

// Row i: member i in each set (0) or not (1); the last row is for every other number.
Constant Table(const Group& group) {
  const size_t width = group.sets.size();
  std::vector<uint8_t> cells((group.members.size() + 1) * width, 1);
  for (size_t set = 0; set < width; ++set) {
    auto member = group.members.begin();
    for (const int64_t value : group.sets[set]) {
      member = std::lower_bound(member, group.members.end(), value);
      cells[static_cast<size_t>(member - group.members.begin()) * width + set] = 0;
    }
  }
  return Uint8Constant(
      cells, {static_cast<int64_t>(group.members.size() + 1), static_cast<int64_t>(width)});
}

// [batch, sets of the group], of `type`, for the integers `value` of [batch].
Value Look(GraphBuilder& graph, const Value& value, const Group& group, ElementType type) {
  const auto unknown = static_cast<int64_t>(group.members.size());
  std::vector<int64_t> positions(group.members.size());
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int64_t>(i);
  Value row = value;
  if (unknown > 0) {
    row = graph.Node("LabelEncoder", {value},
                     {{"keys_int64s", group.members},
                      {"values_int64s", std::move(positions)},
                      {"default_int64", unknown}},
                     ElementType::kInt64, GraphBuilder::kMlDomain);
  } else {
    row = graph.Node("Mul", {value, graph.Scalar(ElementType::kInt64, 0)});
  }
  const Value table = graph.Add(Table(group), "member_table");
  return graph.Cast(graph.Node("Gather", {table, row}, {{"axis", int64_t{0}}}, ElementType::kUint8),
                    type);
}

}  // namespace

MemberColumns::MemberColumns(const TreeEnsemble& ensemble) : features_(ensemble.features) {
  std::map<std::pair<uint32_t, Set>, std::vector<uint32_t>> positions;  // in member_sets
  std::map<std::pair<uint32_t, uint32_t>, bool> seen;
  for (const TreeEnsemble::Node& node : ensemble.nodes) {
    if (node.test != TreeEnsemble::Test::kMember) continue;
    if (!seen.try_emplace({node.feature, node.members}, true).second) continue;
    Set set = ensemble.member_sets[node.members];
    std::ranges::sort(set);
    set.erase(std::unique(set.begin(), set.end()), set.end());
    positions[{node.feature, std::move(set)}].push_back(node.members);
  }
  uint32_t column = features_;
  for (const auto& [key, of_set] : positions) {
    sets_[key.first].push_back(key.second);
    for (const uint32_t position : of_set) columns_[{key.first, position}] = column;
    ++column;
  }
}

uint32_t MemberColumns::ColumnOf(const TreeEnsemble::Node& node) const {
  return columns_.at({node.feature, node.members});
}

Value MemberColumns::MissingAsNan(GraphBuilder& graph, const Value& x, uint32_t feature,
                                  const Value& columns) const {
  const Value tested = graph.Columns(x, std::array{static_cast<int64_t>(feature)});
  const Value missing = graph.Node("IsNaN", {tested}, {}, ElementType::kBool);
  const Value nan = graph.Scalar(x.type, std::numeric_limits<double>::quiet_NaN());
  return graph.Node("Where", {missing, nan, columns}, {}, x.type);
}

Value MemberColumns::Widen(GraphBuilder& graph, const Value& x) const {
  std::vector<Value> parts = {x};
  for (const auto& [feature, sets] : sets_) {
    const Value at = graph.Scalar(ElementType::kInt64, feature);
    const Value value =
        graph.Cast(graph.Node("Gather", {x, at}, {{"axis", int64_t{1}}}), ElementType::kInt64);
    std::vector<Value> found;
    for (std::span<const Set> rest = sets; !rest.empty();) {
      const Group group = TakeGroup(rest);
      found.push_back(Look(graph, value, group, x.type));
      rest = rest.subspan(group.sets.size());
    }
    parts.push_back(MissingAsNan(graph, x, feature, graph.Concat(std::move(found))));
  }
  return graph.Concat(std::move(parts));
}

}  // namespace slipway::graph
