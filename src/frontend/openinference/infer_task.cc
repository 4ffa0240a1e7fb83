#include "frontend/openinference/infer_task.h"

#include <optional>

#include "base/str_cat.h"
#include "frontend/client_identity.h"
#include "frontend/http_answer.h"
#include "frontend/openinference/infer_encoder.h"

namespace slipway::frontend::openinference {

using base::Status;

void InferTask::Run(Kind kind, net::Exchange& exchange, const RequestIds& ids) {
  kind_ = kind;
  exchange_ = &exchange;
  const net::HttpRequest& http = exchange.request();
  Status decoded = Begin({.first_byte_at = http.first_byte_at,
                          .complete_at = http.complete_at,
                          .peer = http.peer,
                          .client = ClientOf(http, services().client_header)},
                         ids);
  if (decoded.ok()) decoded = Decode();
  EndInput();
  if (!decoded.ok()) {
    Finish(OfModel(decoded));
    return;
  }
  exchange.set_on_client_gone([this] { abandoned.store(true, std::memory_order_relaxed); });
  services().dispatcher.Submit(*this);
}

Status InferTask::Decode() {
  const std::string_view query = exchange_->request().query;
  request_.strict = QueryFlag(query, "strict");
  request_.literal_not_finite = QueryValue(query, "nan") == "literal";
  SLIPWAY_RETURN_IF_ERROR(DecodeBody());
  return Prepare();
}

Status InferTask::DecodeBody() {
  const net::HttpRequest& http = exchange_->request();
  const tensor::Signature& signature = model->engine().signature();
  if (kind_ == Kind::kPredict) {
    return DecodePredict(http.body, signature, request_, decoder_, inputs);
  }
  if (kind_ != Kind::kInfer) {
    return DecodeGenerate(http.body, signature, request_, decoder_, inputs);
  }
  std::optional<std::string_view> header_length;
  if (http.HasHeader(kHeaderLengthName)) header_length = http.Header(kHeaderLengthName);
  SLIPWAY_ASSIGN_OR_RETURN(const InferBody body, InferBody::Divide(http.body, header_length));
  return decoder_.Decode(body, signature, request_, inputs);
}

void InferTask::OnDone() {
  services().dispatcher.RecordExecution(*this);
  Finish(OfModel(status.ok() ? Encode() : status));
}

Status InferTask::Encode() {
  net::HttpResponse& response = exchange_->response();
  if (kind_ == Kind::kInfer) return EncodeInferResponse(*model, request_, results, response);
  if (kind_ == Kind::kPredict) return EncodePredict(*model, request_, results, response);
  return EncodeGenerate(*model, request_, results, kind_ == Kind::kGenerateStream, response);
}

void InferTask::Finish(const Status& done) {
  net::HttpResponse& response = exchange_->response();
  if (!done.ok()) {
    response.Clear();
    SetError(done, response);
  }
  AddModelHeader(*model, response);
  ids_.AddTo(response);
  if (source != inference::AnswerSource::kRun) {
    response.AddHeader("slipway-cache", CacheHeader(source));
  }
  if (!diverted_from.empty()) response.AddHeader("slipway-diverted-from", diverted_from);
  if (!request_.ignored.empty()) {
    response.AddHeader("slipway-warning", base::StrCat("ignored ", request_.ignored));
  }
  EndOutput();
  Log(done);  // the ids view the request, which ends with Send()
  exchange_->Send();
  exchange_ = nullptr;
  Record(done);
  pool_.Give(*this);
}

void InferTask::Recycle() {
  ModelTask::Recycle();
  decoder_.Reset();
}

}  // namespace slipway::frontend::openinference
