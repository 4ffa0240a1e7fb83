#pragma once

#include <span>
#include <vector>

namespace slipway::engine {

// Probabilities of classes from those of pairs of classes, as libsvm couples them: the iteration
// stops early, so that its answer, which is not quite the optimum, is what models were tuned on.
//
// Thread-compatible: one object for each thread; it owns the memory that it works in.
// Source: Wu, Lin, Weng, "Probability Estimates for Multi-class Classification by Pairwise
// Coupling", JMLR 5 (2004), algorithm 2; the limits are those of LIBSVM 3.3.
class PairwiseCoupling {
 public:
  // `pairs`, in the order (0,1), (0,2), ..., (1,2), ..., are how likely the first class of each is
  // when it is one of the two, within (0, 1). classes(classes - 1) / 2 of them for as many classes
  // as `probabilities`. NaN gives NaN.
  void Couple(std::span<const double> pairs, std::span<double> probabilities);

 private:
  std::vector<double> q_;   // [classes, classes]
  std::vector<double> qp_;  // q_ times the probabilities
};

}  // namespace slipway::engine
