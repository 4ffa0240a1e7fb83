#include "engine/process/worker.h"

#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "engine/process/lane_memory.h"
#include "engine/process/shared_area.h"
#include "engine/process/worker_channel.h"
#include "engine/process/worker_messages.h"

namespace slipway::engine {

using base::Result;
using base::Status;

namespace {

// Runs one request after the other, until the server closes the lane.
class LaneWorker {
 public:
  LaneWorker(WorkerEnds::Lane ends, Engine& engine)
      : channel_(std::move(ends.socket)),
        inputs_(SharedArea::Adopt(std::move(ends.inputs))),
        outputs_(SharedArea::Adopt(std::move(ends.outputs))),
        engine_(engine) {}

  void Serve() {
    for (;;) {
      const auto message = channel_.Receive();
      if (!message.ok()) return;
      if (!channel_.Send(Encode(Answer(*message))).ok()) return;
    }
  }

 private:
  RunReply Answer(std::span<const std::byte> message) {
    RunReply reply;
    auto request = DecodeRunRequest(message);
    reply.status = request.ok() ? Run(*request, reply) : request.status();
    if (!reply.status.ok()) reply.outputs.clear();
    return reply;
  }

  Status Run(const RunRequest& request, RunReply& reply) {
    SLIPWAY_RETURN_IF_ERROR(inputs_.MapAtLeast(request.area_bytes));
    std::vector<tensor::TensorView> inputs;
    for (const SharedTensor& input : request.inputs) {
      if (input.absent) {
        inputs.emplace_back();
        continue;
      }
      SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, BytesOf(input, inputs_));
      SLIPWAY_ASSIGN_OR_RETURN(inputs.emplace_back(),
                               tensor::TensorView::Create(input.dtype, input.shape, bytes));
    }
    base::Deadline deadline;
    if (request.deadline) deadline.at = *request.deadline;
    if (inputs_.bytes().size() >= kLaneHeadBytes) deadline.abandoned = &AbandonedFlag(inputs_);
    SLIPWAY_RETURN_IF_ERROR(engine_.Run(inputs, request.outputs, deadline, results_));
    std::vector<tensor::TensorView> views;
    views.reserve(results_.size());
    for (const tensor::Tensor& result : results_) views.push_back(result.view());
    SLIPWAY_ASSIGN_OR_RETURN(reply.outputs, ShareTensors(views, 0, outputs_));
    reply.area_bytes = EndOf(reply.outputs);
    return base::OkStatus();
  }

  WorkerChannel channel_;
  SharedArea inputs_;
  SharedArea outputs_;
  Engine& engine_;
  std::vector<tensor::Tensor> results_;
};

}  // namespace

Status RunWorker(WorkerEnds ends, const EngineFactory& factory) {
  WorkerChannel control(std::move(ends.control));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<std::byte> first, control.Receive());
  SLIPWAY_ASSIGN_OR_RETURN(const LoadRequest request, DecodeLoadRequest(first));
  auto engine = factory.Load(request.files, request.options);
  LoadReply reply{.status = engine.status(), .signature = {}};
  if (engine.ok()) reply.signature = (*engine)->signature();
  SLIPWAY_RETURN_IF_ERROR(control.Send(Encode(reply)));
  if (!engine.ok()) return base::OkStatus();

  std::vector<std::thread> threads;
  threads.reserve(ends.lanes.size());
  for (WorkerEnds::Lane& lane : ends.lanes) {
    threads.emplace_back(
        [worker = std::make_unique<LaneWorker>(std::move(lane), **engine)] { worker->Serve(); });
  }
  static_cast<void>(control.Receive());  // the server never says more: it only goes
  std::_Exit(0);                         // whatever runs, nobody waits for it, and it may never end
}

}  // namespace slipway::engine
