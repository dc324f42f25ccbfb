#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <sstream>

#include "tests/api/operator_world.h"
#include "tests/support/needs.h"

// The commands of docs/how-to, page by page, in one shell each. What needs an operator, a cluster
// or a database is listed here; a command that is neither fails the test.

namespace foreshard::api_tests {
namespace {

const std::regex kNeedsMore(
    R"(psql "\$OLD" .*|pg_dump .*|helm upgrade .*|kubectl -n shop wait .*|)"
    R"(kubectl foreshard (plan|forecast|restore|verify|backup) .*|)"
    R"(kubectl foreshard -n shop psql .*|kubectl -n shop get configmap orders-points .*)");
const std::regex kRuns(R"(kubectl (-n shop |apply |foreshard (status|report) ).*)");

class HowTo : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_symlink(support::FindProgram("kubectl"), folder_.File("kubectl"));
    std::filesystem::create_symlink(FORESHARD_PLUGIN_PROGRAM, folder_.File("kubectl-foreshard"));
    const std::string set = support::ReadFile("deploy/examples/quickstart.yaml");
    World().Kubectl({"-n", "shop", "apply", "-f", "-"},
                    std::regex_replace(set, std::regex("quickstart"), "orders"));
  }
  void TearDown() override {
    World().Kubectl({"-n", "shop", "delete", "shardset/orders", "loadevent/black-friday",
                     "secret/orders-backup-passphrase", "pvc/backups", "--ignore-not-found",
                     "--wait=false"});
  }
  // How many commands ran.
  int Run(const std::filesystem::path& page) {
    std::string script = "set -euo pipefail\n";
    int runs = 0;
    std::istringstream lines(support::ReadFile(page));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("    ")) continue;
      const std::string command = line.substr(4);
      if (std::regex_match(command, kNeedsMore)) continue;
      EXPECT_TRUE(std::regex_match(command, kRuns)) << "of what kind is: " << command;
      script += command + "\n";
      ++runs;
    }
    const auto ended =
        support::RunProgram({.command = {"bash", "-c",
                                         std::regex_replace(script, std::regex("build/report"),
                                                            folder_.File("report"))},
                             .environment = {{"KUBECONFIG", World().server().kubeconfig_file()},
                                             {"PATH", folder_.path().string() + ":/usr/bin:/bin"}}},
                            std::chrono::seconds(120));
    EXPECT_TRUE(ended) << ended.error().message;
    if (!ended) return runs;
    EXPECT_TRUE(ended->status.ok()) << page << "\n" << ended->error_output << script;
    return runs;
  }

  support::TemporaryDirectory folder_{"how-to"};
};

TEST_F(HowTo, CommandsOfEachPageWorkAsFarAsAnApiServerGoes) {
  std::map<std::string, int> runs;
  for (const auto& page : std::filesystem::directory_iterator("docs/how-to")) {
    runs[page.path().stem()] = Run(page.path());
  }
  EXPECT_EQ(runs, (std::map<std::string, int>{{"README", 0},
                                              {"back-up", 4},
                                              {"choose-a-sharding-key", 1},
                                              {"load-a-database", 0},
                                              {"recover", 1},
                                              {"tune-the-policy", 6},
                                              {"upgrade", 6}}));
  const op::Value set = World().Get(kube::kShardSets, "orders");
  EXPECT_EQ(set.At("spec.scaling.mode").Text(), "Auto");
  EXPECT_EQ(set.At("spec.backup.repository.volume.claimName").Text(), "backups");
}

}  // namespace
}  // namespace foreshard::api_tests
