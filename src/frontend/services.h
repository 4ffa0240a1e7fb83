#pragma once

#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "frontend/model_control.h"
#include "frontend/server_state.h"
#include "frontend/shared_memory_registry.h"
#include "inference/dispatcher.h"
#include "monitor/request_tracer.h"

namespace slipway::frontend {

// What the front ends of one event loop work with. All must outlive them. `loop` is the event
// loop's executor.
struct Services {
  inference::Dispatcher& dispatcher;
  ModelControl& control;
  const ServerState& state;
  base::Executor& loop;
  base::Clock& clock;
  base::Logger& log;
  SharedMemoryRegistry* shared_memory = nullptr;  // null: shared memory is off
  std::string client_header = {};                 // for ClientOf()
  monitor::RequestTracer* tracer = nullptr;       // null: nothing is traced
};

}  // namespace slipway::frontend
