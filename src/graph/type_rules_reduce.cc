// Types and shapes of operators that reduce, count and fill.
#include <utility>

#include "graph/onnx_tensor.h"
#include "graph/type_rules.h"

namespace slipway::graph {

using base::OkStatus;
using base::Result;
using base::Status;

namespace {

// The shape after a reduction over axes; nothing where they are not known.
Result<std::optional<Dims>> Reduced(const TypeContext& at, const TypeContext::List& axes) {
  const std::optional<Dims>& in = at.In(0).dims;
  const bool keeps = at.Int("keepdims", 1) != 0;
  if (!in) return std::optional<Dims>();
  if (!axes.known) return keeps ? FreeDims(in) : std::optional<Dims>();
  if (axes.values.empty() && at.Int("noop_with_empty_axes", 0) != 0) return in;
  std::vector<bool> gone(in->size(), axes.values.empty());
  for (const int64_t one : axes.values) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(one, in->size()));
    gone[axis] = true;
  }
  Dims dims;
  for (size_t i = 0; i < in->size(); ++i) {
    if (!gone[i]) dims.push_back((*in)[i]);
    if (gone[i] && keeps) dims.emplace_back(int64_t{1});
  }
  return std::optional<Dims>(std::move(dims));
}

Status Reduce(TypeContext& at) {
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> dims, Reduced(at, at.IntsOf(1, "axes")));
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status ArgReduce(TypeContext& at) {
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> dims,
                           Reduced(at, {.known = true, .values = {at.Int("axis", 0)}}));
  at.Out(0, ElementType::kInt64, std::move(dims));
  return OkStatus();
}

Status TopK(TypeContext& at) {
  std::optional<Dims> dims = at.In(0).dims;
  if (dims) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(at.Int("axis", -1), dims->size()));
    const auto k = at.Ints(1);
    (*dims)[axis] = k && k->size() == 1 && (*k)[0] >= 0 ? Dim((*k)[0]) : AnySize();
  }
  at.Out(0, at.In(0).type, dims);
  at.Out(1, ElementType::kInt64, std::move(dims));
  return OkStatus();
}

Status ShapeOf(TypeContext& at) {
  const bool whole = !at.node().Has("start") && !at.node().Has("end");
  Dims dims = {AnySize()};
  if (const auto rank = at.In(0).rank(); whole && rank) dims[0] = static_cast<int64_t>(*rank);
  at.Out(0, ElementType::kInt64, std::move(dims));
  return OkStatus();
}

Status Size(TypeContext& at) {
  at.Out(0, ElementType::kInt64, Dims());
  return OkStatus();
}

Status NonZero(TypeContext& at) {
  Dims dims = {AnySize(), AnySize()};
  if (const auto rank = at.In(0).rank()) dims[0] = static_cast<int64_t>(*rank);
  at.Out(0, ElementType::kInt64, std::move(dims));
  return OkStatus();
}

std::optional<Dims> Filled(const TypeContext& at, size_t input) {
  const auto sizes = at.Ints(input);
  if (!sizes) return DimsOfShapeInput(at.In(input));
  Dims dims;
  for (const int64_t size : *sizes) dims.push_back(size >= 0 ? Dim(size) : AnySize());
  return dims;
}

// The type and shape of a tensor that is an attribute.
std::optional<ValueType> TensorAttribute(const ModelNode& node, std::string_view name) {
  const auto read = node.TensorMessage(name);
  const auto message = read.ok() ? *read : std::nullopt;
  if (!message) return std::nullopt;
  const auto tensor = ReadTensor(base::WireReader(*message));
  if (!tensor.ok()) return std::nullopt;
  return ValueType{.type = tensor->element_type,
                   .dims = Dims(tensor->dims.begin(), tensor->dims.end())};
}

Status ConstantOfShape(TypeContext& at) {
  const std::optional<ValueType> value = TensorAttribute(at.node(), "value");
  at.Out(0, value ? value->type : ElementType::kFloat, Filled(at, 0));
  return OkStatus();
}

Status Expand(TypeContext& at) {
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Dims> dims, Broadcast(at.In(0).dims, Filled(at, 1)));
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status ConstantNode(TypeContext& at) {
  const ModelNode& node = at.node();
  if (node.Has("value_int")) at.Out(0, ElementType::kInt64, Dims());
  if (node.Has("value_float")) at.Out(0, ElementType::kFloat, Dims());
  if (node.Has("value_string")) at.Out(0, ElementType::kString, Dims());
  if (node.Has("value_ints")) at.Out(0, ElementType::kInt64, Dims{AnySize()});
  if (node.Has("value_floats")) at.Out(0, ElementType::kFloat, Dims{AnySize()});
  if (node.Has("value_strings")) at.Out(0, ElementType::kString, Dims{AnySize()});
  const std::optional<ValueType> value = TensorAttribute(node, "value");
  if (value) at.Out(0, value->type, value->dims);
  return OkStatus();
}

Status OneHot(TypeContext& at) {
  std::optional<Dims> dims = at.In(0).dims;
  if (dims) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(at.Int("axis", -1), dims->size() + 1));
    dims->insert(dims->begin() + static_cast<std::ptrdiff_t>(axis), AnySize());
  }
  at.Out(0, at.In(2).type, std::move(dims));
  return OkStatus();
}

Status Range(TypeContext& at) {
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(std::vector<size_t>{0, 1, 2}));
  at.Out(0, at.In(0).type, Dims{AnySize()});
  return OkStatus();
}

Status NonMaxSuppression(TypeContext& at) {
  at.Out(0, ElementType::kInt64, Dims{AnySize(), int64_t{3}});
  return OkStatus();
}

}  // namespace

void AddReduceRules(TypeRules& rules) {
  AddRule(Reduce,
          {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
           "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"},
          rules);
  AddRule(ArgReduce, {"ArgMax", "ArgMin"}, rules);
  AddRule(ConstantNode, {"Constant"}, rules);
  AddRule(ConstantOfShape, {"ConstantOfShape"}, rules);
  AddRule(Expand, {"Expand"}, rules);
  AddRule(NonMaxSuppression, {"NonMaxSuppression"}, rules);
  AddRule(NonZero, {"NonZero"}, rules);
  AddRule(OneHot, {"OneHot"}, rules);
  AddRule(Range, {"Range"}, rules);
  AddRule(ShapeOf, {"Shape"}, rules);
  AddRule(Size, {"Size"}, rules);
  AddRule(TopK, {"TopK"}, rules);
}

}  // namespace slipway::graph
