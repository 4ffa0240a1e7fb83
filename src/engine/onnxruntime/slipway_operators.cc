#include "engine/onnxruntime/slipway_operators.h"

#include <cmath>
#include <string>
#include <string_view>

#include "base/city_hash.h"
#include "base/str_cat.h"
#include "engine/onnxruntime/operator_kernel.h"
#include "engine/onnxruntime/ort_status.h"
#include "engine/onnxruntime/text_operators.h"
#include "engine/operators/pairwise_coupling.h"

namespace slipway::engine {
namespace {

using base::Result;

int64_t CategoryHash(std::string_view text) {
  return static_cast<int32_t>(static_cast<uint32_t>(base::CityHash64V1(text)));
}

OrtStatus* HashCategories(OrtKernelContext* context) {
  OperatorInput input;
  SLIPWAY_PASS_ORT_ERROR(ReadInput(context, 0, input));
  void* hashes = nullptr;
  SLIPWAY_PASS_ORT_ERROR(MakeOutput(context, input.dims, hashes));
  Texts texts;
  SLIPWAY_PASS_ORT_ERROR(ReadTexts(input, texts));
  for (size_t i = 0; i < texts.size(); ++i) {
    static_cast<int64_t*>(hashes)[i] = CategoryHash(texts.at(i));
  }
  return nullptr;
}

OrtCustomOp MakeCategoryHash() {
  OrtCustomOp op = OperatorTemplate();
  op.GetName = [](const OrtCustomOp*) { return "CategoryHash"; };
  op.GetInputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING; };
  op.GetOutputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64; };
  op.KernelComputeV2 = Compute<HashCategories>;
  return op;
}

// How many classes have that many pairs; 0 when none do.
int64_t ClassesOf(int64_t pairs) {
  const int64_t classes = std::llround((1 + std::sqrt(1 + 8 * static_cast<double>(pairs))) / 2);
  return pairs > 0 && classes * (classes - 1) / 2 == pairs ? classes : 0;
}

OrtStatus* CouplePairs(OrtKernelContext* context) {
  OperatorInput input;
  SLIPWAY_PASS_ORT_ERROR(ReadInput(context, 0, input));
  const int64_t pairs = input.dims.size() == 2 ? input.dims[1] : 0;
  const int64_t classes = ClassesOf(pairs);
  if (classes == 0 || classes > 1000) {
    std::string got;
    for (const int64_t dim : input.dims) got += base::StrCat(got.empty() ? "" : ", ", dim);
    return Api().CreateStatus(
        ORT_INVALID_ARGUMENT,
        base::StrCat("PairwiseCoupling: expected [batch, classes (classes - 1) / 2] for 2 to 1,000 "
                     "classes, got [",
                     got, "]")
            .c_str());
  }
  std::span<const double> from;
  SLIPWAY_PASS_ORT_ERROR(ReadDoubles(input, from));
  void* to = nullptr;
  const int64_t dims[] = {input.dims[0], classes};
  SLIPWAY_PASS_ORT_ERROR(MakeOutput(context, dims, to));
  PairwiseCoupling coupling;
  for (size_t row = 0; row < static_cast<size_t>(input.dims[0]); ++row) {
    const auto width = static_cast<size_t>(classes);
    coupling.Couple(from.subspan(row * static_cast<size_t>(pairs), static_cast<size_t>(pairs)),
                    {static_cast<double*>(to) + row * width, width});
  }
  return nullptr;
}

OrtCustomOp MakePairwiseCoupling() {
  OrtCustomOp op = OperatorTemplate();
  op.GetName = [](const OrtCustomOp*) { return "PairwiseCoupling"; };
  op.GetInputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE; };
  op.GetOutputType = op.GetInputType;
  op.KernelComputeV2 = Compute<CouplePairs>;
  return op;
}

}  // namespace

Result<CustomOpDomainPtr> MakeSlipwayOperators() {
  static const OrtCustomOp kCategoryHash = MakeCategoryHash();
  static const OrtCustomOp kPairwiseCoupling = MakePairwiseCoupling();
  OrtCustomOpDomain* made = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateCustomOpDomain("org.slipway", &made));
  CustomOpDomainPtr domain(made);
  for (const OrtCustomOp* op :
       {&kCategoryHash, &kPairwiseCoupling, &TextNgramsOperator(), &TextHashesOperator()}) {
    SLIPWAY_RETURN_IF_ORT_ERROR(Api().CustomOpDomain_Add(made, op));
  }
  return domain;
}

}  // namespace slipway::engine
