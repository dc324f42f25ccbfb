#include "kube/token_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace foreshard::kube {
namespace {

using std::chrono_literals::operator""s;

class Tokens : public testing::Test {
 protected:
  // As kubelet does: a new file behind the same name, later than the one before.
  void Rotate(const std::string& token) {
    std::ofstream(directory_.File("token")) << token;
    written_ += 1s;
    std::filesystem::last_write_time(directory_.File("token"), written_);
  }

  support::TemporaryDirectory directory_{"tokens"};
  std::filesystem::file_time_type written_{std::chrono::hours(1)};
};

TEST_F(Tokens, AreReadAgainWhenRotated) {
  Rotate("first\n");
  TokenSource source({.server = "https://h", .token_file = directory_.File("token")});
  EXPECT_EQ(source.Current(), "first");
  Rotate("second");
  EXPECT_EQ(source.Current(), "second");
}

TEST_F(Tokens, StayWhileTheFileIsAway) {
  Rotate("first");
  TokenSource source({.server = "https://h", .token_file = directory_.File("token")});
  EXPECT_EQ(source.Current(), "first");
  std::filesystem::remove(directory_.File("token"));
  EXPECT_EQ(source.Current(), "first");
}

TEST_F(Tokens, AreReadAgainAfterARefusal) {
  Rotate("first");
  TokenSource source({.server = "https://h", .token_file = directory_.File("token")});
  EXPECT_EQ(source.Current(), "first");
  std::ofstream(directory_.File("token")) << "second";
  std::filesystem::last_write_time(directory_.File("token"), written_);  // It looks unchanged.
  EXPECT_EQ(source.Current(), "first");
  source.Forget();
  EXPECT_EQ(source.Current(), "second");
}

TEST_F(Tokens, MayBeFixedOrAbsent) {
  EXPECT_EQ(TokenSource({.server = "https://h", .token = "fixed"}).Current(), "fixed");
  EXPECT_EQ(TokenSource({.server = "https://h"}).Current(), "");
  EXPECT_EQ(TokenSource({.server = "https://h", .token_file = "/nowhere/token"}).Current(), "");
}

}  // namespace
}  // namespace foreshard::kube
