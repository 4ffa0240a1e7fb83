#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/combine.h"
#include "import/pmml/fields.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"
#include "import/pmml/output.h"
#include "import/pmml/predicate.h"
#include "import/pmml/tree_model.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

const double kNaN = std::nan("");

struct Segment {
  Element element;
  Element model;
  double weight = 1;
  Value active;  // BOOL; nothing is everywhere
  ModelAnswer answer;
};

struct Segmentation {
  std::string method;
  MissingPolicy policy;
  std::vector<Segment> segments;
};

bool IsPredicateName(std::string_view name) {
  return name == "True" || name == "False" || name.ends_with("Predicate");
}

Result<Segment> ReadSegment(const Element& element) {
  Segment out = {.element = element, .model = {}, .active = {}, .answer = {}};
  SLIPWAY_ASSIGN_OR_RETURN(out.weight, element.NumberOr("weight", 1));
  if (out.weight < 0) return element.Error("a negative weight");
  if (element.Child("VariableWeight")) {
    return Conversion::Unsupported(element, "a weight that varies");
  }
  for (const Element& child : element.Children()) {
    if (!IsPredicateName(child.name())) out.model = child;
  }
  if (!out.model) return element.Error("a segment without a model");
  return out;
}

Result<MissingPolicy> ReadPolicy(const Element& segmentation) {
  static constexpr std::string_view kTreatments[] = {"continue", "skipSegment", "returnMissing"};
  const std::string_view name = segmentation.Find("x-missingPredictionTreatment")
                                    ? "x-missingPredictionTreatment"
                                    : "missingPredictionTreatment";
  SLIPWAY_ASSIGN_OR_RETURN(const size_t treatment, segmentation.Choice(name, kTreatments));
  MissingPolicy out = {.treatment = static_cast<MissingPolicy::Treatment>(treatment)};
  SLIPWAY_ASSIGN_OR_RETURN(out.threshold, segmentation.NumberOr("missingThreshold", 1));
  return out;
}

Result<Segmentation> ReadSegmentation(const Element& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const Element at, model.NeedChild("Segmentation"));
  Segmentation out;
  SLIPWAY_ASSIGN_OR_RETURN(out.method, at.Need("multipleModelMethod"));
  if (out.method.starts_with("x-weighted")) out.method.erase(0, 2);
  SLIPWAY_ASSIGN_OR_RETURN(out.policy, ReadPolicy(at));
  std::set<std::string> ids;
  double total = 0;
  for (const Element& element : at.Children()) {
    if (element.name() != "Segment") return Conversion::Unsupported(element, "this element");
    const auto id = element.Find("id");
    if (id && !ids.insert(*id).second) return element.Error("the second one");
    SLIPWAY_ASSIGN_OR_RETURN(Segment segment, ReadSegment(element));
    total += segment.weight;
    out.segments.push_back(std::move(segment));
  }
  if (out.segments.empty()) return at.Error("no segments");
  if (!(total > 0)) return at.Error("weights that are all zero");
  return out;
}

// Makes the segments' models, each in a scope of its own. Problems of one do not hide another's.
// In a chain, the OutputFields of each become fields of the next.
Status MakeSegments(ModelScope& scope, std::vector<Segment>& segments, bool is_chain) {
  Conversion& all = scope.all();
  bool complete = true;
  for (Segment& segment : segments) {
    const auto make = [&]() -> Status {
      SLIPWAY_ASSIGN_OR_RETURN(const Predicate predicate, ReadPredicateOf(scope, segment.element));
      segment.active = Evaluate(all, predicate).yes;
      ModelScope inner(all, &scope);
      SLIPWAY_ASSIGN_OR_RETURN(segment.answer,
                               MakeInnerModel(inner, scope, segment.model, segment.active));
      if (!is_chain) return OkStatus();
      SLIPWAY_ASSIGN_OR_RETURN(const auto outputs,
                               MakeOutputs(inner, segment.model, segment.answer));
      for (const OutputValue& output : outputs) {
        Field field = output.field;
        if (!segment.active.name.empty()) {
          field.value = Where(all.graph, segment.active, field.value, Number(all.graph, kNaN));
          field.may_miss = true;
        }
        scope.Define(output.name, std::move(field));
      }
      return OkStatus();
    };
    const Status made = make();
    complete = complete && made.ok();
    SLIPWAY_RETURN_IF_ERROR(all.Recover(made));
  }
  return complete ? OkStatus() : base::Unimplemented(all.problems.front());
}

// All classes of the segments, those of the model's target first.
std::vector<std::string> AllClasses(ModelScope& scope, const Element& model,
                                    std::span<const Segment> segments) {
  std::vector<std::string> classes = TargetCategories(scope, model);
  for (const Segment& segment : segments) {
    for (const std::string& name : segment.answer.classes) ClassPosition(classes, name);
  }
  return classes;
}

// A segment's answer with its classes in the order of all of them.
void Reorder(GraphBuilder& graph, std::vector<std::string>& classes, ModelAnswer& answer) {
  if (answer.classes == classes) return;
  std::vector<double> positions;
  positions.reserve(answer.classes.size());
  for (const std::string& name : answer.classes) {
    positions.push_back(static_cast<double>(ClassPosition(classes, name)));
  }
  answer.value = LookUp(graph, positions, answer.value);
  if (!answer.probabilities.name.empty()) {
    std::vector<double> moves(classes.size() * positions.size(), 0);
    for (size_t i = 0; i < positions.size(); ++i) {
      moves[static_cast<size_t>(positions[i]) * positions.size() + i] = 1;
    }
    answer.probabilities = Product(graph, answer.probabilities, moves, classes.size());
  }
  answer.classes = classes;
}

Members SideBySide(Conversion& all, std::span<const Segment> segments) {
  Members out;
  std::vector<Value> values;
  std::vector<Value> active;
  bool always = true;
  for (const Segment& segment : segments) {
    values.push_back(segment.answer.value);
    out.weights.push_back(segment.weight);
    always = always && segment.active.name.empty();
  }
  out.values = all.graph.Concat(std::move(values));
  if (always) return out;
  for (const Segment& segment : segments) {
    active.push_back(segment.active.name.empty()
                         ? Compare(all.graph, "Equal", all.zeros, Number(all.graph, 0))
                         : segment.active);
  }
  out.active = all.graph.Concat(std::move(active));
  return out;
}

// The mean of the segments' probabilities, by their weights.
Result<ModelAnswer> AverageProbabilities(ModelScope& scope, const Element& model, Method method,
                                         const Segmentation& segmentation,
                                         std::vector<std::string> classes) {
  GraphBuilder& graph = scope.graph();
  std::vector<Value> columns;
  for (size_t i = 0; i < classes.size(); ++i) {
    Members members = SideBySide(scope.all(), segmentation.segments);
    std::vector<Value> values;
    for (const Segment& segment : segmentation.segments) {
      if (segment.answer.probabilities.name.empty()) {
        return segment.model.Error("a mean of probabilities, of which it has none");
      }
      const auto column = static_cast<int64_t>(i);
      values.push_back(graph.Columns(segment.answer.probabilities, std::span(&column, 1)));
    }
    members.values = graph.Concat(std::move(values));
    columns.push_back(CombineNumbers(graph, method, members, segmentation.policy));
  }
  if (columns.empty()) return model.Error("no classes");
  return ByProbability(scope, std::move(classes), graph.Concat(std::move(columns)));
}

std::optional<Method> MethodOf(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Method>, 9> kMethods = {{
      {"sum", Method::kSum},
      {"weightedSum", Method::kWeightedSum},
      {"average", Method::kAverage},
      {"weightedAverage", Method::kWeightedAverage},
      {"median", Method::kMedian},
      {"weightedMedian", Method::kWeightedMedian},
      {"max", Method::kMax},
      {"majorityVote", Method::kMajorityVote},
      {"weightedMajorityVote", Method::kWeightedMajorityVote},
  }};
  for (const auto& [known, method] : kMethods) {
    if (known == name) return method;
  }
  return std::nullopt;
}

bool IsVote(Method method) {
  return method == Method::kMajorityVote || method == Method::kWeightedMajorityVote;
}

bool IsMean(Method method) {
  return method == Method::kAverage || method == Method::kWeightedAverage;
}

Status CheckMethod(const Element& model, Method method, const std::string& name, bool classifies) {
  if (classifies ? IsVote(method) || IsMean(method) : !IsVote(method) && method != Method::kMax) {
    return OkStatus();
  }
  if (classifies && (method == Method::kMax || method == Method::kMedian)) {
    return Conversion::Unsupported(model,
                                   StrCat("multipleModelMethod='", name, "' of probabilities"));
  }
  return model.Error(StrCat("multipleModelMethod='", name, "' is invalid for ",
                            classifies ? "classification" : "regression"));
}

// Whether all segments are trees that always run, so that one node of the graph can be all of them.
bool IsForest(const Segmentation& segmentation) {
  return std::ranges::all_of(segmentation.segments, [](const Segment& segment) {
    return segment.model.name() == "TreeModel" && segment.element.Child("True") &&
           !segment.model.Child("Targets");
  });
}

Result<ModelAnswer> CombineForest(ModelScope& scope, const Element& model, Method method,
                                  const Segmentation& segmentation, bool classifies) {
  GraphBuilder& graph = scope.graph();
  TreeCompiler compiler(scope.all());
  bool as_float = model.Or("x-mathContext", "double") == "float";
  Members members;
  for (const Segment& segment : segmentation.segments) {
    ModelScope inner(scope.all(), &scope);
    if (const auto schema = segment.model.Child("MiningSchema")) {
      SLIPWAY_RETURN_IF_ERROR(DefineInnerInputs(inner, *schema));
    }
    if (const auto local = segment.model.Child("LocalTransformations")) {
      SLIPWAY_RETURN_IF_ERROR(DefineDerivedFields(inner, *local));
    }
    SLIPWAY_RETURN_IF_ERROR(compiler.Add(inner, segment.model));
    if (!inner.fails().name.empty()) scope.Fail(inner.fails());
    as_float = as_float || segment.model.Or("x-mathContext", "double") == "float";
    members.weights.push_back(segment.weight);
  }
  scope.all().Describe(StrCat(compiler.trees(), " trees"));
  SLIPWAY_ASSIGN_OR_RETURN(
      const TreeScores scores,
      ReadScores(compiler, classifies, as_float,
                 classifies ? TargetCategories(scope, model) : std::vector<std::string>()));
  const auto trees = static_cast<double>(compiler.trees());
  const bool whole = !scores.may_be_missing && !scores.may_fail;
  if (whole && !classifies && (method == Method::kSum || method == Method::kAverage)) {
    SLIPWAY_ASSIGN_OR_RETURN(Value sum, compiler.AddSums(scores.scores, 1, as_float));
    if (method == Method::kAverage) sum = Binary(graph, "Div", sum, Number(graph, trees));
    return ModelAnswer{.value = as_float ? ToFloat(graph, sum) : sum};
  }
  if (whole && classifies && method == Method::kAverage && scores.all_have_probabilities) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value sum,
                             compiler.AddSums(scores.probabilities, scores.classes.size(), false));
    return ByProbability(scope, scores.classes, Binary(graph, "Div", sum, Number(graph, trees)));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value ends, compiler.AddEnds());
  if (scores.may_fail) {
    const Value failed = Sum(graph, LookUp(graph, scores.fails, ends));
    scope.Fail(Compare(graph, "Greater", failed, Number(graph, 0)));
  }
  members.values = LookUp(graph, scores.scores, ends);
  if (IsVote(method)) {
    return CombineVotes(graph, method, members, segmentation.policy, scores.classes);
  }
  if (!classifies) {
    Value value = CombineNumbers(graph, method, members, segmentation.policy);
    return ModelAnswer{.value = as_float ? ToFloat(graph, value) : value};
  }
  if (!scores.all_have_probabilities) {
    return model.Error("a mean of probabilities, of which some leaves have none");
  }
  std::vector<Value> columns;
  const size_t classes = scores.classes.size();
  for (size_t i = 0; i < classes; ++i) {
    std::vector<double> shares;
    shares.reserve(scores.scores.size());
    for (size_t end = 0; end < scores.scores.size(); ++end) {
      shares.push_back(scores.probabilities[end * classes + i]);
    }
    members.values = LookUp(graph, shares, ends);
    columns.push_back(CombineNumbers(graph, method, members, segmentation.policy));
  }
  return ByProbability(scope, scores.classes, graph.Concat(std::move(columns)));
}

Result<ModelAnswer> Combine(ModelScope& scope, const Element& model, Segmentation& segmentation,
                            bool classifies) {
  const auto method = MethodOf(segmentation.method);
  if (!method) {
    return Conversion::Unsupported(
        model, StrCat("multipleModelMethod='", Printable(segmentation.method), "'"));
  }
  SLIPWAY_RETURN_IF_ERROR(CheckMethod(model, *method, segmentation.method, classifies));
  if (IsForest(segmentation)) {
    return CombineForest(scope, model, *method, segmentation, classifies);
  }
  SLIPWAY_RETURN_IF_ERROR(MakeSegments(scope, segmentation.segments, false));
  for (const Segment& segment : segmentation.segments) {
    if (segment.answer.classifies != classifies) {
      return segment.model.Error("its functionName is not that of the whole");
    }
  }
  if (!classifies) {
    const Members members = SideBySide(scope.all(), segmentation.segments);
    return ModelAnswer{.value =
                           CombineNumbers(scope.graph(), *method, members, segmentation.policy)};
  }
  std::vector<std::string> classes = AllClasses(scope, model, segmentation.segments);
  if (classes.empty()) return model.Error("a classification that names no class");
  for (Segment& segment : segmentation.segments) Reorder(scope.graph(), classes, segment.answer);
  if (!IsVote(*method)) {
    return AverageProbabilities(scope, model, *method, segmentation, std::move(classes));
  }
  const Members members = SideBySide(scope.all(), segmentation.segments);
  return CombineVotes(scope.graph(), *method, members, segmentation.policy, std::move(classes));
}

// The answer of one of the segments: the first that is active, or (a chain) the last.
Result<ModelAnswer> Select(ModelScope& scope, const Element& model, std::vector<Segment> segments,
                           bool classifies) {
  GraphBuilder& graph = scope.graph();
  // From the segment that wins to the one that is asked last; what comes after one that is always
  // active is never asked.
  const auto always = std::ranges::find_if(
      segments, [](const Segment& segment) { return segment.active.name.empty(); });
  if (always != segments.end()) segments.erase(always + 1, segments.end());
  std::vector<std::string> classes = AllClasses(scope, model, segments);
  bool have_probabilities = classifies;
  for (Segment& segment : segments) {
    if (segment.answer.classifies != classifies) {
      return segment.model.Error("its functionName is not that of the whole");
    }
    if (classifies) Reorder(graph, classes, segment.answer);
    have_probabilities = have_probabilities && !segment.answer.probabilities.name.empty();
  }
  const Value missing = Number(graph, kNaN);
  ModelAnswer out = {.classifies = classifies, .value = missing, .classes = classes};
  if (have_probabilities) {
    out.probabilities = Row(graph, std::vector<double>(classes.size(), kNaN));
  }
  for (size_t i = segments.size(); i-- > 0;) {
    const Segment& segment = segments[i];
    if (segment.active.name.empty()) {
      out.value = segment.answer.value;
      if (have_probabilities) out.probabilities = segment.answer.probabilities;
      continue;
    }
    out.value = Where(graph, segment.active, segment.answer.value, out.value);
    if (have_probabilities) {
      out.probabilities =
          Where(graph, segment.active, segment.answer.probabilities, out.probabilities);
    }
  }
  return out;
}

}  // namespace

Result<ModelAnswer> MakeMining(ModelScope& scope, const Element& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  SLIPWAY_ASSIGN_OR_RETURN(Segmentation segmentation, ReadSegmentation(model));
  if (segmentation.method == "selectFirst") {
    SLIPWAY_RETURN_IF_ERROR(MakeSegments(scope, segmentation.segments, false));
    return Select(scope, model, std::move(segmentation.segments), classifies);
  }
  if (segmentation.method == "modelChain") {
    SLIPWAY_RETURN_IF_ERROR(MakeSegments(scope, segmentation.segments, true));
    std::ranges::reverse(segmentation.segments);
    return Select(scope, model, std::move(segmentation.segments), classifies);
  }
  return Combine(scope, model, segmentation, classifies);
}

}  // namespace slipway::import::pmml
