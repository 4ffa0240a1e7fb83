// Types and shapes of elementwise operators, products and networks' layers.
#include <algorithm>
#include <numeric>
#include <utility>

#include "base/str_cat.h"
#include "graph/type_rules.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

std::vector<size_t> AllInputs(const TypeContext& at) {
  std::vector<size_t> all(at.node().inputs.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

// The type that inputs share: of the first whose type is known.
ElementType SharedType(const TypeContext& at) {
  for (size_t i = 0; i < at.node().inputs.size(); ++i) {
    if (at.In(i).type != ElementType::kUndefined) return at.In(i).type;
  }
  return ElementType::kUndefined;
}

Result<std::optional<Dims>> BroadcastAll(const TypeContext& at, size_t first = 0) {
  if (at.node().inputs.size() <= first) return std::optional<Dims>();
  std::optional<Dims> dims = at.In(first).dims;
  // Operator sets before 7: the output has the first input's shape.
  if (at.node().Has("broadcast") || at.node().Has("axis")) return dims;
  for (size_t i = first + 1; i < at.node().inputs.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(dims, Broadcast(dims, at.In(i).dims));
  }
  return dims;
}

Status SameAsInput(TypeContext& at) {
  at.Out(0, at.In(0).type, at.In(0).dims);
  return OkStatus();
}

// As the first input, and all have its type.
Status SameTypes(TypeContext& at) {
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(AllInputs(at)));
  at.Out(0, SharedType(at), at.In(0).dims);
  return OkStatus();
}

// The mask is BOOL, but was a number before operator set 10.
Status WithMask(TypeContext& at) {
  at.Out(0, at.In(0).type, at.In(0).dims);
  at.Out(1, ElementType::kUndefined, at.In(0).dims);
  return OkStatus();
}

Status Test(TypeContext& at) {
  at.Out(0, ElementType::kBool, at.In(0).dims);
  return OkStatus();
}

Status Elementwise(TypeContext& at) {
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(AllInputs(at)));
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> dims, BroadcastAll(at));
  at.Out(0, SharedType(at), std::move(dims));
  return OkStatus();
}

Status Comparison(TypeContext& at) {
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(AllInputs(at)));
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> dims, BroadcastAll(at));
  at.Out(0, ElementType::kBool, std::move(dims));
  return OkStatus();
}

Status Power(TypeContext& at) {
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> dims, BroadcastAll(at));
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status Where(TypeContext& at) {
  const ElementType condition = at.In(0).type;
  if (condition != ElementType::kUndefined && condition != ElementType::kBool) {
    return InvalidArgument(StrCat("expected a BOOL as the condition, got ", at.In(0)));
  }
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(std::vector<size_t>{1, 2}));
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> dims, BroadcastAll(at));
  const ElementType type = at.In(1).type;
  at.Out(0, type != ElementType::kUndefined ? type : at.In(2).type, std::move(dims));
  return OkStatus();
}

Status Cast(TypeContext& at) {
  at.Out(0, static_cast<ElementType>(static_cast<int32_t>(at.Int("to", 0))), at.In(0).dims);
  return OkStatus();
}

Status CastLike(TypeContext& at) {
  at.Out(0, at.In(1).type, at.In(0).dims);
  return OkStatus();
}

Status Quantize(TypeContext& at) {
  const auto wanted = static_cast<ElementType>(static_cast<int32_t>(at.Int("output_dtype", 0)));
  const bool has_zero = at.node().inputs.size() > 2 && !at.node().inputs[2].empty();
  const ElementType otherwise = wanted != ElementType::kUndefined ? wanted : ElementType::kUint8;
  at.Out(0, has_zero ? at.In(2).type : otherwise, at.In(0).dims);
  return OkStatus();
}

Status Dequantize(TypeContext& at) {
  at.Out(0, at.In(1).type, at.In(0).dims);
  return OkStatus();
}

Status Unfit(const ValueType& a, const ValueType& b) {
  return InvalidArgument(StrCat("expected matrices that can be multiplied, got ", a, " and ", b));
}

bool Differ(const Dim& a, const Dim& b) {
  const std::optional<int64_t> one = SizeOf(a);
  const std::optional<int64_t> other = SizeOf(b);
  return one && other && *one != *other;
}

Status MatMul(TypeContext& at) {
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(std::vector<size_t>{0, 1}));
  const ElementType type = SharedType(at);
  const std::optional<Dims>& left = at.In(0).dims;
  const std::optional<Dims>& right = at.In(1).dims;
  if (!left || !right) {
    at.Out(0, type);
    return OkStatus();
  }
  Dims a = *left;
  Dims b = *right;
  if (a.empty() || b.empty()) return Unfit(at.In(0), at.In(1));
  const bool is_row = a.size() == 1;
  const bool is_column = b.size() == 1;
  if (is_row) a.insert(a.begin(), int64_t{1});
  if (is_column) b.emplace_back(int64_t{1});
  const Dim& inner = b[b.size() - 2];
  if (Differ(a.back(), inner)) return Unfit(at.In(0), at.In(1));
  const Dim rows = a[a.size() - 2];
  const Dim columns = b.back();
  a.resize(a.size() - 2);
  b.resize(b.size() - 2);
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> batch, Broadcast(a, b));
  Dims dims = std::move(batch).value_or(Dims());
  if (!is_row) dims.push_back(rows);
  if (!is_column) dims.push_back(columns);
  at.Out(0, type, std::move(dims));
  return OkStatus();
}

Status Gemm(TypeContext& at) {
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(AllInputs(at)));
  const std::optional<Dims>& a = at.In(0).dims;
  const std::optional<Dims>& b = at.In(1).dims;
  if ((a && a->size() != 2) || (b && b->size() != 2)) return Unfit(at.In(0), at.In(1));
  Dims dims = {AnySize(), AnySize()};
  const size_t row = at.Int("transA", 0) != 0 ? 1 : 0;
  const size_t column = at.Int("transB", 0) != 0 ? 0 : 1;
  if (a && b && Differ((*a)[1 - row], (*b)[1 - column])) return Unfit(at.In(0), at.In(1));
  if (a) dims[0] = (*a)[row];
  if (b) dims[1] = (*b)[column];
  at.Out(0, SharedType(at), std::move(dims));
  return OkStatus();
}

// [batch, channels of the weights, ...]
Status Convolution(TypeContext& at) {
  const std::optional<Dims>& x = at.In(0).dims;
  const std::optional<Dims>& w = at.In(1).dims;
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(AllInputs(at)));
  if (x && w && (x->size() != w->size() || x->size() < 2)) {
    return InvalidArgument(
        StrCat("expected weights of the input's rank, got ", at.In(0), " and ", at.In(1)));
  }
  const std::optional<Dims>& known = x ? x : w;
  if (!known) {
    at.Out(0, SharedType(at));
    return OkStatus();
  }
  Dims dims(known->size(), AnySize());
  if (x) dims[0] = (*x)[0];
  if (w && at.node().op_type == "Conv") dims[1] = (*w)[0];
  at.Out(0, SharedType(at), std::move(dims));
  return OkStatus();
}

// Batch and channels stay; the rest has a size that is not followed, or 1.
Status Pool(TypeContext& at) {
  const bool global = at.node().op_type.starts_with("Global");
  std::optional<Dims> dims = at.In(0).dims;
  if (dims) {
    for (size_t i = 2; i < dims->size(); ++i) (*dims)[i] = global ? Dim(int64_t{1}) : AnySize();
  }
  at.Out(0, at.In(0).type, dims);
  at.Out(1, ElementType::kInt64, std::move(dims));
  return OkStatus();
}

Status Recurrent(TypeContext& at) {
  at.Out(0, at.In(0).type, Dims(4, AnySize()));
  at.Out(1, at.In(0).type, Dims(3, AnySize()));
  at.Out(2, at.In(0).type, Dims(3, AnySize()));
  return OkStatus();
}

}  // namespace

void AddMathRules(TypeRules& rules) {
  AddRule(SameAsInput,
          {"Abs",
           "Acos",
           "Acosh",
           "Asin",
           "Asinh",
           "Atan",
           "Atanh",
           "BatchNormalization",
           "BitwiseNot",
           "Ceil",
           "Celu",
           "Cos",
           "Cosh",
           "CumSum",
           "Elu",
           "Erf",
           "Exp",
           "Floor",
           "Gelu",
           "GroupNormalization",
           "Hardmax",
           "HardSigmoid",
           "HardSwish",
           "InstanceNormalization",
           "LRN",
           "LayerNormalization",
           "LeakyRelu",
           "Log",
           "LogSoftmax",
           "LpNormalization",
           "MeanVarianceNormalization",
           "Mish",
           "Neg",
           "Not",
           "Reciprocal",
           "Relu",
           "Round",
           "Scatter",
           "ScatterElements",
           "ScatterND",
           "Selu",
           "Shrink",
           "Sigmoid",
           "Sign",
           "Sin",
           "Sinh",
           "Softmax",
           "Softplus",
           "Softsign",
           "Sqrt",
           "Tan",
           "Tanh",
           "ThresholdedRelu",
           "Trilu"},
          rules);
  AddRule(SameTypes, {"Clip", "PRelu"}, rules);
  AddRule(WithMask, {"Dropout"}, rules);
  AddRule(Test, {"IsInf", "IsNaN"}, rules);
  AddRule(Elementwise,
          {"Add", "And", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Max", "Mean", "Min",
           "Mod", "Mul", "Or", "StringConcat", "Sub", "Sum", "Xor"},
          rules);
  AddRule(Comparison, {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}, rules);
  AddRule(Power, {"Pow"}, rules);
  AddRule(Where, {"Where"}, rules);
  AddRule(Cast, {"Cast"}, rules);
  AddRule(CastLike, {"CastLike"}, rules);
  AddRule(Quantize, {"QuantizeLinear"}, rules);
  AddRule(Dequantize, {"DequantizeLinear"}, rules);
  AddRule(MatMul, {"MatMul"}, rules);
  AddRule(Gemm, {"Gemm"}, rules);
  AddRule(Convolution, {"Conv", "ConvTranspose"}, rules);
  AddRule(
      Pool,
      {"AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"},
      rules);
  AddRule(Recurrent, {"GRU", "LSTM", "RNN"}, rules);
}

}  // namespace slipway::graph
