#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

// Made-up rows to try a model with when it is loaded, and whether two answers are the same.

namespace slipway::inference {

inline constexpr uint64_t kTrialSeed =
    20260817;                                  // the same rows each time: a verdict is repeatable
inline constexpr int64_t kTypicalLength = 16;  // of a dimension that is free

// Positions of all outputs, and behind them all states.
std::vector<size_t> AllOutputs(const engine::Engine& engine);
std::vector<tensor::TensorView> Views(std::span<const tensor::Tensor> tensors);

// Whether rows of that input may have different shapes.
bool HasFreeRow(const tensor::TensorSpec& spec);
// The shape of `rows` rows, whose free dimensions are `length`.
tensor::Shape RowsOf(const tensor::TensorSpec& spec, int64_t rows, int64_t length = kTypicalLength);
// Whether rows of such a model lie behind each other in memory, where their shapes are equal, and
// are small enough to be copied together.
bool HasPlainRows(const tensor::Signature& signature);

// Small numbers of either sign for floats; 0 and 1 for the rest, which even an index or a category
// can be.
tensor::Tensor RandomRows(const tensor::TensorSpec& spec, int64_t rows, std::mt19937_64& random,
                          int64_t length = kTypicalLength);
// The `index`th of the rows that `batch` holds.
tensor::TensorView Row(const tensor::TensorView& batch, int64_t index);

// Equal but for what adding in another order may change.
bool SameAnswer(const tensor::TensorView& one, const tensor::TensorView& other);

}  // namespace slipway::inference
