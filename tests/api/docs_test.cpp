#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <sstream>

#include "tests/api/operator_world.h"
#include "tests/support/needs.h"

// The commands of docs/tour.md, in their order, in one shell. An API server alone answers most of
// them; what needs a whole cluster is listed here with its pattern, and a command that is neither
// fails the test. The test plays the operator once: where the reader waits for Ready.

namespace foreshard::api_tests {
namespace {

constexpr const char* kPage = "docs/tour.md";

// What a cluster with nodes is needed for.
const std::regex kNeedsACluster(
    R"(make [a-z-]+|export PATH=.*|helm (upgrade|test|uninstall) .*|)"
    R"(kubectl foreshard -n tour psql .*|kubectl delete namespace tour)");
const std::regex kWaits(R"(kubectl -n tour wait .*)");
const std::regex kRuns(
    R"(sed .* \| kubectl apply .*|(SHARD=\$\()?kubectl (-n tour |create namespace tour|)"
    R"(foreshard -n tour (status|top|split|plan|forecast|logs|report) ).*)");

// What the operator would have written by then.
constexpr const char* kOperator = R"(
kubectl -n tour patch shardset quickstart --subresource=status --type=merge -p '{"status":
 {"shards":2,"readyShards":2,
 "conditions":[{"type":"Ready","status":"True","reason":"Ready","message":"",
 "observedGeneration":1,"lastTransitionTime":"2026-05-01T08:00:00Z"}],
 "shardStatuses":[{"id":"s-aaaa","ready":true,"members":1,"ranges":["-80"],"sizeBytes":1},
                  {"id":"s-bbbb","ready":true,"members":1,"ranges":["80-"],"sizeBytes":1}]}}'
kubectl apply -f - <<'TABLE'
{"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable","metadata":{"name":"quickstart",
 "namespace":"tour"},
 "spec":{"shardSetName":"quickstart","epoch":1,"ranges":[{"from":"","to":"80","shard":"s-aaaa"},
 {"from":"80","to":"","shard":"s-bbbb"}],
 "pins":[],"moving":[],"shards":[{"id":"s-aaaa","primaryService":"a","replicaService":"b"},
 {"id":"s-bbbb","primaryService":"c","replicaService":"d"}]}}
TABLE
)";

std::vector<std::string> Commands(const std::string& page) {
  std::vector<std::string> commands;
  std::istringstream lines(support::ReadFile(page));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    ")) commands.push_back(line.substr(4));
  }
  return commands;
}

TEST(Docs, TheTourWorksAsFarAsAnApiServerGoes) {
  support::TemporaryDirectory folder{"tour"};
  std::filesystem::create_symlink(support::FindProgram("kubectl"), folder.File("kubectl"));
  std::filesystem::create_symlink(FORESHARD_PLUGIN_PROGRAM, folder.File("kubectl-foreshard"));
  std::string script = "set -euo pipefail\n";
  std::size_t runs = 0;
  for (const std::string& command : Commands(kPage)) {
    if (std::regex_match(command, kWaits)) {
      script += kOperator;
    } else if (std::regex_match(command, kRuns)) {
      script += "echo '+ '" + std::string("\"step ") + std::to_string(++runs) + "\" >&2\n" +
                command + "\n";
    } else {
      EXPECT_TRUE(std::regex_match(command, kNeedsACluster)) << "of what kind is: " << command;
    }
  }
  EXPECT_GE(runs, 18U);
  const auto ended = support::RunProgram(
      {.command = {"bash", "-c",
                   std::regex_replace(script, std::regex("build/report"), folder.File("report"))},
       .environment = {{"KUBECONFIG", World().server().kubeconfig_file()},
                       {"PATH", folder.path().string() + ":/usr/bin:/bin"}}},
      std::chrono::seconds(120));
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_TRUE(ended->status.ok()) << ended->error_output << "\n" << script;
  EXPECT_TRUE(std::filesystem::exists(folder.File("report") + "/shardsets.json"));
  EXPECT_NE(ended->output.find("shardmigration quickstart-split-aaaa-40 created"),
            std::string::npos)
      << ended->output;
}

TEST(Docs, TargetsOfMakeAndFilesInThePagesExist) {
  const std::string makefile = support::ReadFile("Makefile");
  static const std::regex kMake(R"(\bmake ([a-z-]+)\b)");
  static const std::regex kFile(R"((?:deploy|charts|docs|tests)/[A-Za-z0-9_./-]*[A-Za-z0-9])");
  for (const char* page :
       {kPage, "docs/concepts.md", "docs/limits.md", "docs/faq.md", "docs/comparison.md"}) {
    const std::string text = support::ReadFile(page);
    ASSERT_FALSE(text.empty()) << page;
    std::string commands;
    for (const std::string& command : Commands(page)) commands += command + "\n";
    for (std::sregex_iterator at(commands.begin(), commands.end(), kMake), end; at != end; ++at)
      EXPECT_NE(makefile.find("\n" + (*at)[1].str() + ":"), std::string::npos)
          << page << ": make " << (*at)[1];
    for (std::sregex_iterator at(text.begin(), text.end(), kFile), end; at != end; ++at)
      EXPECT_TRUE(std::filesystem::exists(at->str()) || std::filesystem::exists(at->str() + ".cpp"))
          << page << " names " << at->str();
  }
}

}  // namespace
}  // namespace foreshard::api_tests
