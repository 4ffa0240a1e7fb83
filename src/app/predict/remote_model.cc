#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "app/client/server_client.h"
#include "app/predict/infer_body.h"
#include "app/predict/model.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::Result;
using base::StrCat;
using nlohmann::json;

constexpr std::string_view kJsonBytesHeader = "inference-header-content-length";

class RemoteModel final : public PredictModel {
 public:
  RemoteModel(ServerClient client, ServerUrl url, std::string target, tensor::Signature signature)
      : client_(std::move(client)),
        url_(std::move(url)),
        target_(std::move(target)),
        signature_(std::move(signature)) {}

  const std::string& name() const override { return url_.model; }
  const std::string& version() const override { return url_.version; }
  const tensor::Signature& signature() const override { return signature_; }

  Result<std::vector<tensor::Tensor>> Run(std::span<const tensor::TensorView> inputs,
                                          std::span<const size_t> outputs) override {
    const InferBody request = WriteInferRequest(signature_, inputs, outputs);
    const std::string json_bytes = StrCat(request.json_bytes);
    SLIPWAY_ASSIGN_OR_RETURN(const auto response,
                             client_.Send({.method = "POST",
                                           .target = target_,
                                           .headers = {{"content-type", "application/octet-stream"},
                                                       {kJsonBytesHeader, json_bytes}},
                                           .body = request.bytes}));
    auto tensors =
        ReadInferAnswer(signature_, outputs, response.body, response.Header(kJsonBytesHeader));
    if (!tensors.ok()) return tensors.status().WithContext(StrCat("server ", url_.server));
    return tensors;
  }

 private:
  ServerClient client_;
  const ServerUrl url_;
  const std::string target_;  // of infer requests
  const tensor::Signature signature_;
};

// The only model of a server.
Result<std::string> OnlyModel(ServerClient& client) {
  SLIPWAY_ASSIGN_OR_RETURN(const json index, client.Post("/v2/repository/index", "{}"));
  std::set<std::string> names;
  for (const json& entry : index) {
    if (const std::string name = JsonText(entry, "name"); !name.empty()) names.insert(name);
  }
  if (names.size() == 1) return *names.begin();
  std::string list;
  for (const std::string& name : names)
    list += StrCat(list.empty() ? "" : ", ", base::Printable(name));
  return base::InvalidArgument(
      StrCat("server ", client.server(), " serves ",
             names.empty() ? "no models" : StrCat(names.size(), " models: ", list),
             "; say which one with --model NAME"));
}

}  // namespace

Result<std::unique_ptr<PredictModel>> OpenRemoteModel(
    const std::string& text, const std::string& model, const base::Clock& clock,
    const base::FileSystem& fs, const TlsOptions& tls, std::chrono::milliseconds timeout) {
  SLIPWAY_ASSIGN_OR_RETURN(ServerUrl url, ParseServerUrl(text));
  if (!url.model.empty() && !model.empty() && url.model != model) {
    return base::InvalidArgument(
        StrCat("two models: '", url.model, "' in the URL, '", model, "' by --model"));
  }
  if (url.model.empty()) url.model = model;
  SLIPWAY_ASSIGN_OR_RETURN(SharedTls shared, MakeTls(url.server, tls, fs));
  SLIPWAY_ASSIGN_OR_RETURN(ServerClient client,
                           ServerClient::Create(url.server, clock, timeout, std::move(shared)));
  if (url.model.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(url.model, OnlyModel(client));
  }
  std::string target = StrCat("/v2/models/", PercentEncode(url.model));
  if (!url.version.empty()) target += StrCat("/versions/", PercentEncode(url.version));
  SLIPWAY_ASSIGN_OR_RETURN(const auto metadata, client.Send({.target = target}));
  auto signature = ReadMetadata(metadata.body);
  if (!signature.ok()) return signature.status().WithContext(StrCat("server ", url.server));
  target += "/infer";
  return std::unique_ptr<PredictModel>(std::make_unique<RemoteModel>(
      std::move(client), std::move(url), std::move(target), *std::move(signature)));
}

}  // namespace slipway::app
