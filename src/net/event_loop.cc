#include "net/event_loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace slipway::net {

base::Result<std::unique_ptr<EventLoop>> EventLoop::Create(base::Clock& clock) {
  base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return base::ErrnoStatus(errno, "epoll_create1");
  base::UniqueFd wakeup(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wakeup.valid()) return base::ErrnoStatus(errno, "eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // edge-triggered, so that the counter need not be read
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wakeup.get(), &event) != 0) {
    return base::ErrnoStatus(errno, "epoll_ctl");
  }
  return std::unique_ptr<EventLoop>(new EventLoop(clock, std::move(epoll), std::move(wakeup)));
}

EventLoop::EventLoop(base::Clock& clock, base::UniqueFd epoll, base::UniqueFd wakeup)
    : clock_(clock),
      epoll_(std::move(epoll)),
      wakeup_(std::move(wakeup)),
      round_time_(clock.SteadyNow()),
      timers_(round_time_) {}

EventLoop::~EventLoop() = default;

void EventLoop::Run() {
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  while (!stopping_.load(std::memory_order_acquire)) {
    const int ready = ::epoll_wait(epoll_.get(), events_.data(), kMaxEvents, WaitMilliseconds());
    SLIPWAY_CHECK(ready >= 0 || errno == EINTR);
    ++round_;
    round_time_ = clock_.SteadyNow();
    Dispatch(ready);
    RunPosted();
    timers_.Advance(round_time_);
    RunEndOfRound();
  }
}

int EventLoop::WaitMilliseconds() {
  if (!own_posts_.empty() || woken_.load(std::memory_order_acquire)) return 0;
  return static_cast<int>(timers_.UntilNext(clock_.SteadyNow()).count());
}

void EventLoop::Dispatch(int ready) {
  ready_ = ready;
  for (int i = 0; i < ready_; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->OnEvents(event.events);
  }
  ready_ = 0;
}

void EventLoop::RunPosted() {
  // The flag falls before the mailbox is emptied: who posts after that wakes us again.
  if (woken_.load(std::memory_order_relaxed) && woken_.exchange(false, std::memory_order_acq_rel)) {
    const std::lock_guard lock(mutex_);
    running_.swap(mailbox_);
  }
  for (Work& work : running_) std::exchange(work, nullptr)();
  running_.clear();
  if (own_posts_.empty()) return;
  running_.swap(own_posts_);  // what these post runs in the next round
  for (Work& work : running_) std::exchange(work, nullptr)();
  running_.clear();
}

void EventLoop::RunEndOfRound() {
  for (size_t i = 0; i < end_of_round_.size(); ++i) {  // grows while it runs
    const std::function<void()> work = std::move(end_of_round_[i]);
    work();
  }
  end_of_round_.clear();
}

void EventLoop::Stop() {
  stopping_.store(true, std::memory_order_release);
  Wake();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake.
  [[maybe_unused]] const ssize_t written = ::write(wakeup_.get(), &one, sizeof(one));
}

void EventLoop::Post(Work work) {
  if (OnLoopThread()) {
    own_posts_.push_back(std::move(work));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    mailbox_.push_back(std::move(work));
  }
  if (!woken_.exchange(true, std::memory_order_acq_rel)) Wake();
}

bool EventLoop::OnLoopThread() const {
  return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

base::Status EventLoop::Add(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return base::ErrnoStatus(errno, "epoll_ctl");
  }
  return base::OkStatus();
}

base::Status EventLoop::Modify(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    return base::ErrnoStatus(errno, "epoll_ctl");
  }
  return base::OkStatus();
}

void EventLoop::Remove(int fd, Watcher* watcher) {
  epoll_event ignored{};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &ignored);
  for (int i = 0; i < ready_; ++i) {  // events of this round that it has not seen yet
    epoll_event& event = events_[static_cast<size_t>(i)];
    if (event.data.ptr == watcher) event.data.ptr = nullptr;
  }
}

EventLoop::TimerId EventLoop::AddTimer(std::chrono::milliseconds delay,
                                       std::function<void()> callback) {
  return timers_.Add(clock_.SteadyNow() + delay, std::move(callback));
}

void EventLoop::CancelTimer(TimerId id) { timers_.Cancel(id); }

void EventLoop::AtEndOfRound(std::function<void()> work) {
  end_of_round_.push_back(std::move(work));
}

}  // namespace slipway::net
