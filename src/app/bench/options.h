#pragma once

#include <string>
#include <vector>

#include "app/bench/arrivals.h"
#include "app/bench/request.h"
#include "app/bench/stream.h"
#include "app/bench/target.h"
#include "app/bench/wire.h"
#include "app/client/server_client.h"
#include "base/status.h"

namespace CLI {
class App;
}  // namespace CLI

namespace slipway::app {

// What a load test shall do, checked. A value.
struct BenchOptions {
  std::string url;
  std::vector<BenchTarget> targets;  // empty: one model, found as the fields below say
  std::string model;
  std::string version;
  std::string path;        // "": a model's /infer
  std::string input_file;  // "": a body made from the model's description
  BenchProtocol protocol = BenchProtocol::kRest;
  BenchBodyOptions body;
  std::vector<std::string> headers;  // "Name: value"
  ArrivalPlan arrivals;              // without its rate
  std::vector<double> rates;         // one, or the steps of a sweep; empty: the closed loop
  std::vector<int> concurrency;      // one, or the steps of a sweep
  int outstanding = 1;
  std::string trace_file;
  LoadOptions load;
  bool duration_given = false;
  bool warmup_given = false;
  TlsOptions tls;
  int pid = 0;
  bool quiet = false;
  bool json = false;
  std::string output;
  std::string html;
  std::string against;   // the URL of another server: both in turn
  std::string baseline;  // a report to compare with
  int rounds = 1;

  bool sweep() const { return rates.size() > 1 || concurrency.size() > 1; }
};

// The flags of `slipway bench`. Thread-compatible; must outlive the App that it has configured.
class BenchFlags {
 public:
  void Configure(CLI::App& app);
  // What the flags say; kInvalidArgument names the flag.
  base::Result<BenchOptions> Read() const;

 private:
  void ConfigureWhat(CLI::App& app);
  void ConfigureLoad(CLI::App& app);
  void ConfigureOutput(CLI::App& app);
  base::Status ReadTimes(BenchOptions& options) const;
  base::Status ReadRequest(BenchOptions& options) const;
  base::Status ReadLoad(BenchOptions& options) const;
  base::Status CheckTogether(const BenchOptions& options) const;
  static base::Status CheckSweep(const BenchOptions& options);

  BenchOptions plain_;  // what needs no reading
  std::vector<std::string> target_texts_;
  std::vector<std::string> shape_texts_;
  std::string protocol_ = "rest";
  bool http2_ = false;
  std::string format_ = "json";
  std::string arrivals_ = "poisson";
  std::string rates_;
  std::string concurrency_;
  int connections_ = 0;  // 0: not given
  std::string warmup_;
  std::string duration_;
  std::string timeout_;
};

}  // namespace slipway::app
