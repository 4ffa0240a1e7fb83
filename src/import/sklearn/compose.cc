#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/column_choice.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Estimators made of others. Source: scikit-learn 1.9, sklearn/pipeline.py,
// sklearn/compose/_column_transformer.py, sklearn/model_selection/_search.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using pickle::Value;
using Kind = pickle::Value::Kind;

bool IsText(const Value& value, std::string_view text) {
  return value.Is(Kind::kText) && value.node().text == text;
}

bool PassesThrough(const Value& value) {
  return value.Is(Kind::kNone) || IsText(value, "passthrough");
}

// A named part of a composition: (name, estimator[, columns]).
struct Part {
  std::string name;
  Value estimator;
  Value columns;
  std::string place;
};

Result<std::vector<Part>> ReadParts(const Record& record, std::string_view attribute) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> items, record.List(attribute));
  std::vector<Part> parts;
  for (const Value& item : items) {
    const bool pair = (item.Is(Kind::kTuple) || item.Is(Kind::kList)) &&
                      item.node().items.size() >= 2 && item.node().items[0].Is(Kind::kText);
    if (!pair) return record.Damaged(StrCat(attribute, ": expected names with estimators"));
    const std::vector<Value>& values = item.node().items;
    Part part;
    part.name = std::string(values[0].node().text);
    part.estimator = values[1];
    if (values.size() > 2) part.columns = values[2];
    part.place = record.PlaceOf(
        StrCat(attribute, "[", parts.size(), "] '", base::Printable(part.name, 40), "'"));
    parts.push_back(std::move(part));
  }
  return parts;
}

// What an estimator that was not understood would have given to the next one: as many columns as
// that one was fitted on. nullopt when that is not known either.
std::optional<Frame> FrameFor(Scope& scope, const Part& next) {
  const auto record = Record::From(next.estimator, next.place, scope.budget);
  if (!record.ok()) return std::nullopt;
  const auto width = FittedWidth(*record);
  if (!width) return std::nullopt;
  return Frame::Of({.name = "unknown", .type = ElementType::kDouble}, *width);
}

Result<Answer> ConvertPipeline(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Part> parts, ReadParts(record, "steps"));
  if (parts.empty()) return record.Damaged("a pipeline without steps");
  Answer answer = Answer::Output(input);
  Frame frame = input;  // what the next step sees
  base::Status first_problem;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (PassesThrough(parts[i].estimator)) {
      answer = Answer::Output(frame);
      continue;
    }
    Result<Answer> next = Convert(scope, parts[i].estimator, parts[i].place, frame);
    const bool last = i + 1 == parts.size();
    if (next.ok() && !last && !next->output) {
      return record.Damaged(StrCat("steps[", i, "] is no transformer"));
    }
    if (!next.ok()) {
      SLIPWAY_RETURN_IF_ERROR(Scope::Recover(next.status()));
      if (first_problem.ok()) first_problem = next.status();
      const auto frame_for_next = last ? std::nullopt : FrameFor(scope, parts[i + 1]);
      if (!frame_for_next) return first_problem;
      next = Answer::Output(*frame_for_next);
    }
    answer = *std::move(next);
    if (answer.output) frame = *answer.output;
  }
  if (!first_problem.ok()) return first_problem;
  return answer;
}

// Multiplies what a transformer gives by its weight.
Result<Frame> Weighted(Scope& scope, const Record& record, const std::string& name, Frame frame) {
  if (!record.Has("transformer_weights")) return frame;
  SLIPWAY_ASSIGN_OR_RETURN(const Value* weights, record.Get("transformer_weights"));
  const Value* weight =
      weights->Is(Kind::kDict) ? pickle::FindKey(weights->node().items, name) : nullptr;
  if (weight == nullptr) return frame;
  const auto factor = pickle::ReadNumber(*weight);
  if (!factor.ok()) return record.At("transformer_weights", factor.status());
  SLIPWAY_ASSIGN_OR_RETURN(const graph::Value x, scope.Matrix(record, frame));
  return Frame::Of(scope.graph.Node("Mul", {x, Constant(scope.graph, *factor)}), frame.width());
}

// Transforms the same input with each part and joins what they give.
class Union {
 public:
  Union(Scope& scope, const Record& record) : scope_(scope), record_(record) {}

  base::Status Add(const Part& part, const Frame& input) {
    if (IsText(part.estimator, "drop") || input.blocks.empty()) return base::OkStatus();
    Frame frame = input;
    if (!PassesThrough(part.estimator)) {
      Result<Answer> answer = Convert(scope_, part.estimator, part.place, input);
      if (!answer.ok()) {
        SLIPWAY_RETURN_IF_ERROR(Scope::Recover(answer.status()));
        if (problem_.ok()) problem_ = answer.status();
        return base::OkStatus();
      }
      std::optional<Frame>& output = answer->output;
      if (!output) return record_.Damaged(StrCat("'", part.name, "' is no transformer"));
      frame = *std::move(output);
    }
    SLIPWAY_ASSIGN_OR_RETURN(frame, Weighted(scope_, record_, part.name, std::move(frame)));
    frames_.push_back(std::move(frame));
    return base::OkStatus();
  }

  Result<Answer> Finish() && {
    if (!problem_.ok()) return problem_;
    return Answer::Output(Frame::Join(std::move(frames_)));
  }

 private:
  Scope& scope_;
  const Record& record_;
  std::vector<Frame> frames_;
  base::Status problem_;
};

Result<Answer> ConvertFeatureUnion(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Part> parts, ReadParts(record, "transformer_list"));
  Union all(scope, record);
  for (const Part& part : parts) SLIPWAY_RETURN_IF_ERROR(all.Add(part, input));
  return std::move(all).Finish();
}

Result<Answer> ConvertColumnTransformer(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Part> parts, ReadParts(record, "transformers_"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, ColumnNames(record));
  Union all(scope, record);
  for (const Part& part : parts) {
    if (IsText(part.estimator, "drop")) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> chosen,
                             ChooseColumns(record, part.columns, names, input.width()));
    SLIPWAY_ASSIGN_OR_RETURN(const Frame columns, scope.Select(record, input, chosen));
    SLIPWAY_RETURN_IF_ERROR(all.Add(part, columns));
  }
  return std::move(all).Finish();
}

// Searches over parameters: what they found is the model.
Result<Answer> ConvertSearch(Scope& scope, const Record& record, const Frame& input) {
  if (!record.Has("best_estimator_")) {
    return record.Damaged("has no best_estimator_: it was fitted with refit=False");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value* best, record.Get("best_estimator_"));
  return Convert(scope, *best, record.PlaceOf("best_estimator_"), input);
}

constexpr Estimator kEstimators[] = {
    {"sklearn.pipeline", "Pipeline", ConvertPipeline},
    {"sklearn.pipeline", "FeatureUnion", ConvertFeatureUnion},
    {"sklearn.compose", "ColumnTransformer", ConvertColumnTransformer},
    {"sklearn.model_selection", "GridSearchCV", ConvertSearch},
    {"sklearn.model_selection", "RandomizedSearchCV", ConvertSearch},
    {"sklearn.model_selection", "HalvingGridSearchCV", ConvertSearch},
    {"sklearn.model_selection", "HalvingRandomSearchCV", ConvertSearch},
};

}  // namespace

std::span<const Estimator> ComposedEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
