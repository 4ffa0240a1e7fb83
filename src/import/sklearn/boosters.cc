#include "import/sklearn/boosters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/answer.h"
#include "import/catboost/catboost_importer.h"
#include "import/lightgbm/lightgbm_importer.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/frame_categories.h"
#include "import/sklearn/stored_booster.h"
#include "import/xgboost/xgboost_importer.h"

// Boosted trees of other libraries behind scikit-learn's interface: the pickle holds the bytes of
// their model files. Source: XGBoost 3.2, python-package/xgboost/sklearn.py; LightGBM 4.7,
// python-package/lightgbm/sklearn.py; CatBoost 1.2, catboost/python-package/catboost/core.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;
using Said = import::Answer::Kind;

// An error of another importer, at the place of the model.
Status Within(Scope& scope, const Record& record, const Status& status) {
  if (status.code() == base::StatusCode::kUnimplemented) {
    return scope.Unsupported(record, status.message());
  }
  return record.At("the booster", status);
}

Status CheckWidth(const Record& record, const Frame& input, const ImportedModel& about) {
  const auto width = static_cast<int64_t>(about.columns.size());
  if (width == input.width()) return base::OkStatus();
  return record.Damaged(StrCat("was fitted on ", width, " columns, but gets ", input.width()));
}

void Report(Scope& scope, const Record& record, const ImportedModel& about) {
  if (!about.structure.empty()) scope.Describe(about.structure.front());
  for (const std::string& warning : about.warnings) scope.Warn(record, warning);
}

Labels FromClassLabels(const ClassLabels& from, int64_t count) {
  if (from.empty()) return Numbered(count);
  Labels labels;
  labels.kind = from.texts.empty() ? Labels::Kind::kInteger : Labels::Kind::kText;
  labels.integers = from.numbers;
  labels.texts = from.texts;
  return labels;
}

Answer ToPrediction(Scope& scope, const import::Answer& said) {
  Answer answer;
  answer.prediction = scope.graph.Cast(said.value, ElementType::kDouble);
  answer.targets = said.count;
  return answer;
}

// Every output has the labels 0 and 1, by its own probability.
Answer ToSeveral(Scope& scope, const import::Answer& said) {
  GraphBuilder& graph = scope.graph;
  Several several;
  several.labels.assign(static_cast<size_t>(said.count), Numbered(2));
  several.probabilities = graph.Cast(said.value, ElementType::kDouble);
  const Value above =
      graph.Node("Greater", {several.probabilities, Constant(graph, 0.5)}, {}, ElementType::kBool);
  several.codes = graph.Cast(above, ElementType::kInt64);
  Answer answer;
  answer.several = std::move(several);
  return answer;
}

// The second class's probability, which the wrappers complete in its own precision.
Answer ToBinary(Scope& scope, const import::Answer& said, Labels labels) {
  GraphBuilder& graph = scope.graph;
  const Value other = graph.Node("Sub", {graph.Scalar(said.value.type, 1.0), said.value});
  Answer answer;
  answer.labels = std::move(labels);
  answer.probabilities = graph.Cast(graph.Concat({other, said.value}), ElementType::kDouble);
  answer.code = IsAbove(graph, graph.Cast(said.value, ElementType::kDouble), said.threshold);
  return answer;
}

Answer ToMulticlass(Scope& scope, const import::Answer& said, Labels labels) {
  Answer answer;
  answer.labels = std::move(labels);
  answer.probabilities = scope.graph.Cast(said.value, ElementType::kDouble);
  answer.code = FirstMaximum(scope.graph, answer.probabilities);
  return answer;
}

int64_t ClassCount(const import::Answer& said) {
  return said.kind == Said::kMulticlass ? said.count : 2;
}

// `labels` are as many as ClassCount().
Result<Answer> ToAnswer(Scope& scope, const Record& record, const import::Answer& said, Role role,
                        Labels labels) {
  if (role == Role::kRegressor) return ToPrediction(scope, said);
  switch (said.kind) {
    case Said::kBinary:
      return ToBinary(scope, said, std::move(labels));
    case Said::kMulticlass:
      return ToMulticlass(scope, said, std::move(labels));
    case Said::kMultilabel:
      return ToSeveral(scope, said);
    case Said::kPrediction:
      break;
  }
  if (role == Role::kBooster) return ToPrediction(scope, said);
  return scope.Unsupported(record, "a classifier whose objective gives no probabilities");
}

// ---- XGBoost

// Numbers that the wrapper was told to take for missing ones.
Result<Value> WithoutMissing(Scope& scope, const Record& record, const Value& x) {
  SLIPWAY_ASSIGN_OR_RETURN(const double missing,
                           record.NumberOr("missing", std::numeric_limits<double>::quiet_NaN()));
  if (std::isnan(missing)) return x;
  GraphBuilder& graph = scope.graph;
  const Value same =
      graph.Node("Equal", {x, graph.Scalar(ElementType::kFloat, missing)}, {}, ElementType::kBool);
  const Value none = graph.Scalar(ElementType::kFloat, std::numeric_limits<double>::quiet_NaN());
  return graph.Node("Where", {same, none, x}, {}, ElementType::kFloat);
}

// The columns as numbers: those with categories of a data frame, which the file tells, as codes.
Result<Value> XgboostColumns(Scope& scope, const Record& record, const Frame& input,
                             xgboost::Description& description) {
  std::vector<int64_t> columns;
  std::vector<Categories> categories;
  for (size_t i = 0; i < description.categories.size(); ++i) {
    xgboost::FrameCategories& from = description.categories[i];
    if (from.texts.empty() && from.numbers.empty()) continue;
    columns.push_back(static_cast<int64_t>(i));
    Categories& made = categories.emplace_back();
    made.text = !from.texts.empty();
    made.texts = std::move(from.texts);
    made.numbers = std::move(from.numbers);
  }
  const bool readable = std::ranges::all_of(categories, [](const Categories& one) {
    return std::ranges::all_of(one.texts, base::IsValidUtf8);
  });
  if (columns.empty() || !readable) return scope.Matrix(record, input);
  std::erase_if(description.about.warnings,
                [](const std::string& line) { return line.starts_with("categories are taken"); });
  description.about.warnings.emplace_back(
      "categories that training has not met count as missing, where XGBoost refuses them");
  return WithCodes(scope, record, input, columns, categories);
}

Result<Answer> ConvertXgboost(Scope& scope, const Record& record, const Frame& input, Role role) {
  SLIPWAY_ASSIGN_OR_RETURN(const StoredBooster stored, FindStored(record));
  xgboost::WrapperFacts facts;
  facts.stop_at_best_iteration = role != Role::kBooster;
  auto description = xgboost::DescribeBoosterBytes(AsBytes(stored.bytes), facts, kBoosterLimits);
  if (!description.ok()) return Within(scope, record, description.status());
  SLIPWAY_RETURN_IF_ERROR(CheckWidth(record, input, description->about));
  SLIPWAY_ASSIGN_OR_RETURN(const Value numbers, XgboostColumns(scope, record, input, *description));
  Report(scope, record, description->about);
  SLIPWAY_ASSIGN_OR_RETURN(
      const Value x, WithoutMissing(scope, record, scope.graph.Cast(numbers, ElementType::kFloat)));
  const auto said =
      xgboost::AddBoosterBytes(scope.graph, x, AsBytes(stored.bytes), facts, kBoosterLimits);
  if (!said.ok()) return Within(scope, record, said.status());
  Labels labels = Numbered(ClassCount(*said));
  if (role == Role::kClassifier && said->kind != Said::kMultilabel) {
    SLIPWAY_ASSIGN_OR_RETURN(labels, WrapperLabels(record, ClassCount(*said)));
  }
  return ToAnswer(scope, record, *said, role, std::move(labels));
}

// ---- LightGBM

Result<Answer> ConvertLightgbm(Scope& scope, const Record& record, const Frame& input, Role role) {
  SLIPWAY_ASSIGN_OR_RETURN(const StoredBooster stored, FindStored(record));
  auto description = lightgbm::DescribeBoosterText(stored.bytes);
  if (!description.ok()) return Within(scope, record, description.status());
  const std::vector<int64_t>& columns = description->category_columns;
  SLIPWAY_ASSIGN_OR_RETURN(const auto categories, FrameCategories(stored.holder, columns.size()));
  if (categories) description->about.warnings.clear();  // that they are taken as codes
  SLIPWAY_RETURN_IF_ERROR(CheckWidth(record, input, description->about));
  Report(scope, record, description->about);
  lightgbm::WrapperFacts facts;
  SLIPWAY_ASSIGN_OR_RETURN(facts.iterations, stored.holder.IntegerOr("best_iteration", 0));
  Value x;
  if (categories) {
    SLIPWAY_ASSIGN_OR_RETURN(x, WithCodes(scope, record, input, columns, *categories));
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(x, scope.Matrix(record, input));
  }
  const auto said = lightgbm::AddBoosterText(scope.graph, x, stored.bytes, facts);
  if (!said.ok()) return Within(scope, record, said.status());
  Labels labels = Numbered(ClassCount(*said));
  if (role == Role::kClassifier) {
    SLIPWAY_ASSIGN_OR_RETURN(labels, WrapperLabels(record, ClassCount(*said)));
  }
  return ToAnswer(scope, record, *said, role, std::move(labels));
}

// ---- CatBoost

Result<Answer> ConvertCatboost(Scope& scope, const Record& record, const Frame& input, Role role) {
  SLIPWAY_ASSIGN_OR_RETURN(const StoredBooster stored, FindStored(record));
  const auto about = catboost::DescribeModelBytes(AsBytes(stored.bytes), kBoosterLimits);
  if (!about.ok()) return Within(scope, record, about.status());
  SLIPWAY_RETURN_IF_ERROR(CheckWidth(record, input, *about));
  Report(scope, record, *about);
  catboost::ColumnSource source;
  source.numbers = [&](std::span<const int64_t> columns) -> Result<Value> {
    SLIPWAY_ASSIGN_OR_RETURN(const Frame chosen, scope.Select(record, input, columns));
    SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.Matrix(record, chosen));
    return scope.graph.Cast(x, ElementType::kFloat);
  };
  source.category = [&](int64_t column) { return scope.TextColumn(record, input, column); };
  const auto added =
      catboost::AddModelBytes(scope.graph, source, AsBytes(stored.bytes), kBoosterLimits);
  if (!added.ok()) return Within(scope, record, added.status());
  const int64_t count = ClassCount(added->answer);
  return ToAnswer(scope, record, added->answer, role, FromClassLabels(added->labels, count));
}

template <Result<Answer> (*Converter)(Scope&, const Record&, const Frame&, Role), Role Wanted>
Result<Answer> As(Scope& scope, const Record& record, const Frame& input) {
  return Converter(scope, record, input, Wanted);
}

constexpr Estimator kEstimators[] = {
    {"xgboost.sklearn", "XGBClassifier", As<ConvertXgboost, Role::kClassifier>},
    {"xgboost.sklearn", "XGBRFClassifier", As<ConvertXgboost, Role::kClassifier>},
    {"xgboost.sklearn", "XGBRegressor", As<ConvertXgboost, Role::kRegressor>},
    {"xgboost.sklearn", "XGBRFRegressor", As<ConvertXgboost, Role::kRegressor>},
    {"xgboost.sklearn", "XGBRanker", As<ConvertXgboost, Role::kRegressor>},
    {"xgboost.sklearn", "XGBModel", As<ConvertXgboost, Role::kRegressor>},
    {"xgboost.core", "Booster", As<ConvertXgboost, Role::kBooster>},
    {"lightgbm.sklearn", "LGBMClassifier", As<ConvertLightgbm, Role::kClassifier>},
    {"lightgbm.sklearn", "LGBMRegressor", As<ConvertLightgbm, Role::kRegressor>},
    {"lightgbm.sklearn", "LGBMRanker", As<ConvertLightgbm, Role::kRegressor>},
    {"lightgbm.sklearn", "LGBMModel", As<ConvertLightgbm, Role::kRegressor>},
    {"lightgbm.basic", "Booster", As<ConvertLightgbm, Role::kBooster>},
    {"catboost.core", "CatBoostClassifier", As<ConvertCatboost, Role::kClassifier>},
    {"catboost.core", "CatBoostRegressor", As<ConvertCatboost, Role::kRegressor>},
    {"catboost.core", "CatBoostRanker", As<ConvertCatboost, Role::kRegressor>},
    {"catboost.core", "CatBoost", As<ConvertCatboost, Role::kBooster>},
};

}  // namespace

std::span<const Estimator> BoosterEstimators() { return kEstimators; }

bool IsBoosterModule(std::string_view module) {
  constexpr std::array<std::string_view, 3> kPackages = {"xgboost.", "lightgbm.", "catboost."};
  return std::ranges::any_of(kPackages,
                             [&](std::string_view package) { return module.starts_with(package); });
}

Result<std::optional<std::vector<ImportedColumn>>> BoosterColumns(const Record& record) {
  if (!IsBoosterModule(record.module())) return std::optional<std::vector<ImportedColumn>>();
  SLIPWAY_ASSIGN_OR_RETURN(const StoredBooster stored, FindStored(record));
  const auto about = [&]() -> Result<ImportedModel> {
    if (record.module().starts_with("xgboost.")) {
      SLIPWAY_ASSIGN_OR_RETURN(
          xgboost::Description description,
          xgboost::DescribeBoosterBytes(AsBytes(stored.bytes), {}, kBoosterLimits));
      return std::move(description.about);
    }
    if (record.module().starts_with("lightgbm.")) {
      SLIPWAY_ASSIGN_OR_RETURN(lightgbm::Description description,
                               lightgbm::DescribeBoosterText(stored.bytes));
      return std::move(description.about);
    }
    return catboost::DescribeModelBytes(AsBytes(stored.bytes), kBoosterLimits);
  }();
  if (!about.ok()) return record.At("the booster", about.status());
  return std::optional(about->columns);
}

}  // namespace slipway::import::sklearn
