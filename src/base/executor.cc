#include "base/executor.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"

namespace slipway::base {
namespace {

constexpr uint64_t kShortSlice = 100'000;
constexpr uint64_t kKeepPolicy = 0x08;  // SCHED_FLAG_KEEP_POLICY

// The first version of the kernel's structure, which the C library does not declare.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;  // SCHED_OTHER
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  // of a time slice, in nanoseconds
  uint64_t deadline = 0;
  uint64_t period = 0;
};

// The calling thread gets less of a busy processor, and gives it up sooner to threads that wake:
// since Linux 6.6 even a nice thread may finish its slice, of about 3 ms, before a request is
// looked at. Kernels before 6.12 ignore the slice. Failing to stand back is not worth an error.
void StandBack(int nice) {
  const SchedulingAttributes attributes{.nice = nice, .runtime = kShortSlice};
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) setpriority(PRIO_PROCESS, 0, nice);
}

}  // namespace

void TakeShortTimeSlices() {
  // The priority stays what it is; a thread without the right to change it keeps its slice too.
  errno = 0;
  const int nice = getpriority(PRIO_PROCESS, 0);
  if (errno != 0) return;
  const SchedulingAttributes attributes{.flags = kKeepPolicy, .nice = nice, .runtime = kShortSlice};
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void LowerPriority(int nice) {
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, 0);
  if (errno == 0) setpriority(PRIO_PROCESS, 0, now + nice);
}

void SetThreadName(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

ThreadPool::ThreadPool(const Options& options) {
  SLIPWAY_CHECK(options.threads > 0);
  for (size_t i = 0; i < options.threads; ++i) {
    threads_.emplace_back(
        [this, name = StrCat(options.name.substr(0, 12), "-", i), nice = options.nice] {
          SetThreadName(name);
          if (nice != 0) StandBack(nice);
          RunLoop();
        });
  }
}

ThreadPool::~ThreadPool() {
  std::deque<Work> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

size_t ThreadPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void ThreadPool::RunLoop() {
  for (;;) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace slipway::base
