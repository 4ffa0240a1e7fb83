#include "engine/operators/pairwise_coupling.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace slipway::engine {

void PairwiseCoupling::Couple(std::span<const double> pairs, std::span<double> probabilities) {
  const size_t count = probabilities.size();
  q_.assign(count * count, 0.0);
  qp_.resize(count);
  size_t pair = 0;
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j, ++pair) {
      const double of_first = pairs[pair];
      const double of_second = 1 - of_first;
      q_[i * count + i] += of_second * of_second;
      q_[j * count + j] += of_first * of_first;
      q_[i * count + j] = q_[j * count + i] = -of_second * of_first;
    }
  }
  std::ranges::fill(probabilities, 1.0 / static_cast<double>(count));
  const size_t most_sweeps = std::max<size_t>(100, count);
  const double tolerance = 0.005 / static_cast<double>(count);
  for (size_t sweep = 0; sweep < most_sweeps; ++sweep) {
    double p_q_p = 0;
    for (size_t t = 0; t < count; ++t) {
      qp_[t] = 0;
      for (size_t j = 0; j < count; ++j) qp_[t] += q_[t * count + j] * probabilities[j];
      p_q_p += probabilities[t] * qp_[t];
    }
    if (std::isnan(p_q_p)) {
      std::ranges::fill(probabilities, p_q_p);
      return;
    }
    double error = 0;
    for (const double value : qp_) error = std::max(error, std::abs(value - p_q_p));
    if (error < tolerance) return;
    for (size_t t = 0; t < count; ++t) {
      const double step = (p_q_p - qp_[t]) / q_[t * count + t];
      const double scale = 1 + step;
      probabilities[t] += step;
      p_q_p = (p_q_p + step * (step * q_[t * count + t] + 2 * qp_[t])) / scale / scale;
      for (size_t j = 0; j < count; ++j) {
        qp_[j] = (qp_[j] + step * q_[t * count + j]) / scale;
        probabilities[j] /= scale;
      }
    }
  }
}

}  // namespace slipway::engine
