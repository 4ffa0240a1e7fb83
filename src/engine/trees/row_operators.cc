// Softmax, ArgMax and ReduceSum along the last axis.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "engine/trees/operators.h"

namespace slipway::engine {

using base::OkStatus;
using base::Result;
using base::Status;
using graph::ElementType;
using graph::OnnxNode;

namespace {

// With the bits of XGBoost, which adds in double precision, and of LightGBM, which knows no other.
// Sources: Softmax() in XGBoost 3.2's src/common/math.h, and Common::Softmax() of LightGBM 4.
template <typename T>
void Softmax(const T* in, size_t width, T* out) {
  const T highest = *std::max_element(in, in + width);
  double sum = 0;
  for (size_t i = 0; i < width; ++i) {
    out[i] = std::exp(in[i] - highest);
    sum += static_cast<double>(out[i]);
  }
  for (size_t i = 0; i < width; ++i) out[i] /= static_cast<T>(sum);
}

template <typename T>
Step SoftmaxStep(size_t in, size_t out, size_t width) {
  return [=](const Frame& frame) {
    for (size_t row = 0; row < frame.rows; ++row) {
      Softmax(frame.As<T>(in) + row * width, width, frame.As<T>(out) + row * width);
    }
  };
}

template <typename T>
Step ArgMaxStep(size_t in, size_t out, size_t width) {
  return [=](const Frame& frame) {
    for (size_t row = 0; row < frame.rows; ++row) {
      const T* begin = frame.As<T>(in) + row * width;
      frame.As<int64_t>(out)[row] = std::max_element(begin, begin + width) - begin;
    }
  };
}

template <typename T>
Step SumStep(size_t in, size_t out, size_t width) {
  return [=](const Frame& frame) {
    for (size_t row = 0; row < frame.rows; ++row) {
      const T* begin = frame.As<T>(in) + row * width;
      T sum = 0;
      for (size_t i = 0; i < width; ++i) sum += begin[i];
      frame.As<T>(out)[row] = sum;
    }
  };
}

// Whether the node works along the last axis of rows of numbers.
Status CheckRows(const ProgramBuilder& builder, const OnnxNode& node, size_t in, int64_t axis) {
  const Slot& slot = builder.slot(in);
  const bool reals = slot.type == ElementType::kFloat || slot.type == ElementType::kDouble;
  if (slot.per_row && slot.rank == 2 && reals && (axis == 1 || axis == -1)) return OkStatus();
  return NotUnderstood(node, "another axis, shape or type");
}

Status AddSoftmax(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", -1));
  SLIPWAY_RETURN_IF_ERROR(CheckRows(builder, node, in, axis));
  const ElementType type = builder.slot(in).type;
  const size_t width = builder.slot(in).width;
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, type, 2, width));
  builder.AddStep(type == ElementType::kFloat ? SoftmaxStep<float>(in, out, width)
                                              : SoftmaxStep<double>(in, out, width));
  return OkStatus();
}

Status AddArgMax(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t keep, node.Int("keepdims", 1));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t last, node.Int("select_last_index", 0));
  SLIPWAY_RETURN_IF_ERROR(CheckRows(builder, node, in, axis));
  if (last != 0) return NotUnderstood(node, "select_last_index");
  const Slot slot = builder.slot(in);
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, ElementType::kInt64, keep != 0 ? 2 : 1, 1));
  builder.SetBelow(out, static_cast<int64_t>(slot.width));
  builder.AddStep(slot.type == ElementType::kFloat ? ArgMaxStep<float>(in, out, slot.width)
                                                   : ArgMaxStep<double>(in, out, slot.width));
  return OkStatus();
}

Status AddReduceSum(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const size_t axes, builder.Input(node, 1));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t keep, node.Int("keepdims", 1));
  const Slot axes_slot = builder.slot(axes);
  if (axes_slot.kind != Slot::Kind::kConstant || axes_slot.type != ElementType::kInt64 ||
      axes_slot.width != 1) {
    return NotUnderstood(node, "axes");
  }
  SLIPWAY_RETURN_IF_ERROR(CheckRows(builder, node, in, builder.ConstantAs<int64_t>(axes)[0]));
  const Slot slot = builder.slot(in);
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, slot.type, keep != 0 ? 2 : 1, 1));
  builder.AddStep(slot.type == ElementType::kFloat ? SumStep<float>(in, out, slot.width)
                                                   : SumStep<double>(in, out, slot.width));
  return OkStatus();
}

}  // namespace

bool IsRowwise(const OnnxNode& node) {
  return node.domain.empty() &&
         (node.op_type == "Softmax" || node.op_type == "ArgMax" || node.op_type == "ReduceSum");
}

Status AddRowwise(ProgramBuilder& builder, const OnnxNode& node) {
  if (node.op_type == "Softmax") return AddSoftmax(builder, node);
  if (node.op_type == "ArgMax") return AddArgMax(builder, node);
  return AddReduceSum(builder, node);
}

}  // namespace slipway::engine
