#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/sklearn/frame.h"
#include "import/sklearn/record.h"
#include "import/sklearn/scope.h"

namespace slipway::import::sklearn {

// The labels of a classifier, in the order of its probabilities.
struct Labels {
  enum class Kind : uint8_t { kInteger, kBool, kReal, kText };
  Kind kind = Kind::kInteger;
  std::vector<int64_t> integers;   // kInteger, kBool
  std::vector<double> reals;       // kReal
  std::vector<std::string> texts;  // kText

  int64_t size() const;
  std::vector<std::string> Names() const;
  // The position of a label, which the file holds as a text or number; nullopt where it is none.
  std::optional<int64_t> Find(const pickle::Value& label) const;
  static base::Result<Labels> Read(const Record& record, std::string_view attribute);
  // The labels that `value` holds, a part of that attribute.
  static base::Result<Labels> Read(const Record& record, std::string_view attribute,
                                   const pickle::Value& value);
};

// What a classifier of several outputs answers; values without a name it does not answer.
struct Several {
  std::vector<Labels> labels;      // of each output
  graph::Value codes;              // int64 [batch, outputs]: which of its labels each output has
  graph::Value probabilities;      // [batch, outputs]: of the second label of each
  std::vector<graph::Value> each;  // instead: [batch, labels] for each output
  graph::Value decision;           // [batch, outputs], of the second label of each
  std::vector<std::string> names;  // of the outputs; empty where they have none
};

// What an estimator answers, as values of the graph; those without a name it does not answer.
struct Answer {
  // transform()
  std::optional<Frame> output;

  // Classifiers, and clusterers, whose labels are 0, 1, 2, ...
  std::optional<Labels> labels;
  graph::Value code;           // int64 [batch]: which of the labels predict() gives
  graph::Value probabilities;  // [batch, labels]: predict_proba()
  bool may_be_nan = false;     // whole rows of them, for inputs that are not
  graph::Value decision;       // decision_function(): [batch, 1] for two labels, else [batch, n]
  graph::Value pairs;          // instead, a column for each pair of labels: [batch, n(n - 1) / 2]

  // Classifiers of several outputs, which answer nothing of the above.
  std::optional<Several> several;

  // Regressors: predict(), [batch, targets]
  graph::Value prediction;
  int64_t targets = 1;

  static Answer Output(Frame frame) {
    Answer answer;
    answer.output = std::move(frame);
    return answer;
  }
  bool is_classifier() const { return labels.has_value(); }
  int64_t classes() const { return labels ? labels->size() : 0; }
  bool is_regressor() const { return !prediction.name.empty(); }
};

// One class of scikit-learn. To add one: write its function in the file of its family, after the
// estimator beside it, and add a line to the table of that file. The function reads the fitted
// attributes from the record, adds nodes to scope.graph and returns what they answer; an option
// that it cannot honour it gives to scope.Unsupported().
struct Estimator {
  std::string_view package;  // "sklearn.linear_model"; the class lies there or in a module below
  std::string_view name;     // "LogisticRegression"
  base::Result<Answer> (*convert)(Scope& scope, const Record& record, const Frame& input);
};

// The tables, one for each family.
std::span<const Estimator> LinearEstimators();
std::span<const Estimator> ScalerEstimators();
std::span<const Estimator> ComposedEstimators();
std::span<const Estimator> ForestEstimators();
std::span<const Estimator> BoostingEstimators();
std::span<const Estimator> EncoderEstimators();
std::span<const Estimator> ImputerEstimators();
std::span<const Estimator> FeatureEstimators();
std::span<const Estimator> SelectorEstimators();
std::span<const Estimator> DecompositionEstimators();
std::span<const Estimator> BayesEstimators();
std::span<const Estimator> NeuralEstimators();
std::span<const Estimator> NeighborEstimators();
std::span<const Estimator> NearestCentroidEstimators();
std::span<const Estimator> KernelEstimators();
std::span<const Estimator> SvmEstimators();
std::span<const Estimator> VotingEstimators();
std::span<const Estimator> WeightedEstimators();
std::span<const Estimator> CalibrationEstimators();
std::span<const Estimator> DistributionEstimators();
std::span<const Estimator> SplineEstimators();
std::span<const Estimator> KnnImputerEstimators();
std::span<const Estimator> MixtureEstimators();
std::span<const Estimator> GaussianProcessEstimators();
std::span<const Estimator> OutlierEstimators();
std::span<const Estimator> TextEstimators();
std::span<const Estimator> BoosterEstimators();
std::span<const Estimator> MulticlassEstimators();
std::span<const Estimator> SeveralOutputsEstimators();
std::span<const Estimator> DummyEstimators();
std::span<const Estimator> WrapperEstimators();
std::span<const Estimator> KernelMapEstimators();
std::span<const Estimator> OutlierBoundaryEstimators();
std::span<const Estimator> ReductionEstimators();
std::span<const Estimator> IterativeImputerEstimators();

// What FunctionTransformer does with the function and its arguments in these attributes; without a
// function, nothing.
base::Result<Frame> ApplyFunction(Scope& scope, const Record& record, std::string_view function,
                                  std::string_view arguments, const Frame& input);

// Whether FunctionTransformer can hold this function.
bool IsKnownFunction(std::string_view module, std::string_view name);
// Whether FeatureAgglomeration can.
bool IsPoolingFunction(std::string_view module, std::string_view name);

// The estimator for a class; nullptr when it is not supported.
const Estimator* FindEstimator(std::string_view module, std::string_view name);

// Converts the estimator that `value` is, whatever its class, and all below it. Used by everything
// that holds other estimators. kUnimplemented: noted in scope.problems().
base::Result<Answer> Convert(Scope& scope, const pickle::Value& value, std::string place,
                             const Frame& input);

// How many columns the estimator was fitted on; nullopt when the file does not say.
std::optional<int64_t> FittedWidth(const Record& record);
// The frame as a matrix of doubles, which is checked to have the columns of the estimator.
base::Result<graph::Value> FittedMatrix(Scope& scope, const Record& record, const Frame& input);

}  // namespace slipway::import::sklearn
