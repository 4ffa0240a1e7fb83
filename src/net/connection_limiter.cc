#include "net/connection_limiter.h"

#include <utility>

namespace slipway::net {

ConnectionTicket::ConnectionTicket(ConnectionTicket&& other) noexcept
    : limiter_(std::exchange(other.limiter_, nullptr)), client_(other.client_) {}

ConnectionTicket& ConnectionTicket::operator=(ConnectionTicket&& other) noexcept {
  if (this == &other) return *this;
  Release();
  limiter_ = std::exchange(other.limiter_, nullptr);
  client_ = other.client_;
  return *this;
}

void ConnectionTicket::Release() {
  if (limiter_ != nullptr) std::exchange(limiter_, nullptr)->Release(client_);
}

ConnectionLimiter::Verdict ConnectionLimiter::Admit(uint64_t client, ConnectionTicket& ticket) {
  // Counting by address costs a table; it says nothing when one address may have all connections.
  if (limits_.max_connections_per_address >= limits_.max_connections) client = 0;
  const std::lock_guard lock(mutex_);
  if (open_ >= limits_.max_connections) return Verdict::kTooMany;
  if (client != 0) {
    size_t& open = open_by_client_[client];
    if (open >= limits_.max_connections_per_address) return Verdict::kTooManyOfClient;
    ++open;
  }
  ++open_;
  ticket = ConnectionTicket(this, client);
  return Verdict::kAdmitted;
}

void ConnectionLimiter::Release(uint64_t client) {
  const std::lock_guard lock(mutex_);
  if (client != 0) {
    const auto found = open_by_client_.find(client);
    if (--found->second == 0) open_by_client_.erase(found);
  }
  if (--open_ == 0) none_.notify_all();
}

size_t ConnectionLimiter::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

bool ConnectionLimiter::WaitUntilNone(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return none_.wait_for(lock, limit, [this] { return open_ == 0; });
}

}  // namespace slipway::net
