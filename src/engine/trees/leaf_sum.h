#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/trees/forest.h"

namespace slipway::engine {

// Adds the leaf of a tree to the sums of a row. The leaves of a tree have places side by side, in
// an order that the kernel chooses. Where each tree speaks of one target, as nearly always, a place
// holds the value, else the number of a leaf.
template <typename T>
class LeafSum {
 public:
  explicit LeafSum(const Forest<T>& forest)
      : targets_(forest.targets), values_per_leaf_(forest.values_per_leaf) {
    std::optional<std::vector<uint32_t>> target_of_tree = TargetsOfTrees(forest);
    holds_values_ = target_of_tree.has_value();
    if (target_of_tree) {
      target_of_tree_ = *std::move(target_of_tree);
      return;
    }
    first_target_ = forest.first_target;
    leaf_values_ = forest.values;
  }

  // Begins one more tree, with no places yet.
  void AddTree() { first_.push_back(holds_values() ? values_.size() : numbers_.size()); }
  // Puts a leaf into a place of the latest tree, which has as many places as it needs for that.
  void SetLeaf(const Forest<T>& forest, size_t slot, size_t leaf) {
    const size_t at = first_.back() + slot;
    if (holds_values()) {
      values_.resize(std::max(values_.size(), at + 1));
      values_[at] = forest.values[leaf];
    } else {
      numbers_.resize(std::max(numbers_.size(), at + 1));
      numbers_[at] = static_cast<uint32_t>(leaf);
    }
  }

  uint32_t targets() const { return targets_; }
  // Whether each tree speaks of one target.
  bool holds_values() const { return holds_values_; }
  // Of a tree, where it does: its target, and the places of its leaves.
  uint32_t target(size_t tree) const { return target_of_tree_[tree]; }
  const T* values(size_t tree) const { return values_.data() + first_[tree]; }
  // Adds the leaf in that place.
  void AddTo(size_t tree, size_t slot, T* sums) const {
    if (holds_values()) {
      sums[target(tree)] += values(tree)[slot];
      return;
    }
    const size_t leaf = numbers_[first_[tree] + slot];
    T* to = sums + first_target_[leaf];
    const T* from = &leaf_values_[leaf * values_per_leaf_];
    for (uint32_t k = 0; k < values_per_leaf_; ++k) to[k] += from[k];
  }
  // Adds the leaf of one tree to the sums of each row: `slots` are the places by row.
  template <typename Slot>
  void AddToRows(size_t tree, std::span<const Slot> slots, T* sums) const {
    if (!holds_values()) {
      for (size_t row = 0; row < slots.size(); ++row)
        AddTo(tree, slots[row], sums + row * targets_);
      return;
    }
    const T* from = values(tree);
    T* to = sums + target(tree);
    for (size_t row = 0; row < slots.size(); ++row) to[row * targets_] += from[slots[row]];
  }
  // Adds the leaves of consecutive trees, from `first` on, in the places `slots`.
  template <typename Slot>
  void AddAll(size_t first, std::span<Slot> slots, T* sums) const {
    if (targets_ == 1 && holds_values()) {
      T sum = *sums;
      for (size_t i = 0; i < slots.size(); ++i) sum += values(first + i)[slots[i]];
      *sums = sum;
      return;
    }
    if (holds_values()) {
      const uint32_t* targets = &target_of_tree_[first];
      for (size_t i = 0; i < slots.size(); ++i) sums[targets[i]] += values(first + i)[slots[i]];
      return;
    }
    for (size_t i = 0; i < slots.size(); ++i) AddTo(first + i, slots[i], sums);
  }

 private:
  const uint32_t targets_;
  const uint32_t values_per_leaf_;
  bool holds_values_ = false;
  std::vector<uint32_t> target_of_tree_;
  std::vector<size_t> first_;  // by tree: its first place
  std::vector<T> values_;
  std::vector<uint32_t> numbers_;
  std::vector<uint32_t> first_target_;
  std::vector<T> leaf_values_;
};

}  // namespace slipway::engine
