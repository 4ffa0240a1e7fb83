#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "frontend/openinference/infer_request.h"
#include "frontend/request_ids.h"
#include "frontend/shared_memory_registry.h"
#include "inference/dispatcher.h"
#include "inference/infer_call.h"
#include "monitor/model_stats.h"
#include "monitor/request_tracer.h"

namespace slipway::frontend::openinference {

// What the tasks of one event loop share. All must outlive them.
struct TaskServices {
  inference::Dispatcher& dispatcher;
  base::Clock& clock;
  base::Logger& log;
  SharedMemoryRegistry* shared_memory = nullptr;  // null: off
  std::string client_header = {};                 // for ClientOf()
  monitor::RequestTracer* tracer = nullptr;       // null: nothing is traced
};

// The part of one request to a model that is the same in every protocol: what the lanes want to
// know, what is counted and what is logged. Used again and again; the loop's thread only.
//
//   Begin() -> decode into request_ and inputs -> Prepare() -> Dispatcher::Submit() -> OnDone()
//           -> encode -> Log() -> send -> Record() -> Recycle()
class ModelTask : public inference::InferCall {
 protected:
  ModelTask(const TaskServices& services, monitor::Protocol protocol)
      : services_(services), protocol_(protocol) {}

  // When the request's first and last bytes came, and from whom; what the client says of its end.
  struct Arrival {
    base::SteadyTime first_byte_at;
    base::SteadyTime complete_at;
    std::string_view peer;
    uint64_t client = 0;
    base::SteadyTime deadline = base::SteadyTime::max();
  };

  // `model` is set: decoding begins, unless this says why the model takes no call now. It may have
  // become another one (Dispatcher::Admit()).
  base::Status Begin(const Arrival& arrival, const RequestIds& ids);
  // The request is decoded: fills in what the lanes want to know. The deadline is the nearer one of
  // the client's, of the parameter "timeout" and of the model's own. kInvalidArgument when it is
  // strict and there was something that was not understood.
  base::Status Prepare();
  // The request is decoded or refused.
  void EndInput() { submitted_ = services_.clock.SteadyNow(); }
  // `status` with the model in front, unless whoever made it has put it there.
  base::Status OfModel(const base::Status& status) const;
  // The answer is made: what follows is sending.
  void EndOutput() { encoded_ = services_.clock.SteadyNow(); }
  // Every request at DEBUG; a failure that is not the client's at WARN. Also decides whether it is
  // traced. Needs the arrival's peer and the ids, so before the answer is sent.
  void Log(const base::Status& done);
  // The answer is sent. Statistics, and the trace.
  void Record(const base::Status& done);
  // The client's call is over while the task still runs: its views are not looked at again.
  void ForgetClient();
  // Forgets everything but memory.
  void Recycle();

  const TaskServices& services() const { return services_; }

  InferRequest request_;
  RequestIds ids_;

 private:
  void ChooseTrace();
  void WriteTrace(const base::Status& done, base::SteadyTime sent);

  const TaskServices services_;
  const monitor::Protocol protocol_;
  Arrival arrival_;
  base::SteadyTime received_;   // decoding began
  base::SteadyTime submitted_;  // decoding ended
  base::SteadyTime encoded_;    // encoding ended
  uint64_t trace_ = 0;          // its number; 0: none
  std::string traced_request_;  // what a trace says of the ids
  std::string traced_context_;
};

// The tasks of one event loop. Must outlive every task that is running. `Task` is made from the
// pool and has Recycle().
template <typename Task, typename Services = TaskServices>
class TaskPool {
 public:
  explicit TaskPool(const Services& services) : services_(services) {}

  Task& Take() {
    if (free_.empty()) {
      all_.push_back(std::make_unique<Task>(*this));
      free_.reserve(all_.size());
      return *all_.back();
    }
    Task& task = *free_.back();
    free_.pop_back();
    return task;
  }
  void Give(Task& task) {
    task.Recycle();
    free_.push_back(&task);
  }
  const Services& services() const { return services_; }
  size_t in_use() const { return all_.size() - free_.size(); }

 private:
  const Services services_;
  std::vector<std::unique_ptr<Task>> all_;
  std::vector<Task*> free_;
};

}  // namespace slipway::frontend::openinference
