#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace slipway::app {

// One line that says how far a long piece of work has come, drawn over itself: "predicting  512 of
// 100,000 rows  0.5 %". Only for a terminal: made with `shown` false, it draws nothing. Draws ten
// times a second at most, and not in the first half second; the destructor takes the line away.
// Thread-compatible; `clock` and `out` must outlive it.
class Progress {
 public:
  struct Options {
    std::string verb;  // "predicting"
    std::string unit;  // "rows"
    bool shown = false;
  };

  Progress(const base::Clock& clock, std::ostream& out, Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(int64_t done, int64_t total);

 private:
  const base::Clock& clock_;
  std::ostream& out_;
  const Options options_;
  base::SteadyTime next_;
  bool drawn_ = false;
};

// Whether standard error is a terminal.
bool StandardErrorIsTerminal();
bool StandardOutputIsTerminal();

}  // namespace slipway::app
