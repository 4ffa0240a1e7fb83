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
    if (deferred_.resting && round_time_ >= deferred_.until) DispatchDeferred();
    RunPosted();
    timers_.Advance(round_time_);
    RunEndOfRound();
  }
}

int EventLoop::WaitMilliseconds() {
  if (!own_posts_.empty() || woken_.load(std::memory_order_acquire)) return 0;
  const base::SteadyTime now = clock_.SteadyNow();
  std::chrono::milliseconds wait = timers_.UntilNext(now);  // below 0: there is none
  if (deferred_.resting) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deferred_.until - now);
    wait = std::max(std::chrono::milliseconds(0), wait.count() < 0 ? rest : std::min(wait, rest));
  }
  return static_cast<int>(wait.count());
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

base::Status EventLoop::Control(int operation, int fd, uint32_t events, Watcher* watcher) {
  const int epoll = watcher->deferred_ ? deferred_.epoll.get() : epoll_.get();
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0) return base::ErrnoStatus(errno, "epoll_ctl");
  return base::OkStatus();
}

base::Status EventLoop::Add(int fd, uint32_t events, Watcher* watcher) {
  return Control(EPOLL_CTL_ADD, fd, events, watcher);
}

base::Status EventLoop::Modify(int fd, uint32_t events, Watcher* watcher) {
  return Control(EPOLL_CTL_MOD, fd, events, watcher);
}

base::Status EventLoop::Defer(int fd, uint32_t events, Watcher* watcher) {
  if (!deferred_.epoll.valid()) {
    base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll.valid()) return base::ErrnoStatus(errno, "epoll_create1");
    SLIPWAY_RETURN_IF_ERROR(Add(epoll.get(), EPOLLIN | EPOLLONESHOT, &deferred_));
    deferred_.epoll = std::move(epoll);
  }
  return Move(fd, events, watcher, true);
}

base::Status EventLoop::Resume(int fd, uint32_t events, Watcher* watcher) {
  return Move(fd, events, watcher, false);
}

// It is added there before it leaves here, which may fail; adding reports what it is ready for, so
// that nothing is lost.
base::Status EventLoop::Move(int fd, uint32_t events, Watcher* watcher, bool deferred) {
  if (watcher->deferred_ == deferred) return base::OkStatus();
  watcher->deferred_ = deferred;
  if (base::Status added = Add(fd, events, watcher); !added.ok()) {
    watcher->deferred_ = !deferred;
    return added;
  }
  epoll_event ignored{};
  ::epoll_ctl(deferred ? epoll_.get() : deferred_.epoll.get(), EPOLL_CTL_DEL, fd, &ignored);
  return base::OkStatus();
}

void EventLoop::DispatchDeferred() {
  const int ready = ::epoll_wait(deferred_.epoll.get(), events_.data(), kMaxDeferredEvents, 0);
  if (ready <= 0) {
    deferred_.resting = !Modify(deferred_.epoll.get(), EPOLLIN | EPOLLONESHOT, &deferred_).ok();
    return;
  }
  // When there may be more, the others have a turn first.
  deferred_.until = round_time_;
  if (ready < kMaxDeferredEvents) deferred_.until += kDeferral;
  Dispatch(ready);
}

void EventLoop::Remove(int fd, Watcher* watcher) {
  [[maybe_unused]] const base::Status removed = Control(EPOLL_CTL_DEL, fd, 0, watcher);
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
