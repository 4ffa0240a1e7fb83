#include <benchmark/benchmark.h>
#include <inference/grpc_service.pb.h>

#include <string>
#include <vector>

#include "frontend/grpc/infer_message.h"
#include "frontend/grpc/infer_message_decoder.h"
#include "frontend/grpc/infer_response.h"
#include "frontend/testing/fake_server.h"

namespace slipway::frontend::grpc {
namespace {

tensor::Signature Model(int64_t columns) {
  return {
      .inputs = {{.name = "features", .dtype = tensor::DType::kFp32, .shape = {-1, columns}}},
      .outputs = {{.name = "probability", .dtype = tensor::DType::kFp32, .shape = {-1, columns}}}};
}

// A request of one row of `floats` values, raw.
std::string Request(int64_t floats) {
  ::inference::ModelInferRequest request;
  request.set_model_name("breast_cancer");
  request.set_id("12");
  auto* input = request.add_inputs();
  input->set_name("features");
  input->set_datatype("FP32");
  input->add_shape(1);
  input->add_shape(floats);
  request.add_outputs()->set_name("probability");
  request.add_raw_input_contents(std::string(static_cast<size_t>(floats) * sizeof(float), '\1'));
  return request.SerializeAsString();
}

// What does it cost to get from a message to tensors that fit the model?
void BM_Read(benchmark::State& state) {
  const std::string bytes = Request(state.range(0));
  const tensor::Signature signature = Model(state.range(0));
  InferMessage message;
  InferMessageDecoder decoder;
  openinference::InferRequest request;
  std::vector<tensor::TensorView> inputs;
  for (auto _ : state) {
    request.Reset();
    bool ok = message.Read(std::as_bytes(std::span(bytes))).ok();
    ok = ok && decoder.Decode(message, signature, request, inputs).ok();
    if (!ok) state.SkipWithError("refused");
    benchmark::DoNotOptimize(inputs.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(BM_Read)->ArgName("floats")->Arg(30)->Arg(60)->Arg(150'528);

// What does libprotobuf take for the message alone, reusing it?
void BM_ReadWithProtobuf(benchmark::State& state) {
  const std::string bytes = Request(state.range(0));
  ::inference::ModelInferRequest message;
  for (auto _ : state) {
    if (!message.ParseFromString(bytes)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(message);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(BM_ReadWithProtobuf)->ArgName("floats")->Arg(30)->Arg(60)->Arg(150'528);

// What does it cost to write an answer whose values are there?
void BM_Write(benchmark::State& state) {
  FakeServer server;
  const FakeModel& model = server.AddModel("breast_cancer", 1, Model(state.range(0)));
  openinference::InferRequest request;
  request.id = "12";
  request.outputs = {{.index = 0, .binary = true, .classes = 0}};
  std::vector<float> values(static_cast<size_t>(state.range(0)));
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(values));
  std::vector<tensor::Tensor> results;
  net::GrpcReply reply;
  for (auto _ : state) {
    results.clear();
    results.push_back(
        *tensor::Tensor::Adopt(tensor::DType::kFp32, {1, state.range(0)},
                               base::Buffer(bytes.data(), bytes.size(), nullptr, [](void*) {})));
    reply.body.clear();
    reply.tail.clear();
    if (!WriteInferResponse(model, request, nullptr, results, reply).ok()) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(reply.body.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * 4);
}
BENCHMARK(BM_Write)->ArgName("floats")->Arg(1)->Arg(60)->Arg(1024)->Arg(2048)->Arg(150'528);

// The same with libprotobuf, as a server on top of it does: the message is filled, then serialized.
void BM_WriteWithProtobuf(benchmark::State& state) {
  const std::vector<float> values(static_cast<size_t>(state.range(0)));
  ::inference::ModelInferResponse response;
  std::string bytes;
  for (auto _ : state) {
    response.Clear();
    response.set_model_name("breast_cancer");
    response.set_model_version("1");
    response.set_id("12");
    auto* output = response.add_outputs();
    output->set_name("probability");
    output->set_datatype("FP32");
    output->add_shape(1);
    output->add_shape(state.range(0));
    response.add_raw_output_contents(values.data(), values.size() * sizeof(float));
    response.SerializeToString(&bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * 4);
}
BENCHMARK(BM_WriteWithProtobuf)
    ->ArgName("floats")
    ->Arg(1)
    ->Arg(60)
    ->Arg(1024)
    ->Arg(2048)
    ->Arg(150'528);

}  // namespace
}  // namespace slipway::frontend::grpc
