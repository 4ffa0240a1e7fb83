#include "app/predict/npy_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "tensor/npy.h"

namespace slipway::app {

using base::InvalidArgument;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::Shape;
using tensor::TensorView;

bool NpyStream::Takes(DType dtype) { return dtype != DType::kBytes && dtype != DType::kBf16; }

Status NpyStream::Begin(const TensorView& rows) {
  if (rows.shape().rank() == 0) return InvalidArgument("expected rows, got a single number");
  std::vector<int64_t> dims(rows.shape().dims().begin(), rows.shape().dims().end());
  dims[0] = rows_;
  dtype_ = rows.dtype();
  shape_ = Shape(dims);
  SLIPWAY_ASSIGN_OR_RETURN(const std::string prefix, tensor::NpyPrefix(dtype_, shape_));
  SLIPWAY_ASSIGN_OR_RETURN(writer_, fs_.CreateAtomically(path_));
  return writer_->Append(prefix);
}

Status NpyStream::Add(const TensorView& rows) {
  if (writer_ == nullptr) SLIPWAY_RETURN_IF_ERROR(Begin(rows));
  const bool alike = rows.dtype() == dtype_ && rows.shape().rank() == shape_.rank() &&
                     std::ranges::equal(rows.shape().dims().subspan(1), shape_.dims().subspan(1));
  if (!alike) {
    return InvalidArgument(
        StrCat("expected rows of ", dtype_, shape_, ", got ", rows.dtype(), rows.shape()));
  }
  added_ += rows.shape()[0];
  return writer_->Append({reinterpret_cast<const char*>(rows.data().data()), rows.data().size()});
}

Status NpyStream::Finish() {
  if (writer_ == nullptr || added_ != rows_) {
    return InvalidArgument(StrCat("expected ", rows_, " rows of answers, got ", added_));
  }
  return writer_->Commit();
}

}  // namespace slipway::app
