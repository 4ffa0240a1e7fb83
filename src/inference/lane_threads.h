#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace slipway::inference {

// The threads of one queue lane. Each may give way to other threads; since taking that back needs a
// right that servers do not have (CAP_SYS_NICE), it leaves when that is over, and the next Start()
// puts another in its place.
//
// Start() and Leave() are guarded by the lane's mutex.
class LaneThreads {
 public:
  struct Options {
    std::string name;
    size_t count = 1;
    int nice = 0;  // see base::LowerPriority()
  };

  // Each thread runs `loop` once.
  LaneThreads(Options options, std::function<void()> loop)
      : options_(std::move(options)), loop_(std::move(loop)) {}
  // Waits for the threads, which were told to end.
  ~LaneThreads();
  LaneThreads(const LaneThreads&) = delete;
  LaneThreads& operator=(const LaneThreads&) = delete;

  // Starts the threads that are missing, with the priority of the caller, less `nice`.
  void Start();
  // For one of the threads: from now on it is missing, and all that it still does is to end. Gives
  // the mutex back.
  void Leave(std::unique_lock<std::mutex>& lock);
  // For one of the threads: on a busy processor it gets a thirtieth of what another thread gets.
  static void GiveWay();

 private:
  const Options options_;
  const std::function<void()> loop_;
  std::vector<std::thread> threads_;
  std::vector<std::thread> left_;  // ended, or about to
};

}  // namespace slipway::inference
