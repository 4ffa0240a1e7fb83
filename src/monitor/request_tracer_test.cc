#include "monitor/request_tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "monitor/trace_file.h"

namespace slipway::monitor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string Contents(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class RequestTracerTest : public testing::Test {
 public:
  ~RequestTracerTest() override { std::filesystem::remove_all(folder_); }

 protected:
  RequestTracerTest() { std::filesystem::create_directories(folder_); }

  std::string file() const { return folder_ / "trace.json"; }
  // Which of so many requests are traced, beginning with 1.
  static std::vector<int> Traced(RequestTracer& tracer, std::string_view model, int requests) {
    std::vector<int> traced;
    for (int i = 1; i <= requests; ++i) {
      if (tracer.Sample(model) != 0) traced.push_back(i);
    }
    return traced;
  }
  static TraceChange On() {
    return {.timestamps = std::optional(true), .rate = {}, .count = {}, .log_frequency = {}};
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("tracer_" + std::to_string(::getpid()));
  const std::unique_ptr<base::Logger> log_ = base::Logger::Null();
};

TEST_F(RequestTracerTest, NothingIsTracedWithoutAFileOrALevel) {
  RequestTracer off(file(), {}, *log_);
  EXPECT_FALSE(off.active());
  EXPECT_EQ(off.Sample("m"), 0U);
  RequestTracer nowhere("", {.timestamps = true, .rate = 1}, *log_);
  EXPECT_FALSE(nowhere.active());
  const base::Status refused = nowhere.Change("", On());
  EXPECT_EQ(refused.code(), base::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("trace.file"));
}

TEST_F(RequestTracerTest, RateAndCountChooseRequests) {
  RequestTracer tracer(file(), {.timestamps = true, .rate = 3, .count = 2}, *log_);
  EXPECT_EQ(Traced(tracer, "m", 20), (std::vector<int>{3, 6}));
  EXPECT_FALSE(tracer.active());
  EXPECT_EQ(tracer.Settings("").count, 0);
  TraceChange again;
  again.count = std::optional<int64_t>();  // as at the start
  ASSERT_TRUE(tracer.Change("", again).ok());
  EXPECT_TRUE(tracer.active());
  EXPECT_EQ(Traced(tracer, "m", 20).size(), 2U);
}

TEST_F(RequestTracerTest, AModelMayHaveSettingsOfItsOwn) {
  RequestTracer tracer(file(), {.timestamps = false, .rate = 2}, *log_);
  ASSERT_TRUE(tracer.Change("own", On()).ok());
  EXPECT_TRUE(tracer.active());
  EXPECT_TRUE(tracer.Settings("own").timestamps);
  EXPECT_EQ(tracer.Settings("own").rate, 2U);
  EXPECT_FALSE(tracer.Settings("other").timestamps);
  EXPECT_EQ(Traced(tracer, "own", 4), (std::vector<int>{2, 4}));
  EXPECT_TRUE(Traced(tracer, "other", 4).empty());
  TraceChange back;
  back.timestamps = std::optional<bool>();
  ASSERT_TRUE(tracer.Change("own", back).ok());
  EXPECT_FALSE(tracer.active());
  TraceChange frequency;
  frequency.log_frequency = std::optional<uint64_t>(5);
  EXPECT_EQ(tracer.Change("own", frequency).code(), base::StatusCode::kInvalidArgument);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(tracer.Change(std::to_string(i), On()).ok());
  EXPECT_EQ(tracer.Change("one more", On()).code(), base::StatusCode::kResourceExhausted);
}

TEST_F(RequestTracerTest, TracesAreWrittenAsTritonDoes) {
  {
    RequestTracer tracer(file(), {.timestamps = true, .rate = 1}, *log_);
    const std::vector<RequestTracer::Event> events = {{"REQUEST_START", base::SteadyTime(5ns)},
                                                      {"REQUEST_END", base::SteadyTime(7ns)}};
    tracer.Write({.id = tracer.Sample("m"),
                  .model = "m",
                  .version = 2,
                  .request_id = "a\"b",
                  .trace_id = "0af7",
                  .code = "OK",
                  .events = events});
    tracer.Write({.id = tracer.Sample("m"),
                  .model = "m",
                  .version = 2,
                  .request_id = {},
                  .trace_id = {},
                  .code = "INTERNAL",
                  .events = {}});
  }
  EXPECT_EQ(
      Contents(file()),
      "[\n"
      R"({"id":1,"model_name":"m","model_version":2,"code":"OK","request_id":"a\"b",)"
      R"("trace_id":"0af7"},)"
      "\n"
      R"({"id":1,"timestamps":[{"name":"REQUEST_START","ns":5},{"name":"REQUEST_END","ns":7}]},)"
      "\n"
      R"({"id":2,"model_name":"m","model_version":2,"code":"INTERNAL"},)"
      "\n"
      R"({"id":2,"timestamps":[]})"
      "\n]\n");
}

TEST_F(RequestTracerTest, WhatCannotBeWrittenIsCounted) {
  RequestTracer tracer(folder_ / "no such folder" / "trace", {.timestamps = true, .rate = 1},
                       *log_);
  tracer.Write({.id = tracer.Sample("m"),
                .model = "m",
                .request_id = {},
                .trace_id = {},
                .code = "OK",
                .events = {}});
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (tracer.dropped() == 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(tracer.dropped(), 1U);
}

TEST_F(RequestTracerTest, AFileIsWholeAfterEachElementAndTheNextOneBeginsInTime) {
  TraceFile one(file(), 0);
  ASSERT_TRUE(one.Append("1").ok());
  EXPECT_EQ(Contents(file()), "[\n1\n]\n");
  ASSERT_TRUE(one.Append("2").ok());
  EXPECT_EQ(Contents(file()), "[\n1,\n2\n]\n");
  TraceFile several(file(), 2);
  for (const char* element : {"1", "2", "3"}) ASSERT_TRUE(several.Append(element).ok());
  EXPECT_EQ(Contents(file() + ".0"), "[\n1,\n2\n]\n");
  EXPECT_EQ(Contents(file() + ".1"), "[\n3\n]\n");
}

}  // namespace
}  // namespace slipway::monitor
