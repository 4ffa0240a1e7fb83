#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace benchmark {
class State;
}

namespace slipway::net {

// For benchmarks: the server runs on one core, its client in a process of its own on another, so
// that the CPU time of this process is the server's.
void PinToServerCore();

// A client in a process of its own, started by the constructor and killed by the destructor.
class LoadProcess {
 public:
  // What the client sees: it does a batch of work each time it is told to.
  class Commands {
   public:
    Commands(int command, int done) : command_(command), done_(done) {}
    bool Wait();
    void Done();

   private:
    const int command_;
    const int done_;
  };

  explicit LoadProcess(const std::function<void(Commands&)>& client);
  ~LoadProcess();
  // One batch; returns when it is done.
  void RunBatch();

 private:
  int command_ = -1;
  int done_ = -1;
  pid_t child_ = -1;
};

// Sends all of it, or ends the process.
void SendAll(int fd, const std::string& bytes);

// Runs batches of `batch` requests, and reports CPU time and memory allocations per request.
void MeasureCpu(benchmark::State& state, LoadProcess& load, int batch);

}  // namespace slipway::net
