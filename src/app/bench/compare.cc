#include "app/bench/compare.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "app/bench/report.h"
#include "app/client/server_client.h"
#include "app/console/table_text.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using nlohmann::json;

constexpr size_t kBatches = 8;
constexpr size_t kFewestRounds = 3;
constexpr size_t kFewestMoments = 5;
constexpr size_t kMaxSamples = 10'000;
constexpr const char* kWithinRuns = "moments within one run of each";

struct Figure {
  const char* name;
  const char* unit;
  bool better_high;
};
constexpr Figure kFigures[] = {{"requests_per_s", "/s", true},
                               {"p50", "ms", false},
                               {"p90", "ms", false},
                               {"p99", "ms", false},
                               {"cpu_us_per_request", "us", false}};

// The number under `key`; NaN when there is none.
double Number(const json& object, const char* key) {
  const auto at = object.is_object() ? object.find(key) : object.end();
  return at != object.end() && at->is_number() ? at->get<double>() : NAN;
}

const json& Member(const json& object, const char* key) {
  static const json kNothing;
  const auto at = object.is_object() ? object.find(key) : object.end();
  return at != object.end() ? *at : kNothing;
}

// A target's samples of each figure.
struct Samples {
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, double> whole;  // of the whole test
};

void Take(const json& from, const char* key, std::vector<double>& into) {
  const double value = Number(from, key);
  if (std::isfinite(value) && value > 0 && into.size() < kMaxSamples) into.push_back(value);
}

void TakeRounds(const json& rounds, Samples& samples) {
  for (const json& round : rounds) {
    for (const Figure& figure : kFigures) Take(round, figure.name, samples.values[figure.name]);
  }
}

void TakeMoments(const json& target, const json& server, Samples& samples) {
  for (const json& moment : Member(target, "moments")) {
    const double rate = Number(moment, "answered") / Number(moment, "length_s");
    if (!std::isfinite(rate) || rate <= 0) continue;
    samples.values["requests_per_s"].push_back(rate);
    for (const char* quantile : {"p50", "p90", "p99"}) {
      Take(moment, quantile, samples.values[quantile]);
    }
  }
  for (const json& moment : Member(server, "moments")) {
    const double cpu_us = Number(moment, "cpu_ms") * 1e3 / Number(moment, "answers");
    if (std::isfinite(cpu_us) && cpu_us > 0) samples.values["cpu_us_per_request"].push_back(cpu_us);
  }
}

Samples SamplesOf(const json& target, const json& server, bool use_rounds) {
  Samples samples;
  const json& latency = Member(target, "latency_ms");
  for (const char* quantile : {"p50", "p90", "p99"}) {
    samples.whole[quantile] = Number(latency, quantile);
  }
  samples.whole["requests_per_s"] = Number(target, "requests_per_s");
  samples.whole["cpu_us_per_request"] = Number(server, "cpu_us_per_request");
  if (use_rounds) {
    TakeRounds(Member(target, "rounds"), samples);
  } else {
    TakeMoments(target, server, samples);
  }
  return samples;
}

// Targets by name; a report of one target is that target.
Result<std::map<std::string, const json*>> TargetsOf(const json& report) {
  std::map<std::string, const json*> targets;
  const json& list = Member(report, "targets");
  if (list.is_array()) {
    for (const json& target : list) targets[JsonText(target, "name")] = &target;
  } else if (Member(report, "latency_ms").is_object()) {
    targets[JsonText(report, "name")] = &report;
  }
  if (targets.empty()) {
    return InvalidArgument(
        "not a report of one load test, as slipway bench --output FILE writes it");
  }
  return targets;
}

bool HasRounds(const json& target) {
  const json& rounds = Member(target, "rounds");
  return rounds.is_array() && rounds.size() >= kFewestRounds;
}

// Of the logarithms of some samples.
struct LogMean {
  double mean = 0;
  double variance_of_mean = 0;
  double count = 0;
};

LogMean LogMeanOf(const std::vector<double>& samples) {
  LogMean found{.count = static_cast<double>(samples.size())};
  for (const double sample : samples) found.mean += std::log(sample) / found.count;
  double squares = 0;
  for (const double sample : samples) {
    const double off = std::log(sample) - found.mean;
    squares += off * off;
  }
  found.variance_of_mean = squares / (found.count - 1) / found.count;
  return found;
}

// The 97.5 % quantile of Student's t: from the usual table, and beyond it within 0.2 % by its first
// correction to the normal distribution.
double StudentT(double freedom) {
  constexpr double kTable[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
                               2.306,  2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
                               2.131,  2.120, 2.110, 2.101, 2.093, 2.086};
  const auto whole = static_cast<size_t>(std::max(1.0, std::floor(freedom)));
  return whole <= std::size(kTable) ? kTable[whole - 1] : 1.96 + 2.4 / static_cast<double>(whole);
}

std::vector<double> Batched(const std::vector<double>& samples, bool rounds) {
  return rounds ? samples : BatchMeans(samples, kBatches);
}

void AddFigures(const std::string& name, const Samples& a, const Samples& b, bool rounds,
                bool paired, std::vector<ComparedFigure>& figures) {
  const size_t fewest = rounds ? kFewestRounds : kFewestMoments;
  for (const Figure& figure : kFigures) {
    const auto of_a = a.values.find(figure.name);
    const auto of_b = b.values.find(figure.name);
    if (of_a == a.values.end() || of_b == b.values.end()) continue;
    if (of_a->second.size() < fewest || of_b->second.size() < fewest) continue;
    const bool pairs = paired && of_a->second.size() == of_b->second.size();
    const RatioInterval interval =
        RatioOf(Batched(of_a->second, rounds), Batched(of_b->second, rounds), pairs);
    figures.push_back({.target = name,
                       .name = figure.name,
                       .unit = figure.unit,
                       .a = a.whole.at(figure.name),
                       .b = b.whole.at(figure.name),
                       .ratio = interval.ratio,
                       .low = interval.low,
                       .high = interval.high,
                       .better_high = figure.better_high});
  }
}

std::string Verdict(const ComparedFigure& figure, const Comparison& of) {
  if (!figure.differs()) return "no difference shown";
  const bool higher = figure.ratio > 1;
  return StrCat("B ", higher == figure.better_high ? "better" : "worse", " by ",
                Fixed(std::abs(figure.ratio - 1) * 100, 1), " %",
                of.samples == kWithinRuns ? " in these two runs" : "");
}

std::string Value(double value, const std::string& unit) {
  if (!std::isfinite(value)) return "-";
  return StrCat(unit == "/s" ? RateText(value) : Fixed(value, value < 10 ? 3 : 1), " ", unit);
}

}  // namespace

std::vector<double> BatchMeans(const std::vector<double>& samples, size_t batches) {
  std::vector<double> means;
  const size_t count = std::min(batches, samples.size());
  for (size_t i = 0; i < count; ++i) {
    const size_t from = i * samples.size() / count;
    const size_t to = (i + 1) * samples.size() / count;
    means.push_back(std::accumulate(samples.begin() + static_cast<ptrdiff_t>(from),
                                    samples.begin() + static_cast<ptrdiff_t>(to), 0.0) /
                    static_cast<double>(to - from));
  }
  return means;
}

RatioInterval RatioOf(const std::vector<double>& a, const std::vector<double>& b, bool paired) {
  const LogMean of_a = LogMeanOf(a);
  const LogMean of_b = LogMeanOf(b);
  double variance = of_a.variance_of_mean + of_b.variance_of_mean;
  double freedom = 1;
  if (paired) {
    std::vector<double> ratios(a.size());
    std::ranges::transform(b, a, ratios.begin(), std::divides<>());
    variance = LogMeanOf(ratios).variance_of_mean;
    freedom = static_cast<double>(a.size()) - 1;
  } else if (variance > 0) {
    const auto part = [](const LogMean& of) {
      return of.variance_of_mean * of.variance_of_mean / (of.count - 1);
    };
    freedom = variance * variance / (part(of_a) + part(of_b));
  }
  const double middle = of_b.mean - of_a.mean;
  const double reach = StudentT(freedom) * std::sqrt(variance);
  return {
      .ratio = std::exp(middle), .low = std::exp(middle - reach), .high = std::exp(middle + reach)};
}

Result<Comparison> CompareReports(const json& a, const json& b, bool paired) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto targets_a, TargetsOf(a));
  SLIPWAY_ASSIGN_OR_RETURN(const auto targets_b, TargetsOf(b));
  Comparison comparison;
  comparison.a_name = JsonText(a, "url");
  comparison.b_name = JsonText(b, "url");
  std::vector<std::pair<const json*, const json*>> pairs;
  const bool singles = targets_a.size() == 1 && targets_b.size() == 1;
  for (const auto& [name, target] : targets_a) {
    const auto other = singles ? targets_b.begin() : targets_b.find(name);
    if (other != targets_b.end()) pairs.emplace_back(target, other->second);
  }
  if (pairs.empty()) return InvalidArgument("the two reports have no target in common");
  const bool rounds = std::ranges::all_of(
      pairs, [](const auto& pair) { return HasRounds(*pair.first) && HasRounds(*pair.second); });
  comparison.samples = rounds ? (paired ? "rounds, alternating" : "rounds") : kWithinRuns;
  for (const auto& [of_a, of_b] : pairs) {
    AddFigures(JsonText(*of_a, "name"), SamplesOf(*of_a, Member(a, "server"), rounds),
               SamplesOf(*of_b, Member(b, "server"), rounds), rounds, paired, comparison.figures);
  }
  if (comparison.figures.empty()) {
    return InvalidArgument(
        "too little to compare: at least 5 moments (tests of a second or more) or 3 rounds of each "
        "are needed");
  }
  return comparison;
}

void PrintComparison(const Comparison& comparison, std::ostream& out) {
  using Align = TableText::Align;
  out << "A  " << base::Printable(comparison.a_name, 300) << "\nB  "
      << base::Printable(comparison.b_name, 300) << "\n";
  TableText table({{"target"},
                   {"figure"},
                   {"A", Align::kRight},
                   {"B", Align::kRight},
                   {"B / A", Align::kRight},
                   {"95 % interval"},
                   {""}});
  for (const ComparedFigure& figure : comparison.figures) {
    table.Add({figure.target, figure.name, Value(figure.a, figure.unit),
               Value(figure.b, figure.unit), Fixed(figure.ratio, 3),
               StrCat(Fixed(figure.low, 3), " to ", Fixed(figure.high, 3)),
               Verdict(figure, comparison)});
  }
  table.Print(out);
  out << "  intervals from " << comparison.samples << "\n";
  if (comparison.samples == kWithinRuns) {
    out << "  a new start of a server alone moves small figures by several percent, which these "
           "intervals do not see: --rounds or --against do\n";
  }
  out.flush();
}

json ComparisonJson(const Comparison& comparison) {
  json figures = json::array();
  for (const ComparedFigure& figure : comparison.figures) {
    figures.push_back({{"target", figure.target},
                       {"figure", figure.name},
                       {"unit", figure.unit},
                       {"a", figure.a},
                       {"b", figure.b},
                       {"ratio", figure.ratio},
                       {"low", figure.low},
                       {"high", figure.high},
                       {"differs", figure.differs()},
                       {"verdict", Verdict(figure, comparison)}});
  }
  return {{"a", comparison.a_name},
          {"b", comparison.b_name},
          {"samples", comparison.samples},
          {"figures", figures}};
}

}  // namespace slipway::app
