#include "inference/row_padding.h"

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "inference/trial_rows.h"

namespace slipway::inference {
namespace {

using base::Deadline;
using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

Tensor Ones(DType dtype, const Shape& shape) {
  Tensor tensor = *Tensor::Allocate(dtype, shape);
  FillElements(tensor.mutable_data(), dtype, 1);
  return tensor;
}

bool IsMask(const TensorSpec& input) { return input.name.find("mask") != std::string::npos; }

// What would be padded; no padding when the model's inputs do not allow it.
RowLayout PaddingOf(const tensor::Signature& signature,
                    const std::map<std::string, int64_t>& values) {
  if (!HasPlainRows(signature) || !signature.states.empty()) return {};
  for (const auto& [name, value] : values) {
    if (!signature.FindInput(name)) return {};
  }
  const auto has_length = [](const TensorSpec& input) {
    const std::span<const int64_t> dims = input.shape.dims();
    return dims.size() > 1 && dims[1] < 0 &&
           std::ranges::all_of(dims.subspan(2), [](int64_t d) { return d >= 0; });
  };
  const bool masked = std::ranges::any_of(signature.inputs, [&](const TensorSpec& input) {
    return IsMask(input) && has_length(input);
  });
  RowLayout layout;
  for (const TensorSpec& input : signature.inputs) {
    const auto given = values.find(input.name);
    const bool on = values.empty() ? masked && has_length(input) : given != values.end();
    if (on ? !has_length(input) : HasFreeRow(input)) return {};
    layout.padding.push_back({.on = on, .value = given == values.end() ? 0 : given->second});
  }
  if (std::ranges::none_of(layout.padding, &RowLayout::Padding::on)) return {};
  return layout;
}

// One random row of every input. Masks are all ones: nothing of the row itself is to be left out.
std::vector<Tensor> RandomRow(const tensor::Signature& signature, int64_t length,
                              std::mt19937_64& random) {
  std::vector<Tensor> row;
  for (const TensorSpec& spec : signature.inputs) {
    if (IsMask(spec)) {
      row.push_back(Ones(spec.dtype, RowsOf(spec, 1, length)));
    } else {
      row.push_back(RandomRows(spec, 1, random, length));
    }
  }
  return row;
}

// The layout with its outputs, if random rows of different lengths are answered alike together and
// alone.
std::optional<RowLayout> PaddedLikeAlone(engine::Engine& engine, RowLayout layout) {
  constexpr std::array<int64_t, 3> kLengths = {9, 16, 11};
  const std::vector<size_t> outputs = AllOutputs(engine);
  std::mt19937_64 random(kTrialSeed);
  std::array<std::vector<Tensor>, kLengths.size()> rows;
  std::array<std::vector<TensorView>, kLengths.size()> views;
  std::array<std::vector<Tensor>, kLengths.size()> alone;
  std::array<std::vector<Tensor>, kLengths.size()> divided;
  std::vector<RowJoiner::Part> parts;
  for (size_t i = 0; i < kLengths.size(); ++i) {
    rows[i] = RandomRow(engine.signature(), kLengths[i], random);
    views[i] = Views(rows[i]);
    if (!engine.Run(views[i], outputs, Deadline::Never(), alone[i]).ok()) return std::nullopt;
    parts.push_back({.inputs = views[i], .rows = 1, .results = &divided[i]});
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    bool cut = true;
    for (size_t i = 0; i < kLengths.size(); ++i) {
      const Shape& shape = alone[i][k].shape();
      cut = cut && shape.rank() > 1 && shape[1] == kLengths[i];
    }
    layout.cut.push_back(cut);
  }
  RowJoiner joiner;
  const std::span<const TensorView> joined = joiner.Join(layout, parts);
  std::vector<Tensor> together;
  if (joined.empty() || !engine.Run(joined, outputs, Deadline::Never(), together).ok() ||
      !RowJoiner::Divide(layout, parts, outputs, std::move(together))) {
    return std::nullopt;
  }
  for (size_t i = 0; i < kLengths.size(); ++i) {
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (!SameAnswer(divided[i][k].view(), alone[i][k].view())) return std::nullopt;
    }
  }
  return layout;
}

}  // namespace

RowLayout FindPadding(engine::Engine& engine, const std::map<std::string, int64_t>& values) {
  const RowLayout layout = PaddingOf(engine.signature(), values);
  if (layout.padding.empty()) return {};
  std::optional<RowLayout> tried = PaddedLikeAlone(engine, layout);
  return tried ? *std::move(tried) : RowLayout();
}

}  // namespace slipway::inference
