#include "import/pickle/document.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/str_cat.h"
#include "import/pickle/machine.h"
#include "import/pickle/unpack.h"

namespace slipway::import::pickle {

using base::Result;
using base::Status;
using base::StrCat;

Result<std::unique_ptr<const Document>> Document::Read(std::span<const std::byte> file,
                                                       const ImportLimits& limits) {
  if (file.size() > limits.max_file_bytes) {
    return base::ResourceExhausted(
        StrCat("file of ", file.size(), " bytes: at most ", limits.max_file_bytes, " are read"));
  }
  auto document = std::make_unique<Document>(limits);
  std::string_view stream(reinterpret_cast<const char*>(file.data()), file.size());
  document->packing_ = PackingOf(file);
  if (!document->packing_.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(document->unpacked_, Unpack(file, limits.max_unpacked_bytes));
    stream = document->unpacked_;
  }
  document->HoldTo(stream.size());
  Machine machine(*document, stream, 0, Machine::Arrays::kInStream);
  SLIPWAY_ASSIGN_OR_RETURN(const Value root, machine.Run());
  document->set_root(root);
  document->unpacked_bytes_ = stream.size();
  document->trailing_bytes_ = stream.size() - machine.position();
  return std::unique_ptr<const Document>(std::move(document));
}

void Document::HoldTo(uint64_t stream_bytes) {
  // A text that is decoded is written out once in a file that means no harm. Its UTF-8 takes up to
  // twice as much, and where it stands for bytes (protocols 0 to 2), those are decoded from it.
  max_kept_bytes_ = std::max<uint64_t>(3 * stream_bytes, 1 << 16);
  // The shortest node that writers write, a text of one character, takes four bytes.
  constexpr uint64_t kFreeValues = 4'000'000;
  max_values_ = std::min(max_values_, kFreeValues + 3 * stream_bytes);
}

Status Document::Charge(uint64_t values) {
  values_ += values;
  if (values_ <= max_values_) return base::OkStatus();
  return base::ResourceExhausted(
      StrCat("pickle: more than ", max_values_, " values, the limit for a file like this"));
}

Result<Value> Document::Make(Value::Kind kind, uint64_t place) {
  constexpr uint64_t kNodeBytes = sizeof(Node);
  constexpr uint64_t kNodeIsWorth = kNodeBytes / sizeof(Value);
  SLIPWAY_RETURN_IF_ERROR(Charge(kNodeIsWorth));
  Node& node = nodes_.emplace_back();
  node.place = place;
  return Value::Of(kind, node);
}

Result<Value> Document::MakeText(Value::Kind kind, uint64_t place, std::string_view text) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, Make(kind, place));
  value.node().text = text;
  return value;
}

Result<Value> Document::MakeGlobal(uint64_t place, std::string_view module, std::string_view name) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, MakeText(Value::Kind::kGlobal, place, module));
  value.node().name = name;
  globals_.push_back(value);
  return value;
}

Result<std::string_view> Document::Keep(std::string text) {
  kept_bytes_ += text.size();
  if (kept_bytes_ > max_kept_bytes_) {
    return base::ResourceExhausted("pickle: decodes the same text over and over");
  }
  return std::string_view(kept_.emplace_back(std::move(text)));
}

}  // namespace slipway::import::pickle
