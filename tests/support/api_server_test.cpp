#include "tests/support/api_server.h"

#include <gtest/gtest.h>

#include "tests/support/needs.h"
#include "tests/support/port.h"
#include "tests/support/wait.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""s;

const Needs kNeeds({"kube-apiserver", "etcd", "kubectl"});

constexpr const char* kConfigMap = R"(
apiVersion: v1
kind: ConfigMap
metadata: {name: kept}
data: {colour: green}
)";

TEST(ApiServer, KeepsObjectsAndPortOverACrashAndNotesRequests) {
  auto server = ApiServer::Create();
  ASSERT_TRUE(Good(server));
  const int port = (*server)->port();
  ASSERT_TRUE(Good((*server)->Kubectl({"apply", "-f", "-"}, kConfigMap)));
  EXPECT_NE(ReadFile((*server)->audit_log_file()).find("/configmaps"), std::string::npos);

  (*server)->Crash();
  EXPECT_TRUE(WaitFor("nobody listens", 10s, [&] { return Seen(!PortAccepts(port)); }));
  ASSERT_TRUE(Good((*server)->Start()));

  EXPECT_EQ((*server)->port(), port);
  const Result<std::string> colour =
      (*server)->Kubectl({"get", "configmap", "kept", "-o", "jsonpath={.data.colour}"});
  ASSERT_TRUE(Good(colour));
  EXPECT_EQ(*colour, "green");
}

TEST(ApiServer, TwoRunBesideEachOther) {
  auto one = ApiServer::Create();
  auto two = ApiServer::Create();
  ASSERT_TRUE(Good(one));
  ASSERT_TRUE(Good(two));
  ASSERT_TRUE(Good((*one)->Kubectl({"create", "namespace", "only-in-one"})));
  EXPECT_FALSE((*two)->Kubectl({"get", "namespace", "only-in-one"}).ok());
}

}  // namespace
}  // namespace foreshard::support
