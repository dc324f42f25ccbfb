#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "cli/forecast/picture.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::cli {
namespace {

constexpr const char* kSvg =
    R"(<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="9" height="9"/></svg>)";

std::size_t FilesIn(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

TEST(Picture, AnSvgIsWrittenAsItIs) {
  support::TemporaryDirectory folder{"picture"};
  ASSERT_TRUE(WritePicture(folder.File("a.svg"), kSvg).ok());
  EXPECT_EQ(support::ReadFile(folder.File("a.svg")), kSvg);
}

TEST(Picture, APngIsDrawnAndNothingElseIsLeft) {
  support::TemporaryDirectory folder{"picture"};
  const Status drawn = WritePicture(folder.File("a.png"), kSvg);
  ASSERT_TRUE(drawn.ok()) << drawn.error().message;
  EXPECT_TRUE(support::ReadFile(folder.File("a.png")).starts_with("\x89PNG"));
  EXPECT_EQ(FilesIn(folder.path()), 1U);
}

TEST(Picture, WhatCannotBeWrittenIsSaid) {
  EXPECT_FALSE(WritePicture("/nowhere/a.svg", kSvg).ok());
  EXPECT_FALSE(WritePicture("/nowhere/a.png", kSvg).ok());
  const Status other = WritePicture("a.gif", kSvg);
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.error().message.find(".svg or .png"), std::string::npos);
  support::TemporaryDirectory folder{"picture"};
  EXPECT_FALSE(WritePicture(folder.File("a.png"), "no picture").ok());
  EXPECT_FALSE(std::filesystem::exists(folder.File("a.png")));
}

}  // namespace
}  // namespace foreshard::cli
