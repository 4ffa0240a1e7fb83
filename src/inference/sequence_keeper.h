#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "inference/sequence_table.h"

namespace slipway::inference {

// The tables of sequences of all models of a server, and who forgets what is idle: a sequence keeps
// the version that it began with, so an old version stays in memory until its last sequence goes,
// whether or not requests come. One thread, which starts with the first table and looks once a
// second.
//
// Thread-safe. Close() it before the manager of the models is destroyed, which waits for handles.
class SequenceKeeper {
 public:
  // Whether requests to that model find a version. Where none does, its sequences go.
  using Served = std::function<bool(std::string_view model)>;

  SequenceKeeper(base::Clock& clock, Served served);
  ~SequenceKeeper() { Close(); }
  SequenceKeeper(const SequenceKeeper&) = delete;
  SequenceKeeper& operator=(const SequenceKeeper&) = delete;

  // The table of that model, which holds to `options` from now on.
  std::shared_ptr<SequenceTable> TableOf(const std::string& model,
                                         const SequenceTable::Options& options);
  // Forgets all sequences, and ends the thread. No request may come any more.
  void Close();

 private:
  void Sweep();

  base::Clock& clock_;
  const Served served_;
  std::mutex mutex_;  // guards the next two
  bool closed_ = false;
  // Shared with the runtimes of the model's versions.
  std::map<std::string, std::shared_ptr<SequenceTable>, std::less<>> tables_;
  std::jthread thread_;  // started under mutex_
};

}  // namespace slipway::inference
