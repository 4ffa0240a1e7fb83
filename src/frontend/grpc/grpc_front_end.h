#pragma once

#include "base/random.h"
#include "frontend/grpc/health.h"
#include "frontend/grpc/infer_call_task.h"
#include "frontend/grpc/infer_stream.h"
#include "frontend/grpc/pools.h"
#include "frontend/grpc/proto_schema.h"
#include "frontend/grpc/reflection.h"
#include "frontend/grpc/unary_call.h"
#include "frontend/services.h"
#include "net/grpc_call.h"

namespace slipway::frontend::grpc {

// The Open Inference Protocol over gRPC with Triton's extensions, health checking and reflection,
// for one event loop. method_table.h lists the methods. Source: Triton, grpc_service.proto.
//
// Thread-compatible: the loop's thread only. Owns the calls that are being answered, so it must
// outlive them: destroy it after its loop has stopped.
class GrpcFrontEnd final : public net::GrpcHandler {
 public:
  // `schedule` runs work on the loop later (HealthWatches).
  GrpcFrontEnd(const Services& services, HealthWatches::Schedule schedule);

  net::GrpcReceiver* OnCall(net::GrpcCall& call) override;

 private:
  const Services services_;
  base::Random random_;
  const ProtoSchema schema_;
  const CallServices call_services_;
  InferCallPool infer_calls_;
  InferStreamPool infer_streams_;
  StreamTaskPool stream_tasks_;
  UnaryCallPool unary_calls_;
  HealthWatchPool health_watches_;
  ReflectionCallPool reflection_calls_;
  HealthWatches watches_;
};

}  // namespace slipway::frontend::grpc
