#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "net/limits.h"

namespace slipway::net {

class ConnectionLimiter;

// One open connection in the books of a ConnectionLimiter, struck out by the destructor. Move-only.
class ConnectionTicket {
 public:
  ConnectionTicket() = default;
  ConnectionTicket(ConnectionTicket&& other) noexcept;
  ConnectionTicket& operator=(ConnectionTicket&& other) noexcept;
  ~ConnectionTicket() { Release(); }
  bool valid() const { return limiter_ != nullptr; }
  void Release();

 private:
  friend class ConnectionLimiter;
  ConnectionTicket(ConnectionLimiter* limiter, uint64_t client)
      : limiter_(limiter), client_(client) {}
  ConnectionLimiter* limiter_ = nullptr;
  uint64_t client_ = 0;  // 0: not counted by address
};

// Counts the connections of all IO threads, in total and by client address. Thread-safe.
class ConnectionLimiter {
 public:
  enum class Verdict : uint8_t { kAdmitted, kTooMany, kTooManyOfClient };

  explicit ConnectionLimiter(const Limits& limits) : limits_(limits) {}
  // `client` is SocketAddress::ClientKey(), or 0 for who is not counted by address. `ticket` is
  // filled when kAdmitted.
  Verdict Admit(uint64_t client, ConnectionTicket& ticket);
  size_t open() const;
  // True when no connection is open; false when `limit` passed first.
  bool WaitUntilNone(std::chrono::milliseconds limit);

 private:
  friend class ConnectionTicket;
  void Release(uint64_t client);

  const Limits& limits_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable none_;
  size_t open_ = 0;
  std::unordered_map<uint64_t, size_t> open_by_client_;
};

}  // namespace slipway::net
