#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "monitor/histogram.h"

namespace slipway::monitor {

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram, kSummary };

// Writes metric families in the Prometheus text format 0.0.4. Samples of a family must follow its
// Family() call directly. Thread-compatible.
// Source: Prometheus "Exposition formats", text format version 0.0.4.
class MetricsText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // Begins a family. `name` and `help` are ours, never outside text.
  void Family(std::string_view name, MetricType type, std::string_view help);
  void Sample(Labels labels, double value);
  void Sample(Labels labels, uint64_t value);
  void Sample(Labels labels, int64_t value);
  // Cumulative buckets in seconds, the sum and the count; every third bound of Histogram.
  void HistogramSample(Labels labels, const Histogram::Counts& counts);
  // The sum and the count of a summary without quantiles.
  void SummarySample(Labels labels, uint64_t count, double sum);

  const std::string& text() const { return text_; }
  std::string&& TakeText() { return std::move(text_); }

 private:
  void Name(std::string_view suffix, Labels labels, std::string_view le = {});
  template <typename Number>
  void Value(Number value);

  std::string family_;
  std::string text_;
};

}  // namespace slipway::monitor
