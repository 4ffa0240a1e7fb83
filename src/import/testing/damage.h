#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "import/importer.h"

// Damage to model files: whatever is done to one, an importer answers with an error that says
// something, or with a model.
namespace slipway::import {

inline base::Result<ImportedModel> ImportText(const Importer& importer, std::string_view file) {
  return importer.import(std::as_bytes(std::span(file)), {});
}

// The file up to `needed` bytes must be refused, wherever it is cut.
inline void ExpectCutsAreRefused(const Importer& importer, const std::string& file, size_t needed) {
  const size_t step = std::max<size_t>(1, needed / 200);
  for (size_t size = 0; size < needed; size += step) {
    const auto imported = ImportText(importer, std::string_view(file).substr(0, size));
    ASSERT_FALSE(imported.ok()) << "cut to " << size << " of " << file.size() << " bytes";
    EXPECT_FALSE(imported.status().message().empty());
  }
}

// Bits and bytes changed at random, by a fixed seed; gives how many changed files were refused.
inline int CountRefusedChanges(const Importer& importer, const std::string& file, int changes) {
  std::mt19937 random(20240);
  int refused = 0;
  for (int i = 0; i < changes; ++i) {
    std::string changed = file;
    for (uint_fast32_t n = 1 + random() % 4; n > 0; --n) {
      char& byte = changed[random() % changed.size()];
      byte = random() % 2 == 0 ? static_cast<char>(byte ^ (1U << random() % 8))
                               : static_cast<char>(random());
    }
    const auto imported = ImportText(importer, changed);
    if (imported.ok()) continue;
    EXPECT_FALSE(imported.status().message().empty());
    ++refused;
  }
  return refused;
}

// Bytes that are no model at all.
inline void ExpectNoiseIsRefused(const Importer& importer, std::string_view prefix) {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string noise(prefix);
    for (uint_fast32_t n = random() % 500; n > 0; --n) noise.push_back(static_cast<char>(random()));
    EXPECT_FALSE(ImportText(importer, noise).ok());
  }
}

// `text` with the first `from` replaced; the test fails where there is none.
inline std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

}  // namespace slipway::import
