#include "net/file_watcher.h"

#include <utility>

#include "base/executor.h"

namespace slipway::net {

FileWatcher::FileWatcher(const base::FileSystem& fs, base::Clock& clock,
                         std::vector<std::string> files, State known, const Options& options,
                         std::function<void()> on_change)
    : fs_(fs),
      clock_(clock),
      files_(std::move(files)),
      options_(options),
      on_change_(std::move(on_change)),
      known_(std::move(known)),
      changed_(known_),
      thread_([this](const std::stop_token& stop) {
        base::SetThreadName("slipway-files");
        while (clock_.SleepFor(options_.period, stop)) Poll();
      }) {}

FileWatcher::State FileWatcher::Look(const base::FileSystem& fs,
                                     const std::vector<std::string>& files) {
  State state;
  for (const std::string& file : files) {
    const base::Result<base::FileInfo> info = fs.Stat(file);
    state.push_back(info.ok() ? *info : base::FileInfo());  // one that is gone has changed too
  }
  return state;
}

void FileWatcher::Poll() {
  State now = Look(fs_, files_);
  if (now != changed_) {
    changed_ = std::move(now);
    changed_at_ = clock_.SteadyNow();
    return;
  }
  if (changed_ == known_ || clock_.SteadyNow() - changed_at_ < options_.settle) return;
  known_ = changed_;
  on_change_();
}

}  // namespace slipway::net
