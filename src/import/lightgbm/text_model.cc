// LightGBM's text format as a Model: lines of KEY=VALUE, in blocks.
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/document.h"
#include "import/lightgbm/model.h"

namespace slipway::import::lightgbm {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

constexpr int64_t kMaxCount = 1'000'000'000;

// A block of lines up to an empty one that a new block follows, by key.
class Block {
 public:
  void Add(std::string_view line, size_t number) {
    const size_t equals = line.find('=');
    const std::string_view key = base::TrimWhitespace(line.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : line.substr(equals + 1);
    entries_.insert_or_assign(key, Entry{base::TrimWhitespace(value), number});
  }
  bool Has(std::string_view key) const { return entries_.contains(key); }
  std::string_view Text(std::string_view key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? std::string_view() : found->second.value;
  }
  Status Error(std::string_view key, std::string_view message) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return InvalidArgument(StrCat("'", key, "' is missing"));
    return InvalidArgument(StrCat("line ", found->second.line, ", '", key, "': ", message));
  }

  Result<int64_t> Integer(std::string_view key, int64_t low, int64_t high) const {
    int64_t value = 0;
    const std::string_view text = Text(key);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) {
      return Error(key, StrCat("expected a number from ", low, " to ", high, ", got '",
                               base::Printable(text), "'"));
    }
    return value;
  }

  // The numbers of a line, which must be `count`.
  template <typename T>
  Result<std::vector<T>> Numbers(std::string_view key, size_t count) const {
    std::vector<T> out;
    std::string_view rest = Text(key);
    while (!rest.empty()) {
      const size_t space = rest.find(' ');
      const std::string_view word = rest.substr(0, space);
      rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
      if (word.empty()) continue;
      const std::optional<T> number = Parse<T>(word);
      if (!number) {
        return Error(key, StrCat("number ", out.size(), ": '", base::Printable(word),
                                 "' is none, or out of range"));
      }
      out.push_back(*number);
    }
    if (out.size() != count) {
      return Error(key, StrCat("expected ", count, " numbers, got ", out.size()));
    }
    return out;
  }

 private:
  struct Entry {
    std::string_view value;
    size_t line = 0;
  };

  template <typename T>
  static std::optional<T> Parse(std::string_view word) {
    if constexpr (std::is_floating_point_v<T>) {
      return ParseNumber(word);
    } else {
      T value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
      return value;
    }
  }

  std::map<std::string_view, Entry> entries_;
};

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  // The next line without its end; nullopt after the last.
  std::optional<std::string_view> Next() {
    if (rest_.empty()) return std::nullopt;
    const size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return line;
  }
  size_t number() const { return number_; }

 private:
  std::string_view rest_;
  size_t number_ = 0;
};

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    if (space != 0) out.emplace_back(text.substr(0, space));
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return out;
}

Status ReadHeader(const Block& block, Model& model) {
  model.version = std::string(block.Text("version"));
  if (model.version != "v2" && model.version != "v3" && model.version != "v4") {
    return base::Unimplemented(
        StrCat("expected version v2, v3 or v4, got '", base::Printable(model.version), "'"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t classes, block.Integer("num_class", 1, 100'000));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t per_iteration,
                           block.Integer("num_tree_per_iteration", 1, 100'000));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t last_feature,
                           block.Integer("max_feature_idx", 0, 1'000'000 - 1));
  model.classes = static_cast<uint32_t>(classes);
  model.trees_per_iteration = static_cast<uint32_t>(per_iteration);
  model.features = static_cast<uint32_t>(last_feature + 1);
  model.objective = std::string(block.Text("objective"));
  model.average_output = block.Has("average_output");
  model.feature_names = Words(block.Text("feature_names"));
  if (model.feature_names.size() != model.features) {
    return block.Error("feature_names", StrCat("expected ", model.features, " names, got ",
                                               model.feature_names.size()));
  }
  // "[0:1]" for numbers, "none", or "0:2:1".
  const std::vector<std::string> infos = Words(block.Text("feature_infos"));
  for (size_t i = 0; i < infos.size() && infos.size() == model.features; ++i) {
    if (infos[i] == "none" || infos[i].starts_with('[')) continue;
    model.category_columns.push_back(static_cast<int64_t>(i));
  }
  return OkStatus();
}

Status ReadSplits(const Block& block, size_t nodes, Tree& tree) {
  SLIPWAY_ASSIGN_OR_RETURN(tree.feature, block.Numbers<int32_t>("split_feature", nodes));
  SLIPWAY_ASSIGN_OR_RETURN(tree.threshold, block.Numbers<double>("threshold", nodes));
  SLIPWAY_ASSIGN_OR_RETURN(tree.decision, block.Numbers<uint8_t>("decision_type", nodes));
  SLIPWAY_ASSIGN_OR_RETURN(tree.left, block.Numbers<int32_t>("left_child", nodes));
  SLIPWAY_ASSIGN_OR_RETURN(tree.right, block.Numbers<int32_t>("right_child", nodes));
  if (!block.Has("num_cat")) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t sets, block.Integer("num_cat", 0, kMaxCount));
  if (sets == 0) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(tree.category_boundaries,
                           block.Numbers<int32_t>("cat_boundaries", static_cast<size_t>(sets) + 1));
  const auto& boundaries = tree.category_boundaries;
  for (size_t i = 0; i + 1 < boundaries.size(); ++i) {
    if (boundaries[i] < 0 || boundaries[i + 1] < boundaries[i]) {
      return block.Error("cat_boundaries", StrCat("number ", i + 1, " is out of order"));
    }
  }
  SLIPWAY_ASSIGN_OR_RETURN(
      tree.category_words,
      block.Numbers<uint32_t>("cat_threshold", static_cast<size_t>(boundaries.back())));
  return OkStatus();
}

Status ReadLinear(const Block& block, size_t leaves, Tree& tree) {
  tree.linear = true;
  SLIPWAY_ASSIGN_OR_RETURN(tree.leaf_constant, block.Numbers<double>("leaf_const", leaves));
  SLIPWAY_ASSIGN_OR_RETURN(tree.leaf_features, block.Numbers<int32_t>("num_features", leaves));
  size_t all = 0;
  for (const int32_t count : tree.leaf_features) {
    if (count < 0) return block.Error("num_features", "a leaf with less than no features");
    all += static_cast<size_t>(count);
  }
  SLIPWAY_ASSIGN_OR_RETURN(tree.linear_feature, block.Numbers<int32_t>("leaf_features", all));
  SLIPWAY_ASSIGN_OR_RETURN(tree.coefficient, block.Numbers<double>("leaf_coeff", all));
  return OkStatus();
}

Result<Tree> ReadTree(const Block& block) {
  Tree tree;
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, block.Integer("num_leaves", 1, kMaxCount));
  const auto leaves = static_cast<size_t>(count);
  SLIPWAY_ASSIGN_OR_RETURN(tree.leaf_value, block.Numbers<double>("leaf_value", leaves));
  if (leaves > 1) SLIPWAY_RETURN_IF_ERROR(ReadSplits(block, leaves - 1, tree));
  if (block.Text("is_linear") == "1") SLIPWAY_RETURN_IF_ERROR(ReadLinear(block, leaves, tree));
  return tree;
}

// Reads one tree's block and adds it to the model.
Status AddTree(const Block& block, Model& model) {
  auto tree = ReadTree(block);
  if (!tree.ok()) return tree.status().WithContext(StrCat("tree ", model.trees.size()));
  model.trees.push_back(*std::move(tree));
  return OkStatus();
}

// What follows the trees: importances, parameters, and the categories of a data frame.
void ReadTail(Lines& lines, Model& model) {
  constexpr std::string_view kKey = "pandas_categorical:";
  while (const auto line = lines.Next()) {
    if (!line->starts_with(kKey)) continue;
    const std::string_view value = line->substr(kKey.size());
    model.has_frame_categories = value != "null" && value != "[]";
  }
}

}  // namespace

Result<Model> ReadModel(std::string_view text) {
  Lines lines(text);
  Model model;
  Block block;
  bool in_header = true;
  while (const auto line = lines.Next()) {
    const bool ends = *line == "end of trees";
    if (!ends && !line->starts_with("Tree=")) {
      if (!line->empty()) block.Add(*line, lines.number());
      continue;
    }
    SLIPWAY_RETURN_IF_ERROR(in_header ? ReadHeader(block, model) : AddTree(block, model));
    in_header = false;
    block = {};
    if (!ends) continue;
    ReadTail(lines, model);
    return model;
  }
  return InvalidArgument(
      StrCat("the file ends at line ", lines.number(), ", before 'end of trees'"));
}

}  // namespace slipway::import::lightgbm
