#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/grpc/pools.h"
#include "net/grpc_call.h"

namespace slipway::frontend::grpc {

// grpc.health.v1.HealthCheckResponse.ServingStatus
enum class ServingStatus : uint8_t { kUnknown, kServing, kNotServing, kServiceUnknown };

// "" and the names of our services: whether the server is ready. The name of a model: whether it
// is; also one that is known but not loaded. Everything else is kServiceUnknown.
ServingStatus StatusOf(const Services& services, std::string_view service);

class HealthWatches;

// One call of Health.Watch: sends the status at once, and again whenever it changes. Ends, as
// UNAVAILABLE, when the server shuts down.
class HealthWatch final : public net::GrpcReceiver {
 public:
  explicit HealthWatch(HealthWatchPool& pool) : pool_(pool) {}

  void Start(net::GrpcCall& call, HealthWatches& watches);
  void OnMessage(net::GrpcMessage message) override;
  void OnEndOfMessages() override;
  void OnWritable() override;
  void OnCancelled() override;
  void Recycle();

 private:
  friend class HealthWatches;
  void Update();
  void End(const base::Status& status);

  HealthWatchPool& pool_;
  net::GrpcCall* call_ = nullptr;
  HealthWatches* watches_ = nullptr;
  std::string service_;
  int messages_ = 0;
  base::Status read_;  // of the request
  bool watching_ = false;
  bool blocked_ = false;
  ServingStatus sent_ = ServingStatus::kUnknown;  // which is never sent
};

// The watches of one event loop. Nobody tells a front end when readiness changes, so while there
// are watches it looks every kPeriod. The loop's thread only.
class HealthWatches {
 public:
  // Runs the work once, after the delay, on the loop; never when the loop ends before.
  using Schedule = std::function<void(std::chrono::milliseconds, std::function<void()>)>;
  static constexpr std::chrono::milliseconds kPeriod{200};

  explicit HealthWatches(Schedule schedule) : schedule_(std::move(schedule)) {}
  void Add(HealthWatch& watch);
  void Remove(HealthWatch& watch);

 private:
  void Tick();

  const Schedule schedule_;
  std::vector<HealthWatch*> watches_;
  bool scheduled_ = false;
};

}  // namespace slipway::frontend::grpc
