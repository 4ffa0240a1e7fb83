#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::app {

// How the rows of an input go through a model. A value.
struct RowPlan {
  int64_t rows = 1;          // in all
  int64_t rows_per_run = 1;  // the last run may have fewer
  bool sliced = false;       // false: one run takes everything as it is
};

// Decides it. Models whose inputs and outputs all have a free first dimension get `batch` rows at a
// time; models that take exactly one row get one at a time; any other model gets everything at
// once. kInvalidArgument when inputs differ in their number of rows, or there are none.
base::Result<RowPlan> PlanRows(const tensor::Signature& signature,
                               std::span<const tensor::TensorView> inputs, int64_t batch);

// The signature with free first dimensions where the model takes exactly one row: what an input
// file may hold, as its rows then go one at a time.
tensor::Signature WithFreeRows(tensor::Signature signature);

// Deals out a tensor's rows (the first dimension), front to back, without copying. A value that
// borrows the tensor.
class RowReader {
 public:
  explicit RowReader(const tensor::TensorView& tensor) : tensor_(tensor) {}
  // The next `count` rows, which must be there. An absent tensor gives absent tensors.
  base::Result<tensor::TensorView> Next(int64_t count);

 private:
  size_t BytesOf(int64_t elements) const;

  tensor::TensorView tensor_;
  size_t at_ = 0;  // bytes
};

// Joins the rows of tensors of one dtype and one row shape. Thread-compatible.
class RowCollector {
 public:
  // kInvalidArgument when dtype or row shape differ from those before.
  base::Status Add(tensor::Tensor rows);
  // Everything added so far. Call once.
  base::Result<tensor::Tensor> Finish();

 private:
  std::vector<tensor::Tensor> parts_;
  int64_t rows_ = 0;
};

}  // namespace slipway::app
