#include "import/sklearn/estimator.h"

#include <array>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::sklearn {

using base::Result;
using base::StrCat;
using pickle::Value;

int64_t Labels::size() const {
  switch (kind) {
    case Kind::kReal:
      return static_cast<int64_t>(reals.size());
    case Kind::kText:
      return static_cast<int64_t>(texts.size());
    default:
      return static_cast<int64_t>(integers.size());
  }
}

std::vector<std::string> Labels::Names() const {
  if (kind == Kind::kText) return texts;
  std::vector<std::string> names;
  names.reserve(reals.size());
  for (const double real : reals) names.push_back(StrCat(real));
  for (const int64_t integer : integers) {
    names.push_back(kind == Kind::kBool ? (integer != 0 ? "True" : "False") : StrCat(integer));
  }
  return names;
}

std::optional<int64_t> Labels::Find(const Value& label) const {
  const auto text = pickle::ReadText(label);
  const auto number = pickle::ReadNumber(label);
  for (int64_t i = 0; i < size(); ++i) {
    const auto at = static_cast<size_t>(i);
    const bool same = kind == Kind::kText ? text.ok() && *text == texts[at]
                      : kind == Kind::kReal
                          ? number.ok() && *number == reals[at]
                          : number.ok() && *number == static_cast<double>(integers[at]);
    if (same) return i;
  }
  return std::nullopt;
}

Result<Labels> Labels::Read(const Record& record, std::string_view attribute) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* value, record.Get(attribute));
  return Read(record, attribute, *value);
}

Result<Labels> Labels::Read(const Record& record, std::string_view attribute, const Value& value) {
  auto found = pickle::ReadArray(value);
  if (!found.ok()) return record.At(attribute, found.status());
  const pickle::Array& array = *found;
  if (array.count > record.budget().elements_left) {
    return base::ResourceExhausted("the model reads the same labels over and over");
  }
  record.budget().elements_left -= array.count;
  Labels labels;
  const char kind = array.type.kind;
  const bool texts =
      kind == 'U' || kind == 'S' ||
      (kind == 'O' && !array.objects.empty() && array.objects.front().Is(Value::Kind::kText));
  if (array.count == 0) return record.Damaged(StrCat(attribute, ": no classes"));
  if (texts) {
    labels.kind = Kind::kText;
    auto read = pickle::ToTexts(array);
    if (!read.ok()) return record.At(attribute, read.status());
    labels.texts = *std::move(read);
    for (const std::string& text : labels.texts) {
      if (!base::IsValidUtf8(text))
        return record.Damaged(StrCat(attribute, ": a name not in UTF-8"));
    }
    return labels;
  }
  if (kind == 'f') {
    labels.kind = Kind::kReal;
    auto read = pickle::ToDoubles(array);
    if (!read.ok()) return record.At(attribute, read.status());
    labels.reals = *std::move(read);
    return labels;
  }
  const bool bools = kind == 'b' || (kind == 'O' && array.objects.front().Is(Value::Kind::kBool));
  labels.kind = bools ? Kind::kBool : Kind::kInteger;
  auto read = pickle::ToIntegers(array);
  if (!read.ok()) return record.At(attribute, read.status());
  labels.integers = *std::move(read);
  return labels;
}

const Estimator* FindEstimator(std::string_view module, std::string_view name) {
  const std::array families = {LinearEstimators(),
                               ScalerEstimators(),
                               ComposedEstimators(),
                               ForestEstimators(),
                               BoostingEstimators(),
                               EncoderEstimators(),
                               ImputerEstimators(),
                               FeatureEstimators(),
                               SelectorEstimators(),
                               DecompositionEstimators(),
                               BayesEstimators(),
                               NeuralEstimators(),
                               NeighborEstimators(),
                               NearestCentroidEstimators(),
                               KernelEstimators(),
                               SvmEstimators(),
                               VotingEstimators(),
                               WeightedEstimators(),
                               CalibrationEstimators(),
                               BoosterEstimators(),
                               MulticlassEstimators(),
                               SeveralOutputsEstimators(),
                               DistributionEstimators(),
                               SplineEstimators(),
                               KnnImputerEstimators(),
                               MixtureEstimators(),
                               GaussianProcessEstimators(),
                               OutlierEstimators(),
                               TextEstimators(),
                               DummyEstimators(),
                               WrapperEstimators(),
                               KernelMapEstimators(),
                               OutlierBoundaryEstimators(),
                               ReductionEstimators(),
                               IterativeImputerEstimators()};
  for (const std::span<const Estimator> family : families) {
    for (const Estimator& estimator : family) {
      if (estimator.name != name || !module.starts_with(estimator.package)) continue;
      const std::string_view rest = module.substr(estimator.package.size());
      if (rest.empty() || rest.front() == '.') return &estimator;
    }
  }
  return nullptr;
}

Result<Answer> Convert(Scope& scope, const Value& value, std::string place, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Record record,
                           Record::From(value, std::move(place), scope.budget));
  SLIPWAY_RETURN_IF_ERROR(scope.Enter(record));
  const Estimator* estimator = FindEstimator(record.module(), record.name());
  Result<Answer> answer =
      estimator == nullptr
          ? Result<Answer>(scope.Unsupported(
                record, StrCat("class ", base::Printable(record.module()), ".",
                               base::Printable(record.name()), " is not supported")))
          : estimator->convert(scope, record, input);
  scope.Leave();
  return answer;
}

std::optional<int64_t> FittedWidth(const Record& record) {
  for (const std::string_view attribute : {"n_features_in_", "n_features_", "_n_features"}) {
    if (!record.Has(attribute)) continue;
    const auto width = record.Integer(attribute);
    if (width.ok() && *width > 0) return *width;
  }
  return std::nullopt;
}

Result<graph::Value> FittedMatrix(Scope& scope, const Record& record, const Frame& input) {
  const auto width = FittedWidth(record);
  if (width && *width != input.width()) {
    return record.Damaged(StrCat("was fitted on ", *width, " columns, but gets ", input.width()));
  }
  return scope.Matrix(record, input);
}

}  // namespace slipway::import::sklearn
