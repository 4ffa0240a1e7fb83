#include "engine/process/worker_process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include "base/buffer.h"
#include "base/str_cat.h"
#include "engine/call_checks.h"
#include "engine/process/lane_memory.h"

namespace slipway::engine {

using base::Result;
using base::Status;
using tensor::Tensor;
using namespace std::chrono_literals;

namespace {

constexpr size_t kKeptBytes = size_t{4} << 20;  // of each lane's memory, between requests
constexpr auto kGoodbye = 2s;                   // for a process that was asked to go

std::string InWords(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return base::StrCat("was ended by signal ", number, " (", strsignal(number), ")");
  }
  return base::StrCat("ended with status ", WEXITSTATUS(status));
}

// A tensor of the worker's, copied before it is looked at: the worker may write meanwhile.
Result<Tensor> CopyOut(const SharedTensor& shared, SharedArea& area) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::span<const std::byte> bytes, BytesOf(shared, area));
  base::Buffer buffer = base::Buffer::Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return Tensor::Adopt(shared.dtype, shared.shape, std::move(buffer));
}

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const LaunchWorker& launch,
                                                            const Options& options,
                                                            const ModelFiles& files,
                                                            const EngineOptions& engine_options) {
  WorkerEnds ends;
  SLIPWAY_ASSIGN_OR_RETURN(ChannelEnds control, ConnectedPair());
  ends.control = std::move(control.theirs);
  std::vector<Lane> lanes;
  for (int i = 0; i < options.lanes; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(ChannelEnds pair, ConnectedPair());
    SLIPWAY_ASSIGN_OR_RETURN(SharedArea inputs, SharedArea::Create());
    SLIPWAY_ASSIGN_OR_RETURN(SharedArea outputs, SharedArea::Create());
    WorkerEnds::Lane& theirs = ends.lanes.emplace_back();
    theirs.socket = std::move(pair.theirs);
    // Closed on exec: the worker of one model must not inherit the memory of another.
    theirs.inputs.Reset(fcntl(inputs.fd(), F_DUPFD_CLOEXEC, 0));
    theirs.outputs.Reset(fcntl(outputs.fd(), F_DUPFD_CLOEXEC, 0));
    if (!theirs.inputs.valid() || !theirs.outputs.valid()) {
      return base::ErrnoStatus(errno, "memory for a worker process");
    }
    SLIPWAY_RETURN_IF_ERROR(inputs.Reserve(kLaneHeadBytes));
    lanes.push_back({.channel = WorkerChannel(std::move(pair.ours)),
                     .inputs = std::move(inputs),
                     .outputs = std::move(outputs)});
  }
  std::unique_ptr<WorkerProcess> process(
      new WorkerProcess(options, WorkerChannel(std::move(control.ours)), std::move(lanes)));
  SLIPWAY_ASSIGN_OR_RETURN(process->pid_, launch(ends));
  ends = {};
  if (options.max_data_bytes > 0) {
    const rlimit limit{.rlim_cur = options.max_data_bytes, .rlim_max = options.max_data_bytes};
    prlimit(process->pid_, RLIMIT_DATA, &limit, nullptr);
  }
  SLIPWAY_RETURN_IF_ERROR(process->Load(files, engine_options));
  return process;
}

Status WorkerProcess::Load(const ModelFiles& files, const EngineOptions& engine_options) {
  for (Lane& lane : lanes_) free_.push_back(&lane);
  if (!control_.Send(Encode(LoadRequest{files, engine_options})).ok()) return Died();
  auto message = control_.Receive();
  if (!message.ok()) return Died();
  SLIPWAY_ASSIGN_OR_RETURN(LoadReply reply, DecodeLoadReply(*message));
  SLIPWAY_RETURN_IF_ERROR(reply.status);
  signature_ = std::move(reply.signature);
  return base::OkStatus();
}

WorkerProcess::~WorkerProcess() {
  if (pid_ > 0) End(false);
}

bool WorkerProcess::alive() const {
  const std::lock_guard lock(mutex_);
  return alive_ && !control_.HungUp();
}

WorkerProcess::Lane* WorkerProcess::TakeLane(base::Deadline deadline) {
  std::unique_lock lock(mutex_);
  while (free_.empty()) {
    if (deadline.Expired(std::chrono::steady_clock::now())) return nullptr;
    lane_free_.wait_for(lock, 20ms);
  }
  Lane* const lane = free_.back();
  free_.pop_back();
  return lane;
}

void WorkerProcess::GiveBack(Lane& lane) {
  const std::lock_guard lock(mutex_);
  free_.push_back(&lane);
  lane_free_.notify_one();
}

Status WorkerProcess::Run(std::span<const tensor::TensorView> inputs,
                          std::span<const size_t> outputs, base::Deadline deadline,
                          std::vector<Tensor>& results) {
  Lane* const lane = TakeLane(deadline);
  if (lane == nullptr) return Stopped(deadline, "while all lanes of the worker process were busy");
  const Status status = alive() ? RunOn(*lane, inputs, outputs, deadline, results) : Died();
  GiveBack(*lane);
  return status;
}

Status WorkerProcess::RunOn(Lane& lane, std::span<const tensor::TensorView> inputs,
                            std::span<const size_t> outputs, base::Deadline deadline,
                            std::vector<Tensor>& results) {
  AbandonedFlag(lane.inputs).store(false);
  RunRequest request;
  request.outputs.assign(outputs.begin(), outputs.end());
  SLIPWAY_ASSIGN_OR_RETURN(request.inputs, ShareTensors(inputs, kLaneHeadBytes, lane.inputs));
  request.area_bytes = std::max<uint64_t>(kLaneHeadBytes, EndOf(request.inputs));
  if (deadline.at != base::SteadyTime::max()) request.deadline = deadline.at;
  if (!lane.channel.Send(Encode(request)).ok()) return Died();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<std::byte> message, Await(lane, deadline));
  const Status status = TakeReply(lane, message, outputs.size(), results);
  lane.inputs.Release(kKeptBytes);
  lane.outputs.Release(kKeptBytes);
  return status;
}

Status WorkerProcess::TakeReply(Lane& lane, std::span<const std::byte> message, size_t outputs,
                                std::vector<Tensor>& results) {
  const auto reply = DecodeRunReply(message);
  if (!reply.ok()) return Died();
  SLIPWAY_RETURN_IF_ERROR(reply->status);
  if (reply->outputs.size() != outputs || !lane.outputs.MapAtLeast(reply->area_bytes).ok()) {
    return Died();
  }
  for (const SharedTensor& output : reply->outputs) {
    auto copy = CopyOut(output, lane.outputs);
    if (!copy.ok()) return Died();
    results.push_back(*std::move(copy));
  }
  return base::OkStatus();
}

// The worker knows the deadline too, and its engine stops by it: only one that does not is ended.
Result<std::vector<std::byte>> WorkerProcess::Await(Lane& lane, base::Deadline deadline) {
  base::Deadline patience = deadline;
  if (patience.at != base::SteadyTime::max()) patience.at += options_.grace;
  auto message = lane.channel.Receive(patience);
  if (message.status().code() == base::StatusCode::kCancelled) {
    AbandonedFlag(lane.inputs).store(true);
    message = lane.channel.Receive({.at = std::chrono::steady_clock::now() + options_.grace});
  }
  if (message.ok()) return message;
  const bool stopped = deadline.Expired(std::chrono::steady_clock::now());
  if (message.status().code() == base::StatusCode::kUnavailable || !stopped) return Died();
  static_cast<void>(Died());
  return Stopped(deadline, "in a worker process, which was ended because the run did not stop");
}

Status WorkerProcess::Died() {
  return base::Unavailable(base::StrCat("the model's worker process ", End(true)));
}

std::string WorkerProcess::End(bool at_once) {
  const std::lock_guard lock(mutex_);
  alive_ = false;
  if (ended_) return how_it_ended_;
  ended_ = true;
  control_ = WorkerChannel(base::UniqueFd());
  if (!at_once) {
    for (Lane& lane : lanes_) lane.channel = WorkerChannel(base::UniqueFd());
  }
  // One that died by itself is told from one that we end.
  int status = 0;
  const auto give_up = std::chrono::steady_clock::now() + (at_once ? 100ms : kGoodbye);
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= give_up) {
      kill(pid_, SIGKILL);
      waitpid(pid_, &status, 0);
      return how_it_ended_ = "did not stop and was ended";
    }
    std::this_thread::sleep_for(1ms);
  }
  return how_it_ended_ = InWords(status);
}

}  // namespace slipway::engine
