#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway::app {

struct PlotSeries {
  std::string name;
  std::vector<std::pair<double, double>>
      points;  // in the order of x; those not finite are left out
};

struct PlotTick {
  double at = 0;
  std::string label;
};

// A chart with lines.
struct Plot {
  std::string title;
  std::string x_label = {};
  std::string y_label = {};
  std::vector<PlotSeries> series;
  bool x_log = false;
  bool y_log = false;
  std::vector<PlotTick> x_ticks = {};  // empty: chosen by the values
};

// The chart as an inline <svg> behind its title, with a legend when there is more than one series
// and the values of each point as its tooltip. Colours are the CSS variables --s0 to --s7, --line
// and --muted. "" when there is nothing to draw.
std::string PlotHtml(const Plot& plot);

// `text` as it may stand in HTML, in an attribute as well.
std::string HtmlEscape(std::string_view text);
// Three significant digits at most, without an exponent: "0.123", "12.3", "1,230".
std::string PlotNumber(double value);

// Round values that cover `low` to `high`, about five of them; powers of ten and what is needed
// between them when `log`.
std::vector<double> PlotTicks(double low, double high, bool log);

}  // namespace slipway::app
