#pragma once

#include <span>
#include <string_view>

namespace slipway::import::sklearn {

// What stop_words='english' means; the files hold the name only. Sorted.
// Source: scikit-learn 1.9, sklearn/feature_extraction/_stop_words.py, after the list of the
// Glasgow Information Retrieval Group.
std::span<const std::string_view> EnglishStopWords();

}  // namespace slipway::import::sklearn
