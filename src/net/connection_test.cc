#include "net/connection.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <chrono>
#include <functional>
#include <iterator>
#include <memory>

#include "base/testing/fake_clock.h"
#include "base/unique_fd.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

class PlainConnection final : public Connection {
 public:
  explicit PlainConnection(EventLoop& loop) : loop_(loop) {
    EXPECT_TRUE(loop_.Add(fd_.get(), kEvents, this).ok());
  }
  ~PlainConnection() override { loop_.Remove(fd_.get(), this); }
  PlainConnection(const PlainConnection&) = delete;
  PlainConnection& operator=(const PlainConnection&) = delete;
  void OnEvents(uint32_t) override {}
  void BeginDrain() override {}
  void Abort() override {}
  void Answer(bool refused) { NoteAnswer(loop_, fd_.get(), refused); }

 private:
  EventLoop& loop_;
  const base::UniqueFd fd_{::eventfd(0, EFD_NONBLOCK)};
};

TEST(ConnectionTest, CanWaitForAWhileAfterARefusal) {
  base::FakeClock clock;
  const std::unique_ptr<EventLoop> loop = *EventLoop::Create(clock);
  PlainConnection connection(*loop);
  struct Step {
    std::chrono::milliseconds after;
    bool refused;
    bool deferred;
  };
  const Step steps[] = {
      {0ms, false, false},  {1ms, true, true},   {100ms, false, true},
      {0ms, true, true},    {100ms, true, true},  // which counts from now on
      {100ms, false, true}, {1ms, false, false}, {1ms, true, true},
  };
  size_t done = 0;
  // Each in a round of its own: what the loop's thread posts runs in the next one.
  const std::function<void()> answer = [&] {
    const Step& step = steps[done];
    connection.Answer(step.refused);
    EXPECT_EQ(connection.deferred(), step.deferred) << done;
    if (++done == std::size(steps)) return loop->Stop();
    clock.Advance(steps[done].after);
    loop->Post(answer);
  };
  loop->Post([&] { loop->Post(answer); });
  loop->Run();
  EXPECT_EQ(done, std::size(steps));
}

}  // namespace
}  // namespace slipway::net
