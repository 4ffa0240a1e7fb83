#include "inference/row_layout.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace slipway::inference {
namespace {

using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

constexpr int64_t kMostPadding = 2;  // times the length of the shorter row

// The outputs of one batch, shared by the answers that are parts of it: the last to be sent frees
// them. Counted by hand, because a Buffer's owner is one pointer.
struct SharedOutputs {
  std::atomic<size_t> users;
  std::vector<Tensor> tensors;

  static void Release(void* owner) {
    auto* shared = static_cast<SharedOutputs*>(owner);
    if (shared->users.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared;
  }
};

// Of the input at `position` of a run: behind the inputs come the states.
const TensorSpec& SpecOf(const tensor::Signature& signature, size_t position) {
  const size_t inputs = signature.inputs.size();
  return position < inputs ? signature.inputs[position] : signature.states[position - inputs].input;
}

bool SameRow(const TensorSpec& spec, const TensorView& input) {
  if (input.dtype() != spec.dtype || input.shape().rank() != spec.shape.rank()) return false;
  for (size_t i = 1; i < spec.shape.rank(); ++i) {
    if (spec.shape[i] != -1 && spec.shape[i] != input.shape()[i]) return false;
  }
  return true;
}

// The beginning of each row of `whole`, whose rows have `row` bytes, as a tensor of that shape.
Tensor Cut(std::span<const std::byte> whole, size_t row, DType dtype, const Shape& shape) {
  Tensor cut = *Tensor::Allocate(dtype, shape);
  const std::span<std::byte> data = cut.mutable_data();
  const size_t own_row = data.size() / static_cast<size_t>(shape[0]);
  const std::byte* from = whole.data();
  for (size_t at = 0; at < data.size(); at += own_row, from += row) {
    std::memcpy(data.data() + at, from, own_row);
  }
  return cut;
}

template <typename T>
void FillWith(std::span<std::byte> target, T value) {
  for (size_t at = 0; at < target.size(); at += sizeof(T)) {
    std::memcpy(target.data() + at, &value, sizeof(T));
  }
}

}  // namespace

void FillElements(std::span<std::byte> target, DType dtype, int64_t value) {
  switch (dtype) {
    case DType::kFp64:
      return FillWith(target, static_cast<double>(value));
    case DType::kFp32:
      return FillWith(target, static_cast<float>(value));
    case DType::kFp16:
      return FillWith(target, tensor::ToFp16(static_cast<float>(value)));
    case DType::kBf16:
      return FillWith(target, tensor::ToBf16(static_cast<float>(value)));
    case DType::kInt64:
    case DType::kUint64:
      return FillWith(target, value);
    case DType::kInt32:
    case DType::kUint32:
      return FillWith(target, static_cast<int32_t>(value));
    case DType::kInt16:
    case DType::kUint16:
      return FillWith(target, static_cast<int16_t>(value));
    case DType::kBool:
      return FillWith(target, value != 0);
    case DType::kInt8:
    case DType::kUint8:
      return FillWith(target, static_cast<int8_t>(value));
    case DType::kBytes:
      SLIPWAY_CHECK(target.empty());  // has no elements of one size
  }
}

bool RowLayout::Fits(const tensor::Signature& signature, std::span<const TensorView> inputs,
                     int64_t rows) const {
  const size_t count = signature.inputs.size() + signature.states.size();
  if (inputs.size() != count || rows < 1) return false;
  for (size_t i = 0; i < count; ++i) {
    const TensorView& input = inputs[i];
    if (input.absent() || !SameRow(SpecOf(signature, i), input) || input.shape()[0] != rows ||
        (padded(i) && (input.shape()[1] < 1 || input.shape()[1] != Length(inputs)))) {
      return false;
    }
  }
  return true;
}

bool RowLayout::Alike(std::span<const TensorView> one, std::span<const TensorView> other) const {
  const int64_t length = Length(one);
  const int64_t other_length = Length(other);
  if (std::max(length, other_length) > kMostPadding * std::min(length, other_length)) return false;
  for (size_t i = 0; i < one.size(); ++i) {
    const size_t fixed = padded(i) ? 2 : 1;
    if (!std::ranges::equal(one[i].shape().dims().subspan(fixed),
                            other[i].shape().dims().subspan(fixed))) {
      return false;
    }
  }
  return true;
}

int64_t RowLayout::Length(std::span<const TensorView> inputs) const {
  for (size_t i = 0; i < padding.size(); ++i) {
    if (padding[i].on) return inputs[i].shape()[1];
  }
  return 0;
}

RowJoiner::Size RowJoiner::SizeOf(const RowLayout& layout, std::span<const Part> parts) {
  Size size;
  for (const Part& part : parts) {
    size.rows += part.rows;
    size.length = std::max(size.length, layout.Length(part.inputs));
  }
  SLIPWAY_CHECK(size.rows > 0);  // a call without rows is part of no batch
  return size;
}

std::span<const TensorView> RowJoiner::Join(const RowLayout& layout, std::span<const Part> parts) {
  const Size size = SizeOf(layout, parts);
  const size_t count = parts.front().inputs.size();
  if (buffers_.size() < count) buffers_.resize(count);
  inputs_.clear();
  for (size_t i = 0; i < count; ++i) {
    const TensorView& first = parts.front().inputs[i];
    Shape shape = first.shape();
    shape.set_dim(0, size.rows);
    if (layout.padded(i)) shape.set_dim(1, size.length);
    const base::Result<int64_t> elements = tensor::ElementCount(shape);
    if (!elements.ok()) return {};
    const size_t bytes = static_cast<size_t>(*elements) * tensor::SizeOf(first.dtype());
    if (buffers_[i].size() < bytes) buffers_[i] = base::Buffer::Allocate(bytes);
    const std::span<std::byte> all{buffers_[i].data(), bytes};
    Lay(layout, parts, i, all, bytes / static_cast<size_t>(size.rows));
    const auto view = TensorView::Create(first.dtype(), shape, all);
    if (!view.ok()) return {};
    inputs_.push_back(*view);
  }
  return inputs_;
}

// Lays what the parts have of one input behind each other, in rows of `row` bytes.
void RowJoiner::Lay(const RowLayout& layout, std::span<const Part> parts, size_t input,
                    std::span<std::byte> all, size_t row) {
  std::byte* end = all.data();
  for (const Part& part : parts) {
    const std::span<const std::byte> data = part.inputs[input].data();
    if (data.empty()) continue;
    const size_t own_row = data.size() / static_cast<size_t>(part.rows);
    if (own_row == row) {
      std::memcpy(end, data.data(), data.size());
      end += data.size();
      continue;
    }
    for (size_t at = 0; at < data.size(); at += own_row, end += row) {
      std::memcpy(end, data.data() + at, own_row);
      FillElements({end + own_row, row - own_row}, part.inputs[input].dtype(),
                   layout.padding[input].value);
    }
  }
}

bool RowJoiner::Divide(const RowLayout& layout, std::span<const Part> parts,
                       std::span<const size_t> outputs, std::vector<Tensor> together) {
  const Size size = SizeOf(layout, parts);
  const auto is_cut = [&](size_t k) {
    return outputs[k] < layout.cut.size() && layout.cut[outputs[k]];
  };
  for (size_t k = 0; k < together.size(); ++k) {
    const Shape& shape = together[k].shape();
    if (together[k].dtype() == DType::kBytes || shape.rank() == 0 || shape[0] != size.rows ||
        (is_cut(k) && (shape.rank() < 2 || shape[1] != size.length))) {
      return false;
    }
  }
  auto* shared = new SharedOutputs{.users = 1, .tensors = std::move(together)};
  int64_t row = 0;
  for (const Part& part : parts) {
    const int64_t length = layout.Length(part.inputs);
    part.results->clear();
    for (size_t k = 0; k < shared->tensors.size(); ++k) {
      Tensor& output = shared->tensors[k];
      const size_t row_bytes = output.mutable_data().size() / static_cast<size_t>(size.rows);
      const std::span<std::byte> data = output.mutable_data().subspan(
          static_cast<size_t>(row) * row_bytes, static_cast<size_t>(part.rows) * row_bytes);
      Shape shape = output.shape();
      shape.set_dim(0, part.rows);
      if (is_cut(k) && length < size.length) {
        shape.set_dim(1, length);
        part.results->push_back(Cut(data, row_bytes, output.dtype(), shape));
        continue;
      }
      shared->users.fetch_add(1, std::memory_order_relaxed);
      base::Buffer view(data.data(), data.size(), shared, SharedOutputs::Release);
      part.results->push_back(*Tensor::Adopt(output.dtype(), shape, std::move(view)));
    }
    row += part.rows;
  }
  SharedOutputs::Release(shared);
  return true;
}

}  // namespace slipway::inference
