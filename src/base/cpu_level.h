#pragma once

#include <cstdint>
#include <string_view>

// Functions marked so use instructions that not every x86-64 has; they are called only for a
// CpuLevel that says so. Whole files are not compiled for a level: what they instantiate of the
// standard library would be, too, and the linker may keep that copy for everybody.
#if defined(__x86_64__)
#define SLIPWAY_HAS_X86_LEVELS 1
#define SLIPWAY_AVX2 __attribute__((target("avx2,popcnt")))
#define SLIPWAY_AVX512                                                    \
  __attribute__((                                                         \
      target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2," \
             "avx2,fma,bmi,bmi2,popcnt")))
#endif

namespace slipway::base {

// What kernels may ask of the processor; each level has what those before it have.
enum class CpuLevel : uint8_t {
  kBaseline,  // what the program is compiled for: x86-64-v2, with SSE4.2, or AArch64, with NEON
  kAvx2,      // and POPCNT: x86-64-v3, since 2013
  kAvx512,    // F, BW, VL, DQ, VBMI and VBMI2: since 2019, and since 2022 at AMD
};

// The highest level that this processor has.
inline CpuLevel HighestCpuLevel() {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("popcnt")) {
    return CpuLevel::kBaseline;
  }
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vbmi") &&
                      __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  return avx512 ? CpuLevel::kAvx512 : CpuLevel::kAvx2;
#else
  return CpuLevel::kBaseline;
#endif
}

// "baseline", "avx2", "avx512".
constexpr std::string_view Name(CpuLevel level) {
  switch (level) {
    case CpuLevel::kAvx2:
      return "avx2";
    case CpuLevel::kAvx512:
      return "avx512";
    default:
      return "baseline";
  }
}

}  // namespace slipway::base
