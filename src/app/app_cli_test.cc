#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/client/server_client.h"
#include "app/command.h"
#include "app/completion_script.h"
#include "app/console/progress.h"
#include "app/console/table_text.h"
#include "app/doctor_command.h"
#include "app/engines/model_path.h"
#include "app/inspect_report.h"
#include "app/status_report.h"
#include "base/testing/fake_clock.h"
#include "base/testing/temporary_directory.h"
#include "base/testing/text_file_system.h"

namespace slipway::app {
namespace {

using base::StatusCode;
using testing::HasSubstr;
using testing::Not;

// ----- TableText, Progress -----

TEST(TableTextTest, AlignsColumnsByCharacters) {
  TableText table({{"name"}, {"n", TableText::Align::kRight}});
  table.Add({"é", "1"});
  table.Add({"long name", "100"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "  name         n\n"
            "  é            1\n"
            "  long name  100\n");
}

TEST(TableTextTest, EscapesWhatATerminalWouldObey) {
  TableText table(std::vector<TableText::Column>{{}});
  table.Add({"a\x1b[31m"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "  a\\x1b[31m\n");
}

TEST(TableTextTest, WrapsWords) {
  std::ostringstream out;
  PrintWrapped(std::vector<std::string>{"aaa", "bbb", "ccc"}, 11, out);
  EXPECT_EQ(out.str(), "  aaa  bbb\n  ccc\n");
}

TEST(TableTextTest, GroupsThousands) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1000), "1,000");
  EXPECT_EQ(WithThousands(1234567), "1,234,567");
}

TEST(ProgressTest, DrawsForATerminalAfterHalfASecondAndCleansUp) {
  using namespace std::chrono_literals;
  base::FakeClock clock;
  std::ostringstream out;
  {
    Progress progress(clock, out, {.verb = "predicting", .unit = "rows", .shown = true});
    progress.Update(1, 1000);
    EXPECT_EQ(out.str(), "");
    clock.Advance(600ms);
    progress.Update(125, 1000);
    EXPECT_THAT(out.str(), HasSubstr("predicting  125 of 1,000 rows  12.5 %"));
    progress.Update(126, 1000);
    EXPECT_THAT(out.str(), Not(HasSubstr("126")));
  }
  EXPECT_TRUE(out.str().ends_with("\r\x1b[K"));
}

// ----- Models on disk -----

class ModelPathTest : public testing::Test {
 protected:
  void MakeFile(const std::string& name) {
    const auto path = directory_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "x";
  }
  base::Result<ModelOnDisk> Find(const std::string& name) {
    return FindModel(fs_, directory_.path() / name);
  }

  const base::RealFileSystem fs_;
  const base::TemporaryDirectory directory_;
};

TEST_F(ModelPathTest, FindsFilesVersionsAndTheNewestVersion) {
  MakeFile("repo/digits/2/model.onnx");
  MakeFile("repo/digits/10/model.onnx");
  MakeFile("lone.onnx");
  MakeFile("repo/wine/3/model.joblib");
  MakeFile("mlflow/model.pkl");
  MakeFile("mlflow/MLmodel");
  struct Case {
    const char* path;
    const char* name;
    std::optional<int64_t> version;
  };
  const Case cases[] = {{"lone.onnx", "lone", std::nullopt},
                        {"repo/digits", "digits", 10},
                        {"repo/digits/", "digits", 10},
                        {"repo/digits/2", "digits", 2},
                        {"repo/digits/2/model.onnx", "digits", 2},
                        {"repo/wine/3", "wine", 3},
                        {"mlflow", "mlflow", std::nullopt}};
  for (const Case& one : cases) {
    const auto model = Find(one.path);
    ASSERT_TRUE(model.ok()) << one.path << model.status();
    EXPECT_EQ(model->name, one.name) << one.path;
    EXPECT_EQ(model->version, one.version) << one.path;
    EXPECT_TRUE(std::filesystem::exists(model->file())) << one.path;
  }
}

TEST_F(ModelPathTest, SaysWhyADirectoryIsNoModel) {
  MakeFile("repo/digits/1/model.onnx");
  MakeFile("repo/other/1/model.onnx");
  MakeFile("folder/net.onnx");
  MakeFile("broken/1/readme");
  MakeFile("several/model.pkl");
  MakeFile("several/model.json");
  EXPECT_EQ(Find("none").status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Find("repo").status().message(), HasSubstr("name one of its models"));
  EXPECT_THAT(Find("repo").status().message(), HasSubstr("repo/digits"));
  EXPECT_THAT(Find("folder").status().message(), HasSubstr("net.onnx"));
  EXPECT_THAT(Find("broken").status().message(), HasSubstr("no model.onnx"));
  EXPECT_THAT(Find("several").status().message(), HasSubstr("model.json, model.pkl"));
}

// ----- Inspect -----

TEST(InspectReportTest, ShapesSayTheNamesOfDimensions) {
  graph::OnnxValue value;
  value.kind = graph::OnnxValue::Kind::kTensor;
  value.element_type = graph::ElementType::kFloat;
  EXPECT_EQ(ShapeText(value), "[...]");
  value.has_shape = true;
  value.dims = {-1, 3, -1};
  value.dim_names = {"batch", "", ""};
  EXPECT_EQ(ShapeText(value), "[batch,3,?]");
  EXPECT_EQ(DatatypeText(value), "FP32");
  value.element_type = graph::ElementType::kComplex64;
  EXPECT_EQ(DatatypeText(value), "COMPLEX64");
  value.kind = graph::OnnxValue::Kind::kSequence;
  EXPECT_EQ(DatatypeText(value), "sequence");
}

// ----- URLs -----

TEST(ServerUrlTest, ReadsServerModelAndVersion) {
  struct Case {
    const char* text;
    ServerUrl url;
  };
  const Case cases[] = {{"http://h:1", {"http://h:1", "", ""}},
                        {"http://h:1/", {"http://h:1", "", ""}},
                        {"http://[::1]:8000", {"http://[::1]:8000", "", ""}},
                        {"http://h/v2/models/m", {"http://h", "m", ""}},
                        {"http://h/v2/models/m/infer", {"http://h", "m", ""}},
                        {"http://h/v2/models/a%20b/versions/3/infer", {"http://h", "a b", "3"}},
                        {"unix:/run/s.sock", {"unix:/run/s.sock", "", ""}}};
  for (const Case& one : cases) {
    const auto url = ParseServerUrl(one.text);
    ASSERT_TRUE(url.ok()) << one.text << url.status();
    EXPECT_EQ(*url, one.url) << one.text;
  }
  for (const char* bad : {"", "h:1", "http://h/v1/models/m", "http://h/v2/models/",
                          "http://h/v2/models/m/versions", "http://h/v2/models/m/x"}) {
    EXPECT_EQ(ParseServerUrl(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(ParseServerUrl("https://h:1/v2/models/m")->server, "https://h:1");
}

TEST(ServerUrlTest, EncodesNames) { EXPECT_EQ(PercentEncode("a b/é"), "a%20b%2F%C3%A9"); }

TEST(ServerClientTest, NoServerIsUnavailable) {
  const base::RealClock clock;
  auto client = ServerClient::Create("http://127.0.0.1:1", clock, std::chrono::seconds(1));
  ASSERT_TRUE(client.ok()) << client.status();
  const auto answer = client->Get("/v2");
  EXPECT_EQ(answer.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(answer.status().message(), HasSubstr("slipway serve"));
}

// ----- Status -----

TEST(StatusReportTest, ShowsModelsAndReasons) {
  using namespace std::chrono_literals;
  StatusReport report{.url = "http://h",
                      .name = "slipway",
                      .version = "1",
                      .live = true,
                      .ready = true,
                      .models = {}};
  StatusReport::Model model;
  model.name = "digits";
  model.version = "2";
  model.state = "READY";
  model.success = {.count = 1999, .ns = 1999 * uint64_t{1'500'000}};
  model.fail = {.count = 1, .ns = 5};
  model.last_inference_ms = 1000;
  report.models.push_back(model);
  StatusReport::Model failed;
  failed.name = "broken";
  failed.state = "UNAVAILABLE";
  failed.reason = "not an ONNX file";
  report.models.push_back(failed);
  std::ostringstream out;
  PrintReport(report, base::SystemTime(6s), out);
  EXPECT_THAT(out.str(), HasSubstr("slipway 1 at http://h: ready"));
  EXPECT_THAT(out.str(), HasSubstr("2,000"));
  EXPECT_THAT(out.str(), HasSubstr("1.5 ms"));
  EXPECT_THAT(out.str(), HasSubstr("5 s ago"));
  EXPECT_THAT(out.str(), HasSubstr("not an ONNX file"));
  EXPECT_EQ(ReportJson(report)["models"][0]["success"]["count"], 1999);
}

// ----- Doctor -----

const DoctorCheck& Named(const std::vector<DoctorCheck>& checks, std::string_view name) {
  const auto at = std::ranges::find(checks, name, &DoctorCheck::name);
  EXPECT_TRUE(at != checks.end()) << name;
  return *at;
}

TEST(DoctorTest, ReadsProcessorAndItsLimits) {
  const base::TextFileSystem fs(
      std::map<std::string, std::string>{{"/proc/cpuinfo",
                                          "processor : 0\nmodel name\t: Made Up 1\n"
                                          "flags\t\t: fpu sse4_2 avx2 fma avx512f avx512_vnni\n"},
                                         {"/proc/self/cgroup", "0::/a/b\n"},
                                         {"/sys/fs/cgroup/a/cpu.max", "50000 100000\n"},
                                         {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"}});
  const auto checks = CheckProcessor(fs);
  EXPECT_EQ(Named(checks, "processor").found, "Made Up 1");
  EXPECT_EQ(Named(checks, "instruction sets").found, "sse4.2 avx2 fma avx512f avx512-vnni");
  EXPECT_EQ(Named(checks, "instruction sets").level, DoctorCheck::Level::kOk);
  EXPECT_THAT(Named(checks, "processors").found, HasSubstr("allows the time of 0.5"));
  EXPECT_EQ(Named(checks, "processors").level, DoctorCheck::Level::kWarn);
}

TEST(DoctorTest, OldProcessorsFailAndArmIsKnown) {
  const base::TextFileSystem old(
      std::map<std::string, std::string>{{"/proc/cpuinfo", "flags : fpu sse2\n"}});
  EXPECT_EQ(Named(CheckProcessor(old), "instruction sets").level, DoctorCheck::Level::kFail);
  const base::TextFileSystem arm(
      std::map<std::string, std::string>{{"/proc/cpuinfo", "Features : fp asimd asimddp sve\n"}});
  EXPECT_EQ(Named(CheckProcessor(arm), "instruction sets").found, "neon dotprod sve");
  const base::TextFileSystem nothing({});
  EXPECT_EQ(Named(CheckProcessor(nothing), "instruction sets").found, "unknown");
}

TEST(DoctorTest, ReadsMemory) {
  const base::TextFileSystem fs(std::map<std::string, std::string>{
      {"/proc/meminfo", "MemTotal: 1048576 kB\nMemAvailable: 102400 kB\n"},
      {"/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"}});
  const auto checks = CheckMemory(fs);
  EXPECT_EQ(Named(checks, "memory").level, DoctorCheck::Level::kWarn);
  EXPECT_EQ(Named(checks, "huge pages").found, "madvise");
}

TEST(DoctorTest, OnlyFailuresMakeAVerdict) {
  std::vector<DoctorCheck> checks = {
      {.name = "a", .found = "x"},
      {.name = "b", .level = DoctorCheck::Level::kWarn, .found = "y", .advice = "do this"}};
  EXPECT_TRUE(Verdict(checks).ok());
  std::ostringstream out;
  PrintChecks(checks, out);
  EXPECT_EQ(out.str(), "ok    a  x\nwarn  b  y\n         do this\n");
  checks.push_back({.name = "c", .level = DoctorCheck::Level::kFail, .found = "z"});
  EXPECT_EQ(Verdict(checks).code(), StatusCode::kFailedPrecondition);
}

// ----- Completion -----

CompletionTree ExampleTree() {
  CLI::App app("example", "slipway");
  CLI::App* sub = app.add_subcommand("serve", "Serve 'models': [all]");
  static std::string text;
  static bool flag = false;
  sub->add_option("source", text, "Where")->type_name("SRC");
  sub->add_option("--format,-f", text, "How")
      ->check(CLI::IsMember(std::vector<std::string>{"json", "csv"}));
  sub->add_flag("--watch", flag, "Again");
  app.add_subcommand("hidden", "For the program itself")->group("");
  return ReadCompletionTree(app);
}

TEST(CompletionTest, ReadsTheTree) {
  using Kind = CompletionTree::Argument::Kind;
  const CompletionTree tree = ExampleTree();
  ASSERT_EQ(tree.commands.size(), 1U);
  const CompletionTree::Command& serve = tree.commands[0];
  ASSERT_EQ(serve.positionals.size(), 1U);
  EXPECT_EQ(serve.positionals[0].kind, Kind::kFile);
  const auto option = [&](std::string_view name) {
    for (const auto& one : serve.options) {
      if (std::ranges::find(one.names, name) != one.names.end()) return one;
    }
    return CompletionTree::Option();
  };
  EXPECT_EQ(option("--format").argument.choices, (std::vector<std::string>{"json", "csv"}));
  EXPECT_EQ(option("-f").argument.kind, Kind::kChoice);
  EXPECT_EQ(option("--watch").argument.kind, Kind::kNone);
  EXPECT_EQ(option("--help").argument.kind, Kind::kNone);
}

TEST(CompletionTest, ScriptsQuoteSummaries) {
  const CompletionTree tree = ExampleTree();
  EXPECT_THAT(BashCompletion(tree), HasSubstr("'serve --format'"));
  EXPECT_THAT(ZshCompletion(tree), HasSubstr("'serve:Serve '\\''models'\\'': [all]'"));
  EXPECT_THAT(FishCompletion(tree), HasSubstr("-a serve -d 'Serve \\'models\\': [all]'"));
}

TEST(CompletionTest, EveryCommandHasAnExample) {
  for (const CommandEntry& command : AllCommands()) {
    EXPECT_THAT(std::string(command.example), HasSubstr(std::string("slipway ") + command.name));
  }
}

}  // namespace
}  // namespace slipway::app
