#pragma once

#include <cstdint>
#include <string_view>

namespace slipway::base {

// CityHash64 in its first version, of 2011, which CatBoost hashes the texts of categories with.
// Later versions give other numbers. Not for keys that an enemy may choose.
// Source: Pike and Alakuijala, CityHash 1.0.
uint64_t CityHash64V1(std::string_view text);

}  // namespace slipway::base
