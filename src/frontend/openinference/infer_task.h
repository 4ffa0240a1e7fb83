#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "frontend/openinference/generate.h"
#include "frontend/openinference/infer_decoder.h"
#include "frontend/openinference/infer_request.h"
#include "frontend/request_ids.h"
#include "inference/dispatcher.h"
#include "inference/infer_call.h"
#include "net/exchange.h"

namespace slipway::frontend::openinference {

class InferTaskPool;

// One request to a model, from its body to its answer. Belongs to a pool and is used again and
// again; the loop's thread only.
//
//   Take() -> Resolve a model -> Run(): decode, submit -> OnDone(): encode, send, record -> pool
class InferTask final : public inference::InferCall {
 public:
  enum class Kind : uint8_t { kInfer, kGenerate, kGenerateStream };

  explicit InferTask(InferTaskPool& pool) : pool_(pool) {}

  // `model` is set. Answers `exchange` now or later; the task then goes back to its pool.
  void Run(Kind kind, net::Exchange& exchange, const RequestIds& ids);
  void OnDone() override;

 private:
  friend class InferTaskPool;
  base::Status Decode();
  base::Status DecodeBody();
  void Prepare();
  base::Status Encode();
  void Finish(base::Status done);
  void Record(const base::Status& done, base::SteadyTime encoded, base::SteadyTime first_byte,
              base::SteadyTime complete);
  void Log(const base::Status& done, base::SteadyTime now);

  InferTaskPool& pool_;
  Kind kind_ = Kind::kInfer;
  net::Exchange* exchange_ = nullptr;
  RequestIds ids_;
  InferRequest request_;
  InferDecoder decoder_;
  base::SteadyTime received_;   // decoding began
  base::SteadyTime submitted_;  // decoding ended
};

// The tasks of one event loop. Must outlive every task that is running.
class InferTaskPool {
 public:
  InferTaskPool(inference::Dispatcher& dispatcher, base::Clock& clock, base::Logger& log)
      : dispatcher_(dispatcher), clock_(clock), log_(log) {}

  InferTask& Take();
  void Give(InferTask& task);

  inference::Dispatcher& dispatcher() { return dispatcher_; }
  base::Clock& clock() { return clock_; }
  base::Logger& log() { return log_; }

 private:
  inference::Dispatcher& dispatcher_;
  base::Clock& clock_;
  base::Logger& log_;
  std::vector<std::unique_ptr<InferTask>> all_;
  std::vector<InferTask*> free_;
};

}  // namespace slipway::frontend::openinference
