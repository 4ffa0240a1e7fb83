#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "engine/engine.h"

namespace slipway::engine {

// What a worker process is given: where orders come from, and for each request at a time a socket
// and the memory that tensors lie in.
struct WorkerEnds {
  struct Lane {
    base::UniqueFd socket;
    base::UniqueFd inputs;
    base::UniqueFd outputs;
  };
  base::UniqueFd control;
  std::vector<Lane> lanes;
};

// The worker process of a model: loads what the first message says, answers, and then runs the
// model for every lane at once, until the server closes the control channel or dies. Then it ends
// the process, without a return. Returns when there was no model to run: kUnavailable when the
// server was gone before, OK when the model could not be loaded, which the server was told.
base::Status RunWorker(WorkerEnds ends, const EngineFactory& factory);

}  // namespace slipway::engine
