#pragma once

#include <array>
#include <string_view>

#include "base/status.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/json_reader.h"

namespace slipway::frontend::openinference {

// The keys of one object, to find the second of two equal ones.
class SeenKeys {
 public:
  static constexpr size_t kMaxKeys = 128;

  bool full() const { return count_ == kMaxKeys; }
  // False when it is there already.
  bool Add(std::string_view key) {
    for (size_t i = 0; i < count_; ++i) {
      if (std::string_view(keys_[i].data, keys_[i].size) == key) return false;
    }
    keys_[count_++] = {key.data(), key.size()};
    return true;
  }

 private:
  struct Key {
    const char* data;
    size_t size;
  };
  std::array<Key, kMaxKeys>
      keys_;  // the first count_ are set: clearing all would cost more than most objects
  size_t count_ = 0;
};

// An error of the reader tells a position; the key that it happened in tells a person more.
inline base::Status InnermostKey(std::string_view key, const base::Status& status) {
  if (!status.message().starts_with("JSON, byte")) return status;
  return status.WithContext(base::StrCat("'", base::Printable(key), "'"));
}

// Reads the object that comes next, calling `on_key(key)` for each key; that reads or skips the
// value and returns a Status. Equal keys are refused. Where `reader` itself fails, its status is
// returned.
template <typename OnKey>
base::Status ReadObject(tensor::JsonReader& reader, OnKey&& on_key) {
  SeenKeys seen;
  std::string_view key;
  if (!reader.BeginObject()) return reader.status();
  while (reader.NextKey(key)) {
    if (seen.full()) {
      return base::InvalidArgument(
          base::StrCat("expected at most ", SeenKeys::kMaxKeys, " keys in one JSON object"));
    }
    if (!seen.Add(key)) {
      return base::InvalidArgument(
          base::StrCat("key '", base::Printable(key), "' is there twice in one JSON object"));
    }
    const base::Status status = on_key(key);
    if (!status.ok()) return InnermostKey(key, status);
  }
  return reader.status();
}

}  // namespace slipway::frontend::openinference
