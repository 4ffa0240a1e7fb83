#include "inference/sequence_keeper.h"

#include <chrono>
#include <utility>
#include <vector>

#include "base/executor.h"

namespace slipway::inference {
namespace {

constexpr std::chrono::seconds kPeriod{1};

}  // namespace

SequenceKeeper::SequenceKeeper(base::Clock& clock, Served served)
    : clock_(clock), served_(std::move(served)) {}

std::shared_ptr<SequenceTable> SequenceKeeper::TableOf(const std::string& model,
                                                       const SequenceTable::Options& options) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<SequenceTable>& table = tables_[model];
  if (table == nullptr) {
    table = std::make_shared<SequenceTable>(options, clock_);
  } else {
    table->Configure(options);
  }
  if (!thread_.joinable() && !closed_) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      base::SetThreadName("sequences");
      while (clock_.SleepFor(kPeriod, stop)) Sweep();
    });
  }
  return table;
}

void SequenceKeeper::Sweep() {
  std::vector<std::pair<std::string, std::shared_ptr<SequenceTable>>> tables;
  {
    const std::lock_guard lock(mutex_);
    // A table that only this object has belongs to no version, so nothing comes into it.
    std::erase_if(tables_, [](const auto& one) {
      return one.second.use_count() == 1 && one.second->usage().live == 0;
    });
    tables.assign(tables_.begin(), tables_.end());
  }
  for (const auto& [model, table] : tables) {
    table->CollectIdle();
    if (!served_(model)) table->DropIdle();
  }
}

void SequenceKeeper::Close() {
  std::map<std::string, std::shared_ptr<SequenceTable>, std::less<>> tables;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    tables.swap(tables_);
  }
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  for (const auto& [model, table] : tables) table->Close();
}

}  // namespace slipway::inference
