#include "frontend/openinference/statistics_json.h"

#include <chrono>
#include <string_view>

#include "base/text.h"
#include "frontend/openinference/json_text.h"

namespace slipway::frontend::openinference {
namespace {

using monitor::ModelStats;
using monitor::Phase;

void AppendField(std::string_view name, uint64_t value, std::string& out) {
  out.append("\"").append(name).append("\":");
  AppendNumber(value, out);
}

void AppendDuration(std::string_view name, const ModelStats::Duration& duration, std::string& out) {
  out.append("\"").append(name).append("\":{");
  AppendField("count", duration.count, out);
  out.push_back(',');
  AppendField("ns", duration.ns, out);
  out.push_back('}');
}

void AppendInferenceStats(const ModelStats::Totals& totals, std::string& out) {
  const auto phase = [&totals](Phase which) { return totals.phases[static_cast<size_t>(which)]; };
  out.append("\"inference_stats\":{");
  AppendDuration("success", totals.success, out);
  out.push_back(',');
  AppendDuration("fail", totals.fail, out);
  out.push_back(',');
  AppendDuration("queue", phase(Phase::kQueue), out);
  out.push_back(',');
  AppendDuration("compute_input", phase(Phase::kInput), out);
  out.push_back(',');
  AppendDuration("compute_infer", phase(Phase::kInfer), out);
  out.push_back(',');
  AppendDuration("compute_output", phase(Phase::kOutput), out);
  out.push_back(',');
  AppendDuration("cache_hit", totals.CacheHits(), out);
  out.push_back(',');
  AppendDuration("cache_miss", totals.cache_miss, out);
  out.push_back('}');
}

// Inputs and outputs are decoded and encoded by request, not by batch: their times are 0 here.
void AppendBatchStats(const ModelStats::Totals& totals, std::string& out) {
  out.append("\"batch_stats\":[");
  bool first = true;
  for (const auto& [rows, batch] : totals.batch_sizes) {
    out.append(first ? "{" : ",{");
    first = false;
    AppendField("batch_size", static_cast<uint64_t>(rows), out);
    out.push_back(',');
    AppendDuration("compute_input", {batch.executions, 0}, out);
    out.push_back(',');
    AppendDuration("compute_infer", {batch.executions, batch.infer_ns}, out);
    out.push_back(',');
    AppendDuration("compute_output", {batch.executions, 0}, out);
    out.push_back('}');
  }
  out.push_back(']');
}

uint64_t MillisecondsSinceEpoch(base::SystemTime time) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

}  // namespace

void StatisticsJson::Add(const lifecycle::LoadedModel& model, const ModelStats::Totals& totals) {
  if (!first_) out_.push_back(',');
  first_ = false;
  out_.append("{\"name\":");
  base::AppendJsonString(out_, model.id().name);
  out_.append(",\"version\":\"");
  AppendNumber(model.id().version, out_);
  out_.append("\",");
  AppendField("last_inference", MillisecondsSinceEpoch(totals.last_request), out_);
  out_.push_back(',');
  AppendField("inference_count", totals.rows, out_);
  out_.push_back(',');
  AppendField("execution_count", totals.executions, out_);
  out_.push_back(',');
  AppendInferenceStats(totals, out_);
  out_.append(",\"response_stats\":{},");
  AppendBatchStats(totals, out_);
  out_.append(",\"memory_usage\":[{\"type\":\"CPU\",\"id\":0,");
  AppendField("byte_size", model.estimated_bytes(), out_);
  out_.append("}]}");
}

std::string StatisticsJson::Finish() {
  out_.append("]}");
  return std::move(out_);
}

}  // namespace slipway::frontend::openinference
