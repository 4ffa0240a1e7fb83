#include "app/bench/sweep.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/console/table_text.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::StrCat;
using nlohmann::json;
using Step = SweepReport::Step;

constexpr double kWorthIt = 0.95;
constexpr int kMostSlowdown = 5;

double Throughput(const Step& step) { return step.report.all.answered_per_second(); }

std::string P99(const Step& step) {
  return base::FormatDuration(step.report.all.latency.Quantile(0.99));
}

std::string ConcurrencyKnee(const SweepReport& sweep) {
  const double most = Throughput(*std::ranges::max_element(sweep.steps, {}, Throughput));
  const auto knee = std::ranges::find_if(
      sweep.steps, [most](const Step& step) { return Throughput(step) >= kWorthIt * most; });
  const bool last = std::next(knee) == sweep.steps.end();
  return StrCat(Fixed(knee->value, 0), " at a time: ", RateText(Throughput(*knee)),
                " requests/s at a p99 of ", P99(*knee),
                last ? "; the server may be able to do more with more"
                     : StrCat("; more gains less than 5 % (", RateText(most), " at best)"));
}

bool KeptUp(const Step& step, const Step& first) {
  const LoadResult& all = step.report.all;
  return all.failed() + all.unsent + all.unanswered == 0 &&
         all.latency.Quantile(0.99) <= kMostSlowdown * first.report.all.latency.Quantile(0.99);
}

std::string RateKnee(const SweepReport& sweep) {
  const Step* knee = nullptr;
  for (const Step& step : sweep.steps) {
    if (!KeptUp(step, sweep.steps.front())) break;
    knee = &step;
  }
  if (knee == nullptr) return "below the lowest rate: requests failed or were never sent";
  return StrCat(RateText(knee->value), " requests/s at a p99 of ", P99(*knee),
                knee == &sweep.steps.back() ? "; the server kept up with all of them"
                                            : "; beyond that it fell behind");
}

}  // namespace

std::string KneeHint(const SweepReport& sweep) {
  if (sweep.steps.size() < 2) return "";
  return sweep.axis == SweepReport::Axis::kConcurrency ? ConcurrencyKnee(sweep) : RateKnee(sweep);
}

void PrintSweep(const SweepReport& sweep, std::ostream& out) {
  const bool rates = sweep.axis == SweepReport::Axis::kRate;
  std::vector<TableText::Column> columns;
  for (const char* title : {rates ? "rate" : "at a time", "requests/s", "p50", "p90", "p99",
                            "p99.9", "max", "failed", "CPU/request", "cores"}) {
    columns.push_back({title, TableText::Align::kRight});
  }
  TableText table(std::move(columns));
  for (const Step& step : sweep.steps) {
    const LoadResult& all = step.report.all;
    std::vector<std::string> cells = {rates ? RateText(step.value) : Fixed(step.value, 0),
                                      RateText(all.answered_per_second())};
    for (const double share : {0.5, 0.9, 0.99, 0.999, 1.0}) {
      cells.push_back(base::FormatDuration(all.latency.Quantile(share)));
    }
    cells.push_back(WithThousands(all.failed() + all.unsent + all.unanswered));
    const auto& cost = step.report.cost;
    cells.push_back(cost ? StrCat(Fixed(cost->cpu_us_per_request(), 1), " us") : "-");
    cells.push_back(cost ? Fixed(cost->cores(), 2) : "-");
    table.Add(std::move(cells));
  }
  table.Print(out);
  const std::string knee = KneeHint(sweep);
  if (!knee.empty()) out << "  knee: " << knee << "\n";
  for (const Step& step : sweep.steps) {
    for (const auto& [kind, error] : step.report.all.errors) {
      out << "  error at " << step.value << ": " << WithThousands(error.count) << " x "
          << base::Printable(kind, 200) << (error.first.empty() ? "" : ": ")
          << base::Printable(error.first, 300) << "\n";
    }
  }
  out.flush();
}

json SweepJson(const SweepReport& sweep) {
  json steps = json::array();
  for (const Step& step : sweep.steps) {
    steps.push_back(ReportJson(step.report));
    steps.back()["value"] = step.value;
  }
  return {{"sweep", sweep.axis == SweepReport::Axis::kRate ? "rate" : "concurrency"},
          {"steps", steps},
          {"knee", KneeHint(sweep)}};
}

}  // namespace slipway::app
