#pragma once

#include "base/random.h"
#include "frontend/grpc/proto_schema.h"
#include "frontend/openinference/model_task.h"
#include "frontend/services.h"

namespace slipway::frontend::grpc {

// What the calls of one event loop work with. All must outlive them.
struct CallServices {
  const Services& front;
  base::Random& random;
  const ProtoSchema& schema;
};

class HealthWatch;
class InferCallTask;
class InferStream;
class ReflectionCall;
class StreamTask;
class UnaryCall;
using InferCallPool = openinference::TaskPool<InferCallTask, CallServices>;
using HealthWatchPool = openinference::TaskPool<HealthWatch, CallServices>;
using ReflectionCallPool = openinference::TaskPool<ReflectionCall, CallServices>;
using InferStreamPool = openinference::TaskPool<InferStream, CallServices>;
using StreamTaskPool = openinference::TaskPool<StreamTask, CallServices>;
using UnaryCallPool = openinference::TaskPool<UnaryCall, CallServices>;

}  // namespace slipway::frontend::grpc
