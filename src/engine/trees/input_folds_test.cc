#include "engine/trees/input_folds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "graph/testing/random_trees.h"

namespace slipway::engine {
namespace {

using graph::ElementType;
using graph::GraphBuilder;
using graph::TreeEnsemble;
using graph::Value;
using NodeTest = TreeEnsemble::Test;

constexpr double kEdge = 1e-35F;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// On, within and beside the band, zeros, and what is far away.
std::vector<double> HardNumbers() {
  std::vector<double> out = {0.0, -0.0, 1e-36, -1e-36, 1.0, -1.0, kInfinity, -kInfinity};
  for (const double end : {kEdge, -kEdge}) {
    out.insert(out.end(), {end, std::nextafter(end, kInfinity), std::nextafter(end, -kInfinity)});
  }
  return out;
}

// Every split, test and value: as if the step had been taken.
TEST(InputFoldTest, SendsEveryValueWhereTheStepWouldSendIt) {
  std::vector<double> values = HardNumbers();
  values.push_back(kNan);
  int changed = 0;
  for (const double split : HardNumbers()) {
    for (const NodeTest test : {NodeTest::kLess, NodeTest::kLessOrEqual}) {
      for (const double zero : {0.0, 1e-36, -kEdge, kEdge}) {
        TreeEnsemble before;
        before.nodes = {{.test = test, .split = split, .yes = ~0, .no = ~1}};
        TreeEnsemble after = before;
        InputFold fold;
        fold.band = {.zero_becomes = {zero}, .edge = kEdge};
        fold.Apply(after);
        changed += after.nodes[0].split != split ? 1 : 0;
        for (const double x : values) {
          const double seen = std::abs(x) <= kEdge ? zero : x;
          EXPECT_EQ(graph::Holds(after, after.nodes[0], x),
                    graph::Holds(before, before.nodes[0], seen))
              << base::StrCat("x ", x, ", split ", split, ", zero ", zero);
        }
      }
    }
  }
  EXPECT_GT(changed, 0);
}

// What never is missing goes one way only, so that its features need one column each.
TEST(InputFoldTest, LeavesNoWayForWhatIsNeverMissing) {
  TreeEnsemble trees;
  trees.nodes = {{.feature = 0, .yes = 1, .no = ~0}, {.feature = 1, .yes = ~1, .no = ~2}};
  InputFold fold;
  fold.missing_becomes = {0, kNan};
  fold.Apply(trees);
  EXPECT_TRUE(trees.nodes[0].missing_is_yes);
  EXPECT_FALSE(trees.nodes[1].missing_is_yes);
}

// A graph whose trees see x with these steps before them; `reads_seen` gives a second output.
std::string Graph(double zero, bool fills, bool reads_seen) {
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kDouble, {"batch", int64_t{4}});
  Value filled = x;
  if (fills) {
    const Value missing = graph.Node("IsNaN", {x}, {}, ElementType::kBool);
    const Value fill = graph.Scalar(ElementType::kDouble, 7);
    filled = graph.Node("Where", {missing, fill, x}, {}, ElementType::kDouble);
  }
  const Value edge = graph.Scalar(ElementType::kDouble, kEdge);
  const Value is_zero =
      graph.Node("LessOrEqual", {graph.Node("Abs", {filled}), edge}, {}, ElementType::kBool);
  const Value zeros = graph.Add(graph::DoubleConstant(std::vector<double>(4, zero), {1, 4}));
  const Value seen = graph.Node("Where", {is_zero, zeros, filled}, {}, ElementType::kDouble);
  graph.AddOutput(AddTreeEnsemble(graph, seen, graph::RandomTrees({}, 1).Make()), "y",
                  {"batch", int64_t{1}});
  if (reads_seen) graph.AddOutput(graph.Node("Neg", {seen}), "z", {"batch", int64_t{4}});
  return std::move(graph).Finish();
}

std::vector<std::string> UnusedNodes(const std::string& file, std::string& input) {
  const auto graph = graph::ReadOnnxGraph(std::as_bytes(std::span(file)));
  EXPECT_TRUE(graph.ok()) << graph.status();
  const InputFolds folds(*graph);
  std::vector<std::string> unused;
  for (const graph::OnnxNode& node : graph->nodes) {
    if (folds.IsUnused(node)) unused.emplace_back(node.op_type);
    if (const InputFold* fold = folds.Of(node)) input = fold->input;
  }
  return unused;
}

TEST(InputFoldsTest, TakesTheStepAndLeavesItsNodesOut) {
  std::string input;
  EXPECT_EQ(UnusedNodes(Graph(0, false, false), input),
            (std::vector<std::string>{"Abs", "LessOrEqual", "Where"}));
  EXPECT_EQ(input, "x");
}

TEST(InputFoldsTest, TakesBothStepsTogether) {
  std::string input;
  EXPECT_EQ(UnusedNodes(Graph(0, true, false), input),
            (std::vector<std::string>{"IsNaN", "Where", "Abs", "LessOrEqual", "Where"}));
  EXPECT_EQ(input, "x");
}

TEST(InputFoldsTest, KeepsWhatSomethingElseReads) {
  std::string input;
  EXPECT_EQ(UnusedNodes(Graph(0, false, true), input), std::vector<std::string>{});
  EXPECT_EQ(input, "x");
}

// Zero that counts as missing is no move of a threshold.
TEST(InputFoldsTest, LeavesZerosThatBecomeMissing) {
  std::string input;
  EXPECT_EQ(UnusedNodes(Graph(kNan, false, false), input), std::vector<std::string>{});
  EXPECT_EQ(input, "");
}

}  // namespace
}  // namespace slipway::engine
