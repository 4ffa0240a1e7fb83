#include "frontend/scratch_arena.h"

#include <algorithm>
#include <new>

namespace slipway::frontend {

void ScratchArena::Free::operator()(std::byte* memory) const {
  ::operator delete(memory, std::align_val_t{kAlignment});
}

ScratchArena::Block ScratchArena::NewBlock(size_t size) {
  auto* memory = static_cast<std::byte*>(::operator new(size, std::align_val_t{kAlignment}));
  return {std::unique_ptr<std::byte, Free>(memory), size};
}

std::span<std::byte> ScratchArena::Allocate(size_t size) {
  if (blocks_.empty() || blocks_.back().size - used_ < size) {
    const size_t last = blocks_.empty() ? 0 : blocks_.back().size;
    blocks_.push_back(NewBlock(std::max({size, kMinBlockBytes, std::min(2 * last, kKeptBytes)})));
    used_ = 0;
  }
  const std::span<std::byte> piece(blocks_.back().memory.get() + used_, size);
  const size_t rounded = (size + kAlignment - 1) / kAlignment * kAlignment;
  used_ = std::min(used_ + rounded, blocks_.back().size);
  return piece;
}

void ScratchArena::Reset() {
  used_ = 0;
  if (blocks_.empty()) return;
  // The last block is the largest but for odd requests in between.
  if (blocks_.back().size > kKeptBytes) {
    blocks_.clear();
  } else if (blocks_.size() > 1) {
    blocks_.erase(blocks_.begin(), blocks_.end() - 1);
  }
}

}  // namespace slipway::frontend
