#include "frontend/openinference/infer_encoder.h"

#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/http_answer.h"
#include "frontend/openinference/binary_tensor.h"
#include "frontend/openinference/json_text.h"
#include "frontend/openinference/output_tensor.h"
#include "frontend/openinference/shared_tensor.h"
#include "tensor/json_writer.h"

namespace slipway::frontend::openinference {
namespace {

using base::Status;
using tensor::NotFinite;
using tensor::Tensor;

void AppendDescription(const tensor::TensorSpec& spec, const Tensor& tensor, std::string& out) {
  out.append("{\"name\":");
  base::AppendJsonString(out, spec.name);
  out.append(",\"datatype\":\"").append(tensor::DTypeName(tensor.dtype()));
  out.append("\",\"shape\":");
  AppendShape(tensor.shape(), out);
}

void AppendBinary(Tensor tensor, net::HttpResponse& response) {
  const size_t size = tensor.view().data().size();
  response.body.append(",\"parameters\":{\"binary_data_size\":");
  AppendNumber(size, response.body);
  response.body.push_back('}');
  if (size > 0) response.tail.push_back(TakeMemory(std::move(tensor)));
}

Status AppendJson(const Tensor& tensor, const InferRequest& request, std::string& out) {
  out.append(",\"data\":");
  const NotFinite not_finite =
      request.literal_not_finite ? NotFinite::kLiteral : NotFinite::kRefuse;
  Status status = tensor::AppendJsonArray(tensor.view(), not_finite, out);
  if (status.ok()) return status;
  return base::InvalidArgument(base::StrCat(
      status.message(), ": ask for this output with the parameter binary_data",
      tensor.dtype() == tensor::DType::kBytes ? ""
                                              : ", or add the request parameter nan: 'literal'"));
}

Status AppendOutput(const lifecycle::LoadedModel& model, const InferRequest& request,
                    const RequestedOutput& output, Tensor tensor, net::HttpResponse& response) {
  const tensor::TensorSpec& spec = model.engine().signature().outputs[output.index];
  AppendDescription(spec, tensor, response.body);
  if (output.shared >= 0) {
    SLIPWAY_RETURN_IF_ERROR(MoveToRegion(request, output, tensor));
  } else if (output.binary) {
    AppendBinary(std::move(tensor), response);
  } else {
    SLIPWAY_RETURN_IF_ERROR(AppendJson(tensor, request, response.body));
  }
  response.body.push_back('}');
  return base::OkStatus();
}

void AppendHead(const lifecycle::LoadedModel& model, const InferRequest& request,
                std::string& out) {
  out.append("{\"model_name\":");
  base::AppendJsonString(out, model.id().name);
  out.append(",\"model_version\":\"");
  AppendNumber(model.id().version, out);
  out.push_back('"');
  if (!request.id.empty()) {
    out.append(",\"id\":");
    base::AppendJsonString(out, request.id);
  }
}

}  // namespace

Status EncodeInferResponse(const lifecycle::LoadedModel& model, const InferRequest& request,
                           std::vector<Tensor>& results, net::HttpResponse& response) {
  std::string& out = response.body;
  AppendHead(model, request, out);
  out.append(",\"outputs\":[");
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    if (i > 0) out.push_back(',');
    const RequestedOutput& output = request.outputs[i];
    SLIPWAY_RETURN_IF_ERROR(ClassifyIfAsked(model, output, results[i]));
    const Status status = AppendOutput(model, request, output, std::move(results[i]), response);
    if (!status.ok()) {
      return status.WithContext(
          base::StrCat("output '", model.engine().signature().outputs[output.index].name, "'"));
    }
  }
  out.append("]}");
  response.content_type = kJsonType;
  response.compressible = true;
  if (!response.tail.empty()) {
    response.content_type = "application/octet-stream";
    response.AddHeader(kHeaderLengthName, std::to_string(out.size()));
  }
  return base::OkStatus();
}

}  // namespace slipway::frontend::openinference
