#include <cmath>
#include <map>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/combine.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr size_t kMaxNumbers = 100'000'000;

// The VectorDictionary: its fields as columns, its vectors as rows.
struct Vectors {
  Value x;  // [batch, width]
  size_t width = 0;
  std::vector<double> rows;
  std::map<std::string, size_t> positions;
};

Result<Value> ColumnOf(ModelScope& scope, const Element& at) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("field"));
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Use(at, name));
  if (at.name() == "FieldRef") {
    if (field->type == DataType::kText) return at.Error("text in a vector");
    return field->value;
  }
  if (at.name() != "CategoricalPredictor") return Conversion::Unsupported(at, "this element");
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, at.Need("value"));
  SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), at, field->type, text));
  const Value same =
      graph.Cast(Compare(graph, "Equal", field->value, Number(graph, value)), ElementType::kDouble);
  return Where(graph, IsMissing(graph, field->value), field->value, same);
}

// A row of a vector: an Array, or a sparse one, whose indices begin at 1.
Status ReadRow(const Element& instance, size_t width, double* row) {
  if (const auto sparse = instance.Child("REAL-SparseArray")) {
    std::vector<double> indices;
    std::vector<double> entries;
    if (const auto at = sparse->Child("Indices")) {
      SLIPWAY_ASSIGN_OR_RETURN(indices, at->ArrayNumbers());
    }
    if (const auto at = sparse->Child("REAL-Entries")) {
      SLIPWAY_ASSIGN_OR_RETURN(entries, at->ArrayNumbers());
    }
    if (indices.size() != entries.size()) return sparse->Error("not an entry for each index");
    for (size_t i = 0; i < indices.size(); ++i) {
      if (!(indices[i] >= 1 && indices[i] <= static_cast<double>(width))) {
        return sparse->Error(StrCat("index ", indices[i], " of ", width));
      }
      row[static_cast<size_t>(indices[i]) - 1] = entries[i];
    }
    return base::OkStatus();
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Element array, instance.NeedChild("Array"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto numbers, array.ArrayNumbers());
  if (numbers.size() != width) {
    return array.Error(StrCat("expected ", width, " numbers, got ", numbers.size()));
  }
  std::copy(numbers.begin(), numbers.end(), row);
  return base::OkStatus();
}

Result<Vectors> ReadVectors(ModelScope& scope, const Element& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const Element dictionary, model.NeedChild("VectorDictionary"));
  SLIPWAY_ASSIGN_OR_RETURN(const Element fields, dictionary.NeedChild("VectorFields"));
  Vectors out;
  std::vector<Value> columns;
  for (const Element& at : fields.Children()) {
    SLIPWAY_ASSIGN_OR_RETURN(Value column, ColumnOf(scope, at));
    columns.push_back(std::move(column));
  }
  if (columns.empty()) return fields.Error("expected fields");
  out.width = columns.size();
  out.x = scope.graph().Concat(std::move(columns));
  const auto instances = dictionary.Children("VectorInstance");
  if (instances.empty()) return dictionary.Error("expected a VectorInstance");
  if (instances.size() > kMaxNumbers / out.width) {
    return base::ResourceExhausted(StrCat(dictionary.Where(), ": too many numbers"));
  }
  out.rows.assign(instances.size() * out.width, 0);
  for (const Element& instance : instances) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string id, instance.Need("id"));
    const size_t position = out.positions.size();
    if (!out.positions.emplace(id, position).second) return instance.Error("the second one");
    SLIPWAY_RETURN_IF_ERROR(ReadRow(instance, out.width, out.rows.data() + position * out.width));
  }
  return out;
}

// |x - s|^2 for every vector, as a sum of squares: no difference of large numbers.
Value SquaredDistances(GraphBuilder& graph, const Vectors& vectors) {
  static constexpr int64_t kMiddle = 1;
  const auto count = static_cast<int64_t>(vectors.positions.size());
  const auto width = static_cast<int64_t>(vectors.width);
  const Value axis = graph.Add(graph::Int64Constant(std::span(&kMiddle, 1), {1}), "axis");
  const Value x = graph.Node("Unsqueeze", {vectors.x, axis});
  const Value s = graph.Add(graph::DoubleConstant(vectors.rows, {1, count, width}), "vectors");
  const Value difference = Binary(graph, "Sub", x, s);
  static constexpr int64_t kLast = 2;
  return graph.Node("ReduceSum",
                    {Binary(graph, "Mul", difference, difference),
                     graph.Add(graph::Int64Constant(std::span(&kLast, 1), {1}), "axis")},
                    {{"keepdims", int64_t{0}}});
}

// K(x, s) for every vector: [batch, vectors].
Result<Value> Kernel(ModelScope& scope, const Element& model, const Vectors& vectors) {
  GraphBuilder& graph = scope.graph();
  for (const Element& at : model.Children()) {
    if (at.name() == "RadialBasisKernelType") {
      SLIPWAY_ASSIGN_OR_RETURN(const double gamma, at.NumberOr("gamma", 1));
      return graph.Node(
          "Exp", {Binary(graph, "Mul", SquaredDistances(graph, vectors), Number(graph, -gamma))});
    }
    if (!at.name().ends_with("KernelType")) continue;
    Value dot = Product(graph, vectors.x, vectors.rows, vectors.positions.size());
    if (at.name() == "LinearKernelType") return dot;
    SLIPWAY_ASSIGN_OR_RETURN(const double gamma, at.NumberOr("gamma", 1));
    SLIPWAY_ASSIGN_OR_RETURN(const double shift, at.NumberOr("coef0", 1));
    dot =
        Binary(graph, "Add", Binary(graph, "Mul", dot, Number(graph, gamma)), Number(graph, shift));
    if (at.name() == "SigmoidKernelType") return graph.Node("Tanh", {dot});
    if (at.name() != "PolynomialKernelType") return Conversion::Unsupported(at, "this kernel");
    SLIPWAY_ASSIGN_OR_RETURN(const double degree, at.NumberOr("degree", 1));
    return graph.Node("Pow", {dot, Number(graph, degree)});
  }
  return model.Error("expected a kernel");
}

// The sum of a machine's coefficients with its vectors' kernels.
Result<Value> Decision(ModelScope& scope, const Element& machine, const Vectors& vectors,
                       const Value& kernel) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const Element coefficients, machine.NeedChild("Coefficients"));
  SLIPWAY_ASSIGN_OR_RETURN(const double absolute, coefficients.NumberOr("absoluteValue", 0));
  const auto values = coefficients.Children("Coefficient");
  std::vector<Element> supports;
  if (const auto list = machine.Child("SupportVectors")) {
    supports = list->Children("SupportVector");
  }
  if (values.size() != supports.size()) {
    return machine.Error(StrCat(values.size(), " coefficients for ", supports.size(), " vectors"));
  }
  std::vector<double> weights(vectors.positions.size(), 0);
  for (size_t i = 0; i < values.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string id, supports[i].Need("vectorId"));
    const auto at = vectors.positions.find(id);
    if (at == vectors.positions.end()) return supports[i].Error("there is no such vector");
    SLIPWAY_ASSIGN_OR_RETURN(const double value, values[i].NumberOr("value", 0));
    weights[at->second] += value;
  }
  Value sum = scope.all().zeros;
  if (!weights.empty()) sum = Product(graph, kernel, weights, 1);
  return Binary(graph, "Add", sum, Number(graph, absolute));
}

struct Machine {
  Element at;
  Value decision;
};

// Each machine votes for one of two classes.
Result<ModelAnswer> OneAgainstOne(ModelScope& scope, const Element& model,
                                  std::span<const Machine> machines) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const double of_model, model.NumberOr("threshold", 0));
  std::vector<std::string> classes = TargetCategories(scope, model);
  Members votes;
  std::vector<Value> columns;
  for (const Machine& machine : machines) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string target, machine.at.Need("targetCategory"));
    SLIPWAY_ASSIGN_OR_RETURN(const std::string other, machine.at.Need("alternateTargetCategory"));
    SLIPWAY_ASSIGN_OR_RETURN(const double threshold, machine.at.NumberOr("threshold", of_model));
    const auto first = static_cast<double>(ClassPosition(classes, target));
    const auto second = static_cast<double>(ClassPosition(classes, other));
    const Value below = Compare(graph, "Less", machine.decision, Number(graph, threshold));
    columns.push_back(Where(graph, below, Number(graph, first), Number(graph, second)));
    votes.weights.push_back(1);
  }
  votes.values = graph.Concat(std::move(columns));
  return CombineVotes(graph, Method::kMajorityVote, votes, {}, std::move(classes));
}

// The smallest decision wins.
Result<ModelAnswer> OneAgainstAll(ModelScope& scope, std::span<const Machine> machines) {
  GraphBuilder& graph = scope.graph();
  ModelAnswer out;
  out.classifies = true;
  std::vector<Value> columns;
  for (const Machine& machine : machines) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string target, machine.at.Need("targetCategory"));
    if (ClassPosition(out.classes, target) != columns.size()) {
      return machine.at.Error("the second machine of its class");
    }
    columns.push_back(graph.Node("Neg", {machine.decision}));
  }
  out.value = FirstMaximum(graph, graph.Concat(std::move(columns)));
  return out;
}

}  // namespace

Result<ModelAnswer> MakeSupportVectorMachine(ModelScope& scope, const Element& model) {
  static constexpr std::string_view kRepresentations[] = {"SupportVectors"};
  static constexpr std::string_view kMaxWins[] = {"false"};
  static constexpr std::string_view kMethods[] = {"OneAgainstAll", "OneAgainstOne"};
  SLIPWAY_RETURN_IF_ERROR(model.Choice("svmRepresentation", kRepresentations).status());
  SLIPWAY_RETURN_IF_ERROR(model.Choice("maxWins", kMaxWins).status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t method, model.Choice("classificationMethod", kMethods));
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  if (model.Find("alternateBinaryTargetCategory")) {
    return Conversion::Unsupported(model, "alternateBinaryTargetCategory");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Vectors vectors, ReadVectors(scope, model));
  scope.Fail(AnyMissing(scope.graph(), vectors.x));
  SLIPWAY_ASSIGN_OR_RETURN(const Value kernel, Kernel(scope, model, vectors));
  std::vector<Machine> machines;
  bool has_alternates = true;
  for (const Element& at : model.Children("SupportVectorMachine")) {
    SLIPWAY_ASSIGN_OR_RETURN(Value decision, Decision(scope, at, vectors, kernel));
    machines.push_back({at, std::move(decision)});
    has_alternates = has_alternates && at.Find("alternateTargetCategory");
  }
  if (machines.empty()) return model.Error("expected a SupportVectorMachine");
  if (classifies) {
    // Files of R leave the method out, and name both classes.
    const bool pairs = method == 1 || (!model.Find("classificationMethod") && has_alternates);
    return pairs ? OneAgainstOne(scope, model, machines) : OneAgainstAll(scope, machines);
  }
  if (machines.size() > 1) return model.Error("a regression of more than one machine");
  ModelAnswer out;
  out.value = machines.front().decision;
  return out;
}

}  // namespace slipway::import::pmml
