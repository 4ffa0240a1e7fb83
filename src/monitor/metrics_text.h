#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  // A histogram of whole numbers with the given bounds. `for_each(add)` calls add(value, count) for
  // every distinct value.
  template <typename ForEach>
  void CountHistogramSample(Labels labels, std::span<const int64_t> bounds, ForEach for_each) {
    uint64_t total = 0;
    double sum = 0;
    std::vector<uint64_t> cumulative(bounds.size(), 0);
    for_each([&](int64_t value, uint64_t count) {
      total += count;
      sum += static_cast<double>(value) * static_cast<double>(count);
      for (size_t i = 0; i < bounds.size(); ++i) {
        if (value <= bounds[i]) cumulative[i] += count;
      }
    });
    for (size_t i = 0; i < bounds.size(); ++i) Bucket(labels, bounds[i], cumulative[i]);
    InfinityBucket(labels, total);
    SummarySample(labels, total, sum);
  }
  // The sum and the count of a summary without quantiles.
  void SummarySample(Labels labels, uint64_t count, double sum);

  const std::string& text() const { return text_; }
  std::string&& TakeText() { return std::move(text_); }

 private:
  void Name(std::string_view suffix, Labels labels, std::string_view le = {});
  void Bucket(Labels labels, int64_t bound, uint64_t cumulative);
  void InfinityBucket(Labels labels, uint64_t count);
  template <typename Number>
  void Value(Number value);

  std::string family_;
  std::string text_;
};

}  // namespace slipway::monitor
