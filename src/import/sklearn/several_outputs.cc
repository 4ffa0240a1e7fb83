#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// One estimator for each of several outputs, side by side or in a chain, and a regressor of a
// target that was transformed. Source: scikit-learn 1.9, sklearn/multioutput.py,
// sklearn/compose/_target.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

constexpr std::array<int64_t, 1> kSecond = {1};

Result<Answer> ConvertMultiOutputClassifier(Scope& scope, const Record& record,
                                            const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  Several several;
  std::vector<Value> codes;
  for (const Answer& part : parts) {
    if (!part.labels) return record.Damaged("an estimator that is no classifier");
    several.labels.push_back(*part.labels);
    codes.push_back(ColumnOf(scope.graph, part.code));
    if (!part.probabilities.name.empty()) several.each.push_back(part.probabilities);
  }
  if (several.each.size() != parts.size()) several.each.clear();
  several.codes = scope.graph.Concat(std::move(codes));
  Answer answer;
  answer.several = std::move(several);
  return answer;
}

// ---- chains

// Estimators each of which sees the columns and what those before it said.
class Chain {
 public:
  Chain(Scope& scope, const Record& record) : scope_(scope), record_(record) {}

  base::Status Run(const Frame& input) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, record_.List("estimators_"));
    SLIPWAY_RETURN_IF_ERROR(ReadOrder(items.size()));
    // Each sees one column more: the model grows with the square of their number.
    constexpr size_t kMaxLinks = 1000;
    if (items.size() > kMaxLinks) {
      return scope_.Unsupported(record_, StrCat("more than ", kMaxLinks, " estimators in a chain"));
    }
    method_ = record_.TextOr("chain_method_", "predict");
    std::vector<Frame> frames = {input};
    for (size_t i = 0; i < items.size(); ++i) {
      const std::string place = record_.PlaceOf(StrCat("estimators_[", i, "]"));
      SLIPWAY_ASSIGN_OR_RETURN(Answer part, Convert(scope_, items[i], place, Frame::Join(frames)));
      SLIPWAY_ASSIGN_OR_RETURN(Value said, Said(part));
      frames.push_back(Frame::Of(std::move(said), 1));
      parts_.push_back(std::move(part));
    }
    return base::OkStatus();
  }

  // One value of each estimator, in the order of the outputs.
  template <typename Of>
  Value Joined(const Of& of) {
    std::vector<Value> columns(parts_.size());
    for (size_t i = 0; i < parts_.size(); ++i) columns[order_[i]] = of(parts_[i]);
    return scope_.graph.Concat(std::move(columns));
  }
  const std::vector<Answer>& parts() const { return parts_; }
  size_t OutputOf(size_t part) const { return order_[part]; }

 private:
  // Which output each estimator is for: an array or a list.
  base::Status ReadOrder(size_t count) {
    std::vector<int64_t> order;
    SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* value, record_.Get("order_"));
    if (pickle::IsArray(*value)) {
      SLIPWAY_ASSIGN_OR_RETURN(order, record_.Integers("order_"));
    } else {
      SLIPWAY_ASSIGN_OR_RETURN(const auto items, record_.List("order_"));
      for (const pickle::Value& item : items) {
        const auto one = pickle::ReadInteger(item);
        if (!one.ok()) return record_.At("order_", one.status());
        order.push_back(*one);
      }
    }
    std::vector<bool> seen(count, false);
    for (const int64_t one : order) {
      const bool fits = one >= 0 && static_cast<size_t>(one) < count;
      if (!fits || seen[static_cast<size_t>(one)]) return record_.Damaged("order_: no permutation");
      seen[static_cast<size_t>(one)] = true;
      order_.push_back(static_cast<size_t>(one));
    }
    if (count == 0 || order_.size() != count) {
      return record_.Damaged(StrCat("order_: of ", order_.size(), " for ", count, " estimators"));
    }
    return base::OkStatus();
  }

  // The labels themselves, as numbers.
  Result<Value> LabelNumbers(const Labels& labels, const Value& code) {
    std::vector<double> numbers = labels.reals;
    for (const int64_t integer : labels.integers) numbers.push_back(static_cast<double>(integer));
    if (numbers.empty()) return scope_.Unsupported(record_, "a chain of text labels");
    const auto size = static_cast<int64_t>(numbers.size());
    const Value table = scope_.graph.Add(graph::DoubleConstant(numbers, {size}), "labels");
    return scope_.graph.Node("Gather", {table, ColumnOf(scope_.graph, code)},
                             {{"axis", int64_t{0}}});
  }

  // What the estimators behind this one see of it, [batch, 1].
  Result<Value> Said(const Answer& part) {
    if (part.is_regressor() && part.targets == 1) return part.prediction;
    if (!part.labels) return record_.Damaged("an estimator of several outputs, or none");
    if (method_ == "predict") return LabelNumbers(*part.labels, part.code);
    const bool two = part.classes() == 2;
    if (two && method_ == "predict_proba" && !part.probabilities.name.empty()) {
      return scope_.graph.Columns(part.probabilities, kSecond);
    }
    if (two && method_ == "decision_function" && !part.decision.name.empty()) return part.decision;
    return scope_.Unsupported(record_,
                              StrCat("chain_method '", method_, "' is not supported here"));
  }

  Scope& scope_;
  const Record& record_;
  std::string method_;
  std::vector<size_t> order_;
  std::vector<Answer> parts_;
};

Result<Answer> ConvertRegressorChain(Scope& scope, const Record& record, const Frame& input) {
  Chain chain(scope, record);
  SLIPWAY_RETURN_IF_ERROR(chain.Run(input));
  Answer answer;
  for (const Answer& part : chain.parts()) {
    if (!part.is_regressor()) return record.Damaged("an estimator that is no regressor");
  }
  answer.targets = static_cast<int64_t>(chain.parts().size());
  answer.prediction = chain.Joined([](const Answer& part) { return part.prediction; });
  return answer;
}

Result<Answer> ConvertClassifierChain(Scope& scope, const Record& record, const Frame& input) {
  Chain chain(scope, record);
  SLIPWAY_RETURN_IF_ERROR(chain.Run(input));
  GraphBuilder& graph = scope.graph;
  Several several;
  several.labels.resize(chain.parts().size());
  bool shares = true;
  bool decides = true;
  for (size_t i = 0; i < chain.parts().size(); ++i) {
    const Answer& part = chain.parts()[i];
    if (!part.labels) return record.Damaged("an estimator that is no classifier");
    several.labels[chain.OutputOf(i)] = *part.labels;
    shares = shares && part.classes() == 2 && !part.probabilities.name.empty();
    decides = decides && part.classes() == 2 && !part.decision.name.empty();
  }
  several.codes = chain.Joined([&](const Answer& part) { return ColumnOf(graph, part.code); });
  if (shares) {
    several.probabilities = chain.Joined(
        [&](const Answer& part) { return graph.Columns(part.probabilities, kSecond); });
  }
  if (decides) several.decision = chain.Joined([](const Answer& part) { return part.decision; });
  Answer answer;
  answer.several = std::move(several);
  return answer;
}

// ---- transformed targets

// inverse_transform() of a scaler: its two steps, last one first.
struct Inverse {
  std::string_view name;
  std::array<std::string_view, 2> ops;
  std::array<std::string_view, 2> attributes;
};

constexpr Inverse kInverses[] = {
    {"StandardScaler", {"Mul", "Add"}, {"scale_", "mean_"}},
    {"RobustScaler", {"Mul", "Add"}, {"scale_", "center_"}},
    {"MaxAbsScaler", {"Mul", ""}, {"scale_", ""}},
    {"MinMaxScaler", {"Sub", "Div"}, {"min_", "scale_"}},
};

Result<Value> InverseTransform(Scope& scope, const Record& transformer, const Value& x,
                               int64_t width) {
  if (transformer.name() == "FunctionTransformer") {
    SLIPWAY_ASSIGN_OR_RETURN(const Frame frame, ApplyFunction(scope, transformer, "inverse_func",
                                                              "inv_kw_args", Frame::Of(x, width)));
    return scope.Matrix(transformer, frame);
  }
  const auto* inverse = std::ranges::find(kInverses, transformer.name(), &Inverse::name);
  if (inverse == std::end(kInverses)) {
    return scope.Unsupported(transformer, "the inverse of this transformer is not supported");
  }
  Value out = x;
  for (size_t i = 0; i < inverse->ops.size(); ++i) {
    if (inverse->ops[i].empty()) continue;
    SLIPWAY_RETURN_IF_ERROR(
        ApplyRow(scope.graph, transformer, inverse->ops[i], inverse->attributes[i], width, out));
  }
  return out;
}

Result<Answer> ConvertTransformedTarget(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* regressor, record.Get("regressor_"));
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer,
                           Convert(scope, *regressor, record.PlaceOf("regressor_"), input));
  if (!answer.is_regressor()) return record.Damaged("regressor_: is no regressor");
  SLIPWAY_ASSIGN_OR_RETURN(const Record transformer, record.Child("transformer_"));
  SLIPWAY_ASSIGN_OR_RETURN(answer.prediction,
                           InverseTransform(scope, transformer, answer.prediction, answer.targets));
  return answer;
}

constexpr std::string_view kMultioutput = "sklearn.multioutput";

constexpr Estimator kEstimators[] = {
    {kMultioutput, "MultiOutputClassifier", ConvertMultiOutputClassifier},
    {kMultioutput, "ClassifierChain", ConvertClassifierChain},
    {kMultioutput, "RegressorChain", ConvertRegressorChain},
    {"sklearn.compose", "TransformedTargetRegressor", ConvertTransformedTarget},
};

}  // namespace

std::span<const Estimator> SeveralOutputsEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
