#include "engine/onnxruntime/memory_estimate.h"

#include <algorithm>
#include <limits>

namespace slipway::engine {
namespace {

constexpr uint64_t kSession = 2 << 20;  // of an empty model, and working memory of a small one
constexpr double kWeights = 2.25;
constexpr double kConvolutionWeights = 4;
constexpr double kStructure = 12;  // nodes and attributes, which hold the trees of an ensemble

bool HasConvolutions(const graph::OnnxSummary& summary) {
  return std::ranges::any_of(summary.operators, [](const graph::OnnxOperator& op) {
    return op.type.find("Conv") != std::string::npos;
  });
}

}  // namespace

uint64_t EstimateMemory(const graph::OnnxSummary& summary) {
  const uint64_t inside =
      summary.parameter_bytes - std::min(summary.external_bytes, summary.parameter_bytes);
  const uint64_t structure = summary.file_bytes - std::min(inside, summary.file_bytes);
  const double weight_factor = HasConvolutions(summary) ? kConvolutionWeights : kWeights;
  const double bytes = static_cast<double>(kSession) +
                       weight_factor * static_cast<double>(summary.parameter_bytes) +
                       kStructure * static_cast<double>(structure);
  constexpr auto kMost = static_cast<double>(std::numeric_limits<int64_t>::max());
  return static_cast<uint64_t>(std::min(bytes, kMost));
}

}  // namespace slipway::engine
