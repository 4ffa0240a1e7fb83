#include "net/load_process.h"

#include <benchmark/benchmark.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <new>

#include "base/check.h"

// g++ 12 does not see that both sides of our replaced operators use malloc.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

// Counted, to show that a steady load of small requests allocates nothing.
namespace {
std::atomic<size_t> allocations = 0;
}  // namespace

void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace slipway::net {
namespace {

constexpr int kServerCore = 0;
constexpr int kClientCore = 1;

void PinTo(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(core), &set);
  ::sched_setaffinity(0, sizeof(set), &set);
}

double ProcessCpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

void PinToServerCore() { PinTo(kServerCore); }

bool LoadProcess::Commands::Wait() {
  char byte = 0;
  return ::read(command_, &byte, 1) == 1;
}

void LoadProcess::Commands::Done() {
  if (::write(done_, "", 1) != 1) ::_exit(1);
}

LoadProcess::LoadProcess(const std::function<void(Commands&)>& client) {
  int command[2];
  int done[2];
  SLIPWAY_CHECK(::pipe(command) == 0 && ::pipe(done) == 0);
  child_ = ::fork();
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    PinTo(kClientCore);
    Commands commands(command[0], done[1]);
    client(commands);
    ::_exit(0);
  }
  ::close(command[0]);
  ::close(done[1]);
  command_ = command[1];
  done_ = done[0];
}

LoadProcess::~LoadProcess() {
  ::close(command_);
  ::close(done_);
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

void LoadProcess::RunBatch() {
  char byte = 0;
  SLIPWAY_CHECK(::write(command_, &byte, 1) == 1 && ::read(done_, &byte, 1) == 1);
}

void SendAll(int fd, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) ::_exit(1);
    sent += static_cast<size_t>(n);
  }
}

void MeasureCpu(benchmark::State& state, LoadProcess& load, int batch) {
  load.RunBatch();
  const size_t allocations_before = allocations;
  double cpu_seconds = 0;
  for (auto _ : state) {
    const double before = ProcessCpuSeconds();
    load.RunBatch();
    const double spent = ProcessCpuSeconds() - before;
    state.SetIterationTime(spent);
    cpu_seconds += spent;
  }
  const double requests = static_cast<double>(state.iterations()) * batch;
  state.counters["cpu_seconds_per_request"] = cpu_seconds / requests;
  state.counters["allocations_per_request"] =
      static_cast<double>(allocations - allocations_before) / requests;
}

}  // namespace slipway::net
