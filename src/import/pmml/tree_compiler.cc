#include "import/pmml/tree_compiler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using graph::TreeEnsemble;
using graph::Value;
using Kind = Predicate::Kind;

namespace {

enum Strategy : uint8_t { kNone, kNullPrediction, kLastPrediction, kDefaultChild };

constexpr size_t kMaxDepth = 1000;  // of decisions in each other: nodes, siblings and compounds
constexpr size_t kMaxGrowth = 40;   // decisions for each node of the file
constexpr size_t kMaxNodes = 20'000'000;

bool IsDiscrete(DataType type) {
  return type == DataType::kText || type == DataType::kInteger || type == DataType::kBoolean;
}

bool IsMember(const Predicate& p) {
  const bool picks = p.kind == Kind::kEqual || p.kind == Kind::kNotEqual || p.kind == Kind::kIn ||
                     p.kind == Kind::kNotIn;
  if (!picks || !IsDiscrete(p.field->type)) return false;
  const auto is_whole = [](double value) {
    return std::floor(value) == value && std::abs(value) < 2147483648.0;
  };
  return is_whole(p.constant) && std::ranges::all_of(p.members, is_whole);
}

bool IsReversed(Kind kind) {
  return kind == Kind::kGreater || kind == Kind::kGreaterOrEqual || kind == Kind::kNotEqual ||
         kind == Kind::kNotIn;
}

}  // namespace

Status TreeCompiler::Add(ModelScope& scope, const Element& model) {
  static constexpr std::string_view kStrategies[] = {"none", "nullPrediction", "lastPrediction",
                                                     "defaultChild"};
  static constexpr std::string_view kNoTrueChild[] = {"returnNullPrediction",
                                                      "returnLastPrediction"};
  SLIPWAY_ASSIGN_OR_RETURN(strategy_, model.Choice("missingValueStrategy", kStrategies));
  SLIPWAY_ASSIGN_OR_RETURN(const size_t no_true, model.Choice("noTrueChildStrategy", kNoTrueChild));
  returns_last_ = no_true == 1;
  SLIPWAY_ASSIGN_OR_RETURN(const Element root, model.NeedChild("Node"));
  SLIPWAY_RETURN_IF_ERROR(ReadNodes(scope, root));
  SLIPWAY_RETURN_IF_ERROR(FindDefaultChildren());
  known_.assign(columns_.size(), {});
  for (size_t i = 0; i < columns_.size(); ++i) known_[i].may_be_missing = columns_[i].may_miss;
  end_of_node_.clear();
  end_of_null_ = end_of_error_ = -1;
  nodes_allowed_ = std::min(kMaxNodes, ensemble_.nodes.size() + 1000 + kMaxGrowth * nodes_.size());
  status_ = OkStatus();
  const Next null = [this] { return Leaf(End::Kind::kNull); };
  const int32_t tree = Decide(nodes_[0].predicate, [this] { return AtNode(0); }, null, null);
  if (!status_.ok()) return status_.WithContext(model.Where());
  ensemble_.roots.push_back(tree);
  ++trees_;
  return OkStatus();
}

Status TreeCompiler::ReadNodes(ModelScope& scope, const Element& root) {
  nodes_.clear();
  SLIPWAY_RETURN_IF_ERROR(ReadNode(scope, root, 0));
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Element element = nodes_[i].element;
    for (const Element& child : element.Children()) {
      if (child.name() == "Node") {
        nodes_[i].children.push_back(nodes_.size());
        SLIPWAY_RETURN_IF_ERROR(ReadNode(scope, child, i));
      } else if (child.name() == "Regression" || child.name() == "DecisionTree") {
        return Conversion::Unsupported(child, "a model within a node");
      }
    }
  }
  return OkStatus();
}

Status TreeCompiler::ReadNode(ModelScope& scope, const Element& element, size_t /*parent*/) {
  Node node = {.element = element, .predicate = {}, .children = {}, .id = element.Or("id", "")};
  SLIPWAY_ASSIGN_OR_RETURN(node.predicate, ReadPredicateOf(scope, element));
  std::vector<const Predicate*> open = {&node.predicate};
  while (!open.empty()) {
    const Predicate& p = *open.back();
    open.pop_back();
    if (p.field != nullptr) FeatureOf(*p.field);
    for (const Predicate& part : p.parts) open.push_back(&part);
  }
  nodes_.push_back(std::move(node));
  return OkStatus();
}

Status TreeCompiler::FindDefaultChildren() {
  if (strategy_ != kDefaultChild) return OkStatus();
  for (Node& node : nodes_) {
    const auto id = node.element.Find("defaultChild");
    if (!id) continue;
    for (const size_t child : node.children) {
      if (nodes_[child].id == *id) node.default_child = static_cast<int64_t>(child);
    }
    if (node.default_child < 0) {
      return node.element.Error(
          StrCat("defaultChild='", base::Printable(*id), "' is none of its children"));
    }
  }
  return OkStatus();
}

uint32_t TreeCompiler::FeatureOf(const Field& field) {
  const auto [at, is_new] =
      features_.try_emplace(field.value.name, static_cast<uint32_t>(columns_.size()));
  if (is_new) columns_.push_back(field);
  return at->second;
}

int32_t TreeCompiler::Leaf(End::Kind kind, size_t node) {
  size_t end = ends_.size();
  if (kind == End::Kind::kNode) {
    end = end_of_node_.try_emplace(node, end).first->second;
  } else {
    int64_t& known = kind == End::Kind::kNull ? end_of_null_ : end_of_error_;
    if (known < 0) known = static_cast<int64_t>(end);
    end = static_cast<size_t>(known);
  }
  if (end == ends_.size()) {
    ends_.push_back({kind, kind == End::Kind::kNode ? nodes_[node].element : Element()});
  }
  leaf_ends_.push_back(end);
  leaf_trees_.push_back(trees_);
  return ~static_cast<int32_t>(leaf_ends_.size() - 1);
}

size_t TreeCompiler::NewNode(uint32_t feature, TreeEnsemble::Test test, bool missing_is_yes) {
  TreeEnsemble::Node node;
  node.test = test;
  node.feature = feature;
  node.missing_is_yes = missing_is_yes;
  ensemble_.nodes.push_back(node);
  return ensemble_.nodes.size() - 1;
}

bool TreeCompiler::TooLarge(size_t more_depth) {
  if (!status_.ok()) return true;
  if (depth_ + more_depth > kMaxDepth) {
    status_ =
        base::ResourceExhausted(StrCat("decisions nested more than ", kMaxDepth, " levels deep"));
  } else if (ensemble_.nodes.size() > nodes_allowed_) {
    status_ = base::ResourceExhausted(
        StrCat("its missing values make more than ", kMaxGrowth,
               " decisions of each node: too large to be said as a tree without them"));
  }
  return !status_.ok();
}

int32_t TreeCompiler::AtNode(size_t node) {
  if (nodes_[node].children.empty()) return Leaf(End::Kind::kNode, node);
  return TryChild(node, 0);
}

int32_t TreeCompiler::TryChild(size_t node, size_t position) {
  if (TooLarge(1)) return 0;
  const bool has_score = nodes_[node].element.Find("score").has_value();
  if (position == nodes_[node].children.size()) {
    return returns_last_ && has_score ? Leaf(End::Kind::kNode, node) : Leaf(End::Kind::kNull);
  }
  ++depth_;
  const size_t child = nodes_[node].children[position];
  const Predicate& predicate = nodes_[child].predicate;
  const Next yes = [&] { return AtNode(child); };
  const Next no = [&] { return TryChild(node, position + 1); };
  int32_t out = 0;
  if (strategy_ == kNone) {
    out = Decide(predicate, yes, no, no);
  } else if (strategy_ == kNullPrediction) {
    out = Decide(predicate, yes, no, [this] { return Leaf(End::Kind::kNull); });
  } else if (strategy_ == kLastPrediction) {
    out = Decide(predicate, yes, no, [&] {
      return has_score ? Leaf(End::Kind::kNode, node) : Leaf(End::Kind::kError);
    });
  } else if (nodes_[node].default_child < 0) {
    out = Decide(predicate, yes, no, [this] { return Leaf(End::Kind::kError); });
  } else {
    const auto target = static_cast<size_t>(nodes_[node].default_child);
    if (target == child) {
      out = Decide(predicate, yes, no, yes);
    } else if (LeadsTo(predicate, node, position + 1, target)) {
      out = Decide(predicate, yes, no, no);
    } else {
      out = Decide(predicate, yes, no, [&] { return AtNode(target); });
    }
  }
  --depth_;
  return out;
}

// Whether a present value for which `failed` is false always ends at child `position`, `target`.
bool TreeCompiler::LeadsTo(const Predicate& failed, size_t node, size_t position, size_t target) {
  if (position >= nodes_[node].children.size()) return false;
  if (nodes_[node].children[position] != target) return false;
  const Predicate& next = nodes_[target].predicate;
  if (next.kind == Kind::kTrue) return true;
  if (failed.field == nullptr || next.field == nullptr) return false;
  const uint32_t feature = FeatureOf(*failed.field);
  if (FeatureOf(*next.field) != feature) return false;
  const auto asks_for_missing = [](Kind kind) {
    return kind == Kind::kMissing || kind == Kind::kNotMissing;
  };
  if (asks_for_missing(failed.kind) || asks_for_missing(next.kind)) return false;
  Knowledge present = known_[feature];
  present.may_be_missing = false;
  const Knowledge rest = SplitOf(present, failed).no;
  return rest.may_be_present && !SplitOf(rest, next).no.may_be_present;
}

int32_t TreeCompiler::Decide(const Predicate& p, const Next& yes, const Next& no,
                             const Next& unknown) {
  if (TooLarge(0)) return 0;
  ++depth_;
  int32_t out = 0;
  switch (p.kind) {
    case Kind::kTrue:
      out = yes();
      break;
    case Kind::kFalse:
      out = no();
      break;
    case Kind::kAnd:
    case Kind::kOr:
      out = DecideAll(p, 0, false, yes, no, unknown);
      break;
    case Kind::kXor:
      out = DecideXor(p, 0, false, yes, no, unknown);
      break;
    case Kind::kSurrogate:
      out = DecideSurrogate(p, 0, yes, no, unknown);
      break;
    default:
      out = DecideField(p, yes, no, unknown);
  }
  --depth_;
  return out;
}

// and: the first false decides; or: the first true does. An unknown counts when nothing decides.
int32_t TreeCompiler::DecideAll(const Predicate& p, size_t part, bool saw_unknown, const Next& yes,
                                const Next& no, const Next& unknown) {
  const bool is_and = p.kind == Kind::kAnd;
  const Next& otherwise = is_and ? yes : no;  // when no part decides
  if (part == p.parts.size()) return saw_unknown ? unknown() : otherwise();
  if (TooLarge(1)) return 0;
  const Next go_on = [&] { return DecideAll(p, part + 1, saw_unknown, yes, no, unknown); };
  const Next go_on_unknown = [&] { return DecideAll(p, part + 1, true, yes, no, unknown); };
  const Predicate& test = p.parts[part];
  if (is_and) {
    if (&unknown == &no) return Decide(test, go_on, no, no);
    return Decide(test, go_on, no, saw_unknown ? go_on : go_on_unknown);
  }
  if (&unknown == &no || saw_unknown) return Decide(test, yes, go_on, go_on);
  return Decide(test, yes, go_on, go_on_unknown);
}

int32_t TreeCompiler::DecideXor(const Predicate& p, size_t part, bool odd, const Next& yes,
                                const Next& no, const Next& unknown) {
  if (part == p.parts.size()) return odd ? yes() : no();
  if (TooLarge(1)) return 0;
  const Next turned = [&] { return DecideXor(p, part + 1, !odd, yes, no, unknown); };
  const Next same = [&] { return DecideXor(p, part + 1, odd, yes, no, unknown); };
  return Decide(p.parts[part], turned, same, unknown);
}

int32_t TreeCompiler::DecideSurrogate(const Predicate& p, size_t part, const Next& yes,
                                      const Next& no, const Next& unknown) {
  if (part == p.parts.size()) return unknown();
  if (TooLarge(1)) return 0;
  const Next next = [&] { return DecideSurrogate(p, part + 1, yes, no, unknown); };
  return Decide(p.parts[part], yes, no, part + 1 == p.parts.size() ? unknown : next);
}

int32_t TreeCompiler::With(uint32_t feature, const Knowledge& knowledge, const Next& next) {
  Knowledge before = std::move(known_[feature]);
  known_[feature] = knowledge;
  const int32_t out = next();
  known_[feature] = std::move(before);
  return out;
}

int32_t TreeCompiler::DecideMissing(uint32_t feature, const Next& present, const Next& missing) {
  Knowledge there = known_[feature];
  Knowledge gone = known_[feature];
  there.may_be_missing = false;
  gone.may_be_present = false;
  if (!known_[feature].may_be_missing) return present();
  if (!known_[feature].may_be_present) return missing();
  const size_t node = NewNode(feature, TreeEnsemble::Test::kLessOrEqual, false);
  ensemble_.nodes[node].split = std::numeric_limits<double>::infinity();
  const int32_t yes = With(feature, there, present);
  const int32_t no = With(feature, gone, missing);
  ensemble_.nodes[node].yes = yes;
  ensemble_.nodes[node].no = no;
  return static_cast<int32_t>(node);
}

int32_t TreeCompiler::DecideField(const Predicate& p, const Next& yes, const Next& no,
                                  const Next& unknown) {
  const uint32_t feature = FeatureOf(*p.field);
  if (p.kind == Kind::kMissing) return DecideMissing(feature, no, yes);
  if (p.kind == Kind::kNotMissing) return DecideMissing(feature, yes, no);
  const bool is_set = p.kind == Kind::kIn || p.kind == Kind::kNotIn;
  if (is_set && !IsMember(p)) {  // of numbers that are not whole: one after the other
    Predicate any = {.kind = p.kind == Kind::kIn ? Kind::kOr : Kind::kAnd};
    const Kind kind = p.kind == Kind::kIn ? Kind::kEqual : Kind::kNotEqual;
    for (const double member : p.members) {
      any.parts.push_back({.kind = kind, .field = p.field, .constant = member});
    }
    return DecideAll(any, 0, false, yes, no, unknown);
  }
  const Knowledge known = known_[feature];
  const bool to_yes = &unknown == &yes;
  const bool to_no = &unknown == &no;
  if (known.may_be_missing && !to_yes && !to_no) {
    const Next again = [&] { return DecideField(p, yes, no, unknown); };
    return DecideMissing(feature, again, unknown);
  }
  if (!known.may_be_present) return unknown();
  Split split = SplitOf(known, p);
  if (!split.no.may_be_present && (to_yes || !known.may_be_missing)) return yes();
  if (!split.yes.may_be_present && (to_no || !known.may_be_missing)) return no();
  split.yes.may_be_missing = known.may_be_missing && to_yes;
  split.no.may_be_missing = known.may_be_missing && to_no;
  return Test(p, feature, split, to_yes, to_no, yes, no);
}

int32_t TreeCompiler::Test(const Predicate& p, uint32_t feature, const Split& split,
                           bool missing_is_yes, bool missing_is_no, const Next& yes,
                           const Next& no) {
  using Mode = TreeEnsemble::Test;
  const bool reversed = IsReversed(p.kind);
  // What the node calls yes: the predicate's own yes, or its no.
  const bool missing = reversed ? missing_is_no : missing_is_yes;
  const Next on_yes = [&] {
    return reversed ? With(feature, split.no, no) : With(feature, split.yes, yes);
  };
  const Next on_no = [&] {
    return reversed ? With(feature, split.yes, yes) : With(feature, split.no, no);
  };
  if ((p.kind == Kind::kEqual || p.kind == Kind::kNotEqual) && !IsMember(p)) {
    // x = c is: not x < c, and x <= c.
    const size_t below = NewNode(feature, Mode::kLess, !missing);
    ensemble_.nodes[below].split = p.constant;
    const size_t upto = NewNode(feature, Mode::kLessOrEqual, missing);
    ensemble_.nodes[upto].split = p.constant;
    ensemble_.nodes[below].no = static_cast<int32_t>(upto);
    const int32_t first = on_no();
    ensemble_.nodes[below].yes = first;
    const int32_t second = on_yes();
    const int32_t third = on_no();
    ensemble_.nodes[upto].yes = second;
    ensemble_.nodes[upto].no = third;
    return static_cast<int32_t>(below);
  }
  const bool strict = p.kind == Kind::kLess || p.kind == Kind::kGreaterOrEqual;
  const bool member = IsMember(p);
  const Mode mode = member ? Mode::kMember : strict ? Mode::kLess : Mode::kLessOrEqual;
  const size_t node = NewNode(feature, mode, missing);
  if (member) {
    std::vector<int64_t> members;
    if (p.members.empty()) members.push_back(static_cast<int64_t>(p.constant));
    for (const double value : p.members) members.push_back(static_cast<int64_t>(value));
    ensemble_.nodes[node].members = static_cast<uint32_t>(ensemble_.member_sets.size());
    ensemble_.member_sets.push_back(std::move(members));
  } else {
    ensemble_.nodes[node].split = p.constant;
  }
  const int32_t first = on_yes();
  const int32_t second = on_no();
  ensemble_.nodes[node].yes = first;
  ensemble_.nodes[node].no = second;
  return static_cast<int32_t>(node);
}

TreeCompiler::Split TreeCompiler::SplitOf(const Knowledge& known, const Predicate& p) {
  Split out = {.yes = known, .no = known};
  out.yes.may_be_missing = out.no.may_be_missing = false;
  Knowledge& in = IsReversed(p.kind) ? out.no : out.yes;  // what is below, or among the members
  Knowledge& rest = IsReversed(p.kind) ? out.yes : out.no;
  const auto limit_high = [](Knowledge& k, double at, bool open) {
    if (at < k.high || (at == k.high && open)) {
      k.high = at;
      k.high_is_open = open;
    }
  };
  const auto limit_low = [](Knowledge& k, double at, bool open) {
    if (at > k.low || (at == k.low && open)) {
      k.low = at;
      k.low_is_open = open;
    }
  };
  const auto check = [](Knowledge& k) {
    if (k.low > k.high || (k.low == k.high && (k.low_is_open || k.high_is_open)) ||
        (k.only && k.listed.empty())) {
      k.may_be_present = false;
    }
  };
  if (IsMember(p)) {
    std::vector<double> members = p.members;
    if (members.empty()) members.push_back(p.constant);
    const auto among = [&](double value) {
      return std::ranges::find(members, value) != members.end();
    };
    if (known.only) {
      std::erase_if(in.listed, [&](double value) { return !among(value); });
      std::erase_if(rest.listed, among);
    } else {
      std::erase_if(members, [&](double value) {
        return std::ranges::find(known.listed, value) != known.listed.end();
      });
      in.only = true;
      in.listed = members;
      rest.listed.insert(rest.listed.end(), members.begin(), members.end());
    }
  } else if (p.kind == Kind::kEqual || p.kind == Kind::kNotEqual) {
    limit_high(in, p.constant, false);
    limit_low(in, p.constant, false);
    if (known.low == p.constant && known.high == p.constant) rest.may_be_present = false;
  } else {
    const bool strict = p.kind == Kind::kLess || p.kind == Kind::kGreaterOrEqual;
    limit_high(in, p.constant, strict);
    limit_low(rest, p.constant, !strict);
  }
  check(in);
  check(rest);
  return out;
}

Value TreeCompiler::Rows() {
  std::vector<Value> columns;
  columns.reserve(columns_.size());
  for (const Field& field : columns_) columns.push_back(field.value);
  if (columns.empty()) columns.push_back(all_.zeros);
  ensemble_.features = static_cast<uint32_t>(columns.size());
  return all_.graph.Concat(std::move(columns));
}

Result<Value> TreeCompiler::AddEnds() {
  const Value rows = Rows();
  ensemble_.targets = static_cast<uint32_t>(trees_);
  ensemble_.values_per_leaf = 1;
  ensemble_.first_target.clear();
  ensemble_.values.clear();
  for (size_t leaf = 0; leaf < leaf_ends_.size(); ++leaf) {
    ensemble_.first_target.push_back(static_cast<uint32_t>(leaf_trees_[leaf]));
    ensemble_.values.push_back(static_cast<double>(leaf_ends_[leaf]));
  }
  SLIPWAY_RETURN_IF_ERROR(Validate(ensemble_));
  return AddTreeEnsemble(all_.graph, rows, ensemble_);
}

Result<Value> TreeCompiler::AddSums(std::span<const double> values, size_t width, bool as_float) {
  Value rows = Rows();
  ensemble_.targets = static_cast<uint32_t>(width);
  ensemble_.values_per_leaf = static_cast<uint32_t>(width);
  ensemble_.first_target.assign(leaf_ends_.size(), 0);
  ensemble_.values.clear();
  for (const size_t end : leaf_ends_) {
    const auto row = values.subspan(end * width, width);
    ensemble_.values.insert(ensemble_.values.end(), row.begin(), row.end());
  }
  const bool are_floats = std::ranges::all_of(
      columns_, [](const Field& field) { return field.type == DataType::kFloat; });
  if (as_float && are_floats) ensemble_.type = graph::ElementType::kFloat;
  SLIPWAY_RETURN_IF_ERROR(Validate(ensemble_));
  rows = all_.graph.Cast(rows, ensemble_.type);
  return all_.graph.Cast(AddTreeEnsemble(all_.graph, rows, ensemble_), graph::ElementType::kDouble);
}

}  // namespace slipway::import::pmml
