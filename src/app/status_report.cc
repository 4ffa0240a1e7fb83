#include "app/status_report.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "app/console/table_text.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::Result;
using base::Status;
using base::StatusCode;
using base::StrCat;
using nlohmann::json;
using Duration = StatusReport::Duration;
using Model = StatusReport::Model;

uint64_t Number(const json& object, const char* key) {
  const auto at = object.is_object() ? object.find(key) : object.end();
  return at != object.end() && at->is_number_unsigned() ? at->get<uint64_t>() : 0;
}

const json& Member(const json& object, const char* key) {
  static const json kNothing;
  const auto at = object.is_object() ? object.find(key) : object.end();
  return at != object.end() ? *at : kNothing;
}

Duration ReadDuration(const json& stats, const char* key) {
  const json& duration = Member(stats, key);
  return {.count = Number(duration, "count"), .ns = Number(duration, "ns")};
}

// Whether a health endpoint says yes.
Result<bool> Ask(ServerClient& client, std::string_view target) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto response, client.SendAny({.target = target}));
  return response.status == 200;
}

// Not every server has every extension.
bool IsMissing(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kInvalidArgument ||
         status.code() == StatusCode::kUnimplemented;
}

Status AddIndex(ServerClient& client, StatusReport& report) {
  const Result<json> index = client.Post("/v2/repository/index", "{}");
  if (!index.ok()) return IsMissing(index.status()) ? base::OkStatus() : index.status();
  for (const json& entry : *index) {
    Model model;
    model.name = JsonText(entry, "name");
    model.version = JsonText(entry, "version");
    model.state = JsonText(entry, "state");
    model.reason = JsonText(entry, "reason");
    report.models.push_back(std::move(model));
  }
  return base::OkStatus();
}

Model& Find(StatusReport& report, const std::string& name, const std::string& version) {
  const auto at = std::ranges::find_if(report.models, [&](const Model& model) {
    return model.name == name && model.version == version;
  });
  if (at != report.models.end()) return *at;
  Model& added = report.models.emplace_back();
  added.name = name;
  added.version = version;
  added.state = "READY";
  return added;
}

Status AddStatistics(ServerClient& client, StatusReport& report) {
  const Result<json> answer = client.Get("/v2/models/stats");
  if (!answer.ok()) return IsMissing(answer.status()) ? base::OkStatus() : answer.status();
  for (const json& one : Member(*answer, "model_stats")) {
    Model& model = Find(report, JsonText(one, "name"), JsonText(one, "version"));
    const json& stats = Member(one, "inference_stats");
    model.rows = Number(one, "inference_count");
    model.executions = Number(one, "execution_count");
    model.last_inference_ms = Number(one, "last_inference");
    model.success = ReadDuration(stats, "success");
    model.fail = ReadDuration(stats, "fail");
    model.queue = ReadDuration(stats, "queue");
    model.infer = ReadDuration(stats, "compute_infer");
  }
  return base::OkStatus();
}

// Versions are numbers on most servers: 9 comes before 10.
bool Before(const Model& a, const Model& b) {
  return std::tuple(std::string_view(a.name), a.version.size(), std::string_view(a.version)) <
         std::tuple(std::string_view(b.name), b.version.size(), std::string_view(b.version));
}

std::string MeanText(const Duration& duration) {
  if (duration.count == 0) return "-";
  return base::FormatDuration(
      std::chrono::nanoseconds(static_cast<int64_t>(duration.ns / duration.count)));
}

std::string AgoText(uint64_t last_ms, base::SystemTime now) {
  if (last_ms == 0) return "-";
  const base::SystemTime last{std::chrono::milliseconds(static_cast<int64_t>(last_ms))};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - last).count();
  if (seconds < 1) return "now";
  if (seconds < 120) return StrCat(seconds, " s ago");
  if (seconds < 120 * 60) return StrCat(seconds / 60, " min ago");
  return StrCat(seconds / 3600, " h ago");
}

json DurationJson(const Duration& duration) {
  return {{"count", duration.count}, {"ns", duration.ns}};
}

}  // namespace

Result<StatusReport> ReadStatus(ServerClient& client) {
  StatusReport report;
  report.url = client.server();
  SLIPWAY_ASSIGN_OR_RETURN(const json server, client.Get("/v2"));
  report.name = JsonText(server, "name");
  report.version = JsonText(server, "version");
  SLIPWAY_ASSIGN_OR_RETURN(report.live, Ask(client, "/v2/health/live"));
  SLIPWAY_ASSIGN_OR_RETURN(report.ready, Ask(client, "/v2/health/ready"));
  SLIPWAY_RETURN_IF_ERROR(AddIndex(client, report));
  SLIPWAY_RETURN_IF_ERROR(AddStatistics(client, report));
  std::ranges::sort(report.models, Before);
  return report;
}

void PrintReport(const StatusReport& report, base::SystemTime now, std::ostream& out) {
  out << base::Printable(report.name) << " " << base::Printable(report.version) << " at "
      << report.url << ": "
      << (report.ready  ? "ready"
          : report.live ? "live, NOT ready"
                        : "NOT live")
      << "\n";
  if (report.models.empty()) {
    out << "no models\n";
    return;
  }
  using Align = TableText::Align;
  TableText table({{"model"},
                   {"version"},
                   {"state"},
                   {"requests", Align::kRight},
                   {"failed", Align::kRight},
                   {"latency", Align::kRight},
                   {"engine", Align::kRight},
                   {"last"}});
  for (const Model& model : report.models) {
    table.Add({model.name, model.version.empty() ? "-" : model.version,
               model.state.empty() ? "-" : model.state,
               WithThousands(model.success.count + model.fail.count),
               WithThousands(model.fail.count), MeanText(model.success), MeanText(model.infer),
               AgoText(model.last_inference_ms, now)});
  }
  table.Print(out);
  for (const Model& model : report.models) {
    if (model.reason.empty() || model.state == "READY") continue;
    out << base::Printable(model.name) << " " << base::Printable(model.version) << ": "
        << base::Printable(model.reason, 2000) << "\n";
  }
}

json ReportJson(const StatusReport& report) {
  json models = json::array();
  for (const Model& model : report.models) {
    models.push_back({{"name", model.name},
                      {"version", model.version},
                      {"state", model.state},
                      {"reason", model.reason},
                      {"inference_count", model.rows},
                      {"execution_count", model.executions},
                      {"last_inference", model.last_inference_ms},
                      {"success", DurationJson(model.success)},
                      {"fail", DurationJson(model.fail)},
                      {"queue", DurationJson(model.queue)},
                      {"compute_infer", DurationJson(model.infer)}});
  }
  return {{"url", report.url},   {"name", report.name},   {"version", report.version},
          {"live", report.live}, {"ready", report.ready}, {"models", std::move(models)}};
}

}  // namespace slipway::app
