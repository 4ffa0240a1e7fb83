// Types and shapes of ai.onnx.ml. Source: ONNX 1.20, docs/Operators-ml.md.
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

void AddMlRules(TypeRules& rules) {
  constexpr std::string_view kMl = GraphBuilder::kMlDomain;
  AddRule(ArrayFeatureExtractor, {"ArrayFeatureExtractor"}, rules, kMl);
  AddRule(Same, {"Binarizer", "Imputer"}, rules, kMl);
  AddRule(CategoryMapper, {"CategoryMapper"}, rules, kMl);
  AddRule(FeatureVectorizer, {"FeatureVectorizer"}, rules, kMl);
  AddRule(LabelEncoder, {"LabelEncoder"}, rules, kMl);
  AddRule(Classifier, {"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"}, rules, kMl);
  AddRule(Regressor, {"LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor"}, rules, kMl);
  AddRule(Floats, {"Normalizer", "Scaler"}, rules, kMl);
  AddRule(OneHotEncoder, {"OneHotEncoder"}, rules, kMl);
  AddRule(Trees, {"TreeEnsemble"}, rules, kMl);
}

}  // namespace slipway::graph
