#pragma once

#include <string>

#include "lifecycle/model.h"
#include "monitor/model_stats.h"

namespace slipway::frontend::openinference {

// Writes {"model_stats":[...]}: one Add() for each model version, then Finish(). Every number is a
// JSON integer, durations in nanoseconds; a cache there is none, so its counts are 0. memory_usage
// is what the model was estimated to take when it was loaded. Source: Triton,
// "Statistics Extension".
class StatisticsJson {
 public:
  void Add(const lifecycle::LoadedModel& model, const monitor::ModelStats::Totals& totals);
  std::string Finish();

 private:
  std::string out_ = "{\"model_stats\":[";
  bool first_ = true;
};

}  // namespace slipway::frontend::openinference
