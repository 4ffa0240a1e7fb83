#include "engine/trees/input_folds.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "graph/tree_ensemble_reader.h"

namespace slipway::engine {

using graph::OnnxGraph;
using graph::OnnxNode;
using graph::TreeEnsemble;
using NodeTest = TreeEnsemble::Test;

namespace {

bool Holds(const TreeEnsemble::Node& node, double x) {
  return node.test == NodeTest::kLess ? x < node.split : x <= node.split;
}

// A split within the band moves to its end, to the side on which `zero` does not lie.
void MoveOutOfBand(TreeEnsemble::Node& node, double edge, double zero) {
  const bool within = node.test == NodeTest::kLess ? node.split > -edge && node.split <= edge
                                                   : node.split >= -edge && node.split < edge;
  if (!within) return;
  const bool band_is_yes = Holds(node, zero);
  node.test = band_is_yes ? NodeTest::kLessOrEqual : NodeTest::kLess;
  node.split = band_is_yes ? edge : -edge;
}

double NumberOf(const std::vector<double>& by_column, uint32_t column) {
  return by_column[by_column.size() == 1 ? 0 : size_t{column}];
}

}  // namespace

bool InputFold::Fits(uint32_t columns) const {
  const auto fits = [=](const std::vector<double>& numbers) {
    return numbers.size() <= 1 || numbers.size() == columns;
  };
  return fits(missing_becomes) && (!band || fits(band->zero_becomes));
}

void InputFold::Apply(TreeEnsemble& ensemble) const {
  for (TreeEnsemble::Node& node : ensemble.nodes) {
    if (band) MoveOutOfBand(node, band->edge, NumberOf(band->zero_becomes, node.feature));
    const bool never_missing =
        !missing_becomes.empty() && !std::isnan(NumberOf(missing_becomes, node.feature));
    if (never_missing) node.missing_is_yes = true;  // one column less to lay out, see Forest
  }
}

// Looks for the steps from the trees upwards.
class InputFolds::Finder {
 public:
  Finder(const OnnxGraph& graph, InputFolds& out) : graph_(graph), out_(out) {
    for (const OnnxNode& node : graph.nodes) {
      for (const std::string_view name : node.outputs) makers_[name] = &node;
    }
    for (const graph::OnnxInitializer& one : graph.initializers) constants_[one.name] = &one;
  }

  void Find() {
    for (const OnnxNode& node : graph_.nodes) {
      if (!graph::IsTreeEnsemble(node) || node.inputs.size() != 1) continue;
      InputFold fold;
      fold.input = node.inputs[0];
      FoldBand(fold);
      FoldFill(fold);
      if (fold.input != node.inputs[0]) out_.folds_[&node] = std::move(fold);
    }
    DropUnused();
  }

 private:
  const OnnxNode* Maker(std::string_view value, std::string_view op_type, size_t inputs) const {
    const auto found = makers_.find(value);
    if (found == makers_.end()) return nullptr;
    const OnnxNode& node = *found->second;
    const bool fits =
        node.op_type == op_type && node.domain.empty() && node.inputs.size() == inputs;
    return fits ? &node : nullptr;
  }

  // The numbers of a constant of [n], [1, n] or no dimensions; nothing for another.
  std::vector<double> Numbers(std::string_view value) const {
    const auto found = constants_.find(value);
    if (found == constants_.end()) return {};
    const auto constant = graph::ReadConstant(found->second->message);
    if (!constant.ok() || constant->dims.size() > 2 ||
        (constant->dims.size() == 2 && constant->dims[0] != 1)) {
      return {};
    }
    if (constant->type == graph::ElementType::kFloat) return NumbersOf<float>(constant->bytes);
    if (constant->type == graph::ElementType::kDouble) return NumbersOf<double>(constant->bytes);
    return {};
  }

  template <typename T>
  static std::vector<double> NumbersOf(const std::string& bytes) {
    std::vector<double> out(bytes.size() / sizeof(T));
    for (size_t i = 0; i < out.size(); ++i) {
      T value;
      std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
      out[i] = static_cast<double>(value);
    }
    return out;
  }

  // Takes fold.input = Where(LessOrEqual(Abs(x), edge), z, x) in, with all of z within the band.
  void FoldBand(InputFold& fold) const {
    const OnnxNode* where = Maker(fold.input, "Where", 3);
    if (where == nullptr) return;
    const OnnxNode* compare = Maker(where->inputs[0], "LessOrEqual", 2);
    if (compare == nullptr) return;
    const OnnxNode* size = Maker(compare->inputs[0], "Abs", 1);
    const std::vector<double> edge = Numbers(compare->inputs[1]);
    const bool is_band =
        size != nullptr && size->inputs[0] == where->inputs[2] && edge.size() == 1 && edge[0] >= 0;
    if (!is_band) return;
    std::vector<double> becomes = Numbers(where->inputs[1]);
    const auto within = [&](double z) { return std::abs(z) <= edge[0]; };
    if (becomes.empty() || !std::ranges::all_of(becomes, within)) return;
    fold.input = where->inputs[2];
    fold.band = {.zero_becomes = std::move(becomes), .edge = edge[0]};
  }

  // Takes fold.input = Where(IsNaN(x), m, x) in.
  void FoldFill(InputFold& fold) const {
    const OnnxNode* where = Maker(fold.input, "Where", 3);
    if (where == nullptr) return;
    const OnnxNode* test = Maker(where->inputs[0], "IsNaN", 1);
    if (test == nullptr || test->inputs[0] != where->inputs[2]) return;
    std::vector<double> becomes = Numbers(where->inputs[1]);
    if (becomes.empty()) return;
    fold.input = where->inputs[2];
    fold.missing_becomes = std::move(becomes);
  }

  // Nodes come after what they read, so that one look from the end finds all that is not read.
  void DropUnused() {
    if (out_.folds_.empty()) return;
    std::set<std::string_view> read;
    for (const graph::OnnxValue& output : graph_.outputs) read.insert(output.name);
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      const bool used = std::ranges::any_of(
          node->outputs, [&](std::string_view name) { return read.contains(name); });
      if (!used) {
        out_.unused_.insert(&*node);
        continue;
      }
      const InputFold* fold = out_.Of(*node);
      if (fold != nullptr) {
        read.insert(fold->input);
      } else {
        read.insert(node->inputs.begin(), node->inputs.end());
      }
    }
  }

  const OnnxGraph& graph_;
  InputFolds& out_;
  std::map<std::string_view, const OnnxNode*> makers_;
  std::map<std::string_view, const graph::OnnxInitializer*> constants_;
};

InputFolds::InputFolds(const OnnxGraph& graph) { Finder(graph, *this).Find(); }

const InputFold* InputFolds::Of(const OnnxNode& trees) const {
  const auto found = folds_.find(&trees);
  return found == folds_.end() ? nullptr : &found->second;
}

}  // namespace slipway::engine
