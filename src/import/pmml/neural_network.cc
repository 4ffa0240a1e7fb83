#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/answer.h"
#include "import/pmml/expression.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

constexpr size_t kMaxWeights = 100'000'000;

// The neurons so far: [batch, n] of the last layers, and where each id is among them.
struct Neurons {
  std::map<std::string, int64_t> positions;
  std::vector<Value> blocks;
  int64_t count = 0;
  int64_t first_of_last = 0;  // where the last block begins
  int64_t size_of_last = 0;
};

Status AddNeuron(Neurons& neurons, const Element& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string id, at.Need("id"));
  if (!neurons.positions.emplace(id, neurons.count++).second) return at.Error("the second one");
  return OkStatus();
}

Status ReadInputs(ModelScope& scope, const Element& model, Neurons& neurons) {
  SLIPWAY_ASSIGN_OR_RETURN(const Element inputs, model.NeedChild("NeuralInputs"));
  std::vector<Value> columns;
  for (const Element& input : inputs.Children("NeuralInput")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Element derived, input.NeedChild("DerivedField"));
    SLIPWAY_ASSIGN_OR_RETURN(const Field field, MakeDerivedField(scope, derived));
    if (field.type == DataType::kText) return derived.Error("text as the input of a neuron");
    if (!field.fails.name.empty()) scope.Fail(field.fails);
    columns.push_back(field.value);
    SLIPWAY_RETURN_IF_ERROR(AddNeuron(neurons, input));
  }
  if (columns.empty()) return inputs.Error("expected a NeuralInput");
  neurons.blocks = {scope.graph().Concat(std::move(columns))};
  neurons.size_of_last = neurons.count;
  return OkStatus();
}

Result<Value> Activate(GraphBuilder& graph, const Element& at, const std::string& function,
                       const Value& z, double threshold) {
  const Value one = Number(graph, 1);
  if (function == "logistic") return Logistic(graph, z);
  if (function == "tanh") return graph.Node("Tanh", {z});
  if (function == "identity") return z;
  if (function == "exponential") return graph.Node("Exp", {z});
  if (function == "reciprocal") return Binary(graph, "Div", one, z);
  if (function == "square") return Binary(graph, "Mul", z, z);
  if (function == "Gauss") {
    return graph.Node("Exp", {graph.Node("Neg", {Binary(graph, "Mul", z, z)})});
  }
  if (function == "sine") return graph.Node("Sin", {z});
  if (function == "cosine") return graph.Node("Cos", {z});
  if (function == "Elliott") {
    return Binary(graph, "Div", z, Binary(graph, "Add", one, graph.Node("Abs", {z})));
  }
  if (function == "arctan") {
    return Binary(graph, "Mul", ArcTangent(graph, z), Number(graph, 2 / std::numbers::pi));
  }
  const Value zero = Number(graph, 0);
  const Value missing = IsMissing(graph, z);
  if (function == "rectifier") {
    const Value above = Where(graph, Compare(graph, "Greater", z, zero), z, zero);
    return Where(graph, missing, z, above);
  }
  if (function == "threshold") {
    const Value above = Compare(graph, "Greater", z, Number(graph, threshold));
    return Where(graph, missing, z, Where(graph, above, one, zero));
  }
  return Conversion::Unsupported(at, StrCat("activationFunction='", Printable(function), "'"));
}

// One layer: the weights of its neurons from all that they are connected with.
Status AddLayer(ModelScope& scope, const Element& model, const Element& layer, Neurons& neurons) {
  GraphBuilder& graph = scope.graph();
  const auto members = layer.Children("Neuron");
  if (members.empty()) return layer.Error("expected a Neuron");
  // Connections mostly come from the layer before; a wider view is only built where they do not.
  bool from_last = true;
  for (const Element& neuron : members) {
    for (const Element& con : neuron.Children("Con")) {
      const auto from = neurons.positions.find(con.Or("from", ""));
      if (from == neurons.positions.end()) return con.Error("'from' is no neuron before it");
      from_last = from_last && from->second >= neurons.first_of_last;
    }
  }
  const int64_t first = from_last ? neurons.first_of_last : 0;
  const auto width = static_cast<size_t>(from_last ? neurons.size_of_last : neurons.count);
  if (width * members.size() > kMaxWeights) {
    return base::ResourceExhausted(StrCat(layer.Where(), ": too many weights"));
  }
  std::vector<double> weights(width * members.size(), 0);
  std::vector<double> biases;
  for (size_t i = 0; i < members.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const double bias, members[i].NumberOr("bias", 0));
    biases.push_back(bias);
    for (const Element& con : members[i].Children("Con")) {
      const auto at = static_cast<size_t>(neurons.positions[con.Or("from", "")] - first);
      SLIPWAY_ASSIGN_OR_RETURN(const double weight, con.Number("weight"));
      weights[i * width + at] += weight;
    }
  }
  const Value from = from_last ? neurons.blocks.back() : graph.Concat(neurons.blocks);
  const Value z =
      Binary(graph, "Add", Product(graph, from, weights, members.size()), Row(graph, biases));
  const std::string function = layer.Or("activationFunction", model.Or("activationFunction", ""));
  const Element& at = layer.Find("activationFunction") ? layer : model;
  SLIPWAY_ASSIGN_OR_RETURN(const double of_model, model.NumberOr("threshold", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const double threshold, layer.NumberOr("threshold", of_model));
  SLIPWAY_ASSIGN_OR_RETURN(Value out, Activate(graph, at, function, z, threshold));
  static constexpr std::string_view kMethods[] = {"none", "softmax", "simplemax"};
  SLIPWAY_ASSIGN_OR_RETURN(
      const size_t method,
      (layer.Find("normalizationMethod") ? layer : model).Choice("normalizationMethod", kMethods));
  if (method == 1) out = Softmax(graph, out);
  if (method == 2) out = DividedBySum(graph, out);
  neurons.first_of_last = neurons.count;
  neurons.size_of_last = static_cast<int64_t>(members.size());
  for (const Element& neuron : members) SLIPWAY_RETURN_IF_ERROR(AddNeuron(neurons, neuron));
  neurons.blocks.push_back(std::move(out));
  return OkStatus();
}

Value Inverted(GraphBuilder& graph, const Value& y, std::span<const double> orig,
               std::span<const double> norm) {
  const auto on_segment = [&](size_t i) {
    const Value part = Binary(graph, "Div", Binary(graph, "Sub", y, Number(graph, norm[i])),
                              Number(graph, norm[i + 1] - norm[i]));
    return Binary(graph, "Add", Number(graph, orig[i]),
                  Binary(graph, "Mul", part, Number(graph, orig[i + 1] - orig[i])));
  };
  Value out = on_segment(orig.size() - 2);
  for (size_t i = orig.size() - 2; i-- > 0;) {
    const Value before = Compare(graph, norm.front() < norm.back() ? "Less" : "Greater", y,
                                 Number(graph, norm[i + 1]));
    out = Where(graph, before, on_segment(i), out);
  }
  return out;
}

// What an output neuron says of a number: itself, or the inverse of a NormContinuous.
Result<Value> Denormalized(ModelScope& scope, const Element& expression, const Value& y) {
  if (expression.name() == "FieldRef") return y;
  if (expression.name() != "NormContinuous") {
    return Conversion::Unsupported(expression, "this as the output of a regression");
  }
  std::vector<double> orig;
  std::vector<double> norm;
  for (const Element& point : expression.Children("LinearNorm")) {
    SLIPWAY_ASSIGN_OR_RETURN(const double from, point.Number("orig"));
    SLIPWAY_ASSIGN_OR_RETURN(const double to, point.Number("norm"));
    orig.push_back(from);
    norm.push_back(to);
  }
  if (norm.size() < 2) return expression.Error("fewer than two LinearNorm");
  const bool rises = norm[1] > norm[0];
  for (size_t i = 1; i < norm.size(); ++i) {
    if (norm[i] == norm[i - 1] || (norm[i] > norm[i - 1]) != rises) {
      return expression.Error("norms that neither rise nor fall cannot be inverted");
    }
  }
  return Inverted(scope.graph(), y, orig, norm);
}

Result<ModelAnswer> ReadOutputs(ModelScope& scope, const Element& model, const Neurons& neurons,
                                bool classifies) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const Element outputs, model.NeedChild("NeuralOutputs"));
  std::vector<std::string> classes;
  std::vector<Value> columns;
  Value all = graph.Concat(neurons.blocks);
  for (const Element& output : outputs.Children("NeuralOutput")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string id, output.Need("outputNeuron"));
    const auto at = neurons.positions.find(id);
    if (at == neurons.positions.end()) return output.Error("'outputNeuron' is no neuron");
    const Value y = graph.Columns(all, std::span(&at->second, 1));
    SLIPWAY_ASSIGN_OR_RETURN(const Element derived, output.NeedChild("DerivedField"));
    const auto expressions = derived.Children();
    if (expressions.empty()) return derived.Error("expected an expression");
    const Element& expression = expressions.front();
    if (!classifies) {
      SLIPWAY_ASSIGN_OR_RETURN(const Value value, Denormalized(scope, expression, y));
      columns.push_back(value);
      continue;
    }
    if (expression.name() != "NormDiscrete") {
      return Conversion::Unsupported(expression, "this as the output of a classification");
    }
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, expression.Need("value"));
    if (ClassPosition(classes, name) != columns.size()) {
      return expression.Error("the second output of its class");
    }
    columns.push_back(y);
  }
  if (columns.empty()) return outputs.Error("expected a NeuralOutput");
  if (classifies) {
    return ByProbability(scope, std::move(classes), graph.Concat(std::move(columns)));
  }
  if (columns.size() > 1) return Conversion::Unsupported(outputs, "more than one target");
  ModelAnswer out;
  out.value = columns.front();
  return out;
}

}  // namespace

Result<ModelAnswer> MakeNeuralNetwork(ModelScope& scope, const Element& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  Neurons neurons;
  SLIPWAY_RETURN_IF_ERROR(ReadInputs(scope, model, neurons));
  for (const Element& layer : model.Children("NeuralLayer")) {
    SLIPWAY_RETURN_IF_ERROR(AddLayer(scope, model, layer, neurons));
  }
  return ReadOutputs(scope, model, neurons, classifies);
}

}  // namespace slipway::import::pmml
