#include "tensor/decimal.h"

#include <charconv>
#include <string>

namespace slipway::tensor::decimal {
namespace {

__extension__ using Uint128 = unsigned __int128;

struct Words {
  uint64_t high;
  uint64_t low;
};

constexpr int kLowestPower = -27;
constexpr int kHighestPower = 55;

constexpr Words Split(Uint128 value) {
  return {static_cast<uint64_t>(value >> 64), static_cast<uint64_t>(value)};
}

// 5^power for power >= 0, shifted until its top bit is the register's. Exact: 5^55 < 2^128.
constexpr Words PositivePower(int power) {
  Uint128 value = 1;
  for (int i = 0; i < power; ++i) value *= 5;
  while ((value >> 127) == 0) value <<= 1;
  return Split(value);
}

// 5^-power for power > 0 as 128 bits from the first one that is set, rounded up. 5^27 < 2^63, so
// the remainder of the long division fits.
constexpr Words NegativePower(int power) {
  Uint128 divisor = 1;
  for (int i = 0; i < power; ++i) divisor *= 5;
  Uint128 remainder = 1;
  Uint128 quotient = 0;
  while ((quotient >> 127) == 0) {
    remainder <<= 1;
    quotient <<= 1;
    if (remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1;
    }
  }
  return Split(quotient + 1);
}

constexpr auto kPowersOfFive = [] {
  std::array<Words, kHighestPower - kLowestPower + 1> table{};
  for (int power = kLowestPower; power <= kHighestPower; ++power) {
    table[static_cast<size_t>(power - kLowestPower)] =
        power < 0 ? NegativePower(-power) : PositivePower(power);
  }
  return table;
}();

struct Binary32 {
  using Value = float;
  using Bits = uint32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  static constexpr int kInfinitePower = 0xFF;
  static constexpr int kLowestTie = -17;  // powers of ten at which a value can lie halfway
  static constexpr int kHighestTie = 10;
};

struct Binary64 {
  using Value = double;
  using Bits = uint64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  static constexpr int kInfinitePower = 0x7FF;
  static constexpr int kLowestTie = -4;
  static constexpr int kHighestTie = 23;
};

// The upper 128 bits of digits * 5^power, enough of them for `bits` bits of result.
Words Product(uint64_t digits, int power, int bits) {
  const Words five = kPowersOfFive[static_cast<size_t>(power - kLowestPower)];
  Words first = Split(static_cast<Uint128>(digits) * five.high);
  const uint64_t undecided = ~uint64_t{0} >> bits;
  if ((first.high & undecided) == undecided) {
    const Words second = Split(static_cast<Uint128>(digits) * five.low);
    first.low += second.high;
    if (second.high > first.low) ++first.high;
  }
  return first;
}

// Way 2 of the header. False for results that are not normal numbers.
template <typename Format>
bool Multiply(uint64_t digits, int power, typename Format::Value& value) {
  const int zeros = std::countl_zero(digits);
  const Words product = Product(digits << zeros, power, Format::kMantissaBits + 3);
  const int upper = static_cast<int>(product.high >> 63);
  const int shift = upper + 64 - Format::kMantissaBits - 3;
  uint64_t mantissa = product.high >> shift;
  int exponent = (((152170 + 65536) * power) >> 16) + 63 + upper - zeros + Format::kBias;
  if (exponent <= 0) return false;
  const bool maybe_tie = product.low <= 1 && power >= Format::kLowestTie &&
                         power <= Format::kHighestTie && (mantissa & 3) == 1;
  if (maybe_tie && (mantissa << shift) == product.high) mantissa &= ~uint64_t{1};
  mantissa = (mantissa + (mantissa & 1)) >> 1;
  if (mantissa >= (uint64_t{2} << Format::kMantissaBits)) {
    mantissa >>= 1;
    ++exponent;
  }
  if (exponent >= Format::kInfinitePower) return false;
  mantissa &= ~(uint64_t{1} << Format::kMantissaBits);
  using Bits = typename Format::Bits;
  value = std::bit_cast<typename Format::Value>(
      static_cast<Bits>(mantissa | (static_cast<uint64_t>(exponent) << Format::kMantissaBits)));
  return true;
}

constexpr uint64_t kExactDigits = uint64_t{1} << 53;

// Way 1. False when one of the two factors is not held exactly.
bool Divide(uint64_t digits, int exponent10, double& value) {
  if (digits > kExactDigits || exponent10 < -22 || exponent10 > 22) return false;
  value = static_cast<double>(static_cast<int64_t>(digits));
  if (exponent10 < 0) {
    value /= kPowersOfTen[static_cast<size_t>(-exponent10)];
  } else {
    value *= kPowersOfTen[static_cast<size_t>(exponent10)];
  }
  return true;
}

bool TablePower(int exponent10) {
  return exponent10 >= kLowestPower && exponent10 <= kHighestPower;
}

// The magnitude of a number's text as 0.DIGITS * 10^exponent, DIGITS without zeros at either end.
struct Decimal {
  std::string digits;  // empty: zero
  int64_t exponent = 0;

  Decimal(const char* at, const char* end);
};

Decimal::Decimal(const char* at, const char* end) {
  constexpr int64_t kFarAway = int64_t{1}
                               << 40;  // no text is long enough to bring such a number back
  bool behind_point = false;
  for (; at < end && *at != 'e' && *at != 'E'; ++at) {
    if (*at == '.') behind_point = true;
    if (*at < '0' || *at > '9') continue;
    if (!digits.empty() || *at != '0') {
      digits.push_back(*at);
      exponent += behind_point ? 0 : 1;
    } else if (behind_point) {
      --exponent;
    }
  }
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  if (at == end) return;
  ++at;
  const bool negative = *at == '-';
  if (*at == '-' || *at == '+') ++at;
  int64_t shift = 0;
  for (; at < end && shift < kFarAway; ++at) shift = shift * 10 + (*at - '0');
  exponent += negative ? -shift : shift;
}

template <typename T>
bool FromChars(const char* at, const char* end, T& value) {
  const auto [stop, error] = std::from_chars(at, end, value);
  if (error == std::errc()) return true;
  // Out of range is either: too large, or so small that it rounds to zero.
  if (Decimal(at, end).exponent > 0) return false;
  value = *at == '-' ? -T{0} : T{0};
  return true;
}

}  // namespace

bool FromDigits(uint64_t digits, int exponent10, double& value) {
  if (Divide(digits, exponent10, value)) return true;
  return digits != 0 && TablePower(exponent10) && Multiply<Binary64>(digits, exponent10, value);
}

bool FromDigits(uint64_t digits, int exponent10, float& value) {
  if (digits == 0) {
    value = 0;
    return true;
  }
  return TablePower(exponent10) && Multiply<Binary32>(digits, exponent10, value);
}

bool FromText(const char* at, const char* end, float& value) { return FromChars(at, end, value); }
bool FromText(const char* at, const char* end, double& value) { return FromChars(at, end, value); }

int CompareMagnitude(const char* at, const char* end, double value) {
  // Enough digits to write every tie of binary16 and bfloat16 in full.
  constexpr int kDigits = 160;
  std::array<char, kDigits + 16> exact;
  const auto written = std::to_chars(exact.data(), exact.data() + exact.size(), value,
                                     std::chars_format::scientific, kDigits);
  const Decimal a(at, end);
  const Decimal b(exact.data(), written.ptr);
  if (a.digits.empty() || a.exponent != b.exponent) {
    return !a.digits.empty() && a.exponent > b.exponent ? 1 : -1;
  }
  return a.digits.compare(b.digits);
}

}  // namespace slipway::tensor::decimal
