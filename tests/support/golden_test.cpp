#include "tests/support/golden.h"

#include <filesystem>
#include <string>

#include "tests/support/temporary_directory.h"

namespace foreshard::support {
namespace {

// IsGolden looks below the working directory, so each test has one of its own.
class Golden : public testing::Test {
 protected:
  Golden() { std::filesystem::current_path(directory_.path()); }
  ~Golden() override { std::filesystem::current_path(before_); }

  std::filesystem::path before_ = std::filesystem::current_path();
  TemporaryDirectory directory_;
};

TEST_F(Golden, TheReviewedTextIsGood) {
  directory_.Write("tests/golden/plan.txt", "a\nb\n");
  EXPECT_TRUE(IsGolden("plan.txt", "a\nb\n"));
}

TEST_F(Golden, ADifferenceNamesTheLine) {
  directory_.Write("tests/golden/plan.txt", "a\nb\n");
  const testing::AssertionResult result = IsGolden("plan.txt", "a\nc\n");
  EXPECT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("line 2\n  reviewed: b\n  now:      c"),
            std::string::npos);
}

TEST_F(Golden, AMissingEndIsADifference) {
  directory_.Write("tests/golden/plan.txt", "a\nb");
  EXPECT_FALSE(IsGolden("plan.txt", "a\nb\n"));
  EXPECT_FALSE(IsGolden("plan.txt", "a\n"));
}

TEST_F(Golden, AFileThatIsNotThereIsAFailure) { EXPECT_FALSE(IsGolden("absent.txt", "")); }

}  // namespace
}  // namespace foreshard::support
