#include <gtest/gtest.h>

#include <fstream>

#include "operator/api/value.h"
#include "tests/api/operator_world.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The chart as Helm renders it: accepted by a real API server, and its rights are enough for the
// operator, and no more.

namespace foreshard::api_tests {
namespace {

using std::chrono::seconds;
using support::ChildProcess;
using support::Seen;
using support::WaitFor;

const support::Needs kHelm({"helm"});

struct Said {
  bool good = false;
  std::string output;
  std::string error_output;
};

Said Helm(std::vector<std::string> arguments) {
  std::vector<std::string> command = {support::FindProgram("helm")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto process = ChildProcess::Start({.command = std::move(command)});
  if (!process) return {};
  const auto status = (*process)->Wait(seconds(60));
  return {status.ok() && status->ok(), (*process)->Output(), (*process)->ErrorOutput()};
}

Said Template(std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"template", "foreshard",        "charts/foreshard",
                                        "-n",       "foreshard-system", "--kube-version",
                                        "1.34.0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Helm(arguments);
}

TEST(Chart, IsCleanAndRefusesWhatItDoesNotKnow) {
  EXPECT_TRUE(Helm({"lint", "--strict", "charts/foreshard"}).good);
  const Said wrong = Template({"--set", "replica=3"});
  EXPECT_FALSE(wrong.good);
  EXPECT_NE(wrong.error_output.find("replica"), std::string::npos) << wrong.error_output;
  EXPECT_FALSE(Template({"--set", "logLevel=loud"}).good);
  EXPECT_FALSE(Template({"--set", "prometheus.scrapeInterval=often"}).good);
}

TEST(Chart, HasNoWildcardAndInOneNamespaceOnlyRoles) {
  for (const Said& rendered :
       {Template(), Template({"--set", "watchNamespace=shop,prometheus.enabled=false"})}) {
    ASSERT_TRUE(rendered.good) << rendered.error_output;
    EXPECT_EQ(rendered.output.find("\"*\""), std::string::npos);
    EXPECT_EQ(rendered.output.find("['*']"), std::string::npos);
  }
  const std::string narrow =
      Template({"--set", "watchNamespace=shop,prometheus.enabled=false"}).output;
  EXPECT_EQ(narrow.find("kind: ClusterRoleBinding"), std::string::npos);
  EXPECT_NE(narrow.find("--namespace=shop"), std::string::npos);
}

TEST(Chart, IsAcceptedAndItsRightsAreEnough) {
  const Said rendered = Template({"--set", "prometheus.scrapeInterval=1s"});
  ASSERT_TRUE(rendered.good) << rendered.error_output;
  World().Kubectl({"apply", "--server-side", "-f", "-"}, rendered.output);
  const std::string token =
      World().Kubectl({"-n", "foreshard-system", "create", "token", "foreshard-operator"});
  support::TemporaryDirectory directory{"chart"};
  const std::string kubeconfig = directory.File("kubeconfig");
  std::ofstream(kubeconfig) << "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- "
                               "name: c\n  cluster: {server: '"
                            << World().server().url() << "', certificate-authority: '"
                            << World().server().ca_file()
                            << "'}\nusers:\n- name: u\n  user: {token: '" << token
                            << "'}\ncontexts:\n- name: c\n  context: {cluster: c, user: u}\n";
  const auto process = World().StartOperator(
      "chart", {"--kubeconfig=" + kubeconfig, "--lease-name=foreshard-operator"});
  World().Kubectl({"-n", "shop", "apply", "-f", "deploy/examples/quickstart.yaml"});
  EXPECT_TRUE(WaitFor("all is made", seconds(40), [] {
    const auto set = World().Set("quickstart");
    return Seen(World().Count(kube::kStatefulSets) == 2 && World().Count(kube::kDeployments) == 1 &&
                    set.At("status.observedGeneration").Int() > 0,
                op::ToJson(set["status"]));
  }));
  World().Kubectl({"-n", "shop", "delete", "shardset", "quickstart", "--timeout=60s"});
  EXPECT_EQ(process->ErrorOutput().find("forbidden"), std::string::npos) << process->ErrorOutput();
}

}  // namespace
}  // namespace foreshard::api_tests
