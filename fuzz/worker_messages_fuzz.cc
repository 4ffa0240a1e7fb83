// Messages between the server and a model's worker process, which a model may have taken over: an
// error, or a message that reads the same when it is written again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "engine/process/worker_messages.h"

namespace {

// What `Decode` reads of the bytes must come through another writing and reading.
template <typename Decode>
void CheckMessage(std::span<const std::byte> bytes, const Decode& decode) {
  const auto message = decode(bytes);
  if (!message.ok()) return;
  const std::string written = Encode(*message);
  const auto again = decode(std::as_bytes(std::span(written)));
  if (!again.ok() || Encode(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slipway::engine;
  const auto bytes = std::as_bytes(std::span(data, size));
  CheckMessage(bytes, DecodeLoadRequest);
  CheckMessage(bytes, DecodeLoadReply);
  CheckMessage(bytes, DecodeRunRequest);
  CheckMessage(bytes, DecodeRunReply);
  return 0;
}
