// The bodies of the Open Inference Protocol, whole: infer with its binary tail, generate,
// repository and logging requests. Whatever comes, inputs that are accepted fit the model, and what
// lies behind the body does not matter.
//
// Byte 0 picks the kind of body, bytes 1 and 2 the JSON's length where there is one; the rest is
// the body.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/openinference/binary_tensor.h"
#include "frontend/openinference/generate.h"
#include "frontend/openinference/infer_decoder.h"
#include "frontend/openinference/logging_api.h"
#include "frontend/openinference/repository_api.h"

namespace slipway::frontend::openinference {
namespace {

using tensor::DType;
using tensor::TensorView;

void Require(bool condition) {
  if (!condition) std::abort();
}

const tensor::Signature& Model() {
  static const tensor::Signature kSignature = {
      .inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {-1, 2}},
                 {.name = "i", .dtype = DType::kInt8, .shape = {-1, -1}, .optional = true},
                 {.name = "s", .dtype = DType::kBytes, .shape = {-1}, .optional = true},
                 {.name = "h", .dtype = DType::kFp16, .shape = {}, .optional = true},
                 {.name = "b", .dtype = DType::kBool, .shape = {3}, .optional = true}},
      .outputs = {{.name = "y", .dtype = DType::kFp32, .shape = {-1, 2}},
                  {.name = "z", .dtype = DType::kInt64, .shape = {-1}}}};
  return kSignature;
}

const tensor::Signature& OneInput(uint8_t which) {
  static const tensor::Signature kFixed = {
      .inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {-1, 2}}}, .outputs = {}};
  static const tensor::Signature kFree = {
      .inputs = {{.name = "x", .dtype = DType::kInt16, .shape = {2, -1}}}, .outputs = {}};
  static const tensor::Signature kText = {
      .inputs = {{.name = "x", .dtype = DType::kBytes, .shape = {1}}}, .outputs = {}};
  return which % 3 == 0 ? kFixed : which % 3 == 1 ? kFree : kText;
}

// What came out, as text.
std::string Describe(const tensor::Signature& signature, const base::Status& status,
                     const InferRequest& request, const std::vector<TensorView>& inputs) {
  if (!status.ok()) {
    Require(!status.message().empty());
    return status.ToString();
  }
  std::string seen;
  Require(inputs.size() == signature.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const tensor::TensorSpec& spec = signature.inputs[i];
    if (inputs[i].absent()) {
      Require(spec.optional);
      continue;
    }
    Require(spec.Accepts(inputs[i].dtype(), inputs[i].shape()));
    Require(TensorView::Create(inputs[i].dtype(), inputs[i].shape(), inputs[i].data()).ok());
    seen.append(reinterpret_cast<const char*>(inputs[i].data().data()), inputs[i].data().size());
  }
  for (const RequestedOutput& output : request.outputs) {
    Require(output.index < signature.outputs.size());
    seen.append(output.binary ? "B" : "J").append(std::to_string(output.classes));
  }
  Require(request.ignored.size() < 1000);
  return seen.append(request.id).append(request.ignored);
}

std::string Run(uint8_t kind, uint16_t json_size, std::string_view text, char padding) {
  std::vector<char> memory(text.size() + tensor::JsonReader::kPadding, padding);
  if (!text.empty()) std::memcpy(memory.data(), text.data(), text.size());
  const auto body = std::as_writable_bytes(std::span(memory.data(), text.size()));
  InferDecoder decoder;
  InferRequest request;
  std::vector<TensorView> inputs;
  switch (kind % 6) {
    case 0:
    case 1: {
      const std::string length = std::to_string(json_size);
      std::optional<std::string_view> header;
      if (kind % 6 == 1) header = length;
      const tensor::Signature& signature = header && json_size == 0 ? OneInput(kind / 6) : Model();
      const auto divided = InferBody::Divide(body, header);
      if (!divided.ok()) return divided.status().ToString();
      const base::Status status = decoder.Decode(*divided, signature, request, inputs);
      return Describe(signature, status, request, inputs);
    }
    case 2: {
      const base::Status status = DecodeGenerate(body, Model(), request, decoder, inputs);
      return Describe(Model(), status, request, inputs);
    }
    case 3: {
      const auto load = ReadLoadRequest("m", body);
      return load.ok() ? load->config_json : load.status().ToString();
    }
    case 4: {
      const auto index = ReadIndexRequest(body);
      return index.ok() ? "index" : index.status().ToString();
    }
    default: {
      const auto log = base::Logger::Null();
      return UpdateLogging(body, *log).ToString() + LoggingJson(*log);
    }
  }
}

}  // namespace
}  // namespace slipway::frontend::openinference

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using slipway::frontend::openinference::Run;
  if (size < 3) return 0;
  const auto json_size = static_cast<uint16_t>(data[1] | (data[2] << 8));
  const std::string_view text(reinterpret_cast<const char*>(data + 3), size - 3);
  const std::string seen = Run(data[0], json_size, text, '7');
  if (Run(data[0], json_size, text, ']') != seen) std::abort();
  if (Run(data[0], json_size, text, '"') != seen) std::abort();
  return 0;
}
