#include "engine/onnxruntime/ort_status.h"

#include <gtest/gtest.h>

#include "engine/onnxruntime/load_error.h"
#include "engine/onnxruntime/ort_handle.h"

namespace slipway::engine {
namespace {

// Words as ONNX Runtime 1.31.1 wrote them.
TEST(CleanWordsTest, TakesAwayWhatSpeaksOfTheRuntimesSource) {
  EXPECT_EQ(CleanWords("/onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::"
                       "Model(onnx::ModelProto&&, const onnxruntime::PathString&, const "
                       "onnxruntime::ModelOptions&) Unsupported model IR version: 999, max "
                       "supported IR version: 13\n"),
            "Unsupported model IR version: 999, max supported IR version: 13");
  EXPECT_EQ(CleanWords("tensorprotoutils.cc:1461 GetSizeInBytesFromTensorProto Out of bounds "
                       "dimensions in TypeProto_Tensor"),
            "Out of bounds dimensions in TypeProto_Tensor");
  EXPECT_EQ(CleanWords("Exception during initialization: /onnxruntime_src/onnxruntime/core/common/"
                       "safeint.h:17 static void SafeIntExceptionHandler<onnxruntime::"
                       "OnnxRuntimeException>::SafeIntOnOverflow() Integer overflow\n"),
            "Exception during initialization: Integer overflow");
}

TEST(CleanWordsTest, NamesAFailedNodeShortly) {
  EXPECT_EQ(CleanWords("Non-zero status code returned while running Gather node. Name:'' Status "
                       "Message: indices element out of data bounds, idx=4"),
            "Gather node: indices element out of data bounds, idx=4");
  EXPECT_EQ(
      CleanWords("Non-zero status code returned while running Add node. Name:'add_1' Status "
                 "Message: /onnxruntime_src/onnxruntime/core/providers/cpu/math/"
                 "element_wise_ops.h:540 void onnxruntime::BroadcastIterator::Init(ptrdiff_t, "
                 "ptrdiff_t) axis == 1 || axis == largest was false. Attempting to broadcast "
                 "an axis by a dimension other than 1. 2 by 3\n"),
      "Add node 'add_1': Attempting to broadcast an axis by a dimension other than 1. 2 by 3");
  EXPECT_EQ(
      CleanWords("Non-zero status code returned while running Expand node. Name:'' Status "
                 "Message: /onnxruntime_src/onnxruntime/core/framework/op_kernel.cc:87 virtual "
                 "OrtValue* onnxruntime::OpKernelContext::OutputMLValue(int, const "
                 "onnxruntime::TensorShape&) [ONNXRuntimeError] : 1 : FAIL : Calculation for "
                 "Tensor storage size overflowed\n"),
      "Expand node: Calculation for Tensor storage size overflowed");
}

TEST(CleanWordsTest, LeavesOtherWordsAlone) {
  EXPECT_EQ(CleanWords("Type Error: Type (tensor(int64)) of output arg (y)"),
            "Type Error: Type (tensor(int64)) of output arg (y)");
  EXPECT_EQ(CleanWords("  spaced \n out.\n"), "spaced out");
  EXPECT_EQ(CleanWords(""), "");
  EXPECT_EQ(CleanWords("a.cc:"), "a.cc:");
  EXPECT_EQ(CleanWords("/x.cc:12"), "");
  EXPECT_EQ(CleanWords("/x.cc:12 broken(signature"), "broken(signature");
  EXPECT_LT(CleanWords(std::string(10'000, 'x')).size(), 400u);
}

TEST(LoadErrorTest, TellsLackOfMemoryFromABadModel) {
  const auto explain = [](const char* words) {
    return ExplainLoadFailure(Api().CreateStatus(ORT_RUNTIME_EXCEPTION, words), {});
  };
  const base::Status status = explain("Exception during initialization: std::bad_alloc");
  EXPECT_EQ(status.code(), base::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("bad_alloc; unload other models"), std::string::npos) << status;
  EXPECT_EQ(explain("graph is not acyclic").code(), base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::engine
