#include "engine/process/worker_messages.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace slipway::engine {
namespace {

using tensor::DType;
using tensor::Shape;
using tensor::TensorView;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(WorkerMessagesTest, LoadRequestComesThrough) {
  LoadRequest request;
  request.files = {.directory = "/models/a",
                   .model_file = "model.joblib",
                   .in_memory = std::make_shared<std::map<std::string, std::string>>(
                       std::map<std::string, std::string>{{"model.joblib", std::string(3, '\0')}})};
  request.options.provider = "cuda";
  request.options.provider_options = {{"device_id", "1"}};
  request.options.intra_op_threads = 3;
  const auto read = DecodeLoadRequest(Bytes(Encode(request)));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->files.directory, request.files.directory);
  EXPECT_EQ(read->files.model_file, request.files.model_file);
  EXPECT_EQ(*read->files.in_memory, *request.files.in_memory);
  EXPECT_EQ(read->options.provider, "cuda");
  EXPECT_EQ(read->options.provider_options, request.options.provider_options);
  EXPECT_EQ(read->options.intra_op_threads, 3);
}

TEST(WorkerMessagesTest, LoadReplyComesThrough) {
  LoadReply reply;
  reply.signature.inputs = {{.name = "x",
                             .dtype = DType::kFp64,
                             .shape = {-1, 3},
                             .optional = true,
                             .dim_names = {"batch", ""}}};
  reply.signature.outputs = {{.name = "y", .dtype = DType::kBytes, .any_rank = true}};
  reply.signature.columns = {"a", "b", "c"};
  reply.signature.classes = {"no", "yes"};
  reply.signature.properties = {{"slipway.source", "PMML"}, {"slipway.proof", "{}"}};
  const auto read = DecodeLoadReply(Bytes(Encode(reply)));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->status.ok());
  ASSERT_EQ(read->signature.inputs.size(), 1u);
  EXPECT_EQ(read->signature.inputs[0].shape, Shape({-1, 3}));
  EXPECT_TRUE(read->signature.inputs[0].optional);
  EXPECT_EQ(read->signature.inputs[0].dim_names, reply.signature.inputs[0].dim_names);
  EXPECT_TRUE(read->signature.outputs.at(0).any_rank);
  EXPECT_EQ(read->signature.columns, reply.signature.columns);
  EXPECT_EQ(read->signature.classes, reply.signature.classes);
  EXPECT_EQ(read->signature.properties, reply.signature.properties);

  reply.status = base::InvalidArgument("no model");
  EXPECT_EQ(DecodeLoadReply(Bytes(Encode(reply)))->status, reply.status);
}

TEST(WorkerMessagesTest, TensorsLieInSharedMemory) {
  auto area = SharedArea::Create();
  ASSERT_TRUE(area.ok()) << area.status();
  const std::vector<float> values = {1, 2, 3};
  const std::vector<TensorView> views = {
      *TensorView::Create(DType::kFp32, {3}, std::as_bytes(std::span(values))), TensorView(),
      *TensorView::Create(DType::kFp32, {0}, {})};
  const auto shared = ShareTensors(views, 64, *area);
  ASSERT_TRUE(shared.ok()) << shared.status();
  RunRequest request{.outputs = {2, 0},
                     .inputs = *shared,
                     .area_bytes = EndOf(*shared),
                     .deadline = base::SteadyTime(std::chrono::nanoseconds(123456789))};
  const auto read = DecodeRunRequest(Bytes(Encode(request)));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->outputs, request.outputs);
  EXPECT_EQ(read->deadline, request.deadline);
  ASSERT_EQ(read->inputs.size(), 3u);
  EXPECT_TRUE(read->inputs[1].absent);
  EXPECT_EQ(read->area_bytes, 128u);  // where the empty one lies

  SharedArea other = SharedArea::Adopt(base::UniqueFd(dup(area->fd())));
  ASSERT_TRUE(other.MapAtLeast(read->area_bytes).ok());
  const auto bytes = BytesOf(read->inputs[0], other);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(std::vector<std::byte>(bytes->begin(), bytes->end()),
            std::vector<std::byte>(views[0].data().begin(), views[0].data().end()));
}

TEST(SharedAreaTest, GivesBackWhatIsBeyondTheKeptPart) {
  constexpr size_t kMiB = size_t{1} << 20;
  auto area = SharedArea::Create();
  ASSERT_TRUE(area.ok()) << area.status();
  const auto held = [&] {
    struct stat info{};
    EXPECT_EQ(fstat(area->fd(), &info), 0);
    return static_cast<size_t>(info.st_blocks) * 512;
  };
  for (int i = 0; i < 2; ++i) {  // the second time nothing has to grow
    ASSERT_TRUE(area->Reserve(8 * kMiB).ok());
    std::memset(area->bytes().data(), 1, 8 * kMiB);
    EXPECT_EQ(held(), 8 * kMiB);
    area->Release(2 * kMiB);
    EXPECT_EQ(held(), 2 * kMiB);
  }
}

TEST(WorkerMessagesTest, NothingBeyondTheSharedMemoryIsRead) {
  auto area = SharedArea::Create();
  ASSERT_TRUE(area.ok() && area->Reserve(1024).ok());
  const uint64_t all = area->bytes().size();
  EXPECT_TRUE(BytesOf({.offset = 0, .size = all}, *area).ok());
  EXPECT_FALSE(BytesOf({.offset = 1, .size = all}, *area).ok());
  EXPECT_FALSE(BytesOf({.offset = all + 1, .size = 0}, *area).ok());
  EXPECT_FALSE(BytesOf({.offset = ~uint64_t{0}, .size = 2}, *area).ok());
  SharedArea reader = SharedArea::Adopt(base::UniqueFd(dup(area->fd())));
  EXPECT_FALSE(reader.MapAtLeast(all + 1).ok());
  EXPECT_NE(ftruncate(area->fd(), 0), 0);  // nobody can take it away under a reader
}

TEST(WorkerMessagesTest, AnyBytesAreAnErrorOrAMessage) {
  RunReply reply;
  reply.outputs = {{.dtype = DType::kInt64, .shape = {2, 2}, .offset = 64, .size = 32}};
  const std::string good = Encode(reply);
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = good;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = static_cast<char>(random());
    bad.resize(random() % (bad.size() + 1));
    static_cast<void>(DecodeRunReply(Bytes(bad)));
    static_cast<void>(DecodeRunRequest(Bytes(bad)));
    static_cast<void>(DecodeLoadReply(Bytes(bad)));
    static_cast<void>(DecodeLoadRequest(Bytes(bad)));
  }
}

}  // namespace
}  // namespace slipway::engine
