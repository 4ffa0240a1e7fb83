#include "lifecycle/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/file_system.h"
#include "base/testing/failing_file_system.h"
#include "base/testing/temporary_directory.h"
#include "lifecycle/model_files.h"
#include "lifecycle/open_source.h"
#include "lifecycle/repository_source.h"
#include "lifecycle/single_file_source.h"

namespace slipway::lifecycle {
namespace {

using base::StatusCode;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SourceTest : public testing::Test {
 protected:
  std::filesystem::path Write(const std::string& relative, const std::string& content = "x") const {
    const std::filesystem::path path = root() / relative;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path;
  }
  const std::filesystem::path& root() const { return directory_.path(); }

  const base::RealFileSystem fs_;
  const base::TemporaryDirectory directory_;
};

std::vector<int64_t> VersionsOf(const SourceModel& model) {
  std::vector<int64_t> versions;
  for (const AvailableVersion& version : model.versions) versions.push_back(version.version);
  return versions;
}

TEST_F(SourceTest, RepositoryListsModelsAndVersionsByNumber) {
  Write("b/2/model.onnx");
  Write("b/10/model.onnx");
  Write("b/1/model.onnx");
  Write("a/1/model.onnx");
  Write("README.md");
  Write(".git/1/model.onnx");
  const base::Result<SourceListing> listing = RepositorySource(fs_, root()).List();
  ASSERT_TRUE(listing.ok()) << listing.status();
  ASSERT_THAT(listing->models, SizeIs(2));
  EXPECT_EQ(listing->models[0].name, "a");
  EXPECT_THAT(VersionsOf(listing->models[1]), ElementsAre(1, 2, 10));
  EXPECT_THAT(listing->notes, IsEmpty());
  EXPECT_THAT(listing->directories, SizeIs(1 + 2 + 4));
}

TEST_F(SourceTest, RepositoryNotesWhatItPassesOver) {
  Write("m/01/model.onnx");
  Write("m/v1/model.onnx");
  Write("m/2/other.onnx");
  Write("m/3/readme.txt");
  std::filesystem::create_directories(root() / "m/4");
  Write("m/config.pbtxt");
  Write("bad name/1/model.onnx");
  const base::Result<SourceListing> listing = RepositorySource(fs_, root()).List();
  ASSERT_TRUE(listing.ok());
  ASSERT_THAT(listing->models, SizeIs(1));
  const SourceModel& model = listing->models.front();
  EXPECT_THAT(model.versions, IsEmpty());
  EXPECT_THAT(model.notes, Contains(HasSubstr("without leading zeros")));
  EXPECT_THAT(model.notes, Contains(HasSubstr("version 'v1': expected a decimal number")));
  EXPECT_THAT(model.notes, Contains(HasSubstr("'2' passed over: it has no model.onnx (rename")));
  EXPECT_THAT(model.notes, Contains(HasSubstr("'3' passed over: it has no model.onnx")));
  EXPECT_THAT(model.notes, Contains(HasSubstr("'4' passed over: it is empty")));
  EXPECT_THAT(model.notes, Contains(HasSubstr("config.pbtxt is not read")));
  EXPECT_THAT(listing->notes, ElementsAre(HasSubstr("model name 'bad name'")));
}

TEST_F(SourceTest, RepositoryTakesTheOnlyModelFileOfAnyKind) {
  Write("m/1/model.joblib");
  Write("m/1/MLmodel");
  Write("m/2/model.pmml");
  Write("m/2/model.onnx");
  Write("m/2/model.onnx.data");
  Write("m/3/model.pkl");
  Write("m/3/model.json");
  Write("m/4/model.onnx.data");
  const auto model = RepositorySource(fs_, root()).Find("m");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_THAT(model->versions, SizeIs(2));
  EXPECT_EQ(model->versions[0].files.model_file, "model.joblib");
  EXPECT_EQ(model->versions[1].files.model_file, "model.onnx");
  EXPECT_THAT(model->notes, Contains(HasSubstr("'3' passed over: it has 2 files that could be the "
                                               "model: model.json, model.pkl")));
  EXPECT_THAT(model->notes, Contains(HasSubstr("'4' passed over: it has no model.onnx")));
}

TEST_F(SourceTest, RepositoryReadsLabelsAndSeesThemChange) {
  Write("m/1/model.onnx");
  const RepositorySource source(fs_, root());
  const auto before = source.Find("m");
  Write("m/labels.txt", "cat\r\ndog\n\nno end");
  const auto after = source.Find("m");
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_THAT(after->versions[0].config.labels.at(""), ElementsAre("cat", "dog", "", "no end"));
  EXPECT_NE(before->versions[0].stamps, after->versions[0].stamps);
}

TEST_F(SourceTest, RepositoryConfiguresModelsByName) {
  Write("a/1/model.onnx");
  Write("b/1/model.onnx");
  const RepositorySource source(fs_, root(), [](std::string_view model) {
    return ModelConfig{.warmup_runs = model == "b" ? 9 : 1};
  });
  EXPECT_EQ(source.Find("a")->versions[0].config.warmup_runs, 1);
  EXPECT_EQ(source.Find("b")->versions[0].config.warmup_runs, 9);
}

TEST_F(SourceTest, RepositorySaysWhatIsNotThere) {
  EXPECT_EQ(RepositorySource(fs_, root() / "no").List().status().code(), StatusCode::kNotFound);
  EXPECT_EQ(RepositorySource(fs_, root()).Find("m").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(RepositorySource(fs_, root()).Find("../m").status().code(),
            StatusCode::kInvalidArgument);
}

// Else a server that follows the repository would unload what it serves.
TEST_F(SourceTest, RepositoryTakesNoVersionForGoneThatItCouldNotLookAt) {
  Write("m/1/model.onnx");
  Write("m/labels.txt", "cat");
  base::FailingFileSystem fs;
  const RepositorySource source(fs, root());
  ASSERT_TRUE(source.List().ok());
  for (const char* part : {"", "/m/1", "/m/labels.txt"}) {
    for (const int error : {EMFILE, ENFILE, ENOMEM}) {
      fs.Fail(error, part);
      EXPECT_EQ(source.List().status().code(), StatusCode::kResourceExhausted) << part;
      EXPECT_EQ(source.Find("m").status().code(), StatusCode::kResourceExhausted) << part;
    }
  }
  fs.Fail(EMFILE);
  EXPECT_THAT(source.Find("m").status().message(), HasSubstr("ulimit -n"));
  fs.Fail(EACCES, "/m/1");
  EXPECT_THAT(source.Find("m")->versions, IsEmpty());
  fs.Fail(0);
  EXPECT_THAT(VersionsOf(*source.Find("m")), ElementsAre(1));
}

TEST_F(SourceTest, SingleFileIsVersionOneUnderItsOwnName) {
  const SingleFileSource source(fs_, Write("net.onnx"), "net");
  const base::Result<SourceListing> listing = source.List();
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_EQ(listing->models[0].name, "net");
  EXPECT_THAT(VersionsOf(listing->models[0]), ElementsAre(1));
  EXPECT_EQ(listing->models[0].versions[0].files.model_file, "net.onnx");
  EXPECT_EQ(source.Find("other").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(SingleFileSource(fs_, root() / "no.onnx", "no").List().status().code(),
            StatusCode::kNotFound);
}

TEST_F(SourceTest, SingleFileFollowsALinkAndOwnsOnlyItsCompanions) {
  Write("blobs/abc", "x");
  Write("blobs/abc.data", "weights");
  Write("blobs/unrelated", "y");
  std::filesystem::create_symlink(root() / "blobs/abc", root() / "net.onnx");
  const auto model = SingleFileSource(fs_, root() / "net.onnx", "net").Find("net");
  ASSERT_TRUE(model.ok()) << model.status();
  const AvailableVersion& version = model->versions[0];
  EXPECT_EQ(version.files.model_file, "abc");
  ASSERT_THAT(version.stamps, SizeIs(2));
  EXPECT_EQ(version.stamps[1].name, "abc.data");
}

TEST_F(SourceTest, NamesComeFromFiles) {
  EXPECT_EQ(SingleFileSource::NameFromFile("/x/net-1.5.onnx"), "net-1.5");
  EXPECT_EQ(SingleFileSource::NameFromFile("/x/my net (2).onnx"), "my_net__2_");
  EXPECT_EQ(SingleFileSource::NameFromFile("/x/resnet/model.onnx"), "resnet");
  EXPECT_EQ(SingleFileSource::NameFromFile("/x/resnet/3/model.onnx"), "resnet");
  EXPECT_EQ(SingleFileSource::NameFromFile("/\xc3\xa4.onnx"), "model");
}

TEST_F(SourceTest, OpenSourceTellsFilesFromRepositories) {
  Write("file/net.onnx");
  Write("repository/m/1/model.onnx");
  const auto find = [&](const char* path, const char* name, const char* model) {
    auto source = OpenSource(fs_, root() / path, name, {});
    return source.ok() ? (*source)->Find(model).status() : source.status();
  };
  EXPECT_EQ(find("file/net.onnx", "", "net"), base::OkStatus());
  EXPECT_EQ(find("file/net.onnx", "other", "other"), base::OkStatus());
  EXPECT_EQ(find("file/net.onnx", "a/b", "").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(find("repository", "", "m"), base::OkStatus());
  EXPECT_EQ(find("repository", "m", "m").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(find("repository/m/1", "", "m"), base::OkStatus());
  Write("repository/n/1/model.onnx");
  EXPECT_EQ(find("repository/m", "", "m"), base::OkStatus());
  EXPECT_EQ(find("repository/m/", "", "m"), base::OkStatus());
  EXPECT_EQ(find("repository/m/.", "", "m"), base::OkStatus());
  EXPECT_EQ(find("repository/m", "", "n").code(), StatusCode::kNotFound);
  EXPECT_EQ(find("repository/m", "n", "n").code(), StatusCode::kInvalidArgument);
  const auto listing = (*OpenSource(fs_, root() / "repository/m", "", {}))->List();
  ASSERT_TRUE(listing.ok()) << listing.status();
  ASSERT_THAT(listing->models, SizeIs(1));
  EXPECT_EQ(listing->models[0].name, "m");
  EXPECT_THAT(VersionsOf(listing->models[0]), ElementsAre(1));
  Write("bad name/1/model.onnx");
  EXPECT_THAT(find("bad name", "", "m").message(), HasSubstr("directory '"));
  EXPECT_EQ(find("nowhere", "", "m").code(), StatusCode::kNotFound);
}

TEST_F(SourceTest, SeveralSourcesAreOneAndTheFirstWins) {
  const auto file = Write("file/m.onnx");
  Write("repository/m/7/model.onnx");
  Write("repository/n/1/model.onnx");
  const auto source = OpenSources(fs_, {file, root() / "repository"}, "", {});
  ASSERT_TRUE(source.ok()) << source.status();
  const auto listing = (*source)->List();
  ASSERT_TRUE(listing.ok());
  ASSERT_THAT(listing->models, SizeIs(2));
  EXPECT_THAT(VersionsOf(listing->models[0]), ElementsAre(1));
  EXPECT_THAT(listing->notes, ElementsAre(HasSubstr("model 'm' is in several sources")));
  EXPECT_THAT(VersionsOf(*(*source)->Find("m")), ElementsAre(1));
  EXPECT_TRUE((*source)->Find("n").ok());
  EXPECT_EQ((*source)->Find("o").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(OpenSources(fs_, {file, file}, "m", {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenSources(fs_, {}, "", {}).status().code(), StatusCode::kInvalidArgument);
}

class ModelFilesTest : public SourceTest {
 protected:
  base::Result<std::string> Digest() const {
    const engine::ModelFiles files{
        .directory = root(), .model_file = "model.onnx", .in_memory = {}};
    SLIPWAY_ASSIGN_OR_RETURN(const ModelStamps stamps,
                             StampFiles(fs_, files, FileScope::kDirectory));
    return DigestFiles(files, stamps.files);
  }
};

TEST_F(ModelFilesTest, DigestOfOneFileIsItsOwn) {
  Write("model.onnx", "ok");
  Write(".hidden", "not part of it");
  Write("warmup/case.npz", "not part of it");
  EXPECT_EQ(*Digest(),  // printf ok | sha256sum
            "sha256:2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df");
}

TEST_F(ModelFilesTest, DigestOfSeveralFilesIsThatOfSha256sum) {
  Write("model.onnx", "ok");
  Write("data/weights", "abc");
  // (cd DIR && sha256sum data/weights model.onnx | sha256sum), coreutils 9.1
  EXPECT_EQ(*Digest(), "sha256:f7c5330e9b343425d418b4ccca641397fbad2542a2300c874c6056e3d2707a64");
  engine::ModelFiles files;
  files.in_memory = std::make_shared<const std::map<std::string, std::string>>(
      std::map<std::string, std::string>{{"model.onnx", "ok"}, {"data/weights", "abc"}});
  EXPECT_EQ(*DigestFiles(files, {}), *Digest());
}

TEST_F(ModelFilesTest, LinksOutOfTheDirectoryAreRefused) {
  Write("model.onnx", "ok");
  std::filesystem::create_symlink("/etc/passwd", root() / "weights");
  EXPECT_EQ(Digest().status().code(), StatusCode::kPermissionDenied);
}

TEST_F(ModelFilesTest, WithoutAModelFileThereIsNothing) {
  Write("weights", "x");
  EXPECT_EQ(Digest().status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace slipway::lifecycle
