#include "app/bench/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "app/bench/report.h"
#include "base/str_cat.h"

namespace slipway::app {
namespace {

using base::StrCat;

constexpr double kWidth = 540;
constexpr double kHeight = 250;
constexpr double kLeft = 56;
constexpr double kRight = 28;
constexpr double kTop = 12;
constexpr double kBottom = 44;
constexpr size_t kColours = 8;
constexpr size_t kMostMarks = 60;  // points of a series that get a dot

// One axis: from values to places in the drawing.
class Axis {
 public:
  Axis(double low, double high, bool log, double from, double to)
      : log_(log), low_(At(low)), high_(At(high)), from_(from), to_(to) {
    if (high_ <= low_) high_ = low_ + 1;
  }
  double Place(double value) const {
    return from_ + (At(value) - low_) / (high_ - low_) * (to_ - from_);
  }

 private:
  double At(double value) const { return log_ ? std::log10(value) : value; }
  bool log_;
  double low_;
  double high_;
  double from_;
  double to_;
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void Add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

bool Drawable(const Plot& plot, const std::pair<double, double>& point) {
  return std::isfinite(point.first) && std::isfinite(point.second) &&
         (!plot.x_log || point.first > 0) && (!plot.y_log || point.second > 0);
}

std::string Place(double value) { return Fixed(value, 1); }

std::string Line(const char* kind, double x1, double y1, double x2, double y2) {
  return StrCat("<line class=\"", kind, "\" x1=\"", Place(x1), "\" y1=\"", Place(y1), "\" x2=\"",
                Place(x2), "\" y2=\"", Place(y2), "\"/>");
}

std::string Text(double x, double y, const char* anchor, std::string_view text) {
  return StrCat("<text x=\"", Place(x), "\" y=\"", Place(y), "\" text-anchor=\"", anchor, "\">",
                HtmlEscape(text), "</text>");
}

std::string DrawSeries(const Plot& plot, const PlotSeries& series, size_t number, const Axis& x,
                       const Axis& y) {
  const std::string colour = StrCat("var(--s", number % kColours, ")");
  std::string path;
  std::string dots;
  for (const auto& point : series.points) {
    if (!Drawable(plot, point)) continue;
    const std::string px = Place(x.Place(point.first));
    const std::string py = Place(y.Place(point.second));
    path += StrCat(path.empty() ? "M" : "L", px, " ", py);
    if (series.points.size() > kMostMarks) continue;
    dots += StrCat("<circle cx=\"", px, "\" cy=\"", py, "\" r=\"3\" fill=\"", colour, "\"><title>",
                   HtmlEscape(series.name), ": ", PlotNumber(point.second), "</title></circle>");
  }
  return StrCat("<path d=\"", path, "\" stroke=\"", colour, "\"/>", dots);
}

std::string DrawAxes(const Plot& plot, const std::vector<PlotTick>& x_ticks,
                     const std::vector<double>& y_ticks, const Axis& x, const Axis& y) {
  const double bottom = kHeight - kBottom;
  std::string out;
  for (const double tick : y_ticks) {
    const double at = y.Place(tick);
    out += Line("grid", kLeft, at, kWidth - kRight, at);
    out += Text(kLeft - 8, at + 4, "end", PlotNumber(tick));
  }
  for (const PlotTick& tick : x_ticks) {
    const double at = x.Place(tick.at);
    out += Line("grid", at, kTop, at, bottom);
    out += Text(at, bottom + 17, "middle", tick.label);
  }
  out += Line("axis", kLeft, bottom, kWidth - kRight, bottom);
  out += Text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", plot.x_label);
  return out;
}

std::string Legend(const Plot& plot) {
  if (plot.series.size() < 2) return "";
  std::string out = "<p class=\"legend\">";
  for (size_t i = 0; i < plot.series.size(); ++i) {
    out += StrCat("<span><i style=\"background:var(--s", i % kColours, ")\"></i>",
                  HtmlEscape(plot.series[i].name), "</span>");
  }
  return out + "</p>";
}

}  // namespace

std::vector<double> PlotTicks(double low, double high, bool log) {
  std::vector<double> ticks;
  if (log) {
    const auto first = static_cast<int>(std::floor(std::log10(low)));
    const auto last = static_cast<int>(std::ceil(std::log10(high)));
    const bool few = last - first <= 2;
    for (int power = first; power <= last; ++power) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor == 1 || (few && power < last)) ticks.push_back(factor * std::pow(10, power));
      }
    }
    // Only as far as the values go, but one tick beyond them at each end.
    while (ticks.size() > 2 && ticks[1] <= low) ticks.erase(ticks.begin());
    while (ticks.size() > 2 && ticks[ticks.size() - 2] >= high) ticks.pop_back();
    return ticks;
  }
  const double span = high > low ? high - low : std::max(std::abs(high), 1.0);
  double step = std::pow(10, std::floor(std::log10(span / 5)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (span / (step * factor) <= 6) {
      step *= factor;
      break;
    }
  }
  const double first = std::floor(low / step);
  const auto count = static_cast<int>(std::ceil((low + span) / step) - first);
  ticks.reserve(static_cast<size_t>(count) + 1);
  for (int i = 0; i <= count; ++i) ticks.push_back((first + i) * step);
  return ticks;
}

std::string PlotHtml(const Plot& plot) {
  Range xs;
  Range ys;
  for (const PlotSeries& series : plot.series) {
    for (const auto& point : series.points) {
      if (!Drawable(plot, point)) continue;
      xs.Add(point.first);
      ys.Add(point.second);
    }
  }
  if (!(xs.low <= xs.high)) return "";
  if (!plot.y_log) ys.low = std::min(ys.low, 0.0);
  const std::vector<double> y_ticks = PlotTicks(ys.low, ys.high, plot.y_log);
  std::vector<PlotTick> x_ticks = plot.x_ticks;
  if (x_ticks.empty()) {
    for (const double tick : PlotTicks(xs.low, xs.high, plot.x_log)) {
      x_ticks.push_back({.at = tick, .label = PlotNumber(tick)});
    }
  }
  std::erase_if(x_ticks, [&](const PlotTick& tick) {
    return !plot.x_ticks.empty() && tick.at > xs.high + 1e-9;
  });
  if (x_ticks.empty()) x_ticks.push_back({.at = xs.low, .label = PlotNumber(xs.low)});
  const Axis x(std::min(xs.low, x_ticks.front().at), std::max(xs.high, x_ticks.back().at),
               plot.x_log, kLeft, kWidth - kRight);
  const Axis y(y_ticks.front(), y_ticks.back(), plot.y_log, kHeight - kBottom, kTop);
  std::string out =
      StrCat("<figure><figcaption>", HtmlEscape(plot.title), " <small>", HtmlEscape(plot.y_label),
             "</small></figcaption>", Legend(plot), "<svg viewBox=\"0 0 ", kWidth, " ", kHeight,
             "\" role=\"img\" aria-label=\"", HtmlEscape(plot.title), "\">");
  out += DrawAxes(plot, x_ticks, y_ticks, x, y);
  for (size_t i = 0; i < plot.series.size(); ++i) {
    out += DrawSeries(plot, plot.series[i], i, x, y);
  }
  return out + "</svg></figure>\n";
}

std::string PlotNumber(double value) {
  const double size = std::abs(value);
  if (size >= 1000) {
    const std::string whole = RateText(size);
    return value < 0 ? "-" + whole : whole;
  }
  std::string text = Fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  if (size > 0 && size < 0.001) text = Fixed(value, 6);
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string HtmlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    }
  }
  return out;
}

}  // namespace slipway::app
