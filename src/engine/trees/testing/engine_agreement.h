#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "graph/old_tree_ensemble.h"
#include "graph/onnx_graph.h"
#include "graph/tree_ensemble_reader.h"
#include "tensor/tensor.h"

// Whether two engines give the same answers to a model of trees where it is hardest: on rows whose
// numbers lie on the model's thresholds and just beside them, are missing, infinite, or zeros of
// either sign.
namespace slipway::engine {

// The thresholds of all trees of a model; none for a model without trees.
inline std::vector<double> ThresholdsOf(std::span<const std::byte> model) {
  std::vector<double> out;
  const auto graph = graph::ReadOnnxGraph(model);
  if (!graph.ok()) return out;
  for (const graph::OnnxNode& node : graph->nodes) {
    const bool old = graph::IsOldTreeRegressor(node) || graph::IsOldTreeClassifier(node);
    if (!old && !graph::IsTreeEnsemble(node)) continue;
    if (const auto floats = node.Floats("nodes_values"); floats.ok()) {
      out.insert(out.end(), floats->begin(), floats->end());
    }
    const auto splits = node.Tensor("nodes_splits");
    if (!splits.ok() || !splits->has_value()) continue;
    const std::string& bytes = (*splits)->bytes;
    const auto read = [&]<typename T>(T value) {
      for (size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
        std::memcpy(&value, bytes.data() + at, sizeof(T));
        out.push_back(static_cast<double>(value));
      }
    };
    (*splits)->type == graph::ElementType::kFloat ? read(float{}) : read(double{});
  }
  return out;
}

template <typename T>
tensor::Tensor HardValues(int64_t rows, int64_t columns, const std::vector<double>& thresholds,
                          std::mt19937& random) {
  using Limits = std::numeric_limits<T>;
  constexpr std::array<T, 8> kSpecial = {Limits::quiet_NaN(),
                                         Limits::quiet_NaN(),
                                         Limits::infinity(),
                                         -Limits::infinity(),
                                         T{0},
                                         -T{0},
                                         Limits::max(),
                                         static_cast<T>(1e-35)};
  std::vector<T> values(static_cast<size_t>(rows * columns));
  for (T& x : values) {
    const auto pick = static_cast<size_t>(random() % 64);
    if (pick < kSpecial.size()) {
      x = kSpecial[pick];
      continue;
    }
    x = static_cast<T>(thresholds[random() % thresholds.size()]);
    if (pick % 3 == 1) x = std::nextafter(x, Limits::infinity());
    if (pick % 3 == 2) x = std::nextafter(x, -Limits::infinity());
  }
  return *tensor::Tensor::FromValues<T>({rows, columns}, values);
}

// Rows for all inputs of a model; nullopt when one does not take FP32 or FP64, in rows.
inline std::optional<std::vector<tensor::Tensor>> HardRows(const tensor::Signature& signature,
                                                           int64_t rows,
                                                           const std::vector<double>& thresholds) {
  std::mt19937 random(17);
  std::vector<tensor::Tensor> out;
  for (const tensor::TensorSpec& input : signature.inputs) {
    if (input.shape.rank() != 2 || input.shape[1] < 0) return std::nullopt;
    const int64_t columns = input.shape[1];
    if (input.dtype == tensor::DType::kFp32) {
      out.push_back(HardValues<float>(rows, columns, thresholds, random));
    } else if (input.dtype == tensor::DType::kFp64) {
      out.push_back(HardValues<double>(rows, columns, thresholds, random));
    } else {
      return std::nullopt;
    }
  }
  return out;
}

// Labels are the same. Scores differ by no more than `tolerance` times their size, or times the
// largest score of the output: sums that cancel have lost that much.
template <typename T>
void ExpectAgreement(std::span<const T> want, std::span<const T> got, double tolerance) {
  ASSERT_EQ(want.size(), got.size());
  double largest = 0;
  for (const T x : want) {
    if (std::isfinite(x)) largest = std::max(largest, std::abs(static_cast<double>(x)));
  }
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i] == got[i] || (std::isnan(want[i]) && std::isnan(got[i]))) continue;
    ASSERT_LE(std::abs(want[i] - got[i]), tolerance * largest)
        << "element " << i << ": " << want[i] << " and " << got[i];
  }
}

// Runs both on the same hard rows. False when the model takes no such rows, or has no trees.
inline bool ExpectAgreementOnHardRows(std::span<const std::byte> model, Engine& theirs,
                                      Engine& ours, double tolerance) {
  const std::vector<double> thresholds = ThresholdsOf(model);
  if (thresholds.empty()) return false;
  const auto rows = HardRows(ours.signature(), 500, thresholds);
  if (!rows) return false;
  std::vector<tensor::TensorView> views;
  for (const tensor::Tensor& input : *rows) views.push_back(input.view());
  std::vector<size_t> outputs(ours.signature().outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = i;
  std::vector<tensor::Tensor> want;
  std::vector<tensor::Tensor> got;
  EXPECT_EQ(theirs.Run(views, outputs, {}, want), base::OkStatus());
  EXPECT_EQ(ours.Run(views, outputs, {}, got), base::OkStatus());
  EXPECT_EQ(want.size(), got.size());
  for (size_t i = 0; i < want.size() && i < got.size(); ++i) {
    SCOPED_TRACE(ours.signature().outputs[i].name);
    EXPECT_EQ(want[i].dtype(), got[i].dtype());
    EXPECT_EQ(want[i].shape(), got[i].shape());
    if (want[i].dtype() == tensor::DType::kFp32) {
      ExpectAgreement(*want[i].view().As<float>(), *got[i].view().As<float>(), tolerance);
    } else if (want[i].dtype() == tensor::DType::kFp64) {
      ExpectAgreement(*want[i].view().As<double>(), *got[i].view().As<double>(), tolerance);
    } else {
      EXPECT_TRUE(std::ranges::equal(want[i].view().data(), got[i].view().data()));
    }
  }
  return true;
}

}  // namespace slipway::engine
