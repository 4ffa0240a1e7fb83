#include <benchmark/benchmark.h>

#include <charconv>
#include <random>
#include <string>
#include <vector>

#include "tensor/json_number_scanner.h"
#include "tensor/json_reader.h"
#include "tensor/json_writer.h"
#include "tensor/tensor.h"

namespace slipway::tensor {
namespace {

constexpr int64_t kImage = 3 * 224 * 224;

// `count` numbers as a flat JSON array. Styles: 0 integers below 256; 1 one decimal; 2 two
// decimals; 6 six decimals with signs; 17 floats printed as doubles.
std::string NumberArray(int64_t count, int style) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(0, 1);
  std::string text = "[";
  char number[64];
  for (int64_t i = 0; i < count; ++i) {
    const double value = static_cast<double>(uniform(random));
    std::to_chars_result end{};
    switch (style) {
      case 0:
        end = std::to_chars(number, number + 64, static_cast<int>(value * 256));
        break;
      case 1:
      case 2:
        end = std::to_chars(number, number + 64, value * 9.9, std::chars_format::fixed, style);
        break;
      case 6:
        end = std::to_chars(number, number + 64, value * 5 - 2.5, std::chars_format::fixed, 6);
        break;
      default:
        end = std::to_chars(number, number + 64, value);
        break;
    }
    text.append(number, end.ptr).push_back(',');
  }
  text.back() = ']';
  return text;
}

std::string Padded(std::string text) {
  text.append(JsonReader::kPadding, ' ');
  return text;
}

// How long does one number of a JSON body take, from text to the tensor's memory?
void ScanNumbers(benchmark::State& state, DType dtype) {
  const std::string text = NumberArray(kImage, static_cast<int>(state.range(0)));
  std::string padded = Padded(text);
  std::vector<std::byte> out(kImage * SizeOf(dtype));
  for (auto _ : state) {
    JsonReader reader(std::span<char>(padded.data(), text.size()));
    if (!ScanJsonNumbers(reader, dtype, kImage, out).ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * kImage);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(ScanNumbers, fp32, DType::kFp32)
    ->ArgName("style")
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Arg(6)
    ->Arg(17);
BENCHMARK_CAPTURE(ScanNumbers, fp64, DType::kFp64)->ArgName("style")->Arg(2)->Arg(17);
BENCHMARK_CAPTURE(ScanNumbers, fp16, DType::kFp16)->ArgName("style")->Arg(2);
BENCHMARK_CAPTURE(ScanNumbers, uint8, DType::kUint8)->ArgName("style")->Arg(0);

// How long does it take to see what shape such a body has?
void MeasureNumbers(benchmark::State& state) {
  const std::string text = NumberArray(kImage, static_cast<int>(state.range(0)));
  std::string padded = Padded(text);
  for (auto _ : state) {
    JsonReader reader(std::span<char>(padded.data(), text.size()));
    benchmark::DoNotOptimize(MeasureJsonArray(reader));
  }
  state.SetItemsProcessed(state.iterations() * kImage);
}
BENCHMARK(MeasureNumbers)->ArgName("style")->Arg(1)->Arg(17);

// How long does an answer of 1,000 floats take to write?
void WriteFloats(benchmark::State& state) {
  constexpr int64_t kCount = 1000;
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-2.5F, 2.5F);
  std::vector<float> values(kCount);
  for (float& value : values) value = uniform(random);
  const auto view =
      TensorView::Create(DType::kFp32, {kCount}, std::as_bytes(std::span<const float>(values)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!AppendJsonArray(*view, NotFinite::kRefuse, out).ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * kCount);
}
BENCHMARK(WriteFloats);

}  // namespace
}  // namespace slipway::tensor
