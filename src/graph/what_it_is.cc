#include "graph/what_it_is.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::graph {
namespace {

using base::StrCat;

struct Mark {
  size_t offset;
  std::string_view bytes;
  std::string_view what;
};

using namespace std::string_view_literals;

constexpr Mark kMarks[] = {
    {0, "PK\x03\x04", "a zip archive, as PyTorch (.pt) and Keras (.keras) write: export to ONNX"},
    {0, "\x1f\x8b", "gzip data: unpack the file first"},
    {0, "\x28\xb5\x2f\xfd", "zstd data: unpack the file first"},
    {0, "BZh", "bzip2 data: unpack the file first"},
    {0,
     "\xfd"
     "7zXZ",
     "xz data: unpack the file first"},
    {257, "ustar", "a tar archive: unpack the file first"},
    {0, "\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras (.h5) writes: export to ONNX"},
    {4, "ORTM", "a model in ONNX Runtime's own format (.ort): use the .onnx it was made from"},
    {4, "TFL3", "a TensorFlow Lite model: convert to ONNX"},
    {0, "GGUF", "a GGUF file of llama.cpp: convert to ONNX"},
    {0, "\x93NUMPY", "a NumPy array (.npy): expected a model, not data"},
    {0,
     "\x7f"
     "ELF",
     "a program or library for Linux"},
    {0, "CBM1", "a CatBoost model: save it with format='onnx'"},
    {0, "binf", "an XGBoost model: convert to ONNX"},
    {0, "tree\nversion=", "a LightGBM model: convert to ONNX"},
    {0, "version https://git-lfs", "a Git LFS pointer, not the file itself: run 'git lfs pull'"},
    {0, "<!DOCTYPE html", "a web page, perhaps the error page of a download"},
    {0, "<html", "a web page, perhaps the error page of a download"},
    {0, "<PMML", "a PMML file: convert to ONNX"},
    {0, "<?xml", "an XML file"},
};

bool HasMark(std::string_view text, const Mark& mark) {
  return text.size() > mark.offset && text.substr(mark.offset).starts_with(mark.bytes);
}

bool IsText(std::string_view text) {
  return std::ranges::all_of(text.substr(0, 512), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
}

}  // namespace

std::string WhatItIs(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.empty()) return "an empty file (0 bytes)";
  for (const Mark& mark : kMarks) {
    if (HasMark(text, mark)) return std::string(mark.what);
  }
  // Pickles begin with the opcode PROTO and a version from 2 to 5, and end with STOP.
  if (text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5 && text.back() == '.') {
    return "a Python pickle, as scikit-learn and PyTorch write: export to ONNX";
  }
  // Safetensors: the size of a JSON header, then the header.
  if (text.size() > 9 && text[8] == '{' && text[9] == '"') {
    return "a safetensors file, which has weights but no graph: export the model to ONNX";
  }
  if (std::ranges::all_of(text.substr(0, 4096), [](char c) { return c == 0; })) {
    return "zeros only, as a download that never arrived leaves them";
  }
  if (text[0] == '{') return "a JSON file";
  if (IsText(text)) {
    return StrCat("text ('", base::Printable(text.substr(0, text.find('\n')), 40), "')");
  }
  return "";
}

}  // namespace slipway::graph
