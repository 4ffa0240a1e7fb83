#include "engine/onnxruntime/text_operators.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/onnxruntime/operator_kernel.h"
#include "engine/operators/text_analyzer.h"

namespace slipway::engine {
namespace {

using Options = TextAnalyzerOptions;

constexpr int64_t kMostColumns = int64_t{1} << 24;
constexpr uint64_t kMostCounts = uint64_t{1} << 27;  // of one run: a gigabyte

OrtStatus* Invalid(const std::string& message) {
  return Api().CreateStatus(ORT_INVALID_ARGUMENT, message.c_str());
}

// ---- what a node says

OrtStatus* ReadWord(const OrtKernelInfo* info, const char* name, std::string& out) {
  std::array<char, 32> text = {};
  size_t size = text.size();
  SLIPWAY_PASS_ORT_ERROR(Api().KernelInfoGetAttribute_string(info, name, text.data(), &size));
  out = text.data();
  return nullptr;
}

OrtStatus* ReadOptions(const OrtKernelInfo* info, Options& out) {
  std::string unit;
  std::string accents;
  int64_t lowercase = 0;
  SLIPWAY_PASS_ORT_ERROR(ReadWord(info, "analyzer", unit));
  SLIPWAY_PASS_ORT_ERROR(ReadWord(info, "accents", accents));
  SLIPWAY_PASS_ORT_ERROR(Api().KernelInfoGetAttribute_int64(info, "lowercase", &lowercase));
  SLIPWAY_PASS_ORT_ERROR(Api().KernelInfoGetAttribute_int64(info, "least_n", &out.least_n));
  SLIPWAY_PASS_ORT_ERROR(Api().KernelInfoGetAttribute_int64(info, "most_n", &out.most_n));
  SLIPWAY_PASS_ORT_ERROR(
      Api().KernelInfoGetAttribute_int64(info, "least_length", &out.least_length));
  out.lowercase = lowercase != 0;
  if (unit == "char") {
    out.unit = Options::Unit::kChar;
  } else if (unit == "char_wb") {
    out.unit = Options::Unit::kCharInWord;
  } else if (unit != "word") {
    return Invalid(base::StrCat("analyzer: expected word, char or char_wb, got '",
                                base::Printable(unit), "'"));
  }
  if (accents == "unicode") {
    out.accents = Options::Accents::kUnicode;
  } else if (accents == "ascii") {
    out.accents = Options::Accents::kAscii;
  } else if (accents != "kept") {
    return Invalid(base::StrCat("accents: expected kept, unicode or ascii, got '",
                                base::Printable(accents), "'"));
  }
  if (out.least_n < 1 || out.least_n > out.most_n || out.most_n > Options::kMostN) {
    return Invalid(base::StrCat("least_n, most_n: expected 1 <= least_n <= most_n <= 100, got ",
                                out.least_n, " and ", out.most_n));
  }
  return nullptr;
}

// An input that is a constant of the graph; no texts where it is left out.
OrtStatus* ReadConstantTexts(const OrtKernelInfo* info, size_t index, Texts& out) {
  size_t count = 0;
  SLIPWAY_PASS_ORT_ERROR(Api().KernelInfo_GetInputCount(info, &count));
  if (index >= count) return nullptr;
  int is_constant = 0;
  const OrtValue* value = nullptr;
  SLIPWAY_PASS_ORT_ERROR(
      Api().KernelInfoGetConstantInput_tensor(info, index, &is_constant, &value));
  if (is_constant == 0) return Invalid("the vocabulary and the stop words must be constants");
  OperatorInput input;
  SLIPWAY_PASS_ORT_ERROR(DescribeInput(value, input));
  return ReadTexts(input, out);
}

OrtStatus* ReadAnalyzer(const OrtKernelInfo* info, size_t stop_words_input,
                        std::unique_ptr<const TextAnalyzer>& out) {
  Options options;
  SLIPWAY_PASS_ORT_ERROR(ReadOptions(info, options));
  Texts texts;
  SLIPWAY_PASS_ORT_ERROR(ReadConstantTexts(info, stop_words_input, texts));
  std::vector<std::string> stop_words;
  stop_words.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) stop_words.emplace_back(texts.at(i));
  out = std::make_unique<const TextAnalyzer>(options, std::move(stop_words));
  return nullptr;
}

// ---- kernels

// The texts of input 0, and the output with a row for each, all zeros.
OrtStatus* Begin(OrtKernelContext* context, int64_t columns, Texts& texts, double*& out) {
  OperatorInput input;
  SLIPWAY_PASS_ORT_ERROR(ReadInput(context, 0, input));
  SLIPWAY_PASS_ORT_ERROR(ReadTexts(input, texts));
  if (texts.size() > kMostCounts / static_cast<uint64_t>(columns)) {
    const std::string message =
        base::StrCat("TextNgrams, TextHashes: ", texts.size(), " texts with ", columns,
                     " columns each are more than one run may hold; send at most ",
                     kMostCounts / static_cast<uint64_t>(columns), " at once");
    return Invalid(message);
  }
  const std::array<int64_t, 2> dims = {static_cast<int64_t>(texts.size()), columns};
  void* data = nullptr;
  SLIPWAY_PASS_ORT_ERROR(MakeOutput(context, dims, data));
  out = static_cast<double*>(data);
  std::fill_n(out, texts.size() * static_cast<size_t>(columns), 0.0);
  return nullptr;
}

class NgramsKernel {
 public:
  OrtStatus* Read(const OrtKernelInfo* info) {
    SLIPWAY_PASS_ORT_ERROR(ReadAnalyzer(info, 2, analyzer_));
    SLIPWAY_PASS_ORT_ERROR(ReadConstantTexts(info, 1, vocabulary_));
    if (vocabulary_.size() == 0 || vocabulary_.size() > static_cast<size_t>(kMostColumns)) {
      return Invalid("TextNgrams: expected a vocabulary of 1 to 16,777,216 texts");
    }
    columns_.reserve(vocabulary_.size());
    for (size_t i = 0; i < vocabulary_.size(); ++i) columns_.emplace(vocabulary_.at(i), i);
    return nullptr;
  }

  OrtStatus* Run(OrtKernelContext* context) const {
    Texts texts;
    double* out = nullptr;
    SLIPWAY_PASS_ORT_ERROR(Begin(context, static_cast<int64_t>(vocabulary_.size()), texts, out));
    for (size_t i = 0; i < texts.size(); ++i, out += vocabulary_.size()) {
      analyzer_->Analyze(texts.at(i), [&](std::string_view piece) {
        const auto found = columns_.find(piece);
        if (found != columns_.end()) out[found->second] += 1;
      });
    }
    return nullptr;
  }

 private:
  std::unique_ptr<const TextAnalyzer> analyzer_;
  Texts vocabulary_;
  std::unordered_map<std::string_view, size_t> columns_;  // views into vocabulary_
};

class HashesKernel {
 public:
  OrtStatus* Read(const OrtKernelInfo* info) {
    SLIPWAY_PASS_ORT_ERROR(ReadAnalyzer(info, 1, analyzer_));
    SLIPWAY_PASS_ORT_ERROR(Api().KernelInfoGetAttribute_int64(info, "columns", &columns_));
    SLIPWAY_PASS_ORT_ERROR(Api().KernelInfoGetAttribute_int64(info, "signed", &signed_));
    SLIPWAY_PASS_ORT_ERROR(Api().KernelInfoGetAttribute_int64(info, "binary", &binary_));
    if (columns_ < 1 || columns_ > kMostColumns) {
      return Invalid("TextHashes: expected 1 to 16,777,216 columns");
    }
    return nullptr;
  }

  OrtStatus* Run(OrtKernelContext* context) const {
    Texts texts;
    double* out = nullptr;
    SLIPWAY_PASS_ORT_ERROR(Begin(context, columns_, texts, out));
    for (size_t i = 0; i < texts.size(); ++i, out += columns_) {
      analyzer_->Analyze(texts.at(i), [&](std::string_view piece) { Count(piece, out); });
    }
    return nullptr;
  }

 private:
  void Count(std::string_view piece, double* row) const {
    const int64_t hash = MurmurHash3(piece);
    double& column = row[(hash < 0 ? -hash : hash) % columns_];
    if (binary_ != 0) {
      column = 1;  // even where pieces cancel
    } else {
      column += signed_ != 0 && hash < 0 ? -1 : 1;
    }
  }

  std::unique_ptr<const TextAnalyzer> analyzer_;
  int64_t columns_ = 0;
  int64_t signed_ = 0;
  int64_t binary_ = 0;
};

// No exception may cross ONNX Runtime.
template <typename Kernel>
OrtStatus* ORT_API_CALL Create(const OrtCustomOp* /*op*/, const OrtApi* /*api*/,
                               const OrtKernelInfo* info, void** out) {
  try {
    auto kernel = std::make_unique<Kernel>();
    SLIPWAY_PASS_ORT_ERROR(kernel->Read(info));
    *out = kernel.release();
    return nullptr;
  } catch (const std::exception& error) {
    return Api().CreateStatus(ORT_FAIL, error.what());
  }
}

template <typename Kernel>
OrtStatus* ORT_API_CALL RunKernel(void* kernel, OrtKernelContext* context) {
  try {
    return static_cast<const Kernel*>(kernel)->Run(context);
  } catch (const std::exception& error) {
    return Api().CreateStatus(ORT_FAIL, error.what());
  }
}

template <typename Kernel>
OrtCustomOp TextOperator() {
  OrtCustomOp op = OperatorTemplate();
  op.GetInputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING; };
  op.GetOutputType = [](const OrtCustomOp*, size_t) {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
  };
  op.CreateKernelV2 = Create<Kernel>;
  op.KernelComputeV2 = RunKernel<Kernel>;
  op.KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  return op;
}

OrtCustomOp MakeTextNgrams() {
  OrtCustomOp op = TextOperator<NgramsKernel>();
  op.GetName = [](const OrtCustomOp*) { return "TextNgrams"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) { return size_t{3}; };
  op.GetInputCharacteristic = [](const OrtCustomOp*, size_t index) {
    return index == 2 ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  };
  return op;
}

OrtCustomOp MakeTextHashes() {
  OrtCustomOp op = TextOperator<HashesKernel>();
  op.GetName = [](const OrtCustomOp*) { return "TextHashes"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) { return size_t{2}; };
  op.GetInputCharacteristic = [](const OrtCustomOp*, size_t index) {
    return index == 1 ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  };
  return op;
}

}  // namespace

const OrtCustomOp& TextNgramsOperator() {
  static const OrtCustomOp kOperator = MakeTextNgrams();
  return kOperator;
}

const OrtCustomOp& TextHashesOperator() {
  static const OrtCustomOp kOperator = MakeTextHashes();
  return kOperator;
}

}  // namespace slipway::engine
