#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"
#include "inference/infer_call.h"
#include "inference/row_layout.h"

namespace slipway::inference {

// Runs several calls of one model as one: lays their inputs behind each other, runs the engine
// once, gives each call its rows of the outputs. Keeps its memory from one batch to the next.
//
// Thread-compatible: one per thread that runs batches.
class BatchRun {
 public:
  struct Options {
    // Whether a run ends when its only call is abandoned. Costs two locks; not for calls whose
    // client is served by the thread that runs them.
    bool watch_abandoned = false;
    // A run that takes longer is stopped, and its calls fail as kInternal; 0: no limit.
    std::chrono::nanoseconds max_run_time{0};
  };

  BatchRun(const Options& options, base::Clock& clock) : options_(options), clock_(clock) {}

  // Whether `call` can be laid behind others: every input (and state) there, of the model's dtype
  // and fixed dimensions, and all with `call.rows` rows.
  static bool Fits(const InferCall& call);
  // Whether calls that fit may run together: they want the same outputs of the same model, and
  // their rows have the same shape, or one to which they may be padded.
  static bool Alike(const InferCall& one, const InferCall& other);

  // What became of a batch.
  struct Outcome {
    std::chrono::nanoseconds took{0};  // the longest run
    bool divided = true;               // false: the model's outputs did not have the batch's rows
  };
  // Fills in the answers of `calls`, which are Alike() and, when there are several, each Fits(). A
  // batch never makes an answer worse: when it fails, its calls are run one by one, so that only
  // the guilty one fails. A deadline stops a call's own run, but not a batch that others wait for.
  Outcome Run(std::span<InferCall* const> calls);

 private:
  std::chrono::nanoseconds RunAlone(InferCall& call);
  bool RunTogether(std::span<InferCall* const> calls, Outcome& outcome);
  base::Deadline Limited(base::Deadline deadline, base::SteadyTime begin) const;

  const Options options_;
  base::Clock& clock_;
  RowJoiner joiner_;
  std::vector<RowJoiner::Part> parts_;
};

// Whether there is no point in running `call` any more; its status then says why, and its times are
// set.
bool RefuseStale(InferCall& call, base::SteadyTime now);

}  // namespace slipway::inference
