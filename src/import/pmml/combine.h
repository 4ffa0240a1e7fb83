#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {

// How the answers of a MiningModel's segments become one. Source: PMML 4.4, MultipleModels.
enum class Method : uint8_t {
  kSum,
  kWeightedSum,
  kAverage,
  kWeightedAverage,
  kMedian,
  kWeightedMedian,
  kMax,
  kMajorityVote,
  kWeightedMajorityVote,
};

// What a segment without a result does to the whole.
struct MissingPolicy {
  enum class Treatment : uint8_t { kContinue, kSkip, kReturnMissing };
  Treatment treatment = Treatment::kContinue;
  double threshold = 1;  // kSkip: missing when the share of weights without a result is above it
};

// The members' answers side by side: [batch, members].
struct Members {
  graph::Value values;  // numbers, or positions among the classes; NaN is missing
  graph::Value active;  // BOOL; nothing is everywhere
  std::vector<double> weights;
};

// [batch, 1]; the methods that are for numbers.
graph::Value CombineNumbers(graph::GraphBuilder& graph, Method method, const Members& members,
                            const MissingPolicy& policy);
// The methods that count votes.
ModelAnswer CombineVotes(graph::GraphBuilder& graph, Method method, const Members& members,
                         const MissingPolicy& policy, std::vector<std::string> classes);

}  // namespace slipway::import::pmml
