// Types and shapes of operators that move, pick, join and split.
#include <algorithm>
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
  const std::optional<Dims>& first = at.In(0).dims;
  if (!first) return OfType(at);
  Dims dims = *first;
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

}  // namespace

void AddShapeRules(TypeRules& rules) {
  AddRule(OfRank,
          {"DFT", "DepthToSpace", "GridSample", "Pad", "Resize", "RoiAlign", "SpaceToDepth", "Tile",
           "Upsample"},
          rules);
  AddRule(OfType, {"Compress", "Einsum", "GatherND"}, rules);
  AddRule(Concat, {"Concat"}, rules);
  AddRule(Flatten, {"Flatten"}, rules);
  AddRule(Gather, {"Gather"}, rules);
  AddRule(GatherElements, {"GatherElements"}, rules);
  AddRule(Identity, {"Identity"}, rules);
  AddRule(Reshape, {"Reshape"}, rules);
  AddRule(Slice, {"Slice"}, rules);
  AddRule(Split, {"Split"}, rules);
  AddRule(Squeeze, {"Squeeze"}, rules);
  AddRule(Transpose, {"Transpose"}, rules);
  AddRule(Unsqueeze, {"Unsqueeze"}, rules);
}

}  // namespace slipway::graph
