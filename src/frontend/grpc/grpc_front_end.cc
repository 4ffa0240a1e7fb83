#include "frontend/grpc/grpc_front_end.h"

#include <utility>

#include "frontend/grpc/descriptor_set.h"
#include "frontend/grpc/method_table.h"

namespace slipway::frontend::grpc {
namespace {

template <typename Pool, typename... Arguments>
net::GrpcReceiver* Begin(Pool& pool, Arguments&&... arguments) {
  auto& receiver = pool.Take();
  receiver.Start(std::forward<Arguments>(arguments)...);
  return &receiver;
}

}  // namespace

GrpcFrontEnd::GrpcFrontEnd(const Services& services, HealthWatches::Schedule schedule)
    : services_(services),
      random_(base::RandomSeed()),
      schema_(DescriptorSet()),
      call_services_{.front = services_, .random = random_, .schema = schema_},
      infer_calls_(call_services_),
      infer_streams_(call_services_),
      stream_tasks_(call_services_),
      unary_calls_(call_services_),
      health_watches_(call_services_),
      reflection_calls_(call_services_),
      watches_(std::move(schedule)) {}

net::GrpcReceiver* GrpcFrontEnd::OnCall(net::GrpcCall& call) {
  const Method* const method = FindMethod(call.request().path);
  if (method == nullptr) return nullptr;
  switch (method->kind) {
    case Method::Kind::kInfer:
      return Begin(infer_calls_, call);
    case Method::Kind::kStreamInfer:
      return Begin(infer_streams_, call, stream_tasks_);
    case Method::Kind::kUnary:
      return Begin(unary_calls_, call, method->answer);
    case Method::Kind::kHealthWatch:
      return Begin(health_watches_, call, watches_);
    case Method::Kind::kReflection:
      return Begin(reflection_calls_, call);
  }
  return nullptr;
}

}  // namespace slipway::frontend::grpc
