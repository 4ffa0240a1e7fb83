// That optimizations of ONNX Runtime leave doubles their precision.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "graph/graph_builder.h"

namespace slipway::engine {
namespace {

// A product of matrices, x w with w = 3, that is scaled before or behind.
std::string ScaledProduct(std::string_view op, bool before) {
  graph::GraphBuilder graph("product");
  const graph::Value x = graph.AddInput("x", graph::ElementType::kDouble, {"batch", int64_t{1}});
  const graph::Value scale = graph.Scalar(graph::ElementType::kDouble, 0.3);
  constexpr std::array<double, 1> kWeight = {3};
  const graph::Value w = graph.Add(graph::DoubleConstant(kWeight, {1, 1}));
  const graph::Value left = before ? graph.Node(op, {x, scale}) : x;
  const graph::Value product = graph.Node("MatMul", {left, w});
  graph.AddOutput(before ? product : graph.Node(op, {product, scale}), "y", {"batch", int64_t{1}});
  return std::move(graph).Finish();
}

double Answer(std::string model, double x) {
  static const base::RealFileSystem kFiles;
  static const std::unique_ptr<base::Logger> kLog = base::Logger::Null();
  static const auto kFactory = OnnxRuntimeFactory::Create(kFiles, *kLog);
  std::map<std::string, std::string> content{{"model.onnx", std::move(model)}};
  const auto engine = (*kFactory)->Load(
      {.in_memory = std::make_shared<const std::map<std::string, std::string>>(content)}, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  if (!engine.ok()) return 0;
  const auto input =
      tensor::TensorView::Create(tensor::DType::kFp64, {1, 1}, std::as_bytes(std::span(&x, 1)));
  std::vector<tensor::Tensor> results;
  const base::Status run =
      (*engine)->Run(std::span(&*input, 1), std::vector<size_t>{0}, {}, results);
  EXPECT_TRUE(run.ok()) << run;
  return run.ok() ? (*results.front().view().As<double>())[0] : 0;
}

TEST(DoublePrecisionTest, ScalesOfProductsKeepAllDigits) {
  constexpr double kX = 0.7;
  for (const bool before : {true, false}) {
    EXPECT_DOUBLE_EQ(Answer(ScaledProduct("Mul", before), kX), kX * 3 * 0.3) << before;
    EXPECT_DOUBLE_EQ(Answer(ScaledProduct("Div", before), kX), kX * 3 / 0.3) << before;
  }
}

}  // namespace
}  // namespace slipway::engine
