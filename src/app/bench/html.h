#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace slipway::app {

// A report of `slipway bench` as one HTML page with tables and plots, which needs no network and
// follows the reader's light or dark setting. `document` is what --json prints: a test, a sweep, or
// two servers or reports beside each other. Whatever is missing in it is missing in the page.
std::string BenchHtml(const nlohmann::json& document);

}  // namespace slipway::app
