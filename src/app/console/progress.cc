#include "app/console/progress.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "app/console/table_text.h"
#include "base/str_cat.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kClearLine = "\r\x1b[K";

// "12.5": per cent with one decimal.
std::string Percent(int64_t done, int64_t total) {
  const int64_t tenths =
      total <= 0
          ? 1000
          : static_cast<int64_t>(1000.0 * static_cast<double>(done) / static_cast<double>(total));
  return base::StrCat(tenths / 10, ".", tenths % 10);
}

}  // namespace

Progress::Progress(const base::Clock& clock, std::ostream& out, Options options)
    : clock_(clock), out_(out), options_(std::move(options)), next_(clock.SteadyNow() + 500ms) {}

Progress::~Progress() {
  if (drawn_) out_ << kClearLine << std::flush;
}

void Progress::Update(int64_t done, int64_t total) {
  if (!options_.shown) return;
  const base::SteadyTime now = clock_.SteadyNow();
  if (now < next_) return;
  next_ = now + 100ms;
  drawn_ = true;
  out_ << kClearLine << options_.verb << "  " << WithThousands(static_cast<uint64_t>(done))
       << " of " << WithThousands(static_cast<uint64_t>(std::max<int64_t>(total, 0))) << " "
       << options_.unit << "  " << Percent(done, total) << " %" << std::flush;
}

bool StandardErrorIsTerminal() { return isatty(STDERR_FILENO) != 0; }
bool StandardOutputIsTerminal() { return isatty(STDOUT_FILENO) != 0; }

}  // namespace slipway::app
