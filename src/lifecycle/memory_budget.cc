#include "lifecycle/memory_budget.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::lifecycle {

using base::FormatByteSize;
using base::Result;
using base::StrCat;

struct MemoryBudget::State {
  explicit State(uint64_t limit_bytes) : limit(limit_bytes) {}

  // mutex held
  bool Fits(uint64_t bytes, uint64_t given_back) const {
    const uint64_t rest = used - std::min(used, given_back);
    return rest <= limit && bytes <= limit - rest;
  }

  // mutex held
  base::Status Refusal(uint64_t bytes) const {
    const uint64_t free = limit - std::min(limit, used);
    std::string message = StrCat("needs ", FormatByteSize(bytes), " of memory by estimate, but ",
                                 FormatByteSize(free), " are free: models use ",
                                 FormatByteSize(used), " of the budget of ", FormatByteSize(limit));
    if (leaving > 0) {
      message += StrCat(", ", FormatByteSize(leaving), " of it by versions that still drain");
    }
    return base::ResourceExhausted(std::move(message));
  }

  const uint64_t limit;
  mutable std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  uint64_t used = 0;
  uint64_t leaving = 0;  // part of used
  bool stopped = false;
};

MemoryBudget::Reservation::Reservation(std::shared_ptr<State> state, uint64_t bytes)
    : state_(std::move(state)), bytes_(bytes) {}

MemoryBudget::Reservation::Reservation(Reservation&& other) noexcept
    : state_(std::move(other.state_)),
      bytes_(std::exchange(other.bytes_, 0)),
      leaving_(std::exchange(other.leaving_, false)) {}

MemoryBudget::Reservation& MemoryBudget::Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Release();
  state_ = std::move(other.state_);
  bytes_ = std::exchange(other.bytes_, 0);
  leaving_ = std::exchange(other.leaving_, false);
  return *this;
}

base::Status MemoryBudget::Reservation::Grow(uint64_t bytes) {
  if (state_ == nullptr) return base::OkStatus();
  const std::lock_guard lock(state_->mutex);
  if (!state_->Fits(bytes, 0)) return state_->Refusal(bytes);
  state_->used += bytes;
  if (leaving_) state_->leaving += bytes;
  bytes_ += bytes;
  return base::OkStatus();
}

void MemoryBudget::Reservation::MarkLeaving() {
  if (state_ == nullptr || leaving_) return;
  const std::lock_guard lock(state_->mutex);
  leaving_ = true;
  state_->leaving += bytes_;
  state_->changed.notify_all();
}

void MemoryBudget::Reservation::Release() {
  if (state_ == nullptr) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->used -= bytes_;
    if (leaving_) state_->leaving -= bytes_;
    state_->changed.notify_all();
  }
  state_.reset();
  bytes_ = 0;
  leaving_ = false;
}

MemoryBudget::MemoryBudget(uint64_t limit_bytes) : state_(std::make_shared<State>(limit_bytes)) {}

Result<MemoryBudget::Reservation> MemoryBudget::Reserve(uint64_t bytes,
                                                        std::chrono::nanoseconds wait) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.changed.wait_for(lock, wait, [&] {
    return state.stopped || state.Fits(bytes, 0) || !state.Fits(bytes, state.leaving);
  });
  if (state.Fits(bytes, 0)) {
    state.used += bytes;
    return Reservation(state_, bytes);
  }
  return state.Refusal(bytes);
}

bool MemoryBudget::FitsWithout(uint64_t bytes, uint64_t replaced) const {
  const std::lock_guard lock(state_->mutex);
  return state_->Fits(bytes, replaced);
}

void MemoryBudget::StopWaiting() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->changed.notify_all();
}

uint64_t MemoryBudget::limit() const { return state_->limit; }

uint64_t MemoryBudget::used() const {
  const std::lock_guard lock(state_->mutex);
  return state_->used;
}

namespace {

constexpr uint64_t kMaxProcBytes = 1024 * 1024;

// The decimal number that `text` starts with; nullopt for "max" and the like.
std::optional<uint64_t> LeadingNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

std::optional<uint64_t> NumberInFile(const base::FileSystem& fs, const std::string& path) {
  const Result<std::string> text = fs.Read(path, kMaxProcBytes);
  return text.ok() ? LeadingNumber(*text) : std::nullopt;
}

uint64_t MachineBytes(const base::FileSystem& fs) {
  constexpr std::string_view kKey = "MemTotal:";
  const Result<std::string> text = fs.Read("/proc/meminfo", kMaxProcBytes);
  const size_t at = text.ok() ? text->find(kKey) : std::string::npos;
  if (at == std::string::npos) return std::numeric_limits<uint64_t>::max();
  const std::string_view rest =
      base::TrimWhitespace(std::string_view(*text).substr(at + kKey.size()));
  return LeadingNumber(rest).value_or(std::numeric_limits<uint64_t>::max() / 1024) * 1024;
}

// The least limit of the control group `path` and those around it. `mount` is where the hierarchy
// lies; inside a container it shows the container's own group as its root.
uint64_t GroupLimit(const base::FileSystem& fs, const std::string& mount, std::string path,
                    const std::string& file) {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  while (true) {
    const bool root = path.empty() || path == "/";
    const auto limit = NumberInFile(fs, StrCat(mount, root ? "" : path, "/", file));
    least = std::min(least, limit.value_or(least));
    if (root) return least;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

uint64_t UsableMemoryBytes(const base::FileSystem& fs) {
  uint64_t least = MachineBytes(fs);
  const Result<std::string> groups = fs.Read("/proc/self/cgroup", kMaxProcBytes);
  if (!groups.ok()) return least;
  std::string_view rest = *groups;  // lines "ID:CONTROLLERS:PATH"; version 2 has "0::PATH"
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string controllers(line.substr(first + 1, second - first - 1));
    const std::string path(line.substr(second + 1));
    if (controllers.empty()) {
      least = std::min(least, GroupLimit(fs, "/sys/fs/cgroup", path, "memory.max"));
    } else if (StrCat(",", controllers, ",").find(",memory,") != std::string::npos) {
      least =
          std::min(least, GroupLimit(fs, "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

uint64_t DefaultMemoryBudget(const base::FileSystem& fs) { return UsableMemoryBytes(fs) / 5 * 4; }

}  // namespace slipway::lifecycle
