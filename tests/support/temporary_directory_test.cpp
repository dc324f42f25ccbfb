#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

namespace foreshard::support {
namespace {

TEST(TemporaryDirectory, GoesWithEverythingInIt) {
  std::filesystem::path path;
  {
    const TemporaryDirectory directory("mine");
    path = directory.path();
    EXPECT_NE(path.filename().string().find("foreshard-mine-"), std::string::npos);
    directory.Write("below/file", "text");
    EXPECT_EQ(ReadFile(path / "below/file"), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryDirectory, AnAbsentFileReadsAsEmpty) {
  const TemporaryDirectory directory;
  EXPECT_EQ(ReadFile(directory.path() / "absent"), "");
}

TEST(TemporaryDirectory, AWriteReplacesTheFile) {
  const TemporaryDirectory directory;
  directory.Write("file", "a longer text");
  directory.Write("file", "short");
  EXPECT_EQ(ReadFile(directory.File("file")), "short");
}

}  // namespace
}  // namespace foreshard::support
