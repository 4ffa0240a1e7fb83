#include "engine/operators/pairwise_coupling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace slipway::engine {
namespace {

std::vector<double> Couple(const std::vector<double>& pairs, size_t classes) {
  std::vector<double> out(classes);
  PairwiseCoupling().Couple(pairs, out);
  return out;
}

TEST(PairwiseCouplingTest, PairsThatDoNotDecideGiveEqualShares) {
  for (const double p : Couple({0.5, 0.5, 0.5}, 3)) EXPECT_DOUBLE_EQ(p, 1.0 / 3);
}

TEST(PairwiseCouplingTest, SharesThatAgreeAreRestoredWithinTheToleranceOfLibsvm) {
  const std::vector<double> shares = {0.5, 0.3, 0.15, 0.05};
  std::vector<double> pairs;
  for (size_t i = 0; i < shares.size(); ++i) {
    for (size_t j = i + 1; j < shares.size(); ++j) {
      pairs.push_back(shares[i] / (shares[i] + shares[j]));
    }
  }
  const std::vector<double> out = Couple(pairs, 4);
  for (size_t i = 0; i < shares.size(); ++i) EXPECT_NEAR(out[i], shares[i], 0.01);
  EXPECT_NEAR(std::accumulate(out.begin(), out.end(), 0.0), 1, 1e-12);
}

TEST(PairwiseCouplingTest, CertainPairsStayFinite) {
  const double sure = 1 - 1e-7;
  for (const double p : Couple({sure, sure, sure, sure, sure, sure}, 4)) {
    EXPECT_GE(p, 0);
    EXPECT_LE(p, 1);
  }
}

TEST(PairwiseCouplingTest, NoNumberGivesNoNumber) {
  for (const double p : Couple({std::numeric_limits<double>::quiet_NaN()}, 2)) {
    EXPECT_TRUE(std::isnan(p));
  }
}

}  // namespace
}  // namespace slipway::engine
