#include "frontend/grpc/infer_response.h"

#include <charconv>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/openinference/output_tensor.h"
#include "frontend/openinference/shared_tensor.h"

namespace slipway::frontend::grpc {
namespace {

using base::AppendVarint;
using base::Status;
using base::WireWriter;
using tensor::Tensor;

constexpr size_t kMaxResponseBytes = std::numeric_limits<int32_t>::max();

// Numbers of the fields, of ModelInferResponse and InferOutputTensor.
constexpr uint32_t kModelName = 1;
constexpr uint32_t kModelVersion = 2;
constexpr uint32_t kId = 3;
constexpr uint32_t kParameters = 4;
constexpr uint32_t kOutputs = 5;
constexpr uint32_t kRawOutputContents = 6;
constexpr uint32_t kName = 1;
constexpr uint32_t kDatatype = 2;
constexpr uint32_t kShape = 3;

size_t VarintSize(uint64_t value) {
  return static_cast<size_t>(70 - __builtin_clzll(value | 1)) / 7;
}

// Of a field of bytes whose number is below 16.
size_t BytesFieldSize(size_t size) { return 1 + VarintSize(size) + size; }

void WriteOutput(std::string_view name, const Tensor& tensor, std::string& out) {
  const std::string_view datatype = tensor::DTypeName(tensor.dtype());
  size_t shape_size = 0;
  for (const int64_t dim : tensor.shape().dims()) {
    shape_size += VarintSize(static_cast<uint64_t>(dim));
  }
  const bool has_shape = tensor.shape().rank() > 0;
  const size_t size = BytesFieldSize(name.size()) + BytesFieldSize(datatype.size()) +
                      (has_shape ? BytesFieldSize(shape_size) : 0);
  WireWriter writer(out);
  writer.BeginBytes(kOutputs, size);
  writer.Bytes(kName, name);
  writer.Bytes(kDatatype, datatype);
  if (!has_shape) return;
  writer.BeginBytes(kShape, shape_size);
  for (const int64_t dim : tensor.shape().dims()) AppendVarint(out, static_cast<uint64_t>(dim));
}

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The fields in front of large outputs that are not the first.
base::Buffer CopyOf(std::string_view text) {
  base::Buffer buffer = base::Buffer::Allocate(text.size());
  std::memcpy(buffer.data(), text.data(), text.size());
  return buffer;
}

// Adds one entry of raw_output_contents behind what `reply` has. Takes the tensor if it is large.
void AppendRaw(Tensor& tensor, net::GrpcReply& reply) {
  const std::span<const std::byte> data = tensor.view().data();
  const bool in_place = data.size() >= kSentInPlaceBytes;
  if (reply.tail.empty()) {
    WireWriter writer(reply.body);
    writer.BeginBytes(kRawOutputContents, data.size());
    if (!in_place) reply.body.append(Text(data));
  } else {
    std::string piece;
    WireWriter(piece).BeginBytes(kRawOutputContents, data.size());
    if (!in_place) piece.append(Text(data));
    reply.tail.push_back(CopyOf(piece));
  }
  if (in_place) reply.tail.push_back(openinference::TakeMemory(std::move(tensor)));
}

size_t SizeOf(const net::GrpcReply& reply) {
  size_t size = reply.body.size();
  for (const base::Buffer& piece : reply.tail) size += piece.size();
  return size;
}

// An entry of map<string, InferParameter>, whose value takes `value_size` bytes that follow.
void BeginParameter(std::string_view name, size_t value_size, std::string& out) {
  WireWriter writer(out);
  writer.BeginBytes(kParameters, BytesFieldSize(name.size()) + BytesFieldSize(value_size));
  writer.Bytes(1, name);
  writer.BeginBytes(2, value_size);
}

void WriteTextParameter(std::string_view name, std::string_view text, std::string& out) {
  BeginParameter(name, BytesFieldSize(text.size()), out);
  WireWriter(out).Bytes(3, text);
}

void WriteFinalResponse(bool final, std::string& out) {
  BeginParameter("triton_final_response", 2, out);
  WireWriter(out).Varint(1, final ? 1 : 0);  // one of several forms: false is written, too
}

void WriteStreamParameters(const StreamParameters& stream, std::string& out) {
  WriteTextParameter("slipway-model-digest", stream.digest, out);
  if (!stream.cache.empty()) WriteTextParameter("slipway-cache", stream.cache, out);
  if (!stream.diverted_from.empty()) {
    WriteTextParameter("slipway-diverted-from", stream.diverted_from, out);
  }
  if (!stream.ignored.empty()) {
    WriteTextParameter("slipway-warning", base::StrCat("ignored ", stream.ignored), out);
  }
  WriteFinalResponse(stream.final, out);
}

}  // namespace

Status WriteInferResponse(const lifecycle::LoadedModel& model,
                          const openinference::InferRequest& request,
                          const StreamParameters* stream, std::vector<Tensor>& results,
                          net::GrpcReply& reply) {
  std::string& out = reply.body;
  char version[24];
  const auto end = std::to_chars(version, version + sizeof(version), model.id().version).ptr;
  WriteText(kModelName, model.id().name, out);
  WriteText(kModelVersion, {version, end}, out);
  WriteText(kId, request.id, out);
  if (stream != nullptr) WriteStreamParameters(*stream, out);
  const tensor::Signature& signature = model.engine().signature();
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const openinference::RequestedOutput& output = request.outputs[i];
    const std::string& name = signature.outputs[output.index].name;
    SLIPWAY_RETURN_IF_ERROR(openinference::ClassifyIfAsked(model, output, results[i]));
    WriteOutput(name, results[i], out);
    if (output.shared < 0) continue;
    const Status moved = openinference::MoveToRegion(request, output, results[i]);
    if (!moved.ok()) return moved.WithContext(base::StrCat("output '", name, "'"));
  }
  for (size_t i = 0; i < request.outputs.size(); ++i) AppendRaw(results[i], reply);
  if (const size_t size = SizeOf(reply); size > kMaxResponseBytes) {
    return base::InvalidArgument(base::StrCat("the response would have ", size,
                                              " bytes; a message of gRPC has at most ",
                                              kMaxResponseBytes));
  }
  return base::OkStatus();
}

void WrapStreamResponse(net::GrpcReply& response, net::GrpcReply& reply) {
  WireWriter(reply.body).BeginBytes(2, SizeOf(response));
  reply.body.append(response.body);
  for (base::Buffer& piece : response.tail) reply.tail.push_back(std::move(piece));
  response.body.clear();
  response.tail.clear();
}

void WriteStreamError(std::string_view message, std::string_view model_name,
                      std::string_view model_version, std::string_view id, net::GrpcReply& reply) {
  std::string response;
  WriteText(kModelName, model_name, response);
  WriteText(kModelVersion, model_version, response);
  WriteText(kId, id, response);
  WriteFinalResponse(/*final=*/true, response);
  // Clients take an empty message for success.
  WriteText(1, message.empty() ? "unknown error" : message, reply.body);
  WriteMessage(2, response, reply.body);
}

}  // namespace slipway::frontend::grpc
