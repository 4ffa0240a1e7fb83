#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/process/shared_area.h"
#include "engine/process/worker.h"
#include "engine/process/worker_channel.h"
#include "engine/process/worker_messages.h"

namespace slipway::engine {

// Starts a process that calls RunWorker() with `ends`, which are closed here afterwards. Returns
// its id; the caller waits for its end.
using LaunchWorker = std::function<base::Result<pid_t>(const WorkerEnds& ends)>;

// A model in a process of its own, as the server sees it.
//
// Thread-safe: as many threads as there are lanes run at once, others wait for one. Owns the
// process: the destructor ends it, at once if it does not go by itself.
class WorkerProcess {
 public:
  struct Options {
    int lanes = 1;                // requests at a time
    uint64_t max_data_bytes = 0;  // private memory of the process (RLIMIT_DATA); 0: no limit
    // How long a run that was stopped may take to notice, before the process is ended.
    std::chrono::milliseconds grace{1000};
  };

  // Starts the process and loads the model in it. Errors: those of EngineFactory::Load, which the
  // process tells; kUnavailable when it died over it.
  static base::Result<std::unique_ptr<WorkerProcess>> Start(const LaunchWorker& launch,
                                                            const Options& options,
                                                            const ModelFiles& files,
                                                            const EngineOptions& engine_options);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  const tensor::Signature& signature() const { return signature_; }
  pid_t pid() const { return pid_; }
  // False when the process is dead. No run succeeds from then on.
  bool alive() const;

  // As Engine::Run, for inputs and outputs that were checked. kUnavailable when the process died,
  // with its last words; kDeadlineExceeded or kCancelled also when it had to be ended, because the
  // run did not stop.
  base::Status Run(std::span<const tensor::TensorView> inputs, std::span<const size_t> outputs,
                   base::Deadline deadline, std::vector<tensor::Tensor>& results);

 private:
  struct Lane {
    WorkerChannel channel;
    SharedArea inputs;
    SharedArea outputs;
  };

  WorkerProcess(const Options& options, WorkerChannel control, std::vector<Lane> lanes)
      : options_(options), control_(std::move(control)), lanes_(std::move(lanes)) {}
  base::Status Load(const ModelFiles& files, const EngineOptions& engine_options);
  // Waits for a lane; nullptr when the deadline was first.
  Lane* TakeLane(base::Deadline deadline);
  void GiveBack(Lane& lane);
  base::Status RunOn(Lane& lane, std::span<const tensor::TensorView> inputs,
                     std::span<const size_t> outputs, base::Deadline deadline,
                     std::vector<tensor::Tensor>& results);
  base::Result<std::vector<std::byte>> Await(Lane& lane, base::Deadline deadline);
  // A reply that makes no sense ends the process: nobody knows what it has become.
  base::Status TakeReply(Lane& lane, std::span<const std::byte> message, size_t outputs,
                         std::vector<tensor::Tensor>& results);
  // Ends the process and says how it ended.
  base::Status Died();
  std::string End(bool at_once);

  const Options options_;
  WorkerChannel control_;
  std::vector<Lane> lanes_;
  pid_t pid_ = -1;
  tensor::Signature signature_;
  mutable std::mutex mutex_;
  std::condition_variable lane_free_;
  std::vector<Lane*> free_;   // under mutex_
  bool alive_ = true;         // under mutex_
  bool ended_ = false;        // under mutex_: it was waited for
  std::string how_it_ended_;  // under mutex_
};

}  // namespace slipway::engine
