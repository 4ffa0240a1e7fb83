#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/socket_address.h"

namespace slipway::app {

// The processes of a server on this machine, and the CPU time they use. A value: a list of process
// ids.
//
// Errors: kNotFound (not on this machine, no such process, or not ours to look at; the message says
// which).
class ServerProcess {
 public:
  // Whoever listens at `address`, found through /proc (TCP) or the socket itself (Unix), and all
  // processes that it has started.
  static base::Result<ServerProcess> ListeningAt(const net::SocketAddress& address);
  // That process and all that it has started.
  static base::Result<ServerProcess> OfPid(pid_t pid);

  const std::vector<pid_t>& pids() const { return pids_; }
  // Time on a processor, user and system, of all threads (ended ones included) of the processes
  // that still run, to the nanosecond.
  std::chrono::nanoseconds CpuTime() const;

 private:
  explicit ServerProcess(std::vector<pid_t> pids) : pids_(std::move(pids)) {}
  std::vector<pid_t> pids_;
};

}  // namespace slipway::app
