// Every kernel gives the bits of the plain sum, for every forest that it takes.
#include "engine/trees/kernel.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/cpu_level.h"
#include "base/str_cat.h"
#include "engine/trees/forest.h"
#include "engine/trees/forest_runner.h"
#include "engine/trees/kernel_choice.h"
#include "graph/testing/random_trees.h"

namespace slipway::engine {
namespace {

using graph::ElementType;
using graph::RandomTreesOptions;
using graph::TreeEnsemble;
using NodeTest = TreeEnsemble::Test;

struct KernelCase {
  const char* name;
  RandomTreesOptions options;
  double scale = 1;  // of the splits
};

// Values at, just below and just above the splits; zeros of both signs, infinities, missing ones.
template <typename T>
std::vector<T> HardRows(const TreeEnsemble& ensemble, size_t rows, uint32_t seed) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> special = {
      Limits::quiet_NaN(), Limits::infinity(),   -Limits::infinity(),  T{0}, -T{0}, Limits::max(),
      Limits::lowest(),    Limits::denorm_min(), static_cast<T>(1e-35)};
  std::mt19937 random(seed);
  std::vector<T> out(rows * ensemble.features);
  for (T& x : out) {
    const auto pick = static_cast<size_t>(random() % 64);
    if (pick < special.size()) {
      x = special[pick];
      continue;
    }
    if (ensemble.nodes.empty()) continue;
    x = static_cast<T>(ensemble.nodes[random() % ensemble.nodes.size()].split);
    if (pick % 3 == 1) x = std::nextafter(x, Limits::infinity());
    if (pick % 3 == 2) x = std::nextafter(x, -Limits::infinity());
  }
  return out;
}

// Those that this processor has.
std::vector<base::CpuLevel> Levels() {
  std::vector<base::CpuLevel> levels;
  for (const base::CpuLevel level :
       {base::CpuLevel::kBaseline, base::CpuLevel::kAvx2, base::CpuLevel::kAvx512}) {
    if (level <= base::HighestCpuLevel()) levels.push_back(level);
  }
  return levels;
}

template <typename T>
void ExpectSameBits(const std::vector<T>& want, const std::vector<T>& got, const std::string& who) {
  ASSERT_EQ(want.size(), got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    ASSERT_EQ(std::bit_cast<Bits>(want[i]), std::bit_cast<Bits>(got[i]))
        << who << ", element " << i << ": " << want[i] << " and " << got[i];
  }
}

class KernelTest : public testing::TestWithParam<KernelCase> {
 protected:
  // The columns of `rows`, as ForestRunner lays them out.
  template <typename T>
  static std::vector<T> Columns(const Forest<T>& forest, const std::vector<T>& rows) {
    using Missing = typename Forest<T>::Column::Missing;
    std::vector<T> out;
    for (size_t row = 0; row < rows.size(); row += forest.features) {
      for (const auto& column : forest.columns) {
        const T x = rows[row + column.feature];
        if (column.missing == Missing::kStays) out.push_back(x);
        if (column.missing == Missing::kFlag) out.push_back(std::isnan(x) ? 1 : 0);
        if (column.missing == Missing::kInfinity) {
          out.push_back(std::isnan(x) ? std::numeric_limits<T>::infinity() : x);
        }
      }
      out.push_back(std::numeric_limits<T>::quiet_NaN());
    }
    return out;
  }

  // Missing numbers that the kernel replaces have the leaves of those that are replaced before.
  template <typename T>
  static void ExpectToReplaceMissing(const Kernel<T>& kernel, const Forest<T>& forest,
                                     std::vector<T> columns) {
    const size_t stride = forest.columns.size() + 1;
    const size_t count = columns.size() / stride;
    std::vector<T> where_missing(forest.columns.size());
    for (size_t i = 0; i < where_missing.size(); ++i) {
      where_missing[i] =
          i % 3 == 0 ? std::numeric_limits<T>::quiet_NaN() : columns[i * 7 % columns.size()];
    }
    std::vector<T> filled = columns;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i % stride == stride - 1) continue;
      if (i % 5 == 0) columns[i] = filled[i] = std::numeric_limits<T>::quiet_NaN();
      if (std::isnan(filled[i])) filled[i] = where_missing[i % stride];
    }
    std::vector<T> want(count * forest.targets);
    std::vector<T> got(count * forest.targets);
    kernel.AddTrees({filled.data(), stride, count}, want.data());
    kernel.AddTrees({columns.data(), stride, count, where_missing.data()}, got.data());
    ExpectSameBits(want, got, std::string(kernel.name()));
  }

  template <typename T>
  void Compare(const TreeEnsemble& ensemble) {
    const Forest<T> forest = MakeForest<T>(ensemble);
    struct Way {
      std::string name;
      std::unique_ptr<Kernel<T>> kernel;
    };
    std::vector<Way> ways;
    for (const base::CpuLevel level : Levels()) {
      for (auto& kernel : EligibleKernels(forest, level)) {
        ways.push_back({base::StrCat(kernel->name(), " ", Name(level)), std::move(kernel)});
      }
    }
    ASSERT_FALSE(ways.empty());
    const size_t trees = forest.roots.size();
    const Forest<T> parts[] = {TreesOf(forest, 0, trees / 3), TreesOf(forest, trees / 3, trees)};
    for (const size_t count : {1, 2, 15, 16, 17, 63, 64, 65, 200}) {
      const std::vector<T> rows = HardRows<T>(ensemble, count, static_cast<uint32_t>(count));
      std::vector<T> want;
      TreeEnsemble sum = ensemble;
      sum.aggregate = TreeEnsemble::Aggregate::kSum;
      for (size_t row = 0; row < count; ++row) {
        const auto sums = graph::PlainSum<T>(
            sum, std::span(rows).subspan(row * ensemble.features, ensemble.features));
        want.insert(want.end(), sums.begin(), sums.end());
      }
      const std::vector<T> columns = Columns(forest, rows);
      for (const Way& way : ways) {
        std::vector<T> got(count * forest.targets);
        way.kernel->AddTrees({columns.data(), forest.columns.size() + 1, count}, got.data());
        ExpectSameBits(want, got, way.name);
        if (way.kernel->replaces_missing()) ExpectToReplaceMissing(*way.kernel, forest, columns);
      }
      // The trees in two parts.
      std::vector<T> in_parts(count * forest.targets);
      for (const Forest<T>& part : parts) {
        const auto kernels = EligibleKernels(part, base::HighestCpuLevel());
        kernels.back()->AddTrees({columns.data(), forest.columns.size() + 1, count},
                                 in_parts.data());
      }
      ExpectSameBits(want, in_parts, "in parts");
      const ForestRunner<T> runner(sum);
      std::vector<T> got(count * forest.targets);
      std::vector<T> scratch(count * runner.scratch_row_size());
      runner.Run(rows.data(), count, got.data(), scratch.data());
      ExpectSameBits(want, got, "runner");
    }
  }

  static TreeEnsemble Make() {
    TreeEnsemble ensemble = graph::RandomTrees(GetParam().options, 5).Make();
    for (TreeEnsemble::Node& node : ensemble.nodes) {
      node.split = static_cast<float>((node.split - 1) * GetParam().scale);
    }
    return ensemble;
  }
};

TEST_P(KernelTest, GivesTheBitsOfThePlainSum) {
  const TreeEnsemble ensemble = Make();
  ASSERT_EQ(Validate(ensemble), base::OkStatus());
  if (ensemble.type == ElementType::kFloat) return Compare<float>(ensemble);
  Compare<double>(ensemble);
}

// Splits at the ends of the number line, where a missing value is told apart from everything else.
TEST_P(KernelTest, TakesInfiniteSplits) {
  TreeEnsemble ensemble = Make();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double ends[] = {kInfinity, -kInfinity, std::numeric_limits<float>::max(), -0.0};
  for (size_t i = 0; i < ensemble.nodes.size(); ++i) {
    if (i % 3 == 0) ensemble.nodes[i].split = ends[i / 3 % 4];
  }
  ASSERT_EQ(Validate(ensemble), base::OkStatus());
  if (ensemble.type == ElementType::kFloat) return Compare<float>(ensemble);
  Compare<double>(ensemble);
}

std::vector<std::string> KernelNames(base::CpuLevel level, const RandomTreesOptions& options) {
  const auto forest = MakeForest<float>(graph::RandomTrees(options, 1).Make());
  std::vector<std::string> names;
  for (const auto& kernel : EligibleKernels(forest, level)) names.emplace_back(kernel->name());
  return names;
}

// On a processor with AVX-512 the cases above run all of these.
TEST(KernelChoiceTest, OffersEveryKernelToAnEasyForest) {
  const RandomTreesOptions flat = {.type = ElementType::kFloat, .depth = 6};
  EXPECT_EQ(
      KernelNames(base::CpuLevel::kBaseline, flat),
      (std::vector<std::string>{"walk", "open walk", "byte walk", "open byte walk", "block"}));
  if (base::HighestCpuLevel() < base::CpuLevel::kAvx512)
    GTEST_SKIP() << "no AVX-512 with VBMI here";
  EXPECT_EQ(KernelNames(base::CpuLevel::kAvx512, flat),
            (std::vector<std::string>{"walk", "open walk", "byte walk", "open byte walk", "perfect",
                                      "jump", "block"}));
  EXPECT_EQ(
      KernelNames(base::CpuLevel::kAvx512,
                  {.type = ElementType::kFloat, .depth = 8, .oblivious = true, .thinning = 0}),
      (std::vector<std::string>{"walk", "open walk", "byte walk", "open byte walk", "oblivious",
                                "jump", "block"}));
  EXPECT_EQ(KernelNames(base::CpuLevel::kAvx512, {.type = ElementType::kFloat, .depth = 8}),
            (std::vector<std::string>{"walk", "open walk", "byte walk", "open byte walk", "jump",
                                      "block"}));
}

// As an XGBoost model with 256 bins and a base score comes: the base score is a tree of one leaf.
TEST(KernelChoiceTest, ATreeOfOneLeafIsNoThreshold) {
  constexpr int32_t kSplits = 255;
  TreeEnsemble ensemble;
  ensemble.type = ElementType::kFloat;
  ensemble.features = 1;
  for (int32_t i = 0; i < kSplits; ++i) {
    ensemble.roots.push_back(i);
    ensemble.nodes.push_back({.split = 1.0 + i, .yes = ~(2 * i), .no = ~(2 * i + 1)});
  }
  ensemble.roots.push_back(kSplits);
  ensemble.nodes.push_back({.split = 0, .yes = ~(2 * kSplits), .no = ~(2 * kSplits)});
  ensemble.values.assign(2 * kSplits + 1, 0.5);
  ensemble.first_target.assign(ensemble.values.size(), 0);
  ASSERT_EQ(Validate(ensemble), base::OkStatus());
  const auto forest = MakeForest<float>(ensemble);
  EXPECT_EQ(forest.nodes.size(), static_cast<size_t>(kSplits));
  EXPECT_EQ(forest.roots.back(), ~(2 * kSplits));
  const std::vector<float> row = {3.5F, std::numeric_limits<float>::quiet_NaN()};
  const auto kernels = EligibleKernels(forest, base::HighestCpuLevel());
  EXPECT_GT(kernels.size(), 1U);
  for (const auto& kernel : kernels) {
    float sum = 0;
    kernel->AddTrees({row.data(), row.size(), 1}, &sum);
    EXPECT_EQ(sum, 128.0F) << kernel->name();
  }
}

TEST(KernelChoiceTest, LeavesManyThresholdsToTheWalk) {
  const auto forest = MakeForest<float>(
      graph::RandomTrees(
          {.type = ElementType::kFloat, .features = 1, .trees = 100, .depth = 6, .splits = 100'000},
          1)
          .Make());
  ASSERT_EQ(EligibleKernels(forest, base::HighestCpuLevel()).size(), 2U);
  EXPECT_TRUE(KernelChoice<float>(forest, base::HighestCpuLevel()).For(1).name().ends_with("walk"));
}

const std::vector<NodeTest> kBoth = {NodeTest::kLess, NodeTest::kLessOrEqual};

const KernelCase kCases[] = {
    {"Depth6", {.type = ElementType::kFloat, .trees = 150, .depth = 6}},
    {"Depth6Double", {.tests = kBoth, .trees = 150, .depth = 6}},
    {"Perfect", {.type = ElementType::kFloat, .trees = 30, .depth = 6, .thinning = 0}},
    {"PerfectDouble", {.trees = 30, .depth = 6, .thinning = 0}},
    {"ManyFeatures",
     {.type = ElementType::kFloat, .features = 300, .trees = 60, .depth = 6, .splits = 30}},
    {"ManyMoreFeatures", {.features = 320, .trees = 100, .depth = 6, .splits = 30}},
    {"TooManyFeaturesForMasks",
     {.type = ElementType::kFloat, .features = 450, .trees = 150, .depth = 6, .splits = 30}},
    {"TooManyFeaturesForBytes",
     {.type = ElementType::kFloat, .features = 2000, .trees = 100, .depth = 8, .thinning = 0}},
    {"ManyFeaturesDouble", {.features = 100, .trees = 60, .depth = 6, .splits = 30}},
    {"LeafWise", {.type = ElementType::kFloat, .trees = 60, .depth = 12, .thinning = 3}},
    {"LeafWiseDouble", {.trees = 60, .depth = 14, .thinning = 3}},
    {"Deep", {.type = ElementType::kFloat, .trees = 25, .depth = 9, .splits = 400, .thinning = 12}},
    {"DeepDouble", {.tests = kBoth, .trees = 25, .depth = 9, .splits = 400, .thinning = 12}},
    {"VeryDeep",
     {.type = ElementType::kFloat, .features = 200, .trees = 3, .depth = 15, .thinning = 0}},
    {"VeryDeepDouble", {.features = 500, .trees = 5, .depth = 14, .thinning = 4}},
    {"Oblivious",
     {.type = ElementType::kFloat, .trees = 150, .depth = 6, .oblivious = true, .thinning = 0}},
    {"ObliviousDouble",
     {.features = 300, .trees = 70, .depth = 8, .oblivious = true, .splits = 60, .thinning = 0}},
    {"ObliviousTargets",
     {.targets = 3, .trees = 40, .depth = 4, .stumps = 20, .oblivious = true, .thinning = 0}},
    {"ObliviousDeep",
     {.type = ElementType::kFloat, .trees = 10, .depth = 10, .oblivious = true, .thinning = 0}},
    {"ObliviousDeepest", {.trees = 2, .depth = 16, .oblivious = true, .thinning = 0}},
    {"SmallTreesAtTheEnd",
     {.type = ElementType::kFloat, .trees = 90, .depth = 10, .stumps = 70, .thinning = 0}},
    {"SmallTreesAtTheEndDouble",
     {.targets = 3, .target_by_tree = true, .trees = 90, .depth = 10, .stumps = 70, .thinning = 0}},
    {"ManySplits",
     {.type = ElementType::kFloat, .features = 2, .trees = 100, .depth = 6, .splits = 5000}},
    {"FullBins", {.type = ElementType::kFloat, .trees = 100, .depth = 6, .splits = 255}},
    {"Targets", {.type = ElementType::kFloat, .targets = 3, .trees = 50, .depth = 6}},
    {"TargetsDouble", {.targets = 7, .trees = 50, .depth = 5}},
    {"TargetByTree",
     {.type = ElementType::kFloat, .targets = 3, .target_by_tree = true, .trees = 50, .depth = 6}},
    {"TargetByTreeDouble", {.targets = 5, .target_by_tree = true, .trees = 50, .depth = 9}},
    {"ManyTargetsByTree", {.targets = 40, .target_by_tree = true, .trees = 80, .depth = 6}},
    {"VectorLeaves", {.targets = 3, .vector_leaves = true, .trees = 50, .depth = 6}},
    {"Mean",
     {.targets = 3,
      .vector_leaves = true,
      .aggregate = TreeEnsemble::Aggregate::kMean,
      .trees = 50,
      .depth = 8}},
    {"OneTree", {.type = ElementType::kFloat, .trees = 1, .depth = 3}},
    {"NoTrees", {.type = ElementType::kFloat, .trees = 0}},
    {"TinySplits", {.type = ElementType::kFloat, .trees = 30, .depth = 5}, 1e-35},
    {"NothingMissing", {.type = ElementType::kFloat, .trees = 30, .depth = 6, .missing = false}},
};
INSTANTIATE_TEST_SUITE_P(All, KernelTest, testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace slipway::engine
