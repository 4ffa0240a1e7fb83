#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/file_system.h"
#include "base/status.h"

namespace slipway::lifecycle {

// Admits models by the memory they are estimated to take. It counts estimates; it measures nothing.
//
// Thread-safe. Reservations may outlive the budget.
class MemoryBudget {
 private:
  struct State;

 public:
  // Memory that a model holds, from before its load until after its destruction. Move-only; given
  // back by the destructor.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept;
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }

    uint64_t bytes() const { return bytes_; }
    // Takes more. kResourceExhausted, with the numbers, when they are not free now.
    base::Status Grow(uint64_t bytes);
    // Says that these bytes come back soon: a reservation that only lacks them waits.
    void MarkLeaving();
    void Release();

   private:
    friend class MemoryBudget;
    Reservation(std::shared_ptr<State> state, uint64_t bytes);

    std::shared_ptr<State> state_;  // shared: the budget and its reservations end in any order
    uint64_t bytes_ = 0;
    bool leaving_ = false;
  };

  explicit MemoryBudget(uint64_t limit_bytes);

  // kResourceExhausted, with the numbers, when `bytes` are not free and will not become free by
  // what is leaving, or do not within `wait`.
  base::Result<Reservation> Reserve(uint64_t bytes, std::chrono::nanoseconds wait);
  // Would `bytes` fit if `replaced` bytes of those in use were given back?
  bool FitsWithout(uint64_t bytes, uint64_t replaced) const;
  // Ends every wait, now and from now on.
  void StopWaiting();

  uint64_t limit() const;
  uint64_t used() const;

 private:
  std::shared_ptr<State> state_;
};

// What this process may use: the least of the machine's memory and the limits of its control groups
// (v1 and v2). Sources: proc(5) meminfo; kernel documentation, cgroup-v2, memory.max.
uint64_t UsableMemoryBytes(const base::FileSystem& fs);

// 80 % of that: the rest is for requests, and for what the estimates miss.
uint64_t DefaultMemoryBudget(const base::FileSystem& fs);

}  // namespace slipway::lifecycle
