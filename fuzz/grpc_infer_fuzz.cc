// ModelInferRequest and ModelInferResponse, against protobuf's own code: both accept and refuse the
// same messages, and where both read one it says the same. What is decoded for a model fits it, and
// what is answered is what protobuf reads and would have written itself.
//
// Where our reader is stricter on purpose (protobuf drops bits that do not fit):
//   varints of more than 64 bits, keys of more than 32 bits, groups nested 32 deep, and more
//   tensors and parameters than any model has

#include <google/protobuf/stubs/logging.h>
#include <inference/grpc_service.pb.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/grpc/descriptor_set.h"
#include "frontend/grpc/infer_message.h"
#include "frontend/grpc/infer_message_decoder.h"
#include "frontend/grpc/infer_response.h"
#include "frontend/grpc/reflection.h"

namespace slipway::frontend::grpc {
namespace {

using ::inference::ModelInferRequest;
using tensor::DType;
using tensor::TensorView;

void Require(bool condition) {
  if (!condition) std::abort();
}

bool IsStricter(std::string_view message) {
  for (const std::string_view reason :
       {"is too long", "expected a field number from 1", "groups nest too deep",
        "or one is too long", "expected at most"}) {
    if (message.find(reason) != std::string_view::npos) return true;
  }
  return false;
}

using Parameters = google::protobuf::Map<std::string, ::inference::InferParameter>;

void CompareParameters(std::span<const InferParameter> ours, const Parameters& theirs) {
  Require(ours.size() == theirs.size());
  for (const InferParameter& parameter : ours) {
    const auto found = theirs.find(std::string(parameter.name));
    Require(found != theirs.end());
    const ::inference::InferParameter& value = found->second;
    Require(static_cast<int>(value.parameter_choice_case()) == static_cast<int>(parameter.form));
    Require(value.bool_param() ==
            (parameter.form == InferParameter::Form::kBool && parameter.bits != 0));
    if (value.has_int64_param()) {
      Require(static_cast<uint64_t>(value.int64_param()) == parameter.bits);
    }
    if (value.has_uint64_param()) Require(value.uint64_param() == parameter.bits);
    if (value.has_double_param()) {
      Require(std::bit_cast<uint64_t>(value.double_param()) == parameter.bits);
    }
    if (value.has_string_param()) Require(value.string_param() == parameter.text);
  }
}

void CompareInput(const InferMessage& message, const InferInput& ours,
                  const ModelInferRequest::InferInputTensor& theirs) {
  Require(ours.name == theirs.name() && ours.datatype == theirs.datatype());
  Require(ours.dimensions == static_cast<uint64_t>(theirs.shape_size()));
  for (size_t i = 0; i < ours.shape.rank(); ++i) {
    Require(ours.shape[i] == theirs.shape(static_cast<int>(i)));
  }
  CompareParameters(message.ParametersOf(ours.parameters), theirs.parameters());
  const ::inference::InferTensorContents& contents = theirs.contents();
  const std::array<int, kContentsFields + 1> counts = {0,
                                                       contents.bool_contents_size(),
                                                       contents.int_contents_size(),
                                                       contents.int64_contents_size(),
                                                       contents.uint_contents_size(),
                                                       contents.uint64_contents_size(),
                                                       contents.fp32_contents_size(),
                                                       contents.fp64_contents_size(),
                                                       contents.bytes_contents_size()};
  for (size_t i = 1; i <= kContentsFields; ++i) {
    Require(ours.counts[i] == static_cast<uint64_t>(counts[i]));
  }
}

void CompareMessages(const InferMessage& ours, const ModelInferRequest& theirs) {
  Require(ours.model_name == theirs.model_name());
  Require(ours.model_version == theirs.model_version());
  Require(ours.id == theirs.id());
  CompareParameters(ours.parameters, theirs.parameters());
  Require(ours.inputs.size() == static_cast<size_t>(theirs.inputs_size()));
  for (size_t i = 0; i < ours.inputs.size(); ++i) {
    CompareInput(ours, ours.inputs[i], theirs.inputs(static_cast<int>(i)));
  }
  Require(ours.outputs.size() == static_cast<size_t>(theirs.outputs_size()));
  for (size_t i = 0; i < ours.outputs.size(); ++i) {
    const auto& output = theirs.outputs(static_cast<int>(i));
    Require(ours.outputs[i].name == output.name());
    CompareParameters(ours.ParametersOf(ours.outputs[i].parameters), output.parameters());
  }
  Require(ours.raw_inputs.size() == static_cast<size_t>(theirs.raw_input_contents_size()));
  for (size_t i = 0; i < ours.raw_inputs.size(); ++i) {
    const std::string& raw = theirs.raw_input_contents(static_cast<int>(i));
    Require(ours.raw_inputs[i].size() == raw.size());
    Require(raw.empty() || std::memcmp(ours.raw_inputs[i].data(), raw.data(), raw.size()) == 0);
  }
}

// One optional input and one output of each datatype, in any shape.
const tensor::Signature& Model() {
  static const tensor::Signature kSignature = [] {
    tensor::Signature made;
    for (const DType dtype : tensor::kAllDTypes) {
      const std::string name(tensor::DTypeName(dtype));
      made.inputs.push_back(
          {.name = name, .dtype = dtype, .shape = {}, .optional = true, .any_rank = true});
      made.outputs.push_back({.name = name, .dtype = dtype, .shape = {}, .any_rank = true});
    }
    return made;
  }();
  return kSignature;
}

// The elements of a field of protobuf's, as they lie in a tensor of T.
template <typename T, typename Field>
std::string Elements(const Field& field) {
  std::string bytes;
  for (const auto element : field) {
    const auto value = static_cast<T>(element);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

std::string TypedContents(DType dtype, const ::inference::InferTensorContents& contents) {
  switch (dtype) {
    case DType::kBool:
      return Elements<uint8_t>(contents.bool_contents());
    case DType::kInt8:
      return Elements<int8_t>(contents.int_contents());
    case DType::kInt16:
      return Elements<int16_t>(contents.int_contents());
    case DType::kInt32:
      return Elements<int32_t>(contents.int_contents());
    case DType::kInt64:
      return Elements<int64_t>(contents.int64_contents());
    case DType::kUint8:
      return Elements<uint8_t>(contents.uint_contents());
    case DType::kUint16:
      return Elements<uint16_t>(contents.uint_contents());
    case DType::kUint32:
      return Elements<uint32_t>(contents.uint_contents());
    case DType::kUint64:
      return Elements<uint64_t>(contents.uint64_contents());
    case DType::kFp32:
      return Elements<float>(contents.fp32_contents());
    case DType::kFp64:
      return Elements<double>(contents.fp64_contents());
    case DType::kBytes: {
      std::string bytes;
      for (const std::string& text : contents.bytes_contents()) {
        const auto size = static_cast<uint32_t>(text.size());
        bytes.append(reinterpret_cast<const char*>(&size), sizeof(size)).append(text);
      }
      return bytes;
    }
    default:
      return "";
  }
}

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class FakeEngine final : public engine::Engine {
 public:
  const tensor::Signature& signature() const override { return Model(); }
  base::Status Run(std::span<const TensorView>, std::span<const size_t>, base::Deadline,
                   std::vector<tensor::Tensor>&) override {
    return base::OkStatus();
  }
};

class FakeModel final : public lifecycle::LoadedModel {
 public:
  const lifecycle::ModelId& id() const override { return id_; }
  engine::Engine& engine() const override { return engine_; }
  const lifecycle::ModelConfig& config() const override { return config_; }
  const std::string& digest() const override { return id_.name; }
  const std::string& model_file() const override { return id_.name; }
  lifecycle::ModelAttachment* attachment() const override { return nullptr; }
  uint64_t estimated_bytes() const override { return 0; }

 private:
  const lifecycle::ModelId id_{"m", 3};
  mutable FakeEngine engine_;
  const lifecycle::ModelConfig config_;
};

// Answers with the inputs and compares what protobuf reads of that.
void CompareAnswer(const openinference::InferRequest& request,
                   const std::vector<TensorView>& inputs) {
  static const FakeModel kModel;
  std::vector<tensor::Tensor> results;
  for (const openinference::RequestedOutput& output : request.outputs) {
    const TensorView& input = inputs[output.index];
    results.push_back(input.absent() ? *tensor::Tensor::FromValues<float>({0}, {})
                                     : *tensor::Tensor::CopyOf(input));
    if (output.classes > 0) return;
  }
  std::vector<std::string> expected;
  for (const tensor::Tensor& result : results) expected.push_back(Text(result.view().data()));
  net::GrpcReply reply;
  Require(WriteInferResponse(kModel, request, nullptr, results, reply).ok());
  std::string bytes = reply.body;
  for (const base::Buffer& piece : reply.tail) bytes.append(Text(piece.bytes()));
  ::inference::ModelInferResponse response;
  Require(response.ParseFromString(bytes));
  Require(response.SerializeAsString() == bytes);
  Require(response.id() == request.id);
  Require(response.outputs_size() == static_cast<int>(expected.size()));
  Require(response.raw_output_contents_size() == static_cast<int>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    Require(response.raw_output_contents(static_cast<int>(i)) == expected[i]);
  }
}

// Decodes for the model; what is accepted is what protobuf has.
void CompareTensors(const InferMessage& message, const ModelInferRequest& theirs) {
  InferMessageDecoder decoder;
  openinference::InferRequest request;
  std::vector<TensorView> inputs;
  const base::Status status = decoder.Decode(message, Model(), request, inputs);
  if (!status.ok()) {
    Require(!status.message().empty());
    return;
  }
  for (int i = 0; i < theirs.inputs_size(); ++i) {
    const auto& input = theirs.inputs(i);
    const auto index = Model().FindInput(input.name());
    Require(index.has_value());
    const TensorView& view = inputs[*index];
    Require(TensorView::Create(view.dtype(), view.shape(), view.data()).ok());
    const std::string expected = theirs.raw_input_contents_size() > 0
                                     ? theirs.raw_input_contents(i)
                                     : TypedContents(view.dtype(), input.contents());
    Require(Text(view.data()) == expected);
  }
  CompareAnswer(request, inputs);
}

void Run(const uint8_t* data, size_t size) {
  const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data),
                                     reinterpret_cast<const std::byte*>(data) + size);
  InferMessage message;
  const base::Status status = message.Read(bytes);
  ModelInferRequest theirs;
  const bool accepted = theirs.ParseFromArray(data, static_cast<int>(size));
  if (!status.ok()) {
    Require(!accepted || IsStricter(status.message()));
    return;
  }
  Require(accepted);
  CompareMessages(message, theirs);
  CompareTensors(message, theirs);
}

// The other bytes that clients send: no message may do harm.
void RunReflection(const uint8_t* data, size_t size) {
  static const ProtoSchema kSchema(DescriptorSet());
  std::string response;
  const auto ignored =
      AnswerReflection(kSchema, {reinterpret_cast<const std::byte*>(data), size}, response);
  Require(ignored.ok() || !ignored.message().empty());
}

}  // namespace
}  // namespace slipway::frontend::grpc

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  google::protobuf::SetLogHandler(nullptr);  // it writes a line for each text that is not UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slipway::frontend::grpc::Run(data, size);
  slipway::frontend::grpc::RunReflection(data, size);
  return 0;
}
