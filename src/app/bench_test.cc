#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>

#include "app/bench_answer.h"
#include "app/bench_arrivals.h"
#include "app/bench_latency.h"
#include "app/bench_load.h"
#include "app/bench_report.h"
#include "app/bench_request.h"
#include "app/bench_server_process.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using nlohmann::json;
using Progress = AnswerReader::Progress;

// --- latency
// ---------------------------------------------------------------------------------------

TEST(LatencyRecorderTest, QuantilesAreWithinOnePercentAndExtremesExact) {
  LatencyRecorder recorder;
  for (int i = 1; i <= 100'000; ++i) recorder.Record(std::chrono::nanoseconds(int64_t{i} * 997));
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double expected = q * 100'000 * 997;
    EXPECT_NEAR(static_cast<double>(recorder.Quantile(q).count()), expected, expected * 0.01) << q;
  }
  EXPECT_EQ(recorder.min(), 997ns);
  EXPECT_EQ(recorder.max(), 99'700'000ns);
  EXPECT_EQ(recorder.Quantile(1), recorder.max());
  EXPECT_EQ(recorder.mean(), std::chrono::nanoseconds(int64_t{100'001} * 997 / 2));
}

TEST(LatencyRecorderTest, IsAllZeroWhenEmpty) {
  const LatencyRecorder recorder;
  EXPECT_EQ(recorder.Quantile(0.5), 0ns);
  EXPECT_EQ(recorder.min(), 0ns);
  EXPECT_EQ(recorder.mean(), 0ns);
}

TEST(LatencyRecorderTest, TakesAnyDuration) {
  LatencyRecorder recorder;
  for (const auto latency : {-5ns, 0ns, 127ns, 128ns, std::chrono::nanoseconds::max()}) {
    recorder.Record(latency);
  }
  EXPECT_EQ(recorder.count(), 5U);
  EXPECT_EQ(recorder.Quantile(0.5), 127ns);
  EXPECT_EQ(recorder.max(), std::chrono::nanoseconds::max());
}

TEST(LatencyRecorderTest, AddingIsAsIfAllHadBeenRecordedInOne) {
  LatencyRecorder one;
  LatencyRecorder other;
  one.Record(5us);
  other.Record(1us);
  other.Record(9us);
  one.Add(other);
  EXPECT_EQ(one.count(), 3U);
  EXPECT_EQ(one.min(), 1us);
  EXPECT_EQ(one.max(), 9us);
  EXPECT_EQ(one.mean(), 5us);
}

// --- arrivals
// --------------------------------------------------------------------------------------

TEST(PoissonArrivalsTest, GapsAreExponentialWithTheMeanOfTheRate) {
  const base::SteadyTime start;
  PoissonArrivals arrivals(1000, 7, start);
  double sum = 0;
  double squares = 0;
  base::SteadyTime last = start;
  constexpr int kCount = 200'000;
  for (int i = 0; i < kCount; ++i) {
    const double gap = std::chrono::duration<double>(arrivals.next() - last).count();
    EXPECT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
    last = arrivals.next();
    arrivals.Advance();
  }
  const double mean = sum / kCount;
  EXPECT_NEAR(mean, 1e-3, 1e-5);
  EXPECT_NEAR(std::sqrt(squares / kCount - mean * mean), 1e-3,
              2e-5);  // exponential: deviation = mean
}

TEST(PoissonArrivalsTest, SameSeedSameTimes) {
  const base::SteadyTime start;
  PoissonArrivals a(10, 3, start);
  PoissonArrivals b(10, 3, start);
  PoissonArrivals c(10, 4, start);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

// --- answers
// ---------------------------------------------------------------------------------------

struct AnswerCase {
  const char* name;
  std::string wire;
  int status;
  std::string body;
  bool keep_alive;
};
class AnswerReaderTest : public testing::TestWithParam<AnswerCase> {};

TEST_P(AnswerReaderTest, ReadsTheAnswerHoweverItsBytesAreCut) {
  const AnswerCase& answer = GetParam();
  for (size_t piece = 1; piece <= answer.wire.size(); ++piece) {
    AnswerReader reader(1000, "x-tag");
    Progress progress = Progress::kMore;
    for (size_t at = 0; at < answer.wire.size(); at += piece) {
      ASSERT_EQ(progress, Progress::kMore) << "piece " << piece;
      progress = reader.Feed(std::string_view(answer.wire).substr(at, piece));
    }
    ASSERT_EQ(progress, Progress::kDone) << "piece " << piece;
    EXPECT_EQ(reader.status(), answer.status);
    EXPECT_EQ(reader.kept_body(), answer.body);
    EXPECT_EQ(reader.body_bytes(), answer.body.size());
    EXPECT_EQ(reader.keep_alive(), answer.keep_alive);
    EXPECT_EQ(reader.kept_header_value(), "v1");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Http, AnswerReaderTest,
    testing::Values(
        AnswerCase{"Length", "HTTP/1.1 200 OK\r\nX-Tag: v1\r\nContent-Length: 5\r\n\r\nhello", 200,
                   "hello", true},
        AnswerCase{"Empty", "HTTP/1.1 503 Busy\r\ncontent-length:0\r\nx-tag:v1\r\n\r\n", 503, "",
                   true},
        AnswerCase{
            "Close",
            "HTTP/1.1 200 OK\r\nX-Tag: v1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200,
            "ok", false},
        AnswerCase{"Http10", "HTTP/1.0 200 OK\r\nX-Tag: v1\r\nContent-Length: 2\r\n\r\nok", 200,
                   "ok", false},
        AnswerCase{"Chunked",
                   "HTTP/1.1 200 OK\r\nx-tag: v1\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5;why=not\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
                   200, "hello!", true},
        AnswerCase{"Interim",
                   "HTTP/1.1 100 Continue\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nx-tag: v1\r\nContent-Length: 1\r\n\r\nx",
                   200, "x", true},
        AnswerCase{"NoContent", "HTTP/1.1 204 No Content\r\nx-tag: v1\r\n\r\n", 204, "", true}),
    [](const auto& c) { return c.param.name; });

TEST(AnswerReaderTest, WithoutLengthTheEndOfTheConnectionEndsIt) {
  AnswerReader reader(10, "");
  EXPECT_EQ(reader.Feed("HTTP/1.1 200 OK\r\n\r\nsome"), Progress::kMore);
  EXPECT_EQ(reader.Feed(" more and more"), Progress::kMore);
  EXPECT_EQ(reader.FeedEnd(), Progress::kDone);
  EXPECT_EQ(reader.body_bytes(), 18U);
  EXPECT_EQ(reader.kept_body(), "some more ");
  EXPECT_FALSE(reader.keep_alive());
}

TEST(AnswerReaderTest, RefusesWhatIsNotHttp) {
  for (const char* bad :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"}) {
    AnswerReader reader(10, "");
    EXPECT_EQ(reader.Feed(bad), Progress::kBad) << bad;
  }
  AnswerReader endless(10, "");
  EXPECT_EQ(endless.Feed(std::string(AnswerReader::kMaxHeadBytes + 1, 'x')), Progress::kBad);
  AnswerReader cut(10, "");
  EXPECT_EQ(cut.Feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), Progress::kMore);
  EXPECT_EQ(cut.FeedEnd(), Progress::kBad);
}

// --- requests
// --------------------------------------------------------------------------------------

const json kMetadata = json::parse(R"({"name":"m","inputs":[
  {"name":"a","datatype":"FP32","shape":[-1,2,-1]},
  {"name":"b","datatype":"INT64","shape":["-1","3"]},
  {"name":"c","datatype":"BYTES","shape":[1]},
  {"name":"d","datatype":"BOOL","shape":[]}]})");

TEST(BenchBodyTest, FitsTheSignature) {
  const auto inputs = ReadBenchInputs(kMetadata);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  const auto body = MakeBenchBody(*inputs, {.batch = 5});
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->json_bytes, 0U);
  const json request = json::parse(body->bytes);
  ASSERT_EQ(request["inputs"].size(), 4U);
  EXPECT_EQ(request["inputs"][0]["shape"], json({5, 2, 1}));
  EXPECT_EQ(request["inputs"][0]["data"].size(), 10U);
  EXPECT_EQ(request["inputs"][1]["shape"], json({5, 3}));
  EXPECT_TRUE(request["inputs"][1]["data"][0].is_number_integer());
  EXPECT_TRUE(request["inputs"][2]["data"][0].is_string());
  EXPECT_EQ(request["inputs"][3]["shape"], json::array());
  EXPECT_TRUE(request["inputs"][3]["data"][0].is_boolean());
}

TEST(BenchBodyTest, BinaryHasTheSameValuesBehindTheJson) {
  const auto inputs = ReadBenchInputs(kMetadata);
  ASSERT_TRUE(inputs.ok());
  const auto text = MakeBenchBody(*inputs, {.batch = 1});
  const auto binary = MakeBenchBody(*inputs, {.binary = true, .batch = 1});
  ASSERT_TRUE(text.ok() && binary.ok());
  const json head = json::parse(binary->bytes.substr(0, binary->json_bytes));
  EXPECT_EQ(head["parameters"]["binary_data_output"], true);
  size_t at = binary->json_bytes;
  const json request = json::parse(text->bytes);
  for (int i = 0; i < 2; ++i, at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, binary->bytes.data() + at, sizeof(value));
    EXPECT_FLOAT_EQ(value, request["inputs"][0]["data"][static_cast<size_t>(i)].get<float>());
  }
  size_t sum = binary->json_bytes;
  for (const json& input : head["inputs"]) {
    sum += input["parameters"]["binary_data_size"].get<size_t>();
  }
  EXPECT_EQ(sum, binary->bytes.size());
}

TEST(BenchBodyTest, ShapesOfTheUserMustFit) {
  const auto inputs = ReadBenchInputs(kMetadata);
  ASSERT_TRUE(inputs.ok());
  BenchBodyOptions options;
  ASSERT_TRUE(ParseShapeOption("a:3,2,7", options.shapes).ok());
  const auto good = MakeBenchBody(*inputs, options);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(json::parse(good->bytes)["inputs"][0]["shape"], json({3, 2, 7}));
  ASSERT_TRUE(ParseShapeOption("a:3,4,7", options.shapes).ok());
  EXPECT_EQ(MakeBenchBody(*inputs, options).status().code(), StatusCode::kInvalidArgument);
  options.shapes.clear();
  ASSERT_TRUE(ParseShapeOption("z:1", options.shapes).ok());
  const auto unknown = MakeBenchBody(*inputs, options);
  EXPECT_NE(unknown.status().message().find("'a', 'b', 'c', 'd'"), std::string::npos)
      << unknown.status();
  for (const char* bad : {"", "a", ":1", "a:x", "a:1,,2", "a:-1", "a:99999999999999999999"}) {
    EXPECT_EQ(ParseShapeOption(bad, options.shapes).code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(BenchBodyTest, RefusesHugeInputsAndStrangeMetadata) {
  BenchBodyOptions options;
  options.batch = int64_t{1} << 24;
  const auto inputs = ReadBenchInputs(
      json::parse(R"({"inputs":[{"name":"a","datatype":"FP32","shape":[-1,1000]}]})"));
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(MakeBenchBody(*inputs, options).status().code(), StatusCode::kResourceExhausted);
  for (const char* bad : {"[]", "{}", R"({"inputs":[1]})", R"({"inputs":[{"name":"a"}]})",
                          R"({"inputs":[{"name":"a","datatype":"FP33","shape":[1]}]})",
                          R"({"inputs":[{"name":"a","datatype":"FP32","shape":[0.5]}]})"}) {
    EXPECT_EQ(ReadBenchInputs(json::parse(bad)).status().code(), StatusCode::kDataLoss) << bad;
  }
}

// --- the load itself
// -------------------------------------------------------------------------------

// Answers every request in full, one connection a thread, with what `answer` says.
class TinyServer {
 public:
  explicit TinyServer(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener_.Reset(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    thread_ = std::thread([this] { Accept(); });
  }
  ~TinyServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    for (std::thread& thread : serving_) thread.join();
  }
  net::SocketAddress address() const { return net::SocketAddress::OfSocket(listener_.get()); }

 private:
  void Accept() {
    while (true) {
      base::UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
      if (!fd.valid()) return;
      serving_.emplace_back([this, fd = std::move(fd)] { Serve(fd.get()); });
    }
  }
  void Serve(int fd) const {
    char buffer[4096];
    while (::recv(fd, buffer, sizeof(buffer), 0) > 0) {  // a request is one small packet
      if (::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) return;
      if (answer_.find("close") != std::string::npos) return;
    }
  }

  const std::string answer_;
  base::UniqueFd listener_;
  std::thread thread_;
  std::vector<std::thread> serving_;
};

class Listener final : public LoadListener {
 public:
  void OnMeasureBegin(uint64_t) override { ++begins; }
  void OnMeasureEnd(uint64_t) override { ++ends; }
  bool OnTick(const LoadResult&, const LatencyRecorder&, base::SteadyTime) override {
    return --ticks_left > 0;
  }
  int begins = 0;
  int ends = 0;
  int ticks_left = 1000;
};

constexpr std::string_view kRequest = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

LoadOptions Brief() {
  LoadOptions options;
  options.connections = 4;
  options.warmup = 20ms;
  options.duration = 150ms;
  options.timeout = 2s;
  return options;
}

LoadResult RunLoad(const net::SocketAddress& address, const LoadOptions& options,
                   Listener& listener) {
  const base::RealClock clock;
  LoadGenerator generator({.address = address}, kRequest, options, clock);
  auto result = generator.Run(listener);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : LoadResult{};
}

TEST(LoadGeneratorTest, ClosedLoopCountsEveryAnswer) {
  const TinyServer server(kOk);
  Listener listener;
  const LoadResult result = RunLoad(server.address(), Brief(), listener);
  EXPECT_GT(result.answered, 0U);
  EXPECT_EQ(result.failed(), 0U);
  EXPECT_EQ(result.unanswered, 0U);
  EXPECT_EQ(result.latency.count(), result.answered);
  EXPECT_EQ(result.bytes_received, 2 * result.answered);
  EXPECT_EQ(result.bytes_sent, kRequest.size() * result.answered);
  EXPECT_EQ(listener.begins, 1);
  EXPECT_EQ(listener.ends, 1);
}

TEST(LoadGeneratorTest, OpenLoopSendsWhatIsDue) {
  const TinyServer server(kOk);
  Listener listener;
  LoadOptions options = Brief();
  options.rate = 500;
  options.duration = 400ms;
  const LoadResult result = RunLoad(server.address(), options, listener);
  EXPECT_NEAR(static_cast<double>(result.answered), 200, 80);
  EXPECT_EQ(result.failed() + result.unsent, 0U);
}

TEST(LoadGeneratorTest, LatencyCountsFromWhenARequestWasDue) {
  // Never answers: with one connection all later requests are due and cannot be sent.
  const TinyServer server("");
  Listener listener;
  LoadOptions options = Brief();
  options.connections = 1;
  options.rate = 200;
  options.timeout = 50ms;
  const LoadResult result = RunLoad(server.address(), options, listener);
  EXPECT_EQ(result.answered, 0U);
  EXPECT_GT(result.unsent + result.requests + result.unanswered, 5U);
}

TEST(LoadGeneratorTest, OpensAgainWhenTheServerClosesAfterEachAnswer) {
  const TinyServer server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  Listener listener;
  const LoadResult result = RunLoad(server.address(), Brief(), listener);
  EXPECT_GT(result.answered, 0U);
  EXPECT_EQ(result.failed(), 0U) << result.errors.begin()->first;
}

TEST(LoadGeneratorTest, CountsErrorsByKindAndKeepsTheFirstMessage) {
  const TinyServer server("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull");
  Listener listener;
  const LoadResult result = RunLoad(server.address(), Brief(), listener);
  EXPECT_EQ(result.answered, 0U);
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors.begin()->first, "status 503");
  EXPECT_EQ(result.errors.begin()->second.first, "full");
  EXPECT_EQ(result.errors.begin()->second.count, result.failed());
}

TEST(LoadGeneratorTest, CountsDistinctAnswers) {
  const TinyServer server(
      "HTTP/1.1 200 OK\r\nSlipway-Model-Digest: sha256:aa\r\nContent-Length: 2\r\n\r\nok");
  Listener listener;
  LoadOptions options = Brief();
  options.distinct_answers = true;
  const LoadResult result = RunLoad(server.address(), options, listener);
  ASSERT_EQ(result.distinct.size(), 1U);
  EXPECT_EQ(result.distinct[0].digest, "sha256:aa");
  EXPECT_EQ(result.distinct[0].body, "ok");
  EXPECT_EQ(result.distinct[0].count, result.answered);
}

TEST(LoadGeneratorTest, ListenerEndsItEarly) {
  const TinyServer server(kOk);
  Listener listener;
  listener.ticks_left = 2;
  LoadOptions options = Brief();
  options.duration = 1h;
  const LoadResult result = RunLoad(server.address(), options, listener);
  EXPECT_TRUE(result.interrupted);
  EXPECT_LT(result.elapsed, 30s);
}

TEST(LoadGeneratorTest, RefusedConnectionsAreFailures) {
  net::SocketAddress gone;
  {
    const TinyServer server(kOk);
    gone = server.address();
  }
  Listener listener;
  const LoadResult result = RunLoad(gone, Brief(), listener);
  EXPECT_EQ(result.answered, 0U);
  EXPECT_GT(result.failed(), 0U);
  EXPECT_NE(result.errors.begin()->first.find("refused"), std::string::npos);
}

// --- the server's process
// --------------------------------------------------------------------------

TEST(ServerProcessTest, FindsTheListenerAndItsCpuTime) {
  const TinyServer server(kOk);
  const auto process = ServerProcess::ListeningAt(server.address());
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_FALSE(process->pids().empty());
  EXPECT_NE(std::ranges::find(process->pids(), ::getpid()), process->pids().end());
  const auto before = process->CpuTime();
  EXPECT_GT(before, 0ns);
  uint64_t work = 1;
  while (process->CpuTime() < before + 2ms) work = work * 6364136223846793005U + 1;
  EXPECT_NE(work, 0U);
}

TEST(ServerProcessTest, SaysWhyItFoundNone) {
  EXPECT_EQ(ServerProcess::OfPid(0).status().code(), StatusCode::kNotFound);
  const auto elsewhere = ServerProcess::ListeningAt(*net::SocketAddress::Parse("192.0.2.1:80"));
  EXPECT_EQ(elsewhere.status().code(), StatusCode::kNotFound);
  EXPECT_NE(elsewhere.status().message().find("not on this machine"), std::string::npos);
}

// --- the report
// ------------------------------------------------------------------------------------

TEST(BenchReportTest, SaysTheSameForPeopleAndPrograms) {
  BenchReport report;
  report.target = "POST http://h/x";
  report.format = "json";
  report.batch = 4;
  report.result.requests = 11;
  report.result.answered = 10;
  report.result.elapsed = 2s;
  report.result.errors["status 503"] = {.count = 1, .first = "full"};
  for (int i = 0; i < 10; ++i) report.result.latency.Record(3ms);
  report.server = ServerCost{.pids = {42}, .cpu = 100us, .answers = 10, .elapsed = 2s};
  const json out = ReportJson(report);
  EXPECT_DOUBLE_EQ(out["requests_per_s"].get<double>(), 5);
  EXPECT_DOUBLE_EQ(out["rows_per_s"].get<double>(), 20);
  EXPECT_DOUBLE_EQ(out["server"]["cpu_us_per_request"].get<double>(), 10);
  EXPECT_NEAR(out["latency_ms"]["p99"].get<double>(), 3, 0.03);
  EXPECT_EQ(out["errors"][0]["kind"], "status 503");
  EXPECT_EQ(out["failed"], 1);
  std::ostringstream text;
  PrintReport(report, text);
  for (const char* part : {"11 in 2 s, 1 failed", "5.00 requests/s, 20.00 rows/s", "10.00 us",
                           "process 42", "1 x status 503: full", "p99"}) {
    EXPECT_NE(text.str().find(part), std::string::npos) << part << "\n" << text.str();
  }
}

}  // namespace
}  // namespace slipway::app
