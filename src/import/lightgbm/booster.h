#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/answer.h"
#include "import/lightgbm/model.h"

namespace slipway::import::lightgbm {

// What the objective makes of the sum of the trees. Source: LightGBM, src/objective/*.hpp,
// ConvertOutput().
struct Objective {
  enum class Transform : uint8_t {
    kIdentity,
    kSquare,  // regression sqrt: the sign, and the square
    kExp,
    kLogistic,  // a probability, as a prediction
    kBinary,    // a probability of the second class
    kSoftmax,
    kOneVsAll,  // a probability for each class by itself
    kLog1pExp,  // cross_entropy_lambda
  };
  Transform transform = Transform::kIdentity;
  double sigmoid = 1;
};

// kInvalidArgument for parameters that are none, kUnimplemented for an unknown objective.
base::Result<Objective> ReadObjective(const Model& model);

// Adds what the first `iterations` of the model compute: `x` is FP64 [batch, features].
// kInvalidArgument names tree and node, kResourceExhausted linear trees of too many coefficients.
base::Result<Answer> AddBooster(graph::GraphBuilder& graph, const graph::Value& x,
                                const Model& model, size_t iterations);

}  // namespace slipway::import::lightgbm
