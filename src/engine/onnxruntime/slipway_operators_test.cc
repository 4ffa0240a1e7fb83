#include "engine/onnxruntime/slipway_operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/city_hash.h"
#include "base/file_system.h"
#include "base/log.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "graph/graph_builder.h"

namespace slipway::engine {
namespace {

// A model of one CategoryHash.
ModelFiles HashModel() {
  graph::GraphBuilder graph("hash");
  const graph::Value x = graph.AddInput("x", graph::ElementType::kString, {"batch"});
  graph.AddOutput(graph.Node("CategoryHash", {x}, {}, graph::ElementType::kInt64,
                             graph::GraphBuilder::kSlipwayDomain),
                  "y", {"batch"});
  std::map<std::string, std::string> files{{"model.onnx", std::move(graph).Finish()}};
  return {.in_memory = std::make_shared<const std::map<std::string, std::string>>(files)};
}

TEST(SlipwayOperatorsTest, ManyModelsThatUseThemLoadAtOnce) {
  const base::RealFileSystem files;
  const auto log = base::Logger::Null();
  const auto factory = OnnxRuntimeFactory::Create(files, *log);
  ASSERT_TRUE(factory.ok()) << factory.status();
  constexpr size_t kModels = 8;
  std::vector<base::Status> loads(kModels);
  std::vector<std::thread> threads;
  threads.reserve(kModels);
  for (base::Status& load : loads) {
    threads.emplace_back([&] { load = (*factory)->Load(HashModel(), {}).status(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const base::Status& load : loads) EXPECT_TRUE(load.ok()) << load;
}

TEST(SlipwayOperatorsTest, CategoryHashGivesTheLowerHalfWithItsSign) {
  const base::RealFileSystem files;
  const auto log = base::Logger::Null();
  const auto factory = OnnxRuntimeFactory::Create(files, *log);
  ASSERT_TRUE(factory.ok()) << factory.status();
  const auto engine = (*factory)->Load(HashModel(), {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  const std::string text("\5\0\0\0paris", 9);
  const auto input =
      tensor::TensorView::Create(tensor::DType::kBytes, {1}, std::as_bytes(std::span(text)));
  ASSERT_TRUE(input.ok()) << input.status();
  std::vector<tensor::Tensor> results;
  const base::Status run =
      (*engine)->Run(std::span(&*input, 1), std::vector<size_t>{0}, {}, results);
  ASSERT_TRUE(run.ok()) << run;
  const auto hash = results.front().view().As<int64_t>();
  ASSERT_TRUE(hash.ok()) << hash.status();
  EXPECT_EQ((*hash)[0], static_cast<int32_t>(base::CityHash64V1("paris")));
}

// A model of one text operator, with a vocabulary of the size that is asked for.
ModelFiles HashesModel(int64_t columns, std::string_view analyzer) {
  graph::GraphBuilder graph("texts");
  const graph::Value x = graph.AddInput("x", graph::ElementType::kString, {"batch"});
  const graph::Attributes attributes = {{"analyzer", std::string(analyzer)},
                                        {"accents", std::string("kept")},
                                        {"lowercase", int64_t{1}},
                                        {"least_n", int64_t{1}},
                                        {"most_n", int64_t{1}},
                                        {"least_length", int64_t{2}},
                                        {"columns", columns},
                                        {"signed", int64_t{0}},
                                        {"binary", int64_t{0}}};
  graph.AddOutput(graph.Node("TextHashes", {x}, attributes, graph::ElementType::kDouble,
                             graph::GraphBuilder::kSlipwayDomain),
                  "y", {"batch", columns});
  std::map<std::string, std::string> files{{"model.onnx", std::move(graph).Finish()}};
  return {.in_memory = std::make_shared<const std::map<std::string, std::string>>(files)};
}

TEST(SlipwayOperatorsTest, TextHashesRefusesMoreTextsThanOneRunMayHold) {
  const base::RealFileSystem files;
  const auto log = base::Logger::Null();
  const auto factory = OnnxRuntimeFactory::Create(files, *log);
  ASSERT_TRUE(factory.ok()) << factory.status();
  const auto engine = (*factory)->Load(HashesModel(1 << 24, "word"), {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  const std::string texts(9 * 4, '\0');
  const auto input =
      tensor::TensorView::Create(tensor::DType::kBytes, {9}, std::as_bytes(std::span(texts)));
  ASSERT_TRUE(input.ok()) << input.status();
  std::vector<tensor::Tensor> results;
  const base::Status run =
      (*engine)->Run(std::span(&*input, 1), std::vector<size_t>{0}, {}, results);
  EXPECT_THAT(run.message(), testing::HasSubstr("send at most 8 at once")) << run;
}

TEST(SlipwayOperatorsTest, TextHashesThatCannotBeAreNotLoaded) {
  const base::RealFileSystem files;
  const auto log = base::Logger::Null();
  const auto factory = OnnxRuntimeFactory::Create(files, *log);
  ASSERT_TRUE(factory.ok()) << factory.status();
  const auto wide = (*factory)->Load(HashesModel(int64_t{1} << 40, "word"), {});
  EXPECT_THAT(wide.status().message(), testing::HasSubstr("expected 1 to 16,777,216 columns"));
  const auto odd = (*factory)->Load(HashesModel(8, "sentence"), {});
  EXPECT_THAT(odd.status().message(), testing::HasSubstr("expected word, char or char_wb"));
}

}  // namespace
}  // namespace slipway::engine
