#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "app/bench/plan.h"
#include "net/grpc_client.h"

namespace slipway::app {

// ModelInfer calls of the Open Inference protocol, with the tensors in raw_input_contents. What it
// is given outlives it. Source: the protocol's grpc_predict_v2.proto.
class GrpcRequests final : public RequestMaker {
 public:
  static base::Result<std::unique_ptr<RequestMaker>> Create(const BenchOptions& options,
                                                            const ServerUrl& url,
                                                            const net::ServerName& to,
                                                            const SharedTls& tls,
                                                            const CommandContext& context);

  base::Result<std::string> OnlyModel() override;
  base::Result<PreparedRequest> Make(const std::string& model, int64_t rows,
                                     const std::string& input_file) override;

 private:
  GrpcRequests(const BenchOptions& options, const ServerUrl& url, const net::ServerName& to,
               const CommandContext& context, net::GrpcClient client);

  base::Result<std::string> MakeMessage(const std::string& model, int64_t rows);

  const BenchOptions& options_;
  const ServerUrl& url_;
  const net::ServerName& to_;
  const CommandContext& context_;
  const std::string version_;
  std::vector<net::Http2ClientSession::Field> fields_;  // of the user
  net::GrpcClient client_;
};

// The inputs in a ModelMetadataResponse. kDataLoss.
base::Result<std::vector<BenchInput>> ReadGrpcInputs(std::string_view message);
// A ModelInferRequest.
std::string WriteInferMessage(std::string_view model, std::string_view version,
                              std::span<const BenchTensor> tensors);

}  // namespace slipway::app
