// The trees themselves, in the form of ai.onnx.ml 5 and in the one before it, where a node also
// picks labels and turns sums into scores.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "engine/trees/forest_runner.h"
#include "engine/trees/operators.h"
#include "graph/old_tree_ensemble.h"
#include "graph/tree_ensemble_reader.h"

namespace slipway::engine {

using base::OkStatus;
using base::Result;
using base::Status;
using graph::ElementType;
using graph::OldTreeEnsemble;
using graph::OnnxNode;
using graph::TreeEnsemble;
using Transform = OldTreeEnsemble::Transform;

namespace {

template <typename T>
void AddForest(ProgramBuilder& builder, const TreeEnsemble& ensemble, size_t in, size_t out,
               std::span<const double> missing_becomes) {
  auto runner = std::make_shared<const ForestRunner<T>>(ensemble, builder.level(), missing_becomes);
  builder.NeedScratch(runner->scratch_row_size() * sizeof(T));
  builder.CountTreeNodes(ensemble.nodes.size());
  builder.AddStep([runner = std::move(runner), in, out](const Frame& frame) {
    runner->Run(frame.As<T>(in), frame.rows, frame.As<T>(out), reinterpret_cast<T*>(frame.scratch));
  });
}

// `missing_becomes` as in InputFold.
void AddForest(ProgramBuilder& builder, const TreeEnsemble& ensemble, size_t in, size_t out,
               std::span<const double> missing_becomes = {}) {
  if (ensemble.type == ElementType::kFloat) {
    AddForest<float>(builder, ensemble, in, out, missing_becomes);
  } else {
    AddForest<double>(builder, ensemble, in, out, missing_becomes);
  }
}

// The slot of the rows, of which every form has one.
Result<size_t> Rows(const ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  const Slot& slot = builder.slot(in);
  if (slot.per_row && slot.rank == 2 && slot.width <= INT32_MAX) return in;
  return NotUnderstood(node, "rows of another shape");
}

Status AddNewForm(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, Rows(builder, node));
  Result<TreeEnsemble> ensemble =
      graph::ReadTreeEnsemble(node, static_cast<uint32_t>(builder.slot(in).width));
  if (!ensemble.ok()) return NotUnderstood(node, ensemble.status().message());
  if (ensemble->type != builder.slot(in).type) return NotUnderstood(node, "rows of another type");
  std::span<const double> missing_becomes;
  if (const InputFold* fold = builder.Fold(node)) {
    if (!fold->Fits(ensemble->features)) return NotUnderstood(node, "constants of another width");
    fold->Apply(*ensemble);
    missing_becomes = fold->missing_becomes;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, ensemble->type, 2, ensemble->targets));
  AddForest(builder, *ensemble, in, out, missing_becomes);
  return OkStatus();
}

Result<OldTreeEnsemble> ReadOldForm(const ProgramBuilder& builder, const OnnxNode& node,
                                    size_t in) {
  const Slot& slot = builder.slot(in);
  Result<OldTreeEnsemble> read =
      graph::ReadOldTreeEnsemble(node, slot.type, static_cast<uint32_t>(slot.width));
  if (!read.ok()) return NotUnderstood(node, read.status().message());
  return read;
}

// Sums, which are FLOAT whatever they were made in.
Status AddRegressor(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, Rows(builder, node));
  SLIPWAY_ASSIGN_OR_RETURN(const OldTreeEnsemble read, ReadOldForm(builder, node, in));
  // ONNX Runtime applies them to several targets and leaves a single one as it is.
  if (read.transform != Transform::kNone) return NotUnderstood(node, "a post_transform");
  const TreeEnsemble& trees = read.trees;
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, ElementType::kFloat, 2, trees.targets));
  if (trees.type == ElementType::kFloat) {
    AddForest(builder, trees, in, out);
    return OkStatus();
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t sums, builder.Between(node, trees.type, trees.targets));
  AddForest(builder, trees, in, sums);
  builder.AddStep([=, targets = trees.targets](const Frame& frame) {
    std::transform(frame.As<double>(sums), frame.As<double>(sums) + frame.rows * targets,
                   frame.As<float>(out), [](double sum) { return static_cast<float>(sum); });
  });
  return OkStatus();
}

// Without an overflow on either side, as ONNX Runtime has it.
float Logistic(float x) {
  const float v = 1 / (1 + std::exp(-std::abs(x)));
  return x < 0 ? 1 - v : v;
}

void Softmax(float* scores, size_t count) {
  const float highest = *std::max_element(scores, scores + count);
  float sum = 0;
  for (size_t i = 0; i < count; ++i) sum += scores[i] = std::exp(scores[i] - highest);
  for (size_t i = 0; i < count; ++i) scores[i] /= sum;
}

// A softmax that leaves out scores of zero: they stay so.
void SoftmaxZero(float* scores, size_t count) {
  constexpr float kZero = 0.0000001F;
  const float highest = *std::max_element(scores, scores + count);
  const float of_zero = std::exp(-highest);
  float sum = 0;
  for (size_t i = 0; i < count; ++i) {
    if (scores[i] > kZero || scores[i] < -kZero) {
      sum += scores[i] = std::exp(scores[i] - highest);
    } else {
      scores[i] *= of_zero;
    }
  }
  for (size_t i = 0; i < count; ++i) scores[i] /= sum;
}

void Apply(Transform transform, float* scores, size_t count) {
  switch (transform) {
    case Transform::kLogistic:
      std::transform(scores, scores + count, scores, &Logistic);
      break;
    case Transform::kSoftmax:
      Softmax(scores, count);
      break;
    case Transform::kSoftmaxZero:
      SoftmaxZero(scores, count);
      break;
    default:
      break;
  }
}

// Two classes, of which one sum speaks: a probability where no weight is below zero, else a margin.
// Returns the class.
int64_t ScoreTwo(float sum, bool is_probability, Transform transform, float* scores) {
  scores[1] = sum;
  if (is_probability) {
    scores[0] = 1 - sum;
    return sum > 0.5F ? 1 : 0;
  }
  scores[0] = -sum;
  if (transform == Transform::kLogistic) {
    scores[1] = Logistic(sum);
    scores[0] = Logistic(-sum);
  }
  return sum > 0 ? 1 : 0;
}

// Makes class numbers and scores of the sums.
Step ScoreStep(const OldTreeEnsemble& read, size_t sums, size_t picked, size_t scores) {
  const size_t classes = read.classes();
  const Transform transform = read.transform;
  if (classes == 2) {
    return [=, positive = read.weights_are_positive](const Frame& frame) {
      for (size_t row = 0; row < frame.rows; ++row) {
        frame.As<int64_t>(picked)[row] = ScoreTwo(frame.As<float>(sums)[row], positive, transform,
                                                  frame.As<float>(scores) + row * 2);
      }
    };
  }
  return [=](const Frame& frame) {
    for (size_t row = 0; row < frame.rows; ++row) {
      const float* from = frame.As<float>(sums) + row * classes;
      float* to = frame.As<float>(scores) + row * classes;
      frame.As<int64_t>(picked)[row] = std::max_element(from, from + classes) - from;
      std::copy_n(from, classes, to);
      Apply(transform, to, classes);
    }
  };
}

// Labels for class numbers.
Status AddLabels(ProgramBuilder& builder, const OnnxNode& node, const OldTreeEnsemble& read,
                 size_t picked) {
  SLIPWAY_ASSIGN_OR_RETURN(
      const size_t out,
      builder.Output(node, read.text_labels.empty() ? ElementType::kInt64 : ElementType::kString, 1,
                     1));
  if (!read.text_labels.empty()) builder.SetTexts(out, read.text_labels);
  builder.AddStep([=, labels = read.int_labels](const Frame& frame) {
    for (size_t row = 0; row < frame.rows; ++row) {
      const int64_t at = frame.As<int64_t>(picked)[row];
      frame.As<int64_t>(out)[row] = labels.empty() ? at : labels[static_cast<size_t>(at)];
    }
  });
  return OkStatus();
}

Status AddClassifier(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, Rows(builder, node));
  if (builder.slot(in).type != ElementType::kFloat) {
    return NotUnderstood(node, "rows of another type");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const OldTreeEnsemble read, ReadOldForm(builder, node, in));
  const bool two = read.classes() == 2;
  const bool margin = read.transform == Transform::kNone || read.transform == Transform::kLogistic;
  if (read.transform == Transform::kProbit || (two && !margin)) {
    return NotUnderstood(node, "a post_transform");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t sums,
                           builder.Between(node, ElementType::kFloat, read.trees.targets));
  SLIPWAY_ASSIGN_OR_RETURN(const size_t picked, builder.Between(node, ElementType::kInt64, 1));
  AddForest(builder, read.trees, in, sums);
  SLIPWAY_ASSIGN_OR_RETURN(const size_t scores,
                           builder.Output(node, ElementType::kFloat, 2, read.classes(), 1));
  builder.AddStep(ScoreStep(read, sums, picked, scores));
  return AddLabels(builder, node, read, picked);
}

}  // namespace

bool IsTrees(std::string_view op_type, std::string_view domain) {
  return domain == graph::GraphBuilder::kMlDomain &&
         (op_type == "TreeEnsemble" || op_type == "TreeEnsembleRegressor" ||
          op_type == "TreeEnsembleClassifier");
}

bool MayHaveSeveralOutputs(const OnnxNode& node) { return graph::IsOldTreeClassifier(node); }

Status AddTrees(ProgramBuilder& builder, const OnnxNode& node) {
  if (graph::IsOldTreeClassifier(node)) return AddClassifier(builder, node);
  if (graph::IsOldTreeRegressor(node)) return AddRegressor(builder, node);
  return AddNewForm(builder, node);
}

}  // namespace slipway::engine
