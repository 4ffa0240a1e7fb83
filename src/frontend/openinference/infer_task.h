#pragma once

#include "base/status.h"
#include "frontend/openinference/generate.h"
#include "frontend/openinference/infer_decoder.h"
#include "frontend/openinference/model_task.h"
#include "frontend/openinference/predict_rows.h"
#include "frontend/request_ids.h"
#include "net/exchange.h"

namespace slipway::frontend::openinference {

class InferTask;
using InferTaskPool = TaskPool<InferTask>;

// One request to a model over HTTP, from its body to its answer. Belongs to a pool and is used
// again and again; the loop's thread only.
//
//   Take() -> Resolve a model -> Run(): decode, submit -> OnDone(): encode, send, record -> pool
class InferTask final : public ModelTask {
 public:
  enum class Kind : uint8_t { kInfer, kPredict, kGenerate, kGenerateStream };

  explicit InferTask(InferTaskPool& pool)
      : ModelTask(pool.services(), monitor::Protocol::kRest), pool_(pool) {}

  // `model` is set. Answers `exchange` now or later; the task then goes back to its pool.
  void Run(Kind kind, net::Exchange& exchange, const RequestIds& ids);
  void OnDone() override;
  void Recycle();

 private:
  base::Status Decode();
  base::Status DecodeBody();
  base::Status Encode();
  void Finish(const base::Status& done);

  InferTaskPool& pool_;
  Kind kind_ = Kind::kInfer;
  net::Exchange* exchange_ = nullptr;
  InferDecoder decoder_;
};

}  // namespace slipway::frontend::openinference
