// Types and shapes of operators that move, pick, join, split and reduce.
#include <algorithm>
#include <map>
#include <utility>

#include "base/str_cat.h"
#include "graph/onnx_tensor.h"
#include "graph/type_rules.h"

namespace slipway::graph {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr size_t kMostRank = 16;

// The product of sizes; nullopt where one is free, or the product too large.
std::optional<int64_t> Product(std::span<const Dim> dims) {
  int64_t product = 1;
  for (const Dim& dim : dims) {
    const std::optional<int64_t> size = SizeOf(dim);
    if (!size || __builtin_mul_overflow(product, *size, &product)) return std::nullopt;
  }
  return product;
}

Dim ProductDim(std::span<const Dim> dims) {
  if (dims.size() == 1) return dims[0];
  const std::optional<int64_t> product = Product(dims);
  return product ? Dim(*product) : AnySize();
}

// Dimensions of unknown size, as many as a shape tensor has elements; nothing where that is open.
std::optional<Dims> DimsOfShapeInput(const ValueType& shape) {
  if (!shape.dims || shape.dims->size() != 1) return std::nullopt;
  const std::optional<int64_t> rank = SizeOf((*shape.dims)[0]);
  if (!rank || *rank < 0 || *rank > static_cast<int64_t>(kMostRank)) return std::nullopt;
  return Dims(static_cast<size_t>(*rank), AnySize());
}

std::optional<Dims> FreeDims(const std::optional<Dims>& like) {
  return like ? std::optional<Dims>(Dims(like->size(), AnySize())) : std::nullopt;
}

Status OfRank(TypeContext& at) {
  at.Out(0, at.In(0).type, FreeDims(at.In(0).dims));
  return OkStatus();
}

Status OfType(TypeContext& at) {
  at.Out(0, at.In(0).type);
  return OkStatus();
}

Status Identity(TypeContext& at) {
  at.Out(0, at.In(0).type, at.In(0).dims);
  return OkStatus();
}

// The dims that a list of sizes asks for: 0 copies, -1 takes what is left.
Result<Dims> Reshaped(const TypeContext& at, const std::vector<int64_t>& sizes) {
  const ValueType& in = at.In(0);
  const bool zero_is_zero = at.Int("allowzero", 0) != 0;
  Dims out;
  std::optional<size_t> open;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0 && !zero_is_zero) {
      if (in.dims && i >= in.dims->size()) {
        return InvalidArgument(StrCat("its shape copies dimension ", i, " of ", in));
      }
      out.push_back(in.dims ? (*in.dims)[i] : AnySize());
    } else if (sizes[i] == -1 && !open) {
      open = i;
      out.push_back(AnySize());
    } else if (sizes[i] < 0) {
      return InvalidArgument(StrCat("expected a shape, got a size of ", sizes[i]));
    } else {
      out.emplace_back(sizes[i]);
    }
  }
  const std::optional<int64_t> count = in.dims ? Product(*in.dims) : std::nullopt;
  if (!count) return out;
  if (open) out[*open] = int64_t{1};
  const std::optional<int64_t> made = Product(out);
  if (made && open && *made > 0 && *count % *made == 0) {
    out[*open] = *count / *made;
  } else if (made && (open ? *made > 0 : *made != *count)) {
    if (open) out[*open] = AnySize();
    return InvalidArgument(
        StrCat("cannot make ", ValueType{.type = in.type, .dims = out}, " of ", in));
  } else if (open) {
    out[*open] = AnySize();
  }
  return out;
}

Status Reshape(TypeContext& at) {
  const TypeContext::List sizes = at.IntsOf(1, "shape");
  if (!sizes.known) {
    at.Out(0, at.In(0).type, DimsOfShapeInput(at.In(1)));
    return OkStatus();
  }
  SLIPWAY_ASSIGN_OR_RETURN(Dims dims, Reshaped(at, sizes.values));
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status Flatten(TypeContext& at) {
  const std::optional<Dims>& in = at.In(0).dims;
  Dims dims = {AnySize(), AnySize()};
  if (in) {
    const auto rank = static_cast<int64_t>(in->size());
    int64_t axis = at.Int("axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis > rank) {
      return InvalidArgument(StrCat("expected an axis of ", rank, " dimensions, got ", axis));
    }
    const std::span<const Dim> all(*in);
    dims = {ProductDim(all.first(static_cast<size_t>(axis))),
            ProductDim(all.subspan(static_cast<size_t>(axis)))};
  }
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status Transpose(TypeContext& at) {
  const std::optional<Dims>& in = at.In(0).dims;
  auto order = at.node().Ints("perm");
  if (!in || !order.ok()) {
    at.Out(0, at.In(0).type);
    return OkStatus();
  }
  Dims dims(in->rbegin(), in->rend());
  if (at.node().Has("perm")) {
    std::vector<int64_t> sorted = *order;
    std::ranges::sort(sorted);
    bool whole = sorted.size() == in->size();
    for (size_t i = 0; whole && i < sorted.size(); ++i)
      whole = sorted[i] == static_cast<int64_t>(i);
    if (!whole) {
      return InvalidArgument(StrCat("perm is no order of the ", in->size(), " axes of ", at.In(0)));
    }
    for (size_t i = 0; i < dims.size(); ++i) dims[i] = (*in)[static_cast<size_t>((*order)[i])];
  }
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Dim SumOf(const Dim& a, const Dim& b) {
  const std::optional<int64_t> one = SizeOf(a);
  const std::optional<int64_t> other = SizeOf(b);
  int64_t sum = 0;
  if (!one || !other || __builtin_add_overflow(*one, *other, &sum)) return AnySize();
  return sum;
}

// Takes a further input into the dims of what is joined along `axis`.
Status Join(const ValueType& first, const ValueType& in, size_t axis, Dims& dims) {
  if (!in.dims) {
    dims[axis] = AnySize();
    return OkStatus();
  }
  if (in.dims->size() != dims.size()) {
    return InvalidArgument(StrCat("expected inputs of one rank, got ", first, " and ", in));
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    const Dim& other = (*in.dims)[i];
    if (i == axis) {
      dims[i] = SumOf(dims[i], other);
    } else if (!SizeOf(dims[i])) {
      dims[i] = other;
    } else if (SizeOf(other) && dims[i] != other) {
      return InvalidArgument(
          StrCat("expected inputs that fit beside axis ", axis, ", got ", first, " and ", in));
    }
  }
  return OkStatus();
}

Status Concat(TypeContext& at) {
  std::vector<size_t> all(at.node().inputs.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  SLIPWAY_RETURN_IF_ERROR(at.CheckEqualTypes(all));
  if (!at.In(0).dims) return OfType(at);
  Dims dims = *at.In(0).dims;
  SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(at.Int("axis", 1), dims.size()));
  for (size_t i = 1; i < all.size(); ++i) {
    SLIPWAY_RETURN_IF_ERROR(Join(at.In(0), at.In(i), axis, dims));
  }
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status Gather(TypeContext& at) {
  const std::optional<Dims>& in = at.In(0).dims;
  const std::optional<Dims>& indices = at.In(1).dims;
  std::optional<Dims> dims;
  if (in) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(at.Int("axis", 0), in->size()));
    if (indices) {
      dims.emplace(in->begin(), in->begin() + static_cast<std::ptrdiff_t>(axis));
      dims->insert(dims->end(), indices->begin(), indices->end());
      dims->insert(dims->end(), in->begin() + static_cast<std::ptrdiff_t>(axis) + 1, in->end());
    }
  }
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status GatherElements(TypeContext& at) {
  at.Out(0, at.In(0).type, at.In(1).dims);
  return OkStatus();
}

Status Squeeze(TypeContext& at) {
  const std::optional<Dims>& in = at.In(0).dims;
  const TypeContext::List axes = at.IntsOf(1, "axes");
  // Without axes it takes those of size 1, which a free dimension may be.
  const bool open = in && axes.values.empty() && !Product(*in);
  if (!in || !axes.known || open) {
    at.Out(0, at.In(0).type);
    return OkStatus();
  }
  std::vector<bool> gone(in->size(), false);
  for (const int64_t one : axes.values) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(one, in->size()));
    const std::optional<int64_t> size = SizeOf((*in)[axis]);
    if (size && *size != 1) {
      return InvalidArgument(StrCat("expected size 1 in axis ", axis, " of ", at.In(0)));
    }
    gone[axis] = true;
  }
  Dims dims;
  for (size_t i = 0; i < in->size(); ++i) {
    if (gone[i] || (axes.values.empty() && SizeOf((*in)[i]) == 1)) continue;
    dims.push_back((*in)[i]);
  }
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status Unsqueeze(TypeContext& at) {
  const std::optional<Dims>& in = at.In(0).dims;
  const TypeContext::List axes = at.IntsOf(1, "axes");
  if (!in || !axes.known || in->size() + axes.values.size() > kMostRank) {
    at.Out(0, at.In(0).type);
    return OkStatus();
  }
  const size_t rank = in->size() + axes.values.size();
  std::vector<bool> made(rank, false);
  for (const int64_t one : axes.values) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(one, rank));
    if (made[axis]) return InvalidArgument(StrCat("axis ", axis, " comes twice"));
    made[axis] = true;
  }
  Dims dims;
  auto next = in->begin();
  for (size_t i = 0; i < rank; ++i) dims.push_back(made[i] ? Dim(int64_t{1}) : *next++);
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

// Sizes along sliced axes are not followed.
Status Slice(TypeContext& at) {
  std::optional<Dims> dims = at.In(0).dims;
  const TypeContext::List axes = at.IntsOf(3, "axes");
  if (dims && axes.known && !axes.values.empty()) {
    for (const int64_t one : axes.values) {
      SLIPWAY_ASSIGN_OR_RETURN(const size_t axis, at.Axis(one, dims->size()));
      (*dims)[axis] = AnySize();
    }
  } else {
    dims = FreeDims(dims);
  }
  at.Out(0, at.In(0).type, std::move(dims));
  return OkStatus();
}

Status Split(TypeContext& at) {
  std::optional<Dims> dims = at.In(0).dims;
  const TypeContext::List sizes = at.IntsOf(1, "split");
  size_t axis = 0;
  if (dims) {
    SLIPWAY_ASSIGN_OR_RETURN(axis, at.Axis(at.Int("axis", 0), dims->size()));
  }
  const bool known = sizes.known && sizes.values.size() == at.node().outputs.size();
  for (size_t i = 0; i < at.node().outputs.size(); ++i) {
    if (dims) (*dims)[axis] = known ? Dim(sizes.values[i]) : AnySize();
    at.Out(i, at.In(0).type, dims);
  }
  return OkStatus();
}

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
  if (whole && at.In(0).dims) dims[0] = static_cast<int64_t>(at.In(0).dims->size());
  at.Out(0, ElementType::kInt64, std::move(dims));
  return OkStatus();
}

Status Size(TypeContext& at) {
  at.Out(0, ElementType::kInt64, Dims());
  return OkStatus();
}

Status NonZero(TypeContext& at) {
  Dims dims = {AnySize(), AnySize()};
  if (at.In(0).dims) dims[0] = static_cast<int64_t>(at.In(0).dims->size());
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
  const auto found = std::ranges::find(node.attributes, name, &OnnxAttribute::name);
  if (found == node.attributes.end()) return std::nullopt;
  const std::string_view message = TextOf(found->message, 5);
  const auto tensor =
      ReadTensor(base::WireReader(std::as_bytes(std::span(message.data(), message.size()))));
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

using Rules = std::map<std::string_view, TypeRule>;

void Add(Rules& rules, TypeRule rule, std::initializer_list<std::string_view> operators) {
  for (const std::string_view op : operators) rules.emplace(op, rule);
}

Rules MakeRules() {
  Rules rules;
  Add(rules, OfRank,
      {"DFT", "DepthToSpace", "GridSample", "Pad", "Resize", "RoiAlign", "SpaceToDepth", "Tile",
       "Upsample"});
  Add(rules, OfType, {"Compress", "Einsum", "GatherND"});
  Add(rules, Reduce,
      {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
       "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"});
  Add(rules, ArgReduce, {"ArgMax", "ArgMin"});
  rules.insert({{"Concat", Concat},
                {"Constant", ConstantNode},
                {"ConstantOfShape", ConstantOfShape},
                {"Expand", Expand},
                {"Flatten", Flatten},
                {"Gather", Gather},
                {"GatherElements", GatherElements},
                {"Identity", Identity},
                {"NonMaxSuppression", NonMaxSuppression},
                {"NonZero", NonZero},
                {"OneHot", OneHot},
                {"Range", Range},
                {"Reshape", Reshape},
                {"Shape", ShapeOf},
                {"Size", Size},
                {"Slice", Slice},
                {"Split", Split},
                {"Squeeze", Squeeze},
                {"TopK", TopK},
                {"Transpose", Transpose},
                {"Unsqueeze", Unsqueeze}});
  return rules;
}

}  // namespace

TypeRule FindShapeRule(std::string_view op_type) {
  static const Rules kRules = MakeRules();
  const auto found = kRules.find(op_type);
  return found == kRules.end() ? nullptr : found->second;
}

}  // namespace slipway::graph
