#include "app/predict/rows.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/buffer.h"
#include "base/str_cat.h"

namespace slipway::app {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::Shape;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

namespace {

bool TakesOneRow(const Signature& signature) {
  const auto one_row = [](const TensorSpec& spec) {
    return !spec.any_rank && spec.shape.rank() > 0 && spec.shape[0] == 1;
  };
  return !signature.inputs.empty() && std::ranges::all_of(signature.inputs, one_row) &&
         std::ranges::all_of(signature.outputs, one_row);
}

Result<int64_t> CountRows(const Signature& signature, std::span<const TensorView> inputs) {
  std::optional<size_t> first;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].absent()) continue;
    if (inputs[i].shape().rank() == 0) {
      return InvalidArgument(
          StrCat("input '", signature.inputs[i].name, "': expected rows, got a single number"));
    }
    if (!first) first = i;
    if (inputs[i].shape()[0] != inputs[*first].shape()[0]) {
      return InvalidArgument(StrCat("input '", signature.inputs[i].name, "' has ",
                                    inputs[i].shape()[0], " rows, input '",
                                    signature.inputs[*first].name, "' has ",
                                    inputs[*first].shape()[0], ": expected as many"));
    }
  }
  if (!first) return InvalidArgument("the input file gives none of the model's inputs");
  const int64_t rows = inputs[*first].shape()[0];
  if (rows == 0) return InvalidArgument("the input has no rows");
  return rows;
}

// Row count and row shape in one: the shape with another first dimension.
Shape WithRows(Shape shape, int64_t rows) {
  shape.set_dim(0, rows);
  return shape;
}

}  // namespace

Result<RowPlan> PlanRows(const Signature& signature, std::span<const TensorView> inputs,
                         int64_t batch) {
  const bool one_row = TakesOneRow(signature);
  if (!one_row && !signature.batched()) return RowPlan();
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t rows, CountRows(signature, inputs));
  const int64_t per_run = one_row ? 1 : std::min(batch, rows);
  return RowPlan{.rows = rows, .rows_per_run = per_run, .sliced = rows > per_run};
}

Signature WithFreeRows(Signature signature) {
  if (!TakesOneRow(signature)) return signature;
  for (TensorSpec& spec : signature.inputs) spec.shape.set_dim(0, -1);
  return signature;
}

size_t RowReader::BytesOf(int64_t elements) const {
  if (tensor_.dtype() != tensor::DType::kBytes) {
    return static_cast<size_t>(elements) * tensor::SizeOf(tensor_.dtype());
  }
  size_t at = at_;
  for (int64_t i = 0; i < elements; ++i) {
    uint32_t length = 0;
    std::memcpy(&length, tensor_.data().data() + at, sizeof(length));
    at += sizeof(length) + length;
  }
  return at - at_;
}

Result<TensorView> RowReader::Next(int64_t count) {
  if (tensor_.absent()) return TensorView();
  const Shape shape = WithRows(tensor_.shape(), count);
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t elements, tensor::ElementCount(shape));
  const size_t bytes = BytesOf(elements);
  const auto data = tensor_.data().subspan(at_, bytes);
  at_ += bytes;
  return TensorView::Create(tensor_.dtype(), shape, data);
}

Status RowCollector::Add(Tensor rows) {
  if (rows.shape().rank() == 0) return InvalidArgument("expected rows, got a single element");
  if (!parts_.empty()) {
    const Tensor& first = parts_.front();
    if (rows.dtype() != first.dtype() || WithRows(rows.shape(), 0) != WithRows(first.shape(), 0)) {
      return InvalidArgument(StrCat("rows have the shape ", rows.shape(), " after ", first.shape(),
                                    ": they cannot be joined; give all rows at once with --batch"));
    }
  }
  rows_ += rows.shape()[0];
  parts_.push_back(std::move(rows));
  return base::OkStatus();
}

Result<Tensor> RowCollector::Finish() {
  if (parts_.size() == 1) return std::move(parts_.front());
  if (parts_.empty()) return InvalidArgument("no rows");
  size_t bytes = 0;
  for (const Tensor& part : parts_) bytes += part.view().data().size();
  base::Buffer buffer = base::Buffer::Allocate(bytes);
  std::byte* at = buffer.data();
  for (const Tensor& part : parts_) {
    const auto data = part.view().data();
    if (!data.empty()) std::memcpy(at, data.data(), data.size());
    at += data.size();
  }
  const Shape shape = WithRows(parts_.front().shape(), rows_);
  return Tensor::Adopt(parts_.front().dtype(), shape, std::move(buffer));
}

}  // namespace slipway::app
