#pragma once

// For functions that use AVX-512 in a program that runs on every x86-64: called only where
// HasAvx512() says so.
#if defined(__x86_64__)
#define SLIPWAY_HAS_AVX512 1
#define SLIPWAY_AVX512                                                          \
  __attribute__((                                                               \
      target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx2,fma,bmi,bmi2," \
             "popcnt")))
#endif

namespace slipway::engine {

inline bool HasAvx512() {
#if defined(SLIPWAY_HAS_AVX512)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi");
#else
  return false;
#endif
}

}  // namespace slipway::engine
