#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Multi-layer perceptrons. Source: scikit-learn 1.9, sklearn/neural_network/
// _multilayer_perceptron.py and _base.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

Result<Value> Activated(Scope& scope, const Record& record, const std::string& name,
                        const Value& x) {
  GraphBuilder& graph = scope.graph;
  if (name == "identity") return x;
  if (name == "relu") return graph.Node("Relu", {x});
  if (name == "tanh") return graph.Node("Tanh", {x});
  if (name == "logistic") return Expit(graph, x);
  if (name == "softmax") return Softmax(graph, x);
  if (name == "exp") return graph.Node("Exp", {x});
  return scope.Unsupported(record, StrCat("activation '", name, "' is not supported"));
}

struct Layers {
  Value output;
  int64_t width = 0;
};

Result<Layers> Run(Scope& scope, const Record& record, const Frame& input) {
  Layers at;
  SLIPWAY_ASSIGN_OR_RETURN(at.output, FittedMatrix(scope, record, input));
  at.width = input.width();
  SLIPWAY_ASSIGN_OR_RETURN(const auto weights, record.List("coefs_"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto offsets, record.List("intercepts_"));
  if (weights.empty() || weights.size() != offsets.size()) {
    return record.Damaged("coefs_, intercepts_: expected one for each layer");
  }
  const std::string hidden = record.TextOr("activation", "relu");
  const std::string last = record.TextOr("out_activation_", "identity");
  for (size_t i = 0; i < weights.size(); ++i) {
    auto matrix = ReadReals(weights[i], record.budget());
    if (!matrix.ok()) return record.At("coefs_", matrix.status());
    auto offset = ReadReals(offsets[i], record.budget());
    if (!offset.ok()) return record.At("intercepts_", offset.status());
    const bool fits = matrix->shape.size() == 2 && matrix->rows() == at.width &&
                      static_cast<int64_t>(offset->values.size()) == matrix->columns();
    if (!fits) return record.Damaged(StrCat("coefs_[", i, "]: does not fit the layer before it"));
    const Value w =
        scope.graph.Add(graph::DoubleConstant(matrix->values, matrix->shape), "weights");
    const Value product = scope.graph.Node("MatMul", {at.output, w});
    const Value sum = scope.graph.Node("Add", {product, RowConstant(scope.graph, offset->values)});
    SLIPWAY_ASSIGN_OR_RETURN(at.output,
                             Activated(scope, record, i + 1 < weights.size() ? hidden : last, sum));
    at.width = matrix->columns();
  }
  scope.Describe(StrCat(weights.size(), " layers"));
  return at;
}

Result<Answer> ConvertRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Layers layers, Run(scope, record, input));
  Answer answer;
  answer.prediction = layers.output;
  answer.targets = layers.width;
  return answer;
}

Result<Answer> ConvertClassifier(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Record binarizer, record.Child("_label_binarizer"));
  const std::string kind = binarizer.TextOr("y_type_", "multiclass");
  const bool several = kind == "multilabel-indicator";
  if (!several && kind != "binary" && kind != "multiclass") {
    return scope.Unsupported(record, StrCat("labels of kind '", kind, "' are not supported"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Layers layers, Run(scope, record, input));
  Answer answer;
  if (several) {
    SLIPWAY_ASSIGN_OR_RETURN(answer.several,
                             ManyLabels(scope, binarizer, layers.output, layers.width, 0.5));
    answer.several->probabilities = layers.output;
    return answer;
  }
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(binarizer, "classes_"));
  const int64_t count = answer.classes();
  if (layers.width != (count == 2 ? 1 : count)) {
    return record.Damaged(
        StrCat("the last layer has ", layers.width, " columns for ", count, " classes"));
  }
  if (count == 2) {
    answer.code = IsAbove(scope.graph, layers.output, 0.5);
    answer.probabilities = WithComplement(scope.graph, layers.output);
  } else {
    answer.code = FirstMaximum(scope.graph, layers.output);
    answer.probabilities = layers.output;
  }
  return answer;
}

constexpr Estimator kEstimators[] = {
    {"sklearn.neural_network", "MLPClassifier", ConvertClassifier},
    {"sklearn.neural_network", "MLPRegressor", ConvertRegressor},
};

}  // namespace

std::span<const Estimator> NeuralEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
