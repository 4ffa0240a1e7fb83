#include "monitor/metrics_text.h"

#include <charconv>
#include <cmath>

namespace slipway::monitor {
namespace {

// Every third bound: ratio 1.95, so that a histogram has 24 buckets in the text.
constexpr size_t kBoundStep = 3;

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
  }
  return "untyped";
}

void AppendEscaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\') {
      out.append("\\\\");
    } else if (c == '"') {
      out.append("\\\"");
    } else if (c == '\n') {
      out.append("\\n");
    } else {
      out.push_back(c);
    }
  }
}

template <typename Number>
void AppendNumber(std::string& out, Number value) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isnan(value)) {
      out.append("NaN");
      return;
    }
    if (std::isinf(value)) {
      out.append(value > 0 ? "+Inf" : "-Inf");
      return;
    }
  }
  char digits[64];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, end);
}

double Seconds(uint64_t ns) { return static_cast<double>(ns) * 1e-9; }

}  // namespace

void MetricsText::Family(std::string_view name, MetricType type, std::string_view help) {
  family_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(TypeName(type)).append("\n");
}

void MetricsText::Name(std::string_view suffix, Labels labels, std::string_view le) {
  text_.append(family_).append(suffix);
  char separator = '{';
  const auto label = [&](std::string_view key, std::string_view value) {
    text_.push_back(separator);
    text_.append(key).append("=\"");
    AppendEscaped(text_, value);
    text_.push_back('"');
    separator = ',';
  };
  for (const auto& [key, value] : labels) label(key, value);
  if (!le.empty()) label("le", le);
  if (separator == ',') text_.push_back('}');
  text_.push_back(' ');
}

template <typename Number>
void MetricsText::Value(Number value) {
  AppendNumber(text_, value);
  text_.push_back('\n');
}

void MetricsText::Sample(Labels labels, double value) {
  Name({}, labels);
  Value(value);
}
void MetricsText::Sample(Labels labels, uint64_t value) {
  Name({}, labels);
  Value(value);
}
void MetricsText::Sample(Labels labels, int64_t value) {
  Name({}, labels);
  Value(value);
}

void MetricsText::HistogramSample(Labels labels, const Histogram::Counts& counts) {
  uint64_t cumulative = 0;
  for (size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    cumulative += counts.buckets[i];
    if (i % kBoundStep != kBoundStep - 1) continue;
    std::string bound;
    AppendNumber(bound, Seconds(static_cast<uint64_t>(Histogram::UpperBound(i).count())));
    Name("_bucket", labels, bound);
    Value(cumulative);
  }
  InfinityBucket(labels, counts.count);
  SummarySample(labels, counts.count, Seconds(counts.sum_ns));
}

void MetricsText::Bucket(Labels labels, int64_t bound, uint64_t cumulative) {
  std::string text;
  AppendNumber(text, bound);
  Name("_bucket", labels, text);
  Value(cumulative);
}

void MetricsText::InfinityBucket(Labels labels, uint64_t count) {
  Name("_bucket", labels, "+Inf");
  Value(count);
}

void MetricsText::SummarySample(Labels labels, uint64_t count, double sum) {
  Name("_sum", labels);
  Value(sum);
  Name("_count", labels);
  Value(count);
}

}  // namespace slipway::monitor
