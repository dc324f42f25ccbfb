#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/api/operator_world.h"
#include "tests/support/needs.h"

// `kubectl foreshard history import` as people run it, against a real API server. kubectl is a
// stand-in: it keeps what it was given to load.

namespace foreshard::api_tests {
namespace {

using support::Finished;
using testing::HasSubstr;

constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
 "metadata":{"name":"quickstart"},
 "spec":{"shardSetName":"quickstart","epoch":1,"ranges":[{"from":"","to":"40","shard":"s-aaaa"},
 {"from":"40","to":"","shard":"s-bbbb"}],
 "pins":[],"moving":[],"shards":[{"id":"s-aaaa","primaryService":"a","replicaService":"b"},
 {"id":"s-bbbb","primaryService":"c","replicaService":"d"}]}})";

class PluginHistory : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    World().Kubectl({"create", "namespace", "earlier"});
    World().Kubectl({"-n", "earlier", "apply", "-f", "deploy/examples/quickstart.yaml"});
  }

  void SetUp() override {
    const std::string kubectl = folder_.Write(
        "kubectl",
        "#!/bin/sh\ncase \"$*\" in *' get pods '*) echo pod/prometheus-0 ;;\n*' exec '*) cat > " +
            loaded_ + "; echo \"$*\" >> " + loaded_ + " ;; esac\n");
    std::filesystem::permissions(kubectl, std::filesystem::perms::owner_all);
    World().Kubectl({"-n", "earlier", "patch", "shardset", "quickstart", "--type=merge", "-p",
                     R"({"spec":{"metrics":{"prometheusURL":""}}})"});
    World().Kubectl({"-n", "earlier", "apply", "-f", "-"}, kTable);
  }

  // `days` before the set was made, an hour each value.
  std::string Csv(int first_day, int last_day) {
    const auto made =
        ParseRfc3339(World().Kubectl({"-n", "earlier", "get", "shardset", "quickstart", "-o",
                                      "jsonpath={.metadata.creationTimestamp}"}));
    EXPECT_TRUE(made);
    std::string text = "timestamp,value\n";
    for (int hour = -24 * first_day; hour < -24 * last_day; ++hour) {
      text += FormatRfc3339(*made + std::chrono::hours(hour)) + ",36\n";
    }
    return folder_.Write("demand-" + std::to_string(first_day) + ".csv", text);
  }

  Finished Import(std::vector<std::string> words) {
    words.insert(words.begin(),
                 {FORESHARD_PLUGIN_PROGRAM, "-n", "earlier", "history", "import", "quickstart"});
    const auto ended =
        support::RunProgram({.command = std::move(words),
                             .environment = {{"KUBECONFIG", World().server().kubeconfig_file()},
                                             {"PATH", folder_.path().string() + ":/usr/bin:/bin"}}},
                            std::chrono::seconds(60));
    EXPECT_TRUE(ended) << ended.error().message;
    return ended ? *ended : Finished{};
  }

  support::TemporaryDirectory folder_{"history"};
  std::string loaded_ = (folder_.path() / "loaded").string();
};

TEST_F(PluginHistory, LoadsWhatLiesBeforeTheSet) {
  const std::string csv = Csv(2, -1);  // a day of it after the set was made
  const Finished done = Import({csv, "--write-share", "0.5"});
  EXPECT_EQ(done.status.code, 0) << done.error_output;
  EXPECT_THAT(done.output, HasSubstr("48 values, 36.0 statements/s in the mean"));
  EXPECT_THAT(done.output, HasSubstr("s-aaaa  25.0 %"));
  const std::string loaded = support::ReadFile(loaded_);
  EXPECT_THAT(loaded, HasSubstr(R"({shard="s-aaaa",kind="write",history="true",)"
                                R"(namespace="earlier",result="ok",shardset="quickstart"} )"));
  EXPECT_THAT(loaded, HasSubstr("# EOF\n"));
  EXPECT_THAT(loaded, HasSubstr("-n foreshard-system exec -i pod/prometheus-0 -- sh -c"));
}

TEST_F(PluginHistory, WritesAFileForAnotherPrometheus) {
  const std::string file = (folder_.path() / "out.om").string();
  const Finished done = Import({Csv(1, 0), "-o", file});
  EXPECT_EQ(done.status.code, 0) << done.error_output;
  EXPECT_THAT(done.output, HasSubstr("promtool tsdb create-blocks-from openmetrics " + file));
  EXPECT_THAT(support::ReadFile(file), HasSubstr("# EOF\n"));
  EXPECT_THAT(Import({Csv(1, 0), "-o", "-"}).output,
              testing::StartsWith("# TYPE foreshard_router"));
}

TEST_F(PluginHistory, ASetThatIsNotUpIsToBeWaitedFor) {
  World().Kubectl({"-n", "earlier", "delete", "routingtable", "quickstart"});
  const Finished ended = Import({Csv(1, 0)});
  EXPECT_EQ(ended.status.code, 1);
  EXPECT_THAT(ended.error_output, HasSubstr("no routing table yet"));
  EXPECT_THAT(ended.error_output, HasSubstr("wait --for=condition=Ready shardset/quickstart"));
}

TEST_F(PluginHistory, WhatIsWrongIsNamed) {
  for (const auto& [words, why] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{folder_.Write("a.csv", "timestamp,value\n2026-01-01,x\n")}, "line 2: 'x'"},
           {{(folder_.path() / "none").string()}, "none: No such file"},
           {{Csv(90, 80)}, "28 d (spec.metrics.history) before"},
           {{Csv(1, 0), "--share", "s-x=1"}, "--share s-x=1: no such shard"},
           {{Csv(1, 0), "--until", "soon"}, "--until: 'soon' is not a time"}}) {
    const Finished ended = Import(words);
    EXPECT_EQ(ended.status.code, 2) << words[0];
    EXPECT_THAT(ended.error_output, HasSubstr(why));
  }
  World().Kubectl({"-n", "earlier", "patch", "shardset", "quickstart", "--type=merge", "-p",
                   R"({"spec":{"metrics":{"prometheusURL":"http://p.example:9090"}}})"});
  const Finished away = Import({Csv(1, 0)});
  EXPECT_EQ(away.status.code, 2);
  EXPECT_THAT(away.error_output, HasSubstr("reads http://p.example:9090"));
  EXPECT_THAT(away.error_output, HasSubstr("try: -o FILE"));
}

}  // namespace
}  // namespace foreshard::api_tests
