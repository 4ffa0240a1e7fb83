#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/trees/forest.h"

namespace slipway::engine {

// Adds the leaf of a tree to the sums of a row. Trees keep `slots` places for their leaves, side by
// side; where a forest has one target a place holds the value, else the number of a leaf.
template <typename T>
class LeafSum {
 public:
  LeafSum(const Forest<T>& forest, size_t slots)
      : slots_(slots), targets_(forest.targets), values_per_leaf_(forest.values_per_leaf) {
    if (forest.one_target()) return;
    first_target_ = forest.first_target;
    leaf_values_ = forest.values;
  }

  // Makes room for one more tree.
  void AddTree() {
    if (targets_ == 1) {
      values_.resize(values_.size() + slots_);
    } else {
      numbers_.resize(numbers_.size() + slots_);
    }
  }
  // Puts a leaf into a place of the latest tree.
  void SetLeaf(const Forest<T>& forest, size_t slot, size_t leaf) {
    if (targets_ == 1) {
      values_[values_.size() - slots_ + slot] = forest.values[leaf];
    } else {
      numbers_[numbers_.size() - slots_ + slot] = static_cast<uint32_t>(leaf);
    }
  }

  bool one_target() const { return targets_ == 1; }
  uint32_t targets() const { return targets_; }
  // The places of a tree, where there is one target.
  const T* values(size_t tree) const { return values_.data() + tree * slots_; }
  // Adds the leaf in that place, where there are several.
  void AddTo(size_t tree, size_t slot, T* sums) const {
    const size_t leaf = numbers_[tree * slots_ + slot];
    T* to = sums + first_target_[leaf];
    const T* from = &leaf_values_[leaf * values_per_leaf_];
    for (uint32_t k = 0; k < values_per_leaf_; ++k) to[k] += from[k];
  }
  // Asks for the memory of a leaf that AddAll() will look at.
  void Prefetch(size_t tree, size_t slot) const {
    if (targets_ == 1) {
      __builtin_prefetch(values_.data() + tree * slots_ + slot);
    } else {
      __builtin_prefetch(numbers_.data() + tree * slots_ + slot);
    }
  }
  // Adds the leaves of consecutive trees, from `first` on, in the places `slots`.
  template <typename Slot>
  void AddAll(size_t first, std::span<Slot> slots, T* sums) const {
    if (targets_ == 1) {
      const T* values = values_.data() + first * slots_;
      T sum = *sums;
      for (const auto slot : slots) {
        sum += values[slot];
        values += slots_;
      }
      *sums = sum;
      return;
    }
    for (size_t i = 0; i < slots.size(); ++i) AddTo(first + i, slots[i], sums);
  }

 private:
  const size_t slots_;
  const uint32_t targets_;
  const uint32_t values_per_leaf_;
  std::vector<T> values_;
  std::vector<uint32_t> numbers_;
  std::vector<uint32_t> first_target_;
  std::vector<T> leaf_values_;
};

}  // namespace slipway::engine
