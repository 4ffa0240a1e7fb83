#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/importer.h"

namespace slipway::import {

// How a classifier's classes are called: by numbers, by texts, or (both empty) 0, 1, 2, ...
struct ClassLabels {
  std::vector<int64_t> numbers = {};
  std::vector<std::string> texts = {};

  bool empty() const { return numbers.empty() && texts.empty(); }
  size_t size() const { return numbers.size() + texts.size(); }
};

// What a boosted model says about a row, before it becomes outputs.
struct Answer {
  enum class Kind : uint8_t {
    kPrediction,  // [batch, count] numbers
    kBinary,      // [batch, 1], the probability of the second class
    kMulticlass,  // [batch, count] probabilities, or scores, of which the largest wins
    kMultilabel,  // [batch, count] probabilities, each for itself
  };
  Kind kind = Kind::kPrediction;
  graph::Value value;
  int64_t count = 1;
  double threshold = 0.5;  // kBinary: the second class is the label above it
};

// 1 / (1 + exp(-scale * margin)), in the precision of the margin. Written out, not as the operator
// Sigmoid, which ONNX Runtime computes with an absolute, not a relative error.
graph::Value Logistic(graph::GraphBuilder& graph, const graph::Value& margin, double scale = 1.0);

// kInvalidArgument unless `labels` is empty or has a label for each class of the answer.
base::Status CheckLabels(const Answer& answer, const ClassLabels& labels);

// Adds the model's outputs: "prediction" [batch, count], or "label" and "probabilities" [batch,
// classes]. The label is [batch], and INT64 unless the classes have texts for names; kMultilabel
// gives [batch, count] zeros and ones. `labels` pass CheckLabels(). An output whose name an input
// has is called model_NAME; `inputs` are the columns that are inputs of their own.
void AddOutputs(graph::GraphBuilder& graph, const Answer& answer, const ClassLabels& labels,
                std::span<const ImportedColumn> inputs);

// The names for ImportedModel::class_names; none for a prediction.
std::vector<std::string> ClassNames(const Answer& answer, const ClassLabels& labels);

}  // namespace slipway::import
