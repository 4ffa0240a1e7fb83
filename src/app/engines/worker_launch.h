#pragma once

#include <sys/types.h>

#include "base/status.h"
#include "engine/process/worker_process.h"

namespace slipway::app {

// How a server hands a worker process, `slipway worker --lanes N`, its descriptors: 3 is the
// control channel; 4, 5 and 6 are socket, inputs and outputs of the first lane, and so on.
// Thread-safe.

// Starts this program again as a worker. kUnavailable and the like with the system's words.
base::Result<pid_t> LaunchWorker(const engine::WorkerEnds& ends);

// In the worker: takes over the descriptors. kInvalidArgument when they are not there, as when a
// person has typed the command.
base::Result<engine::WorkerEnds> AdoptWorkerEnds(int lanes);

}  // namespace slipway::app
