#include "inference/round_lane.h"

#include <utility>

namespace slipway::inference {

void RoundLane::Add(InferCall& call, ModelRuntime& runtime) {
  Group& group = GroupFor(call, runtime);
  group.calls.push_back(&call);
  group.rows += call.rows;
  if (posted_) return;
  posted_ = true;
  loop_.Post([this] { EndRound(); });
}

RoundLane::Group& RoundLane::GroupFor(const InferCall& call, ModelRuntime& runtime) {
  const int64_t most = runtime.round_rows();
  for (size_t i = used_; i > 0; --i) {
    Group& group = groups_[i - 1];
    if (group.rows + call.rows <= most && BatchRun::Alike(*group.calls.front(), call)) return group;
  }
  if (used_ == groups_.size()) groups_.emplace_back();
  Group& group = groups_[used_++];
  group.model = call.model->shared_from_this();
  group.runtime = &runtime;
  return group;
}

// Calls may come while answers are given: they are the next round's.
void RoundLane::EndRound() {
  groups_.swap(running_);
  const size_t groups = std::exchange(used_, 0);
  posted_ = false;
  for (size_t i = 0; i < groups; ++i) {
    Group& group = running_[i];
    Run(group);
    group.calls.clear();
    group.rows = 0;
    group.model.reset();
  }
}

void RoundLane::Run(Group& group) {
  const base::SteadyTime now = clock_.SteadyNow();
  std::erase_if(group.calls, [now](InferCall* call) {
    const bool stale = RefuseStale(*call, now);
    if (stale) call->Finish();
    return stale;
  });
  if (group.calls.empty()) return;
  const BatchRun::Outcome outcome = batch_.Run(group.calls);
  group.runtime->NoteInlineRun(outcome.took);
  if (!outcome.divided) group.runtime->StopBatching();
  for (InferCall* call : group.calls) call->Finish();
}

}  // namespace slipway::inference
