#include "kube/api_access.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_directory.h"

namespace foreshard::kube {
namespace {

class InCluster : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.File(name)) << text;
  }
  Result<ApiAccess> Access(const std::string& host = "10.96.0.1") {
    return InClusterAccess({.host = host, .port = "443", .directory = directory_.path().string()});
  }
  support::TemporaryDirectory directory_{"account"};
};

TEST_F(InCluster, TakesTheFilesOfTheServiceAccount) {
  Write("ca.crt", "CA");
  Write("token", "secret");
  Write("namespace", "shop");
  const Result<ApiAccess> access = Access();
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://10.96.0.1:443");
  EXPECT_EQ(access->ca_pem, "CA");
  EXPECT_EQ(access->token_file, directory_.File("token"));
  EXPECT_EQ(access->token, "") << "a copy would never be rotated";
  EXPECT_EQ(access->name_space, "shop");
  EXPECT_TRUE(access->verify_server);
  EXPECT_EQ(Access("fd00::1")->server, "https://[fd00::1]:443");
}

TEST_F(InCluster, SaysWhatIsMissing) {
  EXPECT_NE(Access().error().message.find("ca.crt"), std::string::npos);
  Write("ca.crt", "CA");
  EXPECT_NE(Access().error().message.find("token"), std::string::npos);
  const Result<ApiAccess> outside = InClusterAccess({.host = "", .port = ""});
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(outside.error().reason, "NotInCluster");
}

}  // namespace
}  // namespace foreshard::kube
