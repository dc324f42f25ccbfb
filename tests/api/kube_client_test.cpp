#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "kube/kinds.h"
#include "kube/kubeconfig.h"
#include "kube/leader_lease.h"
#include "kube/rest_api.h"
#include "kube/watch_cache.h"
#include "tests/support/api_server.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The client against a server that is killed, and as the pod of a service account: what the
// contract, one call at a time, cannot ask.

namespace foreshard::api_tests {
namespace {

using kube::ObjectRef;
using std::chrono_literals::operator""s;
using support::ApiServer;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"kube-apiserver", "etcd", "kubectl"});

class Client : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<ApiServer>> server = ApiServer::Create();
    ASSERT_TRUE(Good(server));
    server_ = *std::move(server);
    const Result<kube::ApiAccess> access = kube::ReadKubeconfig(server_->kubeconfig_file());
    ASSERT_TRUE(Good(access));
    api_ = Connect(*access);
    ASSERT_NE(api_, nullptr);
  }

  std::unique_ptr<kube::KubeApi> Connect(const kube::ApiAccess& access) {
    Result<std::unique_ptr<kube::KubeApi>> api =
        kube::MakeRestApi({.access = access, .clock = clock_});
    EXPECT_TRUE(Good(api));
    return api ? *std::move(api) : nullptr;
  }
  Deadline Soon() { return Deadline::After(clock_, 20s); }
  Result<kube::Object> Create(const std::string& name) {
    return api_->Create(
        kube::kConfigMaps, {"default", name},
        fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"}}}})", name),
        Soon());
  }
  std::chrono::milliseconds Since(MonotonicTime begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Monotonic() - begin);
  }

  SystemClock clock_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<kube::KubeApi> api_;
};

TEST_F(Client, ACacheSurvivesTheLossOfTheServer) {
  kube::WatchCache cache(*api_, clock_,
                         {.kind = kube::kConfigMaps, .name_space = "default", .pause_max = 1s},
                         [](const ObjectRef&) {});
  std::jthread running([&](const std::stop_token& stop) { cache.Run(stop); });
  const auto holds = [&](const std::string& name) {
    return WaitFor("the cache holds " + name, 60s, [&] {
      return Seen(cache.Get({"default", name}).has_value(),
                  fmt::format("{} objects", cache.size()));
    });
  };
  ASSERT_TRUE(Good(Create("before")));
  ASSERT_TRUE(holds("before"));
  ASSERT_TRUE(Good(Create("seen")));
  const MonotonicTime made = clock_.Monotonic();
  ASSERT_TRUE(holds("seen"));
  EXPECT_LE(Since(made), 2s);

  server_->Crash();
  EXPECT_TRUE(cache.Get({"default", "before"})) << "the old copy must go on serving";
  ASSERT_TRUE(Good(server_->Start()));
  ASSERT_TRUE(WaitFor("a write succeeds again", 60s, [&] { return Seen(Create("after").ok()); }));
  EXPECT_TRUE(holds("after"));
  EXPECT_TRUE(holds("before"));
  const MonotonicTime asked = clock_.Monotonic();
  running.request_stop();
  running.join();
  EXPECT_LE(Since(asked), 5s) << "a silent watch must end with the stop";
}

TEST_F(Client, TheLeaseChangesHandsWithinTheirLimits) {
  const ObjectRef lease{"default", "foreshard-operator"};
  kube::LeaderLease a(*api_, clock_, {.lease = lease, .identity = "a"});
  kube::LeaderLease b(*api_, clock_, {.lease = lease, .identity = "b"});
  kube::LeaderLease c(*api_, clock_, {.lease = lease, .identity = "c"});
  a.Step();
  ASSERT_TRUE(a.Leads());
  std::jthread running_b([&](const std::stop_token& stop) { b.Run(stop); });
  // `a` never renews, as if it were killed.
  const MonotonicTime killed = clock_.Monotonic();
  ASSERT_TRUE(WaitFor("b leads", 15s, [&] { return Seen(b.Leads()); }));
  RecordProperty("takeover_ms", static_cast<int>(Since(killed).count()));
  EXPECT_FALSE(a.Leads());
  EXPECT_EQ(b.transitions(), 2);

  std::jthread running_c([&](const std::stop_token& stop) { c.Run(stop); });
  running_b.request_stop();
  running_b.join();
  const MonotonicTime released = clock_.Monotonic();
  EXPECT_TRUE(WaitFor("c leads after a clean stop", 2s, [&] { return Seen(c.Leads()); }));
  RecordProperty("handover_ms", static_cast<int>(Since(released).count()));
  EXPECT_EQ(c.transitions(), 3);
}

TEST_F(Client, APodMayDoWhatItsServiceAccountMay) {
  ASSERT_TRUE(Good(server_->Kubectl({"create", "serviceaccount", "reader", "-n", "default"})));
  ASSERT_TRUE(Good(server_->Kubectl({"create", "role", "reader", "--verb=get,list,watch",
                                     "--resource=configmaps", "-n", "default"})));
  ASSERT_TRUE(Good(server_->Kubectl({"create", "rolebinding", "reader", "--role=reader",
                                     "--serviceaccount=default:reader", "-n", "default"})));
  const Result<std::string> token =
      server_->Kubectl({"create", "token", "reader", "-n", "default"});
  ASSERT_TRUE(Good(token));
  const support::TemporaryDirectory pod("pod");
  pod.Write("ca.crt", support::ReadFile(server_->ca_file()));
  pod.Write("namespace", "default");
  pod.Write("token", "a token that nobody gave out");
  const Result<kube::ApiAccess> access =
      kube::InClusterAccess({.host = "127.0.0.1",
                             .port = std::to_string(server_->port()),
                             .directory = pod.path().string()});
  ASSERT_TRUE(Good(access));
  const std::unique_ptr<kube::KubeApi> reader = Connect(*access);

  const auto refused = reader->Get(kube::kConfigMaps, {"default", "a"}, Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "401");
  EXPECT_EQ(refused.error().kind, Error::Kind::kRetry);

  pod.Write("token", *token);  // as kubelet rotates it
  EXPECT_TRUE(Good(reader->Get(kube::kConfigMaps, {"default", "a"}, Soon())));
  const auto forbidden = reader->List(kube::kSecrets, {.name_space = "default"}, Soon());
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().code, "403");
  EXPECT_EQ(forbidden.error().kind, Error::Kind::kGiveUp);
}

TEST_F(Client, AServerOfAnotherAuthorityIsNotTrusted) {
  Result<kube::ApiAccess> access = kube::ReadKubeconfig(server_->kubeconfig_file());
  ASSERT_TRUE(Good(access));
  access->ca_pem = "";  // the system's authorities, which did not sign it
  const std::unique_ptr<kube::KubeApi> wary = Connect(*access);
  const auto found = wary->Get(kube::kConfigMaps, {"default", "a"}, Soon());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, Error::Kind::kRetry);
  EXPECT_EQ(found.error().code, "");
}

TEST_F(Client, AFrozenServerEndsACallAtItsDeadline) {
  ASSERT_TRUE(Good(Create("warm")));
  server_->Freeze();
  const MonotonicTime begin = clock_.Monotonic();
  const Result<kube::Object> written =
      api_->Patch(kube::kConfigMaps, {"default", "warm"}, R"({"data":{"a":"1"}})", {},
                  Deadline::After(clock_, 1s));
  server_->Thaw();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, Error::Kind::kReobserve) << "it may have happened";
  EXPECT_LE(Since(begin), 5s);
  EXPECT_TRUE(WaitFor("it answers again", 30s, [&] {
    return Seen(api_->Get(kube::kConfigMaps, {"default", "warm"}, Soon()).ok());
  }));
}

}  // namespace
}  // namespace foreshard::api_tests
