#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::inference {

// What a model allows when rows of several calls are laid behind each other. A value.
struct RowLayout {
  struct Padding {
    bool on = false;
    int64_t value = 0;
  };
  // By position: inputs whose second dimension, the length of a row, may differ from call to call:
  // shorter rows are filled up with the value. Empty: rows of different shapes never run together.
  std::vector<Padding> padding = {};
  // By position: outputs whose second dimension is the length, so that it is cut back to the
  // call's own.
  std::vector<bool> cut = {};

  // Whether the inputs of a call, one for each input and state of the signature, can be laid behind
  // others: all there, of the dtypes and ranks of the model, with `rows` rows.
  bool Fits(const tensor::Signature& signature, std::span<const tensor::TensorView> inputs,
            int64_t rows) const;
  // Whether inputs that fit have rows that can lie behind each other: of the same shape, or padded
  // to at most twice their length.
  bool Alike(std::span<const tensor::TensorView> one,
             std::span<const tensor::TensorView> other) const;
  // Of the rows of a call whose inputs fit; 0 where nothing is padded.
  int64_t Length(std::span<const tensor::TensorView> inputs) const;
  bool padded(size_t input) const { return input < padding.size() && padding[input].on; }
};

// Sets every element of `target`, whole elements of that dtype, to `value`. Not for kBytes.
void FillElements(std::span<std::byte> target, tensor::DType dtype, int64_t value);

// Lays the rows of several calls behind each other, and gives each its rows of the outputs. Keeps
// its memory from one batch to the next. Thread-compatible.
class RowJoiner {
 public:
  // The part of a batch that is one call's.
  struct Part {
    std::span<const tensor::TensorView> inputs;
    int64_t rows = 0;
    std::vector<tensor::Tensor>* results = nullptr;
  };

  // The inputs of all parts as one: they fit and are alike. Valid until the next call. Empty when
  // there would be too many elements.
  std::span<const tensor::TensorView> Join(const RowLayout& layout, std::span<const Part> parts);
  // Gives each part its rows of what the joined run has answered: `together` has one tensor for
  // each of `outputs`. Rows are views that share its memory, but for those that are cut. False, and
  // no results, when the outputs do not have the rows of all parts.
  static bool Divide(const RowLayout& layout, std::span<const Part> parts,
                     std::span<const size_t> outputs, std::vector<tensor::Tensor> together);

 private:
  struct Size {
    int64_t rows = 0;
    int64_t length = 0;  // of the longest row
  };
  static Size SizeOf(const RowLayout& layout, std::span<const Part> parts);
  static void Lay(const RowLayout& layout, std::span<const Part> parts, size_t input,
                  std::span<std::byte> all, size_t row);

  std::vector<base::Buffer> buffers_;  // one per input
  std::vector<tensor::TensorView> inputs_;
};

}  // namespace slipway::inference
