#include "graph/value_scope.h"

#include <algorithm>
#include <cstddef>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;

std::string NodeLabel::ToString() const {
  const std::string type = Printable(op_type);
  return name.empty() ? StrCat("node ", index, " (", type, ")")
                      : StrCat("node '", Printable(name), "' (", type, ")");
}

void ValueScope::AddMaker(std::string_view value, uint32_t node) {
  if (!value.empty()) makers_.push_back({value, node});
}

void ValueScope::AddNodeInput(std::string_view value) {
  if (!value.empty()) needs_.push_back({value, latest()});
}

Status ValueScope::Check(std::vector<Need>& missing) {
  std::ranges::sort(makers_, [](const Edge& a, const Edge& b) {
    return a.value != b.value ? a.value < b.value : a.node < b.node;
  });
  SLIPWAY_RETURN_IF_ERROR(CheckMadeOnce());
  return CheckAcyclic(FindDependencies(missing));
}

std::string ValueScope::MakerName(uint32_t node) const {
  if (node == kInput) return "an input of the graph";
  if (node == kInitializer) return "an initializer";
  return nodes_[node].ToString();
}

// An input may have an initializer: its default. Initializers of one name are the runtime's
// concern.
Status ValueScope::CheckMadeOnce() const {
  for (size_t i = 1; i < makers_.size(); ++i) {
    const Edge& a = makers_[i - 1];
    const Edge& b = makers_[i];
    if (a.value != b.value) continue;
    if (a.node == kInitializer) continue;  // sorted: what follows is an initializer or an input
    return InvalidArgument(StrCat("value '", Printable(b.value), "': expected one maker, got ",
                                  MakerName(a.node), " and ", MakerName(b.node)));
  }
  return OkStatus();
}

std::vector<ValueScope::Dependency> ValueScope::FindDependencies(std::vector<Need>& missing) const {
  std::vector<Dependency> dependencies;
  for (const Edge& need : needs_) {
    const auto maker = std::ranges::lower_bound(makers_, need.value, {}, &Edge::value);
    if (maker == makers_.end() || maker->value != need.value) {
      const bool is_output = need.node == kOutput;
      missing.push_back({need.value, is_output ? NodeLabel{} : nodes_[need.node], is_output});
    } else if (maker->node < nodes_.size() && need.node != kOutput) {
      dependencies.push_back({maker->node, need.node, need.value});
    }
  }
  return dependencies;
}

// Takes away, again and again, the nodes whose needs are met; what stays is on or behind a cycle.
// Source: A. B. Kahn, "Topological sorting of large networks", CACM 1962.
Status ValueScope::CheckAcyclic(std::vector<Dependency> dependencies) const {
  std::ranges::sort(dependencies, {}, &Dependency::maker);
  std::vector<uint32_t> open(nodes_.size());  // per node, its needs that are not yet met
  for (const Dependency& d : dependencies) ++open[d.user];
  std::vector<uint32_t> ready;
  for (uint32_t node = 0; node < nodes_.size(); ++node) {
    if (open[node] == 0) ready.push_back(node);
  }
  size_t done = 0;
  for (; done < ready.size(); ++done) {
    auto next = std::ranges::lower_bound(dependencies, ready[done], {}, &Dependency::maker);
    for (; next != dependencies.end() && next->maker == ready[done]; ++next) {
      if (--open[next->user] == 0) ready.push_back(next->user);
    }
  }
  return done == nodes_.size() ? OkStatus() : DescribeCycle(dependencies, open);
}

Status ValueScope::DescribeCycle(const std::vector<Dependency>& dependencies,
                                 const std::vector<uint32_t>& open) const {
  // Every node that stayed needs another that stayed: following the needs ends in the cycle.
  std::vector<const Dependency*> need_of(nodes_.size());
  for (const Dependency& d : dependencies) {
    if (open[d.maker] > 0 && open[d.user] > 0) need_of[d.user] = &d;
  }
  uint32_t node = 0;
  while (need_of[node] == nullptr) ++node;
  std::vector<bool> seen(nodes_.size());
  for (; !seen[node]; node = need_of[node]->maker) seen[node] = true;

  constexpr int kNamed = 4;
  std::string text = "the graph has a cycle: ";
  const uint32_t start = node;
  for (int i = 0; i < kNamed; ++i) {
    const Dependency& need = *need_of[node];
    text += StrCat(i == 0 ? "" : ", which ", i == 0 ? StrCat(nodes_[node].ToString(), " ") : "",
                   "needs value '", Printable(need.value), "' of ", nodes_[need.maker].ToString());
    node = need.maker;
    if (node == start) return InvalidArgument(std::move(text));
  }
  return InvalidArgument(StrCat(text, ", and so on"));
}

Status MissingValue(const ValueScope::Need& need) {
  if (need.is_output) {
    return InvalidArgument(StrCat("graph output '", Printable(need.value),
                                  "': expected a node, an input or an initializer that makes it, "
                                  "got none"));
  }
  return InvalidArgument(StrCat(need.node.ToString(), " needs value '", Printable(need.value),
                                "': expected a node, an input or an initializer that makes it, got "
                                "none"));
}

}  // namespace slipway::graph
