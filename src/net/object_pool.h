#pragma once

#include <memory>
#include <vector>

namespace slipway::net {

// Owns objects of one kind that are used again and again, so that a steady load makes none. `T`
// needs Reset(): back to how it was made, memory kept. Thread-compatible.
template <typename T>
class ObjectPool {
 public:
  T& Take() {
    if (free_.empty()) {
      all_.push_back(std::make_unique<T>());
      free_.reserve(all_.size());
      return *all_.back();
    }
    T& object = *free_.back();
    free_.pop_back();
    return object;
  }
  void Give(T& object) {
    object.Reset();
    free_.push_back(&object);
  }
  // Calls `use` with each object, in use or not.
  template <typename Use>
  void ForEach(const Use& use) {
    for (const std::unique_ptr<T>& object : all_) use(*object);
  }

 private:
  std::vector<std::unique_ptr<T>> all_;
  std::vector<T*> free_;
};

}  // namespace slipway::net
