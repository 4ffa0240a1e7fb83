#include "app/bench/grpc_requests.h"

#include <algorithm>

#include "app/bench/rest_requests.h"
#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::DataLoss;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireWriter;

constexpr uint64_t kMaxInputBytes = uint64_t{1} << 30;
constexpr std::string_view kService = "/inference.GRPCInferenceService/";

std::string Method(std::string_view name) { return StrCat(kService, name); }

WireReader ReaderOf(std::string_view message) {
  return WireReader(std::as_bytes(std::span(message.data(), message.size())));
}

// A dimension, or several in a packed list.
Status AddDims(const WireField& field, tensor::Shape& shape) {
  const auto add = [&shape](uint64_t value) {
    return shape.Append(static_cast<int64_t>(value))
               ? base::OkStatus()
               : DataLoss("model metadata: a shape has too many dimensions");
  };
  if (field.type == base::WireType::kVarint) return add(field.value);
  std::span<const std::byte> rest = field.bytes;
  for (uint64_t value = 0; !rest.empty();) {
    if (!base::TakeVarint(rest, value)) return DataLoss("model metadata: unreadable shape");
    SLIPWAY_RETURN_IF_ERROR(add(value));
  }
  return base::OkStatus();
}

// TensorMetadata: name = 1, datatype = 2, shape = 3.
Result<BenchInput> ReadTensorMetadata(WireReader reader) {
  BenchInput input{.name = {}, .dtype = tensor::DType::kFp32, .shape = {}};
  std::string datatype;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) input.name = field.text();
    if (field.number == 2) datatype = field.text();
    if (field.number == 3) SLIPWAY_RETURN_IF_ERROR(AddDims(field, input.shape));
  }
  if (!reader.status().ok()) return reader.status();
  const auto dtype = tensor::ParseDType(datatype);
  if (!dtype) {
    return DataLoss(StrCat("model metadata: input '", base::Printable(input.name),
                           "' has the unknown datatype '", base::Printable(datatype), "'"));
  }
  input.dtype = *dtype;
  return input;
}

// InferInputTensor: name = 1, datatype = 2, shape = 3.
std::string WriteTensor(const BenchTensor& tensor) {
  std::string dims;
  for (size_t i = 0; i < tensor.shape.rank(); ++i) {
    base::AppendVarint(dims, static_cast<uint64_t>(tensor.shape[i]));
  }
  std::string out;
  WireWriter writer(out);
  writer.Bytes(1, tensor.name);
  writer.Bytes(2, tensor::DTypeName(tensor.dtype));
  if (!dims.empty()) writer.Bytes(3, dims);
  return out;
}

}  // namespace

Result<std::vector<BenchInput>> ReadGrpcInputs(std::string_view message) {
  constexpr uint32_t kInputs = 4;
  std::vector<BenchInput> inputs;
  WireReader reader = ReaderOf(message);
  for (WireField field; reader.Next(field);) {
    if (field.number != kInputs) continue;
    SLIPWAY_ASSIGN_OR_RETURN(BenchInput input, ReadTensorMetadata(reader.Enter(field)));
    inputs.push_back(std::move(input));
  }
  if (!reader.status().ok()) return reader.status().WithContext("model metadata");
  return inputs;
}

// model_name = 1, model_version = 2, inputs = 5, raw_input_contents = 7.
std::string WriteInferMessage(std::string_view model, std::string_view version,
                              std::span<const BenchTensor> tensors) {
  std::string out;
  WireWriter writer(out);
  writer.Bytes(1, model);
  if (!version.empty()) writer.Bytes(2, version);
  for (const BenchTensor& tensor : tensors) writer.Bytes(5, WriteTensor(tensor));
  for (const BenchTensor& tensor : tensors) writer.Bytes(7, tensor.data);
  return out;
}

GrpcRequests::GrpcRequests(const BenchOptions& options, const ServerUrl& url,
                           const net::ServerName& to, const CommandContext& context,
                           net::GrpcClient client)
    : options_(options),
      url_(url),
      to_(to),
      context_(context),
      version_(options.version.empty() ? url.version : options.version),
      client_(std::move(client)) {
  for (const std::string& line : options.headers) fields_.push_back(HeaderField(line));
}

Result<std::unique_ptr<RequestMaker>> GrpcRequests::Create(const BenchOptions& options,
                                                           const ServerUrl& url,
                                                           const net::ServerName& to,
                                                           const SharedTls& tls,
                                                           const CommandContext& context) {
  net::GrpcClient client(
      to, context.clock,
      {.timeout = std::chrono::ceil<std::chrono::milliseconds>(options.load.timeout),
       .tls = tls.get()});
  return std::unique_ptr<RequestMaker>(
      new GrpcRequests(options, url, to, context, std::move(client)));
}

// RepositoryIndexRequest: ready = 2; RepositoryIndexResponse: models = 1 { name = 1 }.
Result<std::string> GrpcRequests::OnlyModel() {
  std::string request;
  WireWriter(request).Varint(2, 1);
  const Result<std::string> index = client_.Call(Method("RepositoryIndex"), request, fields_);
  if (index.status().code() == base::StatusCode::kUnavailable) return index.status();
  std::vector<std::string> names;
  WireReader reader = ReaderOf(index.ok() ? *index : std::string_view());
  for (WireField model; reader.Next(model);) {
    WireReader entry = reader.Enter(model);
    for (WireField field; model.number == 1 && entry.Next(field);) {
      if (field.number == 1) names.emplace_back(field.text());
    }
  }
  return OnlyModelOf(names);
}

// ModelMetadataRequest: name = 1, version = 2.
Result<std::string> GrpcRequests::MakeMessage(const std::string& model, int64_t rows) {
  std::string request;
  WireWriter writer(request);
  writer.Bytes(1, model);
  if (!version_.empty()) writer.Bytes(2, version_);
  const Result<std::string> metadata = client_.Call(Method("ModelMetadata"), request, fields_);
  if (!metadata.ok()) return metadata.status().WithContext(url_.server);
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<BenchInput> inputs, ReadGrpcInputs(*metadata));
  BenchBodyOptions how = options_.body;
  how.batch = rows;
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<BenchTensor> tensors, MakeBenchTensors(inputs, how));
  return WriteInferMessage(model, version_, tensors);
}

Result<PreparedRequest> GrpcRequests::Make(const std::string& model, int64_t rows,
                                           const std::string& input_file) {
  PreparedRequest prepared{.wire = {}, .target = {}, .format = "as given"};
  std::string message;
  if (!input_file.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(message, context_.fs.Read(input_file, kMaxInputBytes));
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(message, MakeMessage(model, rows));
    prepared.format = "grpc";
  }
  const std::string path = Method("ModelInfer");
  const Result<std::string> first = client_.Call(path, message, fields_);
  if (!first.ok()) {
    return first.status().WithContext(StrCat(url_.server, ": the first request failed"));
  }
  prepared.target = StrCat("gRPC ", url_.server, path, " of ", base::Printable(model));
  prepared.wire.bytes = net::FrameGrpcMessage(message);
  prepared.wire.fields = net::GrpcCallFields(to_, path, fields_);
  return prepared;
}

}  // namespace slipway::app
