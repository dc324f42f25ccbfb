#include <regex>

#include "kube/base64.h"
#include "tests/api/shardset_fixture.h"
#include "tests/support/temporary_directory.h"

// The admission webhook as it is shipped (deploy/manifests), on a real API server that calls a real
// operator with the rights of its service account. What is played: the Service, since no pod
// network is here. The configuration names the operator's address instead.

namespace foreshard::api_tests {
namespace {

constexpr const char* kName = "foreshard-webhook";
constexpr const char* kSystem = "foreshard-system";

std::string SetWith(const std::string& name, const std::string& window) {
  return R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet","metadata":{"name":")" + name +
         R"(","namespace":"shop"},"spec":{
  "sharding":{"tables":[{"name":"public.orders","column":"customer_id"}]},
  "shardTemplate":{"storage":{"size":"1Gi"}},"scaling":{"mode":"Off","freezeWindows":[)" +
         window + R"(]},"deletionPolicy":"Delete"}})";
}

std::string Window(const std::string& schedule, const std::string& zone) {
  return R"({"name":"payroll","schedule":")" + schedule + R"(","duration":"4h","timeZone":")" +
         zone + "\"}";
}

const std::string kMars = Window("0 8 28 * *", "Mars/Olympus");
const std::string kBerlin = Window("0 8 28 * *", "Europe/Berlin");
constexpr const char* kMarsRefused =
    "spec.scaling.freezeWindows[0].timeZone: 'Mars/Olympus' is not accepted; give a name of the "
    "time zone database, as Europe/Berlin";

// What kubectl says; "" where it is done.
std::string Said(const std::string& object, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"apply", "-f", "-"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Result<std::string> said = World().server().Kubectl(std::move(arguments), object);
  return said ? std::string() : said.error().message;
}

// Nothing is stored: dry runs are reviewed too.
std::string Tried(const std::string& object) { return Said(object, {"--dry-run=server"}); }

bool Refused(const std::string& said) { return said.find("denied the request") != said.npos; }

std::string Decoded(const std::string& text) {
  const Result<std::string> bytes = kube::DecodeBase64(text);
  EXPECT_TRUE(support::Good(bytes));
  return bytes ? *bytes : std::string();
}

class WebhookTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    World().Kubectl({"apply", "--server-side", "-f", "deploy/manifests/foreshard.yaml"});
  }
  void SetUp() override {
    kubeconfig = World().KubeconfigOf("foreshard-operator", directory);
    one = Start("one");
  }
  void TearDown() override {
    World().Kubectl({"-n", "shop", "delete", "shardset,loadevent", "--all", "--timeout=60s"});
    if (one == nullptr || !one->Running()) return;
    EXPECT_TRUE(one->Stop(seconds(20)).ok());
  }

  std::unique_ptr<ChildProcess> Start(const std::string& identity) {
    return World().StartOperator(identity,
                                 {"--kubeconfig=" + kubeconfig, "--webhook-listen=127.0.0.1:0"});
  }
  static int PortOf(const ChildProcess& process) {
    int port = 0;
    EXPECT_TRUE(WaitFor("it tells its port", seconds(20), [&] {
      static const std::regex kPort(R"re("listening".*"webhook":([0-9]+))re");
      const std::string log = process.ErrorOutput();
      std::smatch found;
      if (std::regex_search(log, found, kPort)) port = std::stoi(found[1]);
      return Seen(port > 0, log);
    }));
    return port;
  }
  // What the Service and kube-proxy do.
  static void LeadTo(const ChildProcess& process) {
    World().Kubectl({"patch", "validatingwebhookconfiguration", kName, "--type=json", "-p",
                     fmt::format(R"([{{"op":"remove","path":"/webhooks/0/clientConfig/service"}},
                                     {{"op":"add","path":"/webhooks/0/clientConfig/url",
                                       "value":"https://localhost:{}/validate"}}])",
                                 PortOf(process))});
  }
  static void LeadElsewhere(const ChildProcess& process) {
    World().Kubectl({"patch", "validatingwebhookconfiguration", kName, "--type=json", "-p",
                     fmt::format(R"([{{"op":"replace","path":"/webhooks/0/clientConfig/url",
                                       "value":"https://localhost:{}/validate"}}])",
                                 PortOf(process))});
  }
  static void Install() {
    World().Kubectl({"delete", "validatingwebhookconfiguration", kName, "--ignore-not-found"});
    World().Kubectl({"apply", "--server-side", "-f", "deploy/manifests/foreshard.yaml"});
  }
  static testing::AssertionResult Refuses(const char* claim) {
    return WaitFor(claim, seconds(40), [] {
      const std::string said = Tried(SetWith("tried", kMars));
      return Seen(Refused(said), said);
    });
  }
  static std::string Secret(const char* key) {
    return Decoded(World().Kubectl({"-n", kSystem, "get", "secret", kName, "-o",
                                    std::string("go-template={{index .data \"") + key + "\"}}"}));
  }
  static std::string Bundle() {
    return Decoded(World().Kubectl({"get", "validatingwebhookconfiguration", kName, "-o",
                                    "jsonpath={.webhooks[0].clientConfig.caBundle}"}));
  }

  support::TemporaryDirectory directory{"webhook"};
  std::string kubeconfig;
  std::unique_ptr<ChildProcess> one;
};

// behaviour-06
TEST_F(WebhookTest, WhatCelCannotSayIsRefusedWordByWord) {
  Install();
  LeadTo(*one);
  ASSERT_TRUE(Refuses("the operator's words reach who types"));
  const std::string denied =
      "The request is invalid: error when creating \"STDIN\": admission webhook "
      "\"validate.foreshard.dev\" denied the request: ";
  EXPECT_NE(Said(SetWith("orders", kMars)).find(denied + kMarsRefused + "\n"), std::string::npos)
      << Said(SetWith("orders", kMars));
  EXPECT_NE(Said(SetWith("orders", Window("0 8 30 2 *", "UTC")))
                .find(denied +
                      "spec.scaling.freezeWindows[0].schedule: '0 8 30 2 *' is not accepted; give "
                      "five cron fields that happen (schedule: '0 8 30 2 *' never happens; a day "
                      "that exists is expected)\n"),
            std::string::npos);
  const std::string event = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"LoadEvent",
    "metadata":{"name":"sale","namespace":"shop"},"spec":{"shardSetName":"orders","class":"Sale",
    "start":"2026-11-27T06:00:00Z","duration":"18h","timeZone":")";
  EXPECT_NE(Said(event + "Europe/Atlantis\"}}")
                .find(denied +
                      "spec.timeZone: 'Europe/Atlantis' is not in the time zone database; a name "
                      "as Europe/Berlin is expected\n"),
            std::string::npos);
  EXPECT_TRUE(World().Set("orders").is_null());
  EXPECT_EQ(Said(event + "Europe/Berlin\"}}"), "");
  EXPECT_EQ(Said(SetWith("orders", kBerlin)), "");
  EXPECT_FALSE(World().Set("orders").is_null());
  const std::string changed = Said(SetWith("orders", kMars));
  EXPECT_NE(changed.find(kMarsRefused), std::string::npos)
      << "an edit is reviewed too: " << changed;
}

// behaviour-06
TEST_F(WebhookTest, AnOperatorThatIsAwayStopsNobodyAndSaysItLater) {
  Install();
  LeadTo(*one);
  ASSERT_TRUE(Refuses("it answers"));
  ASSERT_TRUE(one->Stop(seconds(20)).ok());
  EXPECT_EQ(Said(SetWith("orders", kMars)), "") << "nobody answers";
  one = Start("two");
  LeadElsewhere(*one);
  EXPECT_TRUE(WaitFor("the condition says the same", seconds(40), [] {
    const std::string message = World().Condition("orders", "Ready", "message");
    return Seen(World().Condition("orders", "Ready", "reason") == "InvalidSpec" &&
                    message.find(kMarsRefused) != std::string::npos,
                message);
  }));
  ASSERT_TRUE(Refuses("and it answers again"));
  // What is stored already can be annotated, and deleted with its finalizers.
  World().Kubectl({"-n", "shop", "annotate", "shardset", "orders", "team=payments"});
  World().Kubectl({"-n", "shop", "patch", "shardset", "orders", "--type=merge", "-p",
                   R"({"metadata":{"finalizers":["example.com/mine"]}})"});
  World().Kubectl({"-n", "shop", "delete", "shardset", "orders", "--wait=false"});
  World().Kubectl({"-n", "shop", "patch", "shardset", "orders", "--type=merge", "-p",
                   R"({"metadata":{"finalizers":null}})"});
  EXPECT_TRUE(
      WaitFor("it is gone", seconds(40), [] { return Seen(World().Set("orders").is_null()); }));
}

// behaviour-06
TEST_F(WebhookTest, TheAuthorityIsReplacedAndAdmissionGoesOn) {
  Install();
  LeadTo(*one);
  ASSERT_TRUE(Refuses("it answers"));
  const std::string old_bundle = Bundle();
  const std::string old_certificate = Secret("tls.crt");
  ASSERT_EQ(old_bundle, Secret("ca.crt"));
  World().Kubectl({"-n", kSystem, "patch", "secret", kName, "--type=merge", "-p",
                   R"({"data":{"ca.key":null}})"});
  int asked = 0;
  EXPECT_TRUE(WaitFor("another certificate is shown, of another authority", seconds(60), [&] {
    const std::string said = Tried(SetWith("tried", kMars));
    EXPECT_TRUE(Refused(said)) << "after " << asked << " reviews: " << said;
    ++asked;
    return Seen(Secret("tls.crt") != old_certificate, "the certificate is the old one");
  }));
  EXPECT_GT(asked, 5);
  EXPECT_NE(Bundle(), old_bundle);
  EXPECT_NE(Bundle().find(old_bundle), std::string::npos) << "the old one stays for an hour";
  for (int i = 0; i < 5; ++i) {
    const std::string said = Tried(SetWith("tried", kMars));
    EXPECT_TRUE(Refused(said)) << said;
  }
  // By force: whatever was known is forgotten.
  World().Kubectl({"-n", kSystem, "delete", "secret", kName});
  EXPECT_TRUE(WaitFor("nothing of the old ones is trusted", seconds(40),
                      [&] { return Seen(Bundle().find(old_bundle) == std::string::npos); }));
  EXPECT_TRUE(Refuses("it answers with a new one"));
  EXPECT_EQ(one->ErrorOutput().find("forbidden"), std::string::npos) << one->ErrorOutput();
}

// behaviour-06
TEST_F(WebhookTest, WhoDoesNotLeadAnswersToo) {
  Install();
  LeadTo(*one);
  ASSERT_TRUE(Refuses("the leader answers"));
  EXPECT_EQ(World().Holder(), "one");
  const auto two = Start("two");
  LeadElsewhere(*two);
  ASSERT_TRUE(one->Stop(seconds(20), SIGKILL).ok());
  EXPECT_NE(World().Holder(), "two") << "the lease has not run out";
  EXPECT_TRUE(Refuses("the other one answers"));
  one = Start("three");  // cleans up
}

}  // namespace
}  // namespace foreshard::api_tests
