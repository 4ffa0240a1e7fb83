#include "inference/run_profile.h"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "inference/trial_rows.h"

namespace slipway::inference {
namespace {

using base::Deadline;
using base::Result;
using std::chrono::nanoseconds;
using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

// A run is measured in rounds, and the best of them counts: the others were disturbed, as often
// while a server starts.
constexpr int kRounds = 3;
constexpr size_t kMaxRuns = 10;                        // of a round
constexpr std::chrono::milliseconds kMeasureLimit{7};  // of a round
constexpr std::array<int64_t, 3> kBatchRows = {4, 16, 64};
constexpr std::chrono::milliseconds kBatchLimit{250};  // rows x time for one row
constexpr std::chrono::milliseconds kCompareLimit{
    20};                       // the same, where answers were compared already
constexpr double kGain = 0.9;  // per row, from one size to the next

// Whether the model answers each of the rows in `batch` as if it had come alone.
bool RowsAreIndependent(engine::Engine& engine, std::span<const TensorView> batch, int64_t rows) {
  const std::vector<size_t> outputs = AllOutputs(engine);
  std::vector<Tensor> together;
  if (!engine.Run(batch, outputs, Deadline::Never(), together).ok()) return false;
  const auto has_rows = [rows](const Tensor& result) {
    return result.shape().rank() > 0 && result.shape()[0] == rows;
  };
  if (!std::ranges::all_of(together, has_rows)) return false;
  std::vector<Tensor> alone;
  std::vector<TensorView> inputs(batch.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < batch.size(); ++i) inputs[i] = Row(batch[i], row);
    if (!engine.Run(inputs, outputs, Deadline::Never(), alone).ok()) return false;
    for (size_t i = 0; i < together.size(); ++i) {
      if (!SameAnswer(Row(together[i].view(), row), alone[i].view())) return false;
    }
  }
  return true;
}

}  // namespace

Result<nanoseconds> MeasureRun(engine::Engine& engine, std::span<const TensorView> inputs,
                               base::Clock& clock) {
  const std::vector<size_t> outputs = AllOutputs(engine);
  std::vector<Tensor> results;
  nanoseconds best = nanoseconds::max();
  base::SteadyTime begin = clock.SteadyNow();
  const base::SteadyTime end_of_all = begin + kRounds * kMeasureLimit;
  for (int round = 0; round < kRounds && (round == 0 || begin < end_of_all); ++round) {
    std::vector<nanoseconds> times;
    const base::SteadyTime start = begin;
    while (times.size() < kMaxRuns && (times.size() < 2 || begin - start < kMeasureLimit)) {
      SLIPWAY_RETURN_IF_ERROR(engine.Run(inputs, outputs, Deadline::Never(), results));
      const base::SteadyTime end = clock.SteadyNow();
      times.push_back(end - begin);
      begin = end;
    }
    std::ranges::sort(times);
    best = std::min(best, times[(times.size() - 1) * 9 / 10]);
  }
  return best;
}

std::vector<RunProfile::Batch> MeasureBatches(engine::Engine& engine, nanoseconds run_time,
                                              base::Clock& clock) {
  std::vector<RunProfile::Batch> batches;
  if (!HasPlainRows(engine.signature())) return batches;
  std::mt19937_64 random(kTrialSeed);
  double best = static_cast<double>(run_time.count());  // per row
  for (const int64_t rows : kBatchRows) {
    const nanoseconds alone = run_time > kBatchLimit ? nanoseconds::max() : rows * run_time;
    if (alone > kBatchLimit) break;
    std::vector<Tensor> inputs;
    for (const TensorSpec& spec : engine.signature().inputs) {
      inputs.push_back(RandomRows(spec, rows, random));
    }
    for (const tensor::StateSpec& state : engine.signature().states) {
      inputs.push_back(RandomRows(state.input, rows, random));
    }
    const std::vector<TensorView> views = Views(inputs);
    const bool compare = rows == kBatchRows.front() || alone <= kCompareLimit;
    if (compare && !RowsAreIndependent(engine, views, rows)) return {};
    const Result<nanoseconds> took = MeasureRun(engine, views, clock);
    if (!took.ok()) break;
    const double per_row = static_cast<double>(took->count()) / static_cast<double>(rows);
    if (per_row > best * kGain) continue;
    best = per_row;
    batches.push_back({.rows = rows, .time = *took});
  }
  return batches;
}

Result<nanoseconds> MeasureTypicalRow(engine::Engine& engine, base::Clock& clock) {
  const tensor::Signature& signature = engine.signature();
  if (!HasPlainRows(signature) || std::ranges::none_of(signature.inputs, HasFreeRow)) {
    return base::FailedPrecondition("its rows have no free dimensions");
  }
  std::mt19937_64 random(kTrialSeed);
  std::vector<Tensor> inputs;
  inputs.reserve(signature.inputs.size());
  for (const TensorSpec& spec : signature.inputs) inputs.push_back(RandomRows(spec, 1, random));
  return MeasureRun(engine, Views(inputs), clock);
}

int64_t RunProfile::RowsWithin(nanoseconds time, nanoseconds per_row) const {
  for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
    if (batch->time <= time && batch->time / batch->rows <= per_row) return batch->rows;
  }
  return 1;
}

}  // namespace slipway::inference
