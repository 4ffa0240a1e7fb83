#include "frontend/grpc/infer_message.h"

#include <gmock/gmock.h>
#include <inference/grpc_service.pb.h>

#include <string>

#include "base/protobuf_wire.h"

namespace slipway::frontend::grpc {
namespace {

using base::WireWriter;
using testing::HasSubstr;

std::span<const std::byte> Span(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct Read {
  explicit Read(std::string from) : bytes(std::move(from)), status(message.Read(Span(bytes))) {}

  const std::string bytes;
  InferMessage message;
  base::Status status;
};

TEST(InferMessageTest, ReadsEveryField) {
  ::inference::ModelInferRequest request;
  request.set_model_name("m");
  request.set_model_version("2");
  request.set_id("i");
  (*request.mutable_parameters())["p"].set_double_param(1.5);
  auto* input = request.add_inputs();
  input->set_name("x");
  input->set_datatype("INT8");
  input->add_shape(3);
  input->add_shape(300);
  (*input->mutable_parameters())["q"].set_string_param("s");
  input->mutable_contents()->add_int_contents(-1);
  auto* output = request.add_outputs();
  output->set_name("y");
  (*output->mutable_parameters())["r"].set_int64_param(-7);
  request.add_raw_input_contents("raw");
  const Read read(request.SerializeAsString());
  ASSERT_TRUE(read.status.ok()) << read.status;
  const InferMessage& message = read.message;
  EXPECT_EQ(message.model_name, "m");
  EXPECT_EQ(message.model_version, "2");
  EXPECT_EQ(message.id, "i");
  ASSERT_EQ(message.parameters.size(), 1U);
  EXPECT_EQ(message.parameters[0].form, InferParameter::Form::kDouble);
  ASSERT_EQ(message.inputs.size(), 1U);
  EXPECT_EQ(message.inputs[0].shape, (tensor::Shape{3, 300}));
  EXPECT_EQ(message.inputs[0].counts[2], 1U);
  EXPECT_EQ(message.ParametersOf(message.inputs[0].parameters)[0].text, "s");
  EXPECT_EQ(message.ContentsOf(message.inputs[0]).size(), 1U);
  ASSERT_EQ(message.outputs.size(), 1U);
  EXPECT_EQ(static_cast<int64_t>(message.ParametersOf(message.outputs[0].parameters)[0].bits), -7);
  ASSERT_EQ(message.raw_inputs.size(), 1U);
  EXPECT_EQ(message.raw_inputs[0].size(), 3U);
}

TEST(InferMessageTest, TheLastOfSeveralValuesHolds) {
  std::string bytes;
  WireWriter writer(bytes);
  writer.Bytes(1, "first");
  writer.Bytes(1, "last");
  std::string entry;
  WireWriter(entry).Bytes(1, "key");
  std::string value;
  WireWriter(value).Varint(1, 1);
  WireWriter(value).Varint(2, 5);
  WireWriter(entry).Bytes(2, value);
  writer.Bytes(4, entry);
  std::string again;
  WireWriter(again).Bytes(1, "key");
  writer.Bytes(4, again);  // no value: it replaces the other all the same
  const Read read(bytes);
  ASSERT_TRUE(read.status.ok());
  EXPECT_EQ(read.message.model_name, "last");
  ASSERT_EQ(read.message.parameters.size(), 1U);
  EXPECT_EQ(read.message.parameters[0].form, InferParameter::Form::kNone);
}

TEST(InferMessageTest, ListsMayBePackedOrNot) {
  std::string input;
  WireWriter writer(input);
  writer.Varint(3, 2);
  writer.Bytes(3, "\x03\x04");
  std::string contents;
  WireWriter(contents).Fixed32(6, 0);
  WireWriter(contents).Bytes(6, std::string(8, '\0'));
  WireWriter(contents).Fixed64(6, 0);  // another type: unknown
  writer.Bytes(5, contents);
  writer.Bytes(5, contents);  // grows
  std::string bytes;
  WireWriter(bytes).Bytes(5, input);
  const Read read(bytes);
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.message.inputs[0].shape, (tensor::Shape{2, 3, 4}));
  EXPECT_EQ(read.message.inputs[0].counts[6], 6U);
}

TEST(InferMessageTest, SkipsWhatItDoesNotKnow) {
  std::string bytes;
  WireWriter writer(bytes);
  writer.Varint(1, 7);  // model_name is no number
  writer.Fixed32(99, 1);
  writer.Bytes(100, "x");
  bytes.append("\x2b\x08\x01\x2c");  // field 5 as a group
  const Read read(bytes);
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.message.model_name, "");
  EXPECT_TRUE(read.message.inputs.empty());
}

struct Damage {
  const char* name;
  std::string bytes;
  const char* message;
};

TEST(InferMessageTest, RefusesDamage) {
  const std::vector<Damage> cases = {
      {"text that is not UTF-8", "\x0a\x01\xff", "field 1 is not UTF-8"},
      {"a surrogate", "\x0a\x03\xed\xa0\x80", "not UTF-8"},
      {"a length beyond the end", "\x0a\x05m", "expected 5 bytes, got 1"},
      {"a negative length", std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11),
       "too long"},
      {"a length of more than 5 bytes", std::string("\x0a\x81\x80\x80\x80\x80\x00m", 8),
       "the length of field 1 is too long"},
      {"a key of more than 5 bytes", std::string("\x8a\x80\x80\x80\x80\x00\x00", 7), "too long"},
      {"field 0", std::string("\x02\x00", 2), "field number from 1"},
      {"a number of more than 64 bits",
       std::string("\x98\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 12), "too long"},
      {"wire type 7", std::string("\x0f\x00", 2), "wire type 7"},
      {"an end without a group", "\x0c", "wire type 4"},
      {"a packed list cut within a number", std::string("\x2a\x03\x1a\x01\x80", 5),
       "the list in field 3"},
      {"packed floats that end in between", std::string("\x2a\x06\x2a\x04\x32\x02\x00\x00", 8),
       "the list in field 6"}};
  for (const Damage& damage : cases) {
    SCOPED_TRACE(damage.name);
    const Read read(damage.bytes);
    EXPECT_EQ(read.status.code(), base::StatusCode::kInvalidArgument);
    EXPECT_THAT(read.status.message(), HasSubstr(damage.message));
    EXPECT_THAT(read.status.message(), testing::StartsWith("ModelInferRequest: "));
  }
}

TEST(InferMessageTest, CountsAreLimited) {
  std::string inputs;
  std::string raws;
  for (size_t i = 0; i <= InferMessage::kMaxTensors; ++i) {
    WireWriter(inputs).Bytes(5, "");
    WireWriter(raws).Bytes(7, "");
  }
  EXPECT_THAT(Read(inputs).status.message(), HasSubstr("at most 4096 inputs"));
  EXPECT_THAT(Read(raws).status.message(), HasSubstr("at most 4096 raw_input_contents"));
  std::string parameters;
  for (size_t i = 0; i <= InferMessage::kMaxParameters; ++i) {
    std::string entry;
    WireWriter(entry).Bytes(1, std::to_string(i));
    WireWriter(parameters).Bytes(4, entry);
  }
  EXPECT_THAT(Read(parameters).status.message(), HasSubstr("at most 128 parameters"));
}

}  // namespace
}  // namespace slipway::frontend::grpc
