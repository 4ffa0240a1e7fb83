#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/distances.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Support vector machines, as libsvm computes them. Source: scikit-learn 1.9, sklearn/svm/_base.py,
// sklearn/utils/multiclass.py (_ovr_decision_function); LIBSVM 3.3, svm_predict_values().
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// What each row is to each support vector, [batch, vectors].
Result<Value> Kernel(Scope& scope, const Record& record, const Value& x, const Reals& vectors) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const double gamma, record.NumberOr("_gamma", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const double offset, record.NumberOr("coef0", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const double degree, record.NumberOr("degree", 3));
  const std::string kernel = record.TextOr("kernel", "a function");
  const auto inner = [&] { return graph.Node("MatMul", {x, Transposed(graph, vectors)}); };
  const auto scaled = [&] {
    const Value product = graph.Node("Mul", {inner(), Constant(graph, gamma)});
    return graph.Node("Add", {product, Constant(graph, offset)});
  };
  if (kernel == "linear") return inner();
  if (kernel == "sigmoid") return graph.Node("Tanh", {scaled()});
  if (kernel == "poly") return graph.Node("Pow", {scaled(), Constant(graph, degree)});
  if (kernel == "rbf" && vectors.columns() <= kMaxDistanceColumns) {
    const Value distance = SquaredDistances(graph, x, vectors);
    return graph.Node("Exp", {graph.Node("Mul", {distance, Constant(graph, -gamma)})});
  }
  return scope.Unsupported(record, StrCat("kernel '", kernel, "' is not supported here"));
}

struct Machine {
  Value kernel;
  Reals weights;    // [classes - 1, vectors]
  Reals intercept;  // one for each pair of classes
};

Result<Machine> ReadMachine(Scope& scope, const Record& record, const Frame& input) {
  if (record.Is("kernel", "precomputed")) {
    return scope.Unsupported(record, "kernel 'precomputed' takes no columns, and is not supported");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const bool sparse, record.BoolOr("_sparse", false));
  if (sparse) return scope.Unsupported(record, "a machine trained on sparse data");
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals vectors, record.Numbers("support_vectors_"));
  if (vectors.shape.size() != 2 || vectors.rows() == 0 || vectors.columns() != input.width()) {
    return record.Damaged(StrCat("support_vectors_: expected rows of ", input.width(), " numbers"));
  }
  Machine out;
  SLIPWAY_ASSIGN_OR_RETURN(out.weights, record.Numbers("_dual_coef_"));
  SLIPWAY_ASSIGN_OR_RETURN(out.intercept, record.Numbers("_intercept_"));
  if (out.weights.shape.size() != 2 || out.weights.columns() != vectors.rows()) {
    return record.Damaged("_dual_coef_: does not fit the support vectors");
  }
  SLIPWAY_ASSIGN_OR_RETURN(out.kernel, Kernel(scope, record, x, vectors));
  scope.Describe(StrCat(vectors.rows(), " support vectors"));
  return out;
}

// Whether all targets lay within the margin, so that no row of the training data counts.
Result<bool> HasNoVectors(const Record& record, int64_t width) {
  if (record.Is("kernel", "precomputed") || !record.Has("support_vectors_")) return false;
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* value, record.Get("support_vectors_"));
  if (!pickle::IsArray(*value)) return false;  // sparse
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array vectors, record.Array("support_vectors_"));
  return vectors.shape == std::vector<int64_t>{0, width};
}

// The intercept for every row.
Result<Answer> ConvertConstant(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const double intercept, record.Number("_intercept_"));
  constexpr int64_t kFirst = 0;
  const Value none =
      graph.Node("Mul", {graph.Columns(x, std::span(&kFirst, 1)), Constant(graph, 0)});
  Answer answer;
  answer.prediction = graph.Node("Add", {none, Constant(graph, intercept)});
  scope.Describe("0 support vectors");
  return answer;
}

Result<Answer> ConvertRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool constant, HasNoVectors(record, input.width()));
  if (constant) return ConvertConstant(scope, record, input);
  SLIPWAY_ASSIGN_OR_RETURN(const Machine machine, ReadMachine(scope, record, input));
  if (machine.weights.rows() != 1 || machine.intercept.values.size() != 1) {
    return record.Damaged("_dual_coef_: expected one row");
  }
  Answer answer;
  answer.prediction = Affine(scope.graph, machine.kernel, machine.weights, machine.intercept);
  return answer;
}

// libsvm's decision of each pair of classes, (0,1), (0,2), ..., (1,2), ...: positive for the first.
Result<Value> PairDecisions(Scope& scope, const Record& record, const Machine& machine,
                            int64_t classes) {
  const std::string_view counts_name = record.Has("_n_support") ? "_n_support" : "n_support_";
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> counts, record.Integers(counts_name));
  const int64_t vectors = machine.weights.columns();
  int64_t sum = 0;
  for (const int64_t count : counts) {
    if (count < 0 || count > vectors) return record.Damaged("_n_support: out of range");
    sum += count;
  }
  const int64_t pairs = classes * (classes - 1) / 2;
  if (static_cast<int64_t>(counts.size()) != classes || sum != vectors ||
      machine.weights.rows() != classes - 1 ||
      static_cast<int64_t>(machine.intercept.values.size()) != pairs) {
    return record.Damaged("_n_support, _dual_coef_, _intercept_: do not fit the classes");
  }
  std::vector<int64_t> start(counts.size(), 0);
  std::partial_sum(counts.begin(), counts.end() - 1, start.begin() + 1);
  Reals rows{.shape = {pairs, vectors}, .values = {}};
  rows.values.assign(static_cast<size_t>(pairs * vectors), 0.0);
  int64_t pair = 0;
  for (int64_t i = 0; i < classes; ++i) {
    for (int64_t j = i + 1; j < classes; ++j, ++pair) {
      const auto copy = [&](int64_t row_of_weights, int64_t of_class) {
        const auto first = static_cast<size_t>(start[static_cast<size_t>(of_class)]);
        for (size_t k = 0; k < static_cast<size_t>(counts[static_cast<size_t>(of_class)]); ++k) {
          rows.values[static_cast<size_t>(pair * vectors) + first + k] =
              machine.weights.row(row_of_weights)[first + k];
        }
      };
      copy(j - 1, i);
      copy(i, j);
    }
  }
  return Affine(scope.graph, machine.kernel, rows, machine.intercept);
}

// Platt's probabilities of each pair, by a sigmoid of its decision, coupled to those of classes. No
// value when the machine was not trained to give them.
Result<Value> Probabilities(Scope& scope, const Record& record, const Value& decisions,
                            int64_t classes) {
  const std::string_view slopes_name = record.Has("_probA") ? "_probA" : "probA_";
  const std::string_view offsets_name = record.Has("_probB") ? "_probB" : "probB_";
  if (!record.Has(slopes_name) || !record.Has(offsets_name)) return Value();
  SLIPWAY_ASSIGN_OR_RETURN(const Reals slopes, record.Numbers(slopes_name));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals offsets, record.Numbers(offsets_name));
  if (slopes.values.empty()) return Value();
  const auto pairs = static_cast<size_t>(classes * (classes - 1) / 2);
  if (slopes.values.size() != pairs || offsets.values.size() != pairs) {
    return record.Damaged("_probA, _probB: do not fit the classes");
  }
  GraphBuilder& graph = scope.graph;
  const Value scaled = graph.Node("Mul", {decisions, RowConstant(graph, slopes.values)});
  const Value line = graph.Node("Add", {scaled, RowConstant(graph, offsets.values)});
  constexpr double kLeast = 1e-7;
  const Value of_pairs = graph.Node("Clip", {Expit(graph, graph.Node("Neg", {line})),
                                             Constant(graph, kLeast), Constant(graph, 1 - kLeast)});
  return graph.Node("PairwiseCoupling", {of_pairs}, {}, ElementType::kDouble,
                    GraphBuilder::kSlipwayDomain);
}

// Votes of the pairs, and how sure they are, for each class: [batch, classes].
struct Votes {
  Value votes;
  Value confidence;
};

Votes CountVotes(Scope& scope, const Value& decisions, int64_t classes) {
  GraphBuilder& graph = scope.graph;
  const int64_t pairs = classes * (classes - 1) / 2;
  Reals for_first{.shape = {classes, pairs}, .values = {}};
  for_first.values.assign(static_cast<size_t>(classes * pairs), 0.0);
  Reals for_second = for_first;
  Reals difference = for_first;
  int64_t pair = 0;
  for (int64_t i = 0; i < classes; ++i) {
    for (int64_t j = i + 1; j < classes; ++j, ++pair) {
      for_first.values[static_cast<size_t>(i * pairs + pair)] = 1;
      for_second.values[static_cast<size_t>(j * pairs + pair)] = 1;
      difference.values[static_cast<size_t>(i * pairs + pair)] = 1;
      difference.values[static_cast<size_t>(j * pairs + pair)] = -1;
    }
  }
  const Value first =
      graph.Cast(graph.Node("Greater", {decisions, Constant(graph, 0)}, {}, ElementType::kBool),
                 ElementType::kDouble);
  const Value second = graph.Node("Sub", {Constant(graph, 1), first});
  Votes out;
  out.votes = graph.Node("Add", {graph.Node("MatMul", {first, Transposed(graph, for_first)}),
                                 graph.Node("MatMul", {second, Transposed(graph, for_second)})});
  out.confidence = graph.Node("MatMul", {decisions, Transposed(graph, difference)});
  return out;
}

// decision_function_shape="ovr": votes, with ties decided by how sure the pairs are.
Value OneVersusRest(Scope& scope, const Votes& votes) {
  GraphBuilder& graph = scope.graph;
  const Value size = graph.Node("Abs", {votes.confidence});
  const Value scale =
      graph.Node("Mul", {Constant(graph, 3), graph.Node("Add", {size, Constant(graph, 1)})});
  return graph.Node("Add", {votes.votes, graph.Node("Div", {votes.confidence, scale})});
}

Result<Answer> ConvertClassifier(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Machine machine, ReadMachine(scope, record, input));
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  const int64_t classes = answer.classes();
  if (classes < 2 || classes > 1000) return record.Damaged("classes_: expected 2 to 1,000");
  SLIPWAY_ASSIGN_OR_RETURN(const Value decisions, PairDecisions(scope, record, machine, classes));
  SLIPWAY_ASSIGN_OR_RETURN(answer.probabilities, Probabilities(scope, record, decisions, classes));
  if (classes == 2) {
    answer.decision = graph.Node("Neg", {decisions});
    answer.code = IsAbove(graph, answer.decision, 0);
    return answer;
  }
  const Votes votes = CountVotes(scope, decisions, classes);
  const bool ovr = !record.Is("decision_function_shape", "ovo");
  SLIPWAY_ASSIGN_OR_RETURN(const bool break_ties, record.BoolOr("break_ties", false));
  answer.code = FirstMaximum(graph, votes.votes);
  if (ovr) {
    answer.decision = OneVersusRest(scope, votes);
    if (break_ties) answer.code = FirstMaximum(graph, answer.decision);
  } else if (classes == 3) {
    answer.decision = decisions;  // as many pairs as classes
  } else {
    answer.pairs = decisions;
  }
  return answer;
}

// +1 for what is like the training data, -1 for what is not.
Result<Answer> ConvertOneClass(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer regression, ConvertRegressor(scope, record, input));
  Answer answer;
  answer.labels = Labels();
  answer.labels->integers = {-1, 1};
  answer.decision = regression.prediction;
  answer.code = IsAbove(scope.graph, answer.decision, 0);
  return answer;
}

constexpr std::string_view kSvm = "sklearn.svm";

constexpr Estimator kEstimators[] = {
    {kSvm, "SVC", ConvertClassifier},       {kSvm, "NuSVC", ConvertClassifier},
    {kSvm, "SVR", ConvertRegressor},        {kSvm, "NuSVR", ConvertRegressor},
    {kSvm, "OneClassSVM", ConvertOneClass},
};

}  // namespace

std::span<const Estimator> SvmEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
