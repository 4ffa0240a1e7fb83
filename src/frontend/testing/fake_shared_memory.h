#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "base/testing/temporary_directory.h"
#include "frontend/shared_memory_registry.h"
#include "net/buffer_pool.h"

namespace slipway::frontend {

// A registry over a directory of its own instead of /dev/shm, and the client's side of it.
class FakeSharedMemory {
 protected:
  FakeSharedMemory()
      : registry_({.directory = directory_.path(),
                   .max_regions = 4,
                   .max_bytes = 100'000,
                   .max_request_bytes = 10'000},
                  budget_) {}

  // Makes, or makes anew, an object.
  void MakeObject(const std::string& name, std::string_view content) {
    std::ofstream(directory_.path() / name, std::ios::binary) << content;
  }
  template <typename T>
  void MakeObject(const std::string& name, std::initializer_list<T> values) {
    MakeObject(name, std::string_view(reinterpret_cast<const char*>(values.begin()),
                                      values.size() * sizeof(T)));
  }
  std::string Content(const std::string& name) const {
    std::ifstream in(directory_.path() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Truncate(const std::string& name, uint64_t size) {
    std::filesystem::resize_file(directory_.path() / name, size);
  }

  base::TemporaryDirectory directory_;
  net::ByteBudget budget_{20'000};
  SharedMemoryRegistry registry_;
};

}  // namespace slipway::frontend
