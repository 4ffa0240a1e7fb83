// Any bytes as a text, cut in any way that the first bytes choose: every piece must be UTF-8, and
// no piece is empty unless the text is.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "engine/operators/text_analyzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Options = slipway::engine::TextAnalyzerOptions;
  if (size < 2) return 0;
  Options options;
  options.unit = static_cast<Options::Unit>(data[0] % 3);
  options.accents = static_cast<Options::Accents>(data[0] / 3 % 3);
  options.lowercase = (data[0] & 128) != 0;
  options.least_n = 1 + data[1] % 4;
  options.most_n = options.least_n + data[1] / 4 % 4;
  options.least_length = 1 + data[1] / 16 % 3;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const slipway::engine::TextAnalyzer analyzer(options, {"the"});
  analyzer.Analyze(text, [](std::string_view piece) {
    SLIPWAY_CHECK(!piece.empty());
    SLIPWAY_CHECK(slipway::base::IsValidUtf8(piece));
    slipway::engine::MurmurHash3(piece);
  });
  return 0;
}
