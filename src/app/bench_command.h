#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/bench_load.h"
#include "app/bench_report.h"
#include "app/bench_request.h"
#include "app/command.h"
#include "app/server_client.h"

namespace slipway::app {

// slipway bench URL: load on a model server, ours or another that speaks the Open Inference REST
// protocol, and what came of it.
//
// Sends one request first and ends with the server's words if that fails. Ctrl-C ends the test
// early and prints what was measured.
class BenchCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  // What is sent over and over.
  struct Plan {
    std::string method = "POST";
    std::string target;  // "/v2/models/m/infer"
    BenchBody body;
    std::string format;
    std::vector<std::string> headers;  // "Name: value"
  };

  base::Status ReadOptions();
  base::Result<std::string> ModelName(ServerClient& client, const ServerUrl& url) const;
  base::Result<Plan> MakePlan(ServerClient& client, const ServerUrl& url) const;
  base::Result<BenchBody> MakeBody(ServerClient& client, const std::string& model_path) const;
  base::Status TryOnce(ServerClient& client, const Plan& plan) const;
  base::Result<BenchReport> Measure(const ServerUrl& url, const SharedTls& tls,
                                    const Plan& plan) const;
  base::Status Publish(const BenchReport& report) const;

  std::string url_;
  std::string model_;
  std::string version_;
  std::string path_;
  std::string input_file_;
  std::string format_ = "json";
  std::vector<std::string> shape_texts_;
  std::vector<std::string> headers_;
  std::string warmup_text_ = "1s";
  std::string duration_text_ = "10s";
  std::string timeout_text_ = "30s";
  BenchBodyOptions body_options_;
  LoadOptions load_;
  TlsOptions tls_;
  int pid_ = 0;
  bool json_ = false;
  bool quiet_ = false;
  std::string output_;
};

}  // namespace slipway::app
