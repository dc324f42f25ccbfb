#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/api/operator_world.h"
#include "tests/support/needs.h"

// `kubectl foreshard restore` as people run it, against a real API server. No operator runs here.

namespace foreshard::api_tests {
namespace {

using support::Finished;
using testing::HasSubstr;

constexpr const char* kPoints =
    R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"quickstart-points",)"
    R"("namespace":"again"},"data":{"last":"7","point-7":"{\"version\":1,\"number\":7,)"
    R"(\"madeAt\":\"2026-05-01T09:10:00.000000Z\",\"shards\":[{\"shard\":\"s-aaaa\",)"
    R"(\"systemIdentifier\":\"1\",\"timeline\":1,\"lsn\":\"0/1\",\"walFile\":\"w\"}],)"
    R"(\"state\":{\"setUid\":\"0f3c\",\"epoch\":1,\"routingTable\":\"{}\",)"
    R"(\"migrations\":\"[]\",\"numberMax\":0,\"recordMax\":0,\"leaseTransitions\":1}}"}})";

TEST(PluginRestore, ShowsThePointsAndMakesANewSet) {
  World().Kubectl({"create", "namespace", "again"});
  World().Kubectl({"-n", "again", "apply", "-f", "deploy/examples/quickstart.yaml"});
  const auto restore = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {FORESHARD_PLUGIN_PROGRAM, "restore", "copy", "-n", "again", "--from", "quickstart"});
    const auto ended = support::RunProgram(
        {.command = std::move(words),
         .environment = {{"KUBECONFIG", World().server().kubeconfig_file()}}},
        std::chrono::seconds(60));
    EXPECT_TRUE(ended) << ended.error().message;
    return ended ? *ended : Finished{};
  };
  const Finished none = restore({"--list"});
  EXPECT_EQ(none.status.code, 1);
  EXPECT_THAT(none.error_output, HasSubstr("there is no ConfigMap quickstart-points"));
  EXPECT_THAT(none.error_output, HasSubstr("try: kubectl foreshard backup quickstart"));
  World().Kubectl({"apply", "-f", "-"}, kPoints);
  EXPECT_THAT(restore({"--list"}).output, HasSubstr("foreshard/0f3c/7"));
  EXPECT_THAT(restore({"--list", "-o", "json"}).output, HasSubstr("\"number\": 7"));
  EXPECT_EQ(restore({}).status.code, 2) << "nobody can answer";
  EXPECT_EQ(restore({"--yes", "--at", "yesterday"}).status.code, 2);
  EXPECT_EQ(restore({"--yes", "--at", "2026-05-01T09:10:00Z", "--point", "7"}).status.code, 2);
  const Finished early = restore({"--yes", "--at", "2026-05-01T09:00:00Z"});
  EXPECT_EQ(early.status.code, 1);
  EXPECT_THAT(early.error_output, HasSubstr("there is no such point; there are 1"));
  EXPECT_THAT(early.error_output, HasSubstr("--list"));
  const Finished without = restore({"--yes"});
  EXPECT_EQ(without.status.code, 1);
  EXPECT_THAT(without.error_output, HasSubstr("quickstart has no spec.backup"));
  World().Kubectl({"-n", "again", "patch", "shardset", "quickstart", "--type=merge", "-p",
                   R"({"spec":{"backup":{"repository":{"volume":{"claimName":"backups"}}}}})"});
  const Finished made = restore({"--yes"});
  EXPECT_EQ(made.status.code, 0) << made.error_output;
  EXPECT_THAT(made.output, HasSubstr("a new ShardSet copy begins as quickstart was"));
  EXPECT_THAT(made.output, HasSubstr("restoreFrom:"));
  EXPECT_THAT(World().Kubectl({"-n", "again", "get", "shardset", "copy", "-o",
                               "jsonpath={.spec.restoreFrom.point}"}),
              HasSubstr("foreshard/0f3c/7"));
  const Finished again = restore({"--yes", "-o", "json"});
  EXPECT_EQ(again.status.code, 1);
  EXPECT_THAT(again.error_output, HasSubstr("there is a shardset copy already"));
  World().Kubectl({"-n", "again", "delete", "shardset", "copy"});
}

}  // namespace
}  // namespace foreshard::api_tests
