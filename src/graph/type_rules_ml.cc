// Types and shapes of ai.onnx.ml. Source: ONNX 1.20, docs/Operators-ml.md.
#include <map>
#include <utility>

#include "graph/type_rules.h"

namespace slipway::graph {

using base::OkStatus;
using base::Status;

namespace {

Dim BatchOf(const TypeContext& at) {
  const std::optional<Dims>& in = at.In(0).dims;
  return in && in->size() == 2 ? (*in)[0] : AnySize();
}

Status Floats(TypeContext& at) {
  at.Out(0, ElementType::kFloat, at.In(0).dims);
  return OkStatus();
}

Status Same(TypeContext& at) {
  at.Out(0, at.In(0).type, at.In(0).dims);
  return OkStatus();
}

// Labels [batch], of the type of the classes, and scores [batch, n].
Status Classifier(TypeContext& at) {
  const auto names = at.node().Texts("classlabels_strings");
  at.Out(0, names.ok() && !names->empty() ? ElementType::kString : ElementType::kInt64,
         Dims{BatchOf(at)});
  at.Out(1, ElementType::kFloat, Dims{BatchOf(at), AnySize()});
  return OkStatus();
}

Status Regressor(TypeContext& at) {
  const int64_t targets = at.Int("n_targets", at.Int("targets", 1));
  at.Out(0, ElementType::kFloat, Dims{BatchOf(at), targets > 0 ? Dim(targets) : AnySize()});
  return OkStatus();
}

Status Trees(TypeContext& at) {
  const int64_t targets = at.Int("n_targets", 0);
  at.Out(0, at.In(0).type, Dims{BatchOf(at), targets > 0 ? Dim(targets) : AnySize()});
  return OkStatus();
}

Status ArrayFeatureExtractor(TypeContext& at) {
  std::optional<Dims> dims = at.In(0).dims;
  if (dims && dims->size() == 1) dims->insert(dims->begin(), int64_t{1});
  if (dims && !dims->empty()) dims->back() = AnySize();
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status LabelEncoder(TypeContext& at) {
  ElementType type = ElementType::kUndefined;
  if (at.node().Has("values_floats")) type = ElementType::kFloat;
  if (at.node().Has("values_int64s")) type = ElementType::kInt64;
  if (at.node().Has("values_strings")) type = ElementType::kString;
  at.Out(0, type, at.In(0).dims);
  return OkStatus();
}

Status CategoryMapper(TypeContext& at) {
  ElementType type = ElementType::kUndefined;
  if (at.In(0).type == ElementType::kString) type = ElementType::kInt64;
  if (at.In(0).type == ElementType::kInt64) type = ElementType::kString;
  at.Out(0, type, at.In(0).dims);
  return OkStatus();
}

Status OneHotEncoder(TypeContext& at) {
  std::optional<Dims> dims = at.In(0).dims;
  if (dims) dims->push_back(AnySize());
  at.Out(0, ElementType::kFloat, std::move(dims));
  return OkStatus();
}

Status FeatureVectorizer(TypeContext& at) {
  at.Out(0, ElementType::kFloat, Dims{BatchOf(at), AnySize()});
  return OkStatus();
}

}  // namespace

TypeRule FindMlRule(std::string_view op_type) {
  static const std::map<std::string_view, TypeRule> kRules = {
      {"ArrayFeatureExtractor", ArrayFeatureExtractor},
      {"Binarizer", Same},
      {"CategoryMapper", CategoryMapper},
      {"FeatureVectorizer", FeatureVectorizer},
      {"Imputer", Same},
      {"LabelEncoder", LabelEncoder},
      {"LinearClassifier", Classifier},
      {"LinearRegressor", Regressor},
      {"Normalizer", Floats},
      {"OneHotEncoder", OneHotEncoder},
      {"SVMClassifier", Classifier},
      {"SVMRegressor", Regressor},
      {"Scaler", Floats},
      {"TreeEnsemble", Trees},
      {"TreeEnsembleClassifier", Classifier},
      {"TreeEnsembleRegressor", Regressor}};
  const auto found = kRules.find(op_type);
  return found == kRules.end() ? nullptr : found->second;
}

}  // namespace slipway::graph
