#include "kube/kubeconfig.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_directory.h"

namespace foreshard::kube {
namespace {

constexpr char kInline[] = R"(
apiVersion: v1
kind: Config
clusters:
- {name: c, cluster: {server: "https://127.0.0.1:6443/", certificate-authority-data: Q0E=}}
users:
- {name: u, user: {client-certificate-data: Q1JU, client-key-data: S0VZ}}
- {name: t, user: {token: abc}}
- {name: f, user: {tokenFile: tokens/t}}
- {name: e, user: {exec: {command: aws}}}
- {name: p, user: {username: a, password: b}}
- {name: half, user: {client-certificate-data: Q1JU}}
- {name: bad, user: {client-certificate-data: "!!", client-key-data: S0VZ}}
contexts:
- {name: x, context: {cluster: c, user: u, namespace: shop}}
- {name: token, context: {cluster: c, user: t}}
- {name: file, context: {cluster: c, user: f}}
- {name: exec, context: {cluster: c, user: e}}
- {name: password, context: {cluster: c, user: p}}
- {name: half, context: {cluster: c, user: half}}
- {name: bad, context: {cluster: c, user: bad}}
- {name: nobody, context: {cluster: c, user: missing}}
current-context: x
)";

TEST(Kubeconfig, ReadsInlineCertificates) {
  const Result<ApiAccess> access = ParseKubeconfig(kInline, "/nowhere");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://127.0.0.1:6443");
  EXPECT_EQ(access->ca_pem, "CA");
  EXPECT_EQ(access->client_certificate_pem, "CRT");
  EXPECT_EQ(access->client_key_pem, "KEY");
  EXPECT_EQ(access->name_space, "shop");
  EXPECT_TRUE(access->verify_server);
}

TEST(Kubeconfig, ReadsTokens) {
  EXPECT_EQ(ParseKubeconfig(kInline, "/nowhere", "token")->token, "abc");
  EXPECT_EQ(ParseKubeconfig(kInline, "/nowhere", "token")->name_space, "default");
  EXPECT_EQ(ParseKubeconfig(kInline, "/home", "file")->token_file, "/home/tokens/t");
}

TEST(Kubeconfig, ReadsFilesBesideIt) {
  const support::TemporaryDirectory directory("kubeconfig");
  std::ofstream(directory.File("ca.crt")) << "AUTHORITY";
  std::ofstream(directory.File("config"))
      << R"({clusters: [{name: c, cluster: {server: "https://h", certificate-authority: ca.crt}}],
    users: [{name: u, user: {}}], contexts: [{name: x, context: {cluster: c, user: u}}],
      current-context: x})";
  const Result<ApiAccess> access = ReadKubeconfig(directory.File("config"));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->ca_pem, "AUTHORITY");
}

TEST(Kubeconfig, RefusesWhatItCannotDoByName) {
  const auto why = [](std::string_view context) {
    const Result<ApiAccess> access = ParseKubeconfig(kInline, "/nowhere", context);
    EXPECT_FALSE(access) << context;
    EXPECT_EQ(access.error().kind, Error::Kind::kGiveUp);
    return access.error().message;
  };
  EXPECT_NE(why("exec").find("user.exec: not supported"), std::string::npos);
  EXPECT_NE(why("password").find("user.username: not supported"), std::string::npos);
  EXPECT_NE(why("half").find("client-key belong together"), std::string::npos);
  EXPECT_NE(why("bad").find("client-certificate-data: not valid base64"), std::string::npos);
  EXPECT_NE(why("nobody").find("none called 'missing'"), std::string::npos);
  EXPECT_NE(why("elsewhere").find("none called 'elsewhere'"), std::string::npos);
}

TEST(Kubeconfig, RefusesWhatIsNone) {
  for (const char* text : {"", "- a", "{", "a: b", "current-context: x"}) {
    const Result<ApiAccess> access = ParseKubeconfig(text, "/nowhere");
    ASSERT_FALSE(access) << text;
    EXPECT_EQ(access.error().reason, "InvalidKubeconfig") << text;
  }
  EXPECT_NE(ReadKubeconfig("/nowhere/config").error().message.find("/nowhere/config"),
            std::string::npos);
}

TEST(Kubeconfig, AServerNeedsAScheme) {
  const Result<ApiAccess> access = ParseKubeconfig(
      R"({clusters: [{name: c, cluster: {server: "127.0.0.1:6443"}}], users: [{name: u, user: {}}],
      contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x})",
      "/nowhere");
  ASSERT_FALSE(access);
  EXPECT_NE(access.error().message.find("cluster.server: '127.0.0.1:6443'"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::kube
