#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "net/connection.h"

namespace slipway::net {

// Spreads new connections over the IO threads. The kernel spreads them by a hash of their addresses
// (SO_REUSEPORT): well when there are many, but of a few long-lived ones all may meet on one thread
// while the others idle. So a thread that has accepted a connection and has more than enough hands
// it on, once, before it has read from it.
//
//   ConnectionBalancer balancer;             // before the loops run:
//   balancer.Add(member);                    //   each IO thread
//   balancer.Place(own, std::move(client));  // from then on, on `own`'s thread
//
// Place() is thread-safe. Members must outlive every loop that may still call it.
class ConnectionBalancer {
 public:
  // One IO thread.
  class Member {
   public:
    virtual ~Member() = default;
    // Begins to serve a connection. On the member's own thread.
    virtual void Begin(Client client) = 0;
    // The same from any other thread: soon, and counted from now on.
    virtual void BeginLater(Client client) = 0;

    // Connections that it serves or is about to. Written by every thread that hands one over.
    size_t connections() const { return connections_.load(std::memory_order_relaxed); }

   protected:
    void Count(size_t arrived) { connections_.fetch_add(arrived, std::memory_order_relaxed); }
    void Uncount(size_t gone) { connections_.fetch_sub(gone, std::memory_order_relaxed); }

   private:
    std::atomic<size_t> connections_ = 0;
  };

  void Add(Member& member) { members_.push_back(&member); }
  // Gives `client` to `own`, or to the member with the fewest connections when that leaves `own`
  // with at least one, and by a quarter, more than the other: waking another thread costs more than
  // a small difference does.
  void Place(Member& own, Client client) const;

 private:
  std::vector<Member*> members_;
};

}  // namespace slipway::net
