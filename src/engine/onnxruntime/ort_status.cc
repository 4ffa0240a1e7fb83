#include "engine/onnxruntime/ort_status.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/onnxruntime/ort_handle.h"

namespace slipway::engine {

using base::Status;
using base::StatusCode;
using base::StrCat;

namespace {

constexpr size_t kMaxWords = 300;
constexpr auto kNone = std::string_view::npos;

bool IsIdentifier(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The end of "name.cc:123" if a source position starts at `at`, else kNone.
size_t EndOfPosition(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && text[end] != ' ' && text[end] != ':') ++end;
  const std::string_view file = text.substr(at, end - at);
  if (!file.ends_with(".cc") && !file.ends_with(".h") && !file.ends_with(".cpp") &&
      !file.ends_with(".hpp")) {
    return kNone;
  }
  if (end == text.size() || text[end] != ':') return kNone;
  const size_t digits = ++end;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end > digits ? end : kNone;
}

// The end of a C++ signature that starts at `at`: behind the bracket that closes its parameters.
// kNone when there is none.
size_t EndOfSignature(std::string_view text, size_t at) {
  int depth = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '<' || c == '[') ++depth;
    if (c == ')' || (c == '>' && (i == 0 || text[i - 1] != '-')) || c == ']') --depth;
    if (c != ')' || depth != 0) continue;
    const std::string_view rest = text.substr(i + 1);
    if (rest.starts_with(" const ")) return i + 7;
    if (rest.empty() || rest.front() == ' ') return i + 1;
  }
  return kNone;
}

// Behind the function that ORT's macros write after a position: after a full path its signature,
// after a bare file name its name.
size_t EndOfFunction(std::string_view text, size_t at, bool full_path) {
  while (at < text.size() && text[at] == ' ') ++at;
  if (full_path) {
    const size_t end = EndOfSignature(text, at);
    return end == kNone ? at : end;
  }
  size_t end = at;
  while (end < text.size() && IsIdentifier(text[end])) ++end;
  return end < text.size() && text[end] == ' ' ? end : at;
}

std::string WithoutPositions(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const bool starts_word = i == 0 || text[i - 1] == ' ';
    const size_t end = starts_word ? EndOfPosition(text, i) : kNone;
    if (end == kNone) {
      out.push_back(text[i++]);
    } else {
      i = EndOfFunction(text, end, text[i] == '/');
    }
  }
  return out;
}

std::string OnOneLine(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) out.push_back(c);
    if (space && !out.empty() && out.back() != ' ') out.push_back(' ');
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out;
}

// "Non-zero status code returned while running OP node. Name:'NAME' Status Message: WORDS".
std::string WithShortNode(std::string text) {
  constexpr std::string_view kStart = "Non-zero status code returned while running ";
  constexpr std::string_view kName = " node. Name:'";
  constexpr std::string_view kWords = "' Status Message: ";
  const size_t start = text.find(kStart);
  const size_t name = text.find(kName);
  const size_t words = text.find(kWords);
  if (start == kNone || name == kNone || words == kNone || name > words || start > name)
    return text;
  const std::string op = text.substr(start + kStart.size(), name - start - kStart.size());
  const std::string node = text.substr(name + kName.size(), words - name - kName.size());
  return StrCat(op, " node", node.empty() ? "" : StrCat(" '", node, "'"), ": ",
                text.substr(words + kWords.size()));
}

// "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : WORDS", as a node's error repeats it.
std::string WithoutCode(std::string text) {
  constexpr std::string_view kMark = "[ONNXRuntimeError] : ";
  const size_t start = text.find(kMark);
  if (start == kNone) return text;
  const size_t code = text.find(" : ", start + kMark.size());
  const size_t words = code == kNone ? kNone : text.find(" : ", code + 3);
  return words == kNone ? text : text.erase(start, words + 3 - start);
}

// ORT_ENFORCE writes "CONDITION was false. WORDS"; the condition is C++ that helps nobody.
std::string WithoutCondition(std::string text) {
  constexpr std::string_view kWasFalse = " was false. ";
  const size_t at = text.find(kWasFalse);
  if (at == kNone) return text;
  const size_t colon = text.substr(0, at).rfind(": ");
  const size_t from = colon == kNone ? 0 : colon + 2;
  return text.erase(from, at + kWasFalse.size() - from);
}

bool HasAny(std::string_view words, std::span<const std::string_view> phrases) {
  return std::ranges::any_of(phrases, [&](std::string_view phrase) {
    return words.find(phrase) != std::string_view::npos;
  });
}

// How the runtime says that memory was short, and that values or shapes do not fit the model.
constexpr std::array<std::string_view, 5> kMemoryPhrases = {
    "bad_alloc", "Failed to allocate memory", "Failed to allocate", "out of memory", "OOM"};
constexpr std::array<std::string_view, 18> kInputPhrases = {"out of bounds", "out of data bounds",
                                                            "out of range",  "out-of-bound",
                                                            "Out of range",  "broadcast",
                                                            "Broadcast",     "mismatch",
                                                            "Mismatch",      "Invalid",
                                                            "invalid",       "verflow",
                                                            "must be ",      "must have ",
                                                            "should be ",    "does not match",
                                                            "do not match",  "cannot be reshaped"};

StatusCode CodeOf(OrtErrorCode code, std::string_view words) {
  if (HasAny(words, kMemoryPhrases)) return StatusCode::kResourceExhausted;
  if (code == ORT_INVALID_ARGUMENT || HasAny(words, kInputPhrases)) {
    return StatusCode::kInvalidArgument;
  }
  return code == ORT_NOT_IMPLEMENTED ? StatusCode::kUnimplemented : StatusCode::kInternal;
}

}  // namespace

std::string CleanWords(std::string_view words) {
  std::string text = WithoutPositions(OnOneLine(words));
  text = OnOneLine(WithoutCondition(WithoutCode(WithShortNode(OnOneLine(text)))));
  return base::Printable(text, kMaxWords);
}

Status FromOrt(OrtStatus* status) {
  const StatusPtr owned(status);
  if (status == nullptr) return base::OkStatus();
  const std::string_view words = Api().GetErrorMessage(status);
  return Status(CodeOf(Api().GetErrorCode(status), words), CleanWords(words));
}

bool IsOutputShapeMismatch(const Status& status) {
  // Up to ONNX Runtime 1.30, and from then on.
  constexpr std::array<std::string_view, 2> kPhrases = {
      "shape verification failed", "The output OrtValue provided for output '"};
  return HasAny(status.message(), kPhrases);
}

}  // namespace slipway::engine
