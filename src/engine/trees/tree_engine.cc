#include "engine/trees/tree_engine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <latch>
#include <memory_resource>
#include <system_error>
#include <utility>

#include "base/buffer.h"
#include "base/str_cat.h"
#include "engine/call_checks.h"

namespace slipway::engine {

using base::Buffer;
using base::Deadline;
using base::OkStatus;
using base::Status;
using tensor::Tensor;
using tensor::TensorView;

namespace {

// A batch below so many rows times nodes runs on one thread: others cost more than they help.
constexpr size_t kMinWorkForThreads = 20'000'000;

Buffer CopyOf(std::span<const std::byte> bytes) {
  Buffer copy = Buffer::Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

}  // namespace

// One batch: where its rows come from and go to. Blocks are taken by number, by any thread. It lies
// on the stack unless there are very many inputs and outputs.
struct TreeEngine::Call {
  struct Output {
    size_t slot = 0;
    std::byte* to = nullptr;
    std::vector<int64_t> numbers;  // of texts
  };
  std::array<std::byte, 1024> stack;
  std::pmr::monotonic_buffer_resource memory{stack.data(), stack.size()};
  size_t rows = 0;
  std::pmr::vector<const std::byte*> inputs{&memory};
  std::vector<Buffer> copies;  // of inputs that were not aligned
  std::pmr::vector<Output> outputs{&memory};
  Deadline deadline;
  std::atomic<size_t> next_block = 0;
  std::atomic<bool> stopped = false;
};

// The memory of one block.
class TreeEngine::Workspace {
 public:
  Workspace(const Program& program, size_t rows) : program_(program) {
    const size_t pointers = program.slots.size() * sizeof(std::byte*);
    const size_t bytes = pointers + rows * (program.row_bytes + program.scratch_row_bytes);
    if (bytes > small_.size()) large_ = Buffer::Allocate(bytes);
    std::byte* memory = bytes > small_.size() ? large_.data() : small_.data();
    data_ = {reinterpret_cast<std::byte**>(memory), program.slots.size()};
    computed_ = memory + pointers;
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // Points the slots at the rows from `first_row` on.
  Frame Place(const Call& call, size_t first_row, size_t rows) {
    for (size_t i = 0; i < data_.size(); ++i) {
      const Slot& slot = program_.slots[i];
      switch (slot.kind) {
        case Slot::Kind::kInput:  // no step writes to what it only reads
          data_[i] = const_cast<std::byte*>(call.inputs[slot.index]) +
                     first_row * slot.width * SlotBytes(slot.type);
          break;
        case Slot::Kind::kConstant:
          data_[i] = const_cast<std::byte*>(program_.constants[slot.index].data());
          break;
        case Slot::Kind::kComputed:
          data_[i] = computed_ + slot.offset * rows;
          break;
      }
    }
    return {.rows = rows, .data = data_, .scratch = computed_ + program_.row_bytes * rows};
  }

 private:
  alignas(64) std::array<std::byte, 8192> small_;  // what a few rows need, without an allocation
  const Program& program_;
  Buffer large_;
  std::span<std::byte*> data_;
  std::byte* computed_ = nullptr;
};

TreeEngine::TreeEngine(Program program, tensor::Signature signature, int threads)
    : program_(std::move(program)),
      signature_(std::move(signature)),
      threads_(static_cast<size_t>(std::max(threads, 1))) {}

TreeEngine::~TreeEngine() = default;

Status TreeEngine::Run(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                       Deadline deadline, std::vector<Tensor>& results) {
  return CheckedRun(signature_, inputs, outputs, deadline, results,
                    [&] { return RunChecked(inputs, outputs, deadline, results); });
}

Status TreeEngine::RunChecked(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                              Deadline deadline, std::vector<Tensor>& results) {
  Call call;
  call.deadline = deadline;
  call.rows = static_cast<size_t>(inputs[0].shape()[0]);
  call.inputs.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].shape()[0] != inputs[0].shape()[0]) {
      return base::InvalidArgument(
          base::StrCat(InputName(signature_.inputs[i]), ": expected ", call.rows, " rows, as in ",
                       InputName(signature_.inputs[0]), ", got ", inputs[i].shape()[0]));
    }
    const std::byte* data = inputs[i].data().data();
    const size_t size = tensor::SizeOf(inputs[i].dtype());  // a power of two
    if ((reinterpret_cast<uintptr_t>(data) & (size - 1)) != 0) {
      call.copies.push_back(CopyOf(inputs[i].data()));
      data = call.copies.back().data();
    }
    call.inputs.push_back(data);
  }
  results.reserve(outputs.size());
  call.outputs.resize(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const tensor::TensorSpec& spec = signature_.outputs[outputs[i]];
    Call::Output& output = call.outputs[i];
    output.slot = program_.outputs[outputs[i]];
    if (spec.dtype == tensor::DType::kBytes) {
      output.numbers.resize(call.rows);
      output.to = reinterpret_cast<std::byte*>(output.numbers.data());
      results.emplace_back();  // made of the numbers below
      continue;
    }
    tensor::Shape shape = spec.shape;
    shape.set_dim(0, static_cast<int64_t>(call.rows));
    SLIPWAY_ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(spec.dtype, shape));
    output.to = result.mutable_data().data();
    results.push_back(std::move(result));
  }
  RunOnThreads(call);
  if (call.stopped) return Stopped(deadline, "while the model ran, which was stopped");
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (signature_.outputs[outputs[i]].dtype != tensor::DType::kBytes) continue;
    const std::vector<std::string>& texts = program_.slots[call.outputs[i].slot].texts;
    std::vector<std::string> picked;
    picked.reserve(call.rows);
    for (const int64_t number : call.outputs[i].numbers) {
      picked.push_back(texts[static_cast<size_t>(number)]);
    }
    tensor::Shape shape = signature_.outputs[outputs[i]].shape;
    shape.set_dim(0, static_cast<int64_t>(call.rows));
    SLIPWAY_ASSIGN_OR_RETURN(results[i], Tensor::FromStrings(shape, picked));
  }
  return OkStatus();
}

bool TreeEngine::StartPool() {
  try {
    std::call_once(pool_started_, [this] {
      pool_ = std::make_unique<base::ThreadPool>(
          base::ThreadPool::Options{.name = "trees", .threads = threads_ - 1});
    });
    return true;
  } catch (const std::system_error&) {  // no more threads: the caller's has to do
    return false;
  }
}

void TreeEngine::RunOnThreads(Call& call) {
  const size_t blocks = (call.rows + Program::kBlockRows - 1) / Program::kBlockRows;
  if (blocks == 1) {
    Workspace workspace(program_, call.rows);
    RunBlock(call, workspace, 0, call.rows);
    return;
  }
  const bool large = call.rows * std::max<size_t>(program_.tree_nodes, 1) >= kMinWorkForThreads;
  if (threads_ == 1 || !large) {
    RunBlocks(call);
    return;
  }
  if (!StartPool()) {
    RunBlocks(call);
    return;
  }
  const size_t helpers = std::min(threads_ - 1, blocks - 1);
  std::latch done(static_cast<ptrdiff_t>(helpers));
  std::atomic<bool> no_memory = false;
  const auto help = [&] {
    try {
      RunBlocks(call);
    } catch (const std::bad_alloc&) {
      no_memory = true;
    }
    done.count_down();
  };
  for (size_t i = 0; i < helpers; ++i) {
    try {
      pool_->Post(help);
    } catch (const std::bad_alloc&) {
      done.count_down();  // one helper less
    }
  }
  try {
    RunBlocks(call);
  } catch (const std::bad_alloc&) {
    no_memory = true;
  }
  done.wait();
  if (no_memory) throw std::bad_alloc();
}

void TreeEngine::RunBlocks(Call& call) const {
  const size_t block_rows = std::min(call.rows, Program::kBlockRows);
  Workspace workspace(program_, block_rows);
  while (true) {
    const size_t first = call.next_block.fetch_add(1) * Program::kBlockRows;
    if (first >= call.rows || call.stopped) return;
    if (first > 0 && !call.deadline.never() &&
        call.deadline.Expired(std::chrono::steady_clock::now())) {
      call.stopped = true;
      return;
    }
    RunBlock(call, workspace, first, std::min(Program::kBlockRows, call.rows - first));
  }
}

void TreeEngine::RunBlock(Call& call, Workspace& workspace, size_t first_row, size_t rows) const {
  const Frame frame = workspace.Place(call, first_row, rows);
  for (const Step& step : program_.steps) step(frame);
  for (const Call::Output& output : call.outputs) {
    const Slot& slot = program_.slots[output.slot];
    const size_t row_bytes = slot.width * SlotBytes(slot.type);
    std::memcpy(output.to + first_row * row_bytes, frame.data[output.slot], rows * row_bytes);
  }
}

}  // namespace slipway::engine
