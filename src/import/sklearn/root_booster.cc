#include "import/sklearn/root_booster.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/catboost/catboost_importer.h"
#include "import/lightgbm/lightgbm_importer.h"
#include "import/sklearn/frame_categories.h"
#include "import/sklearn/stored_booster.h"
#include "import/xgboost/xgboost_importer.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using Imported = Result<std::optional<ImportedModel>>;

// The labels that a booster's file does not have; none where they are 0, 1, 2, ... nullopt for
// such as its importer does not know.
std::optional<ClassLabels> WrapperClasses(const Record& record, Role role) {
  if (role != Role::kClassifier) return ClassLabels();
  const Result<std::optional<Labels>> labels = LearnedLabels(record);
  if (!labels.ok()) return std::nullopt;
  const std::optional<Labels>& known = *labels;
  if (!known) return ClassLabels();
  if (known->kind == Labels::Kind::kText) return ClassLabels{.numbers = {}, .texts = known->texts};
  if (known->kind != Labels::Kind::kInteger) return std::nullopt;
  if (known->integers == Numbered(known->size()).integers) return ClassLabels();
  return ClassLabels{.numbers = known->integers, .texts = {}};
}

Imported ImportXgboost(const Record& record, const StoredBooster& stored,
                       const ImportOptions& options, Role role) {
  xgboost::WrapperFacts facts;
  facts.stop_at_best_iteration = role != Role::kBooster;
  SLIPWAY_ASSIGN_OR_RETURN(const double missing,
                           record.NumberOr("missing", std::numeric_limits<double>::quiet_NaN()));
  const auto labels = WrapperClasses(record, role);
  if (!std::isnan(missing) || !labels) return std::optional<ImportedModel>();
  facts.labels = *labels;
  SLIPWAY_ASSIGN_OR_RETURN(
      const xgboost::Description about,
      xgboost::DescribeBoosterBytes(AsBytes(stored.bytes), facts, options.limits));
  for (const xgboost::FrameCategories& column : about.categories) {
    if (!column.texts.empty() || !column.numbers.empty()) return std::optional<ImportedModel>();
  }
  SLIPWAY_ASSIGN_OR_RETURN(ImportedModel model,
                           xgboost::ImportBoosterBytes(AsBytes(stored.bytes), facts, options));
  return std::optional(std::move(model));
}

Imported ImportLightgbm(const Record& record, const StoredBooster& stored,
                        const ImportOptions& options, Role role) {
  SLIPWAY_ASSIGN_OR_RETURN(const lightgbm::Description about,
                           lightgbm::DescribeBoosterText(stored.bytes));
  SLIPWAY_ASSIGN_OR_RETURN(const auto categories,
                           FrameCategories(stored.holder, about.category_columns.size()));
  const auto labels = WrapperClasses(record, role);
  if (categories || !labels) return std::optional<ImportedModel>();
  lightgbm::WrapperFacts facts;
  facts.labels = *labels;
  SLIPWAY_ASSIGN_OR_RETURN(facts.iterations, stored.holder.IntegerOr("best_iteration", 0));
  SLIPWAY_ASSIGN_OR_RETURN(ImportedModel model,
                           lightgbm::ImportBoosterText(stored.bytes, facts, options));
  return std::optional(std::move(model));
}

Imported ImportCatboost(const StoredBooster& stored, const ImportOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(ImportedModel model,
                           catboost::CatboostImporter().import(AsBytes(stored.bytes), options));
  return std::optional(std::move(model));
}

// What the wrapper's predict() gives: numbers, or labels and probabilities.
Role RoleOf(std::string_view name) {
  if (name == "Booster" || name == "CatBoost") return Role::kBooster;
  return name.ends_with("Classifier") ? Role::kClassifier : Role::kRegressor;
}

}  // namespace

std::string_view FrameworkOf(std::string_view module) {
  if (module.starts_with("xgboost.")) return "XGBoost";
  if (module.starts_with("lightgbm.")) return "LightGBM";
  if (module.starts_with("catboost.")) return "CatBoost";
  return "scikit-learn";
}

std::optional<ImportedModel> ImportRootBooster(const Record& record, const ImportOptions& options) {
  const std::string_view framework = FrameworkOf(record.module());
  if (framework == "scikit-learn" || FindEstimator(record.module(), record.name()) == nullptr) {
    return std::nullopt;
  }
  const Role role = RoleOf(record.name());
  const auto stored = FindStored(record);
  if (!stored.ok()) return std::nullopt;
  Imported imported = framework == "XGBoost"    ? ImportXgboost(record, *stored, options, role)
                      : framework == "LightGBM" ? ImportLightgbm(record, *stored, options, role)
                                                : ImportCatboost(*stored, options);
  if (!imported.ok()) return std::nullopt;
  std::optional<ImportedModel>& model = *imported;
  if (!model) return std::nullopt;
  const bool tells_classes = !model->class_names.empty();
  if (role != Role::kBooster && tells_classes != (role == Role::kClassifier)) return std::nullopt;
  for (std::string& line : model->structure) {
    line = StrCat(base::Printable(record.name()), ": ", line);
  }
  return std::move(model);
}

}  // namespace slipway::import::sklearn
