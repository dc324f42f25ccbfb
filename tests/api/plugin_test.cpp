#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "tests/api/operator_world.h"
#include "tests/support/await.h"
#include "tests/support/needs.h"

// The plugin as people run it, against a real API server. kubectl and psql are stand-ins where a
// cluster would be needed: they write down what they were asked.

namespace foreshard::api_tests {
namespace {

using support::Finished;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kStatus = R"({"status":{"shards":2,"readyShards":2,"members":2,"epoch":1,
 "endpoint":"quickstart-router.shop.svc:5432","secretName":"quickstart-app",
 "conditions":[{"type":"Ready","status":"True","reason":"Ready","message":"",
 "observedGeneration":1,
  "lastTransitionTime":"2026-05-01T08:00:00Z"}],
 "shardStatuses":[{"id":"s-aaaa","ready":true,"primary":"quickstart-s-aaaa-0","members":1,
 "ranges":["-80"],
  "sizeBytes":9000,"cpuPercent":41,"forecastPeakPercent":88,
 "forecastPeakTime":"2026-05-01T09:10:00Z"},
  {"id":"s-bbbb","ready":true,"primary":"quickstart-s-bbbb-0","members":1,"ranges":["80-"],
 "sizeBytes":8000}],
 "plan":{"time":"2026-05-01T08:00:00Z","decision":"Recommended",
 "summary":"Split s-aaaa at 40 before 09:10.",
  "steps":[{"type":"Split","shard":"s-aaaa","at":"40","startTime":"2026-05-01T09:00:00Z",
 "reason":"PredictedBreach"}]}}})";

constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
 "metadata":{"name":"quickstart","namespace":"shop"},
 "spec":{"shardSetName":"quickstart","epoch":1,"ranges":[{"from":"","to":"80","shard":"s-aaaa"},
 {"from":"80","to":"","shard":"s-bbbb"}],
 "pins":[],"moving":[],"shards":[{"id":"s-aaaa","primaryService":"a","replicaService":"b"},
 {"id":"s-bbbb","primaryService":"c","replicaService":"d"}]}})";

constexpr const char* kSecret =
    R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"quickstart-app","namespace":"shop",
 "labels":{"foreshard.dev/shardset":"quickstart"}},
 "stringData":{"username":"app","password":"hunter2","database":"app",
 "uri":"postgresql://app:hunter2@h/app"}})";

// Says what it was asked; port-forward stays, as the real one does.
constexpr const char* kKubectl = R"(#!/bin/sh
echo "kubectl $*"
case "$*" in *port-forward*) echo 'Forwarding from 127.0.0.1:40123 -> 5432'; exec sleep 60 ;; esac
)";
constexpr const char* kPsql = R"(#!/bin/sh
echo "psql $* host=$PGHOST port=$PGPORT user=$PGUSER database=$PGDATABASE" \
  "password=$PGPASSWORD tls=$PGSSLMODE"
exit 3
)";

class Plugin : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    World().Kubectl({"-n", "shop", "apply", "-f", "deploy/examples/quickstart.yaml"});
    World().Kubectl({"-n", "shop", "patch", "shardset", "quickstart", "--subresource=status",
                     "--type=merge", "-p", kStatus});
    World().Kubectl({"apply", "-f", "-"}, kTable);
    World().Kubectl({"apply", "-f", "-"}, kSecret);
  }

  Plugin() {
    for (const auto& [name, text] : {std::pair{"kubectl", kKubectl}, {"psql", kPsql}}) {
      const std::string file = stubs_.Write(name, text);
      std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    }
  }

  Finished Run(std::vector<std::string> words, const std::string& kubeconfig = "") {
    words.insert(words.begin(), FORESHARD_PLUGIN_PROGRAM);
    const auto ended = support::RunProgram(
        {.command = std::move(words),
         .environment = {{"KUBECONFIG",
                          kubeconfig.empty() ? World().server().kubeconfig_file() : kubeconfig},
                         {"PATH", stubs_.path().string() + ":/usr/bin:/bin"}}},
        std::chrono::seconds(60));
    EXPECT_TRUE(ended) << ended.error().message;
    return ended ? *ended : Finished{};
  }
  // Exit status 0.
  std::string Said(const std::vector<std::string>& words) {
    const Finished ended = Run(words);
    EXPECT_EQ(ended.status.code, 0) << ended.error_output;
    return ended.output;
  }

  support::TemporaryDirectory stubs_{"stubs"};
};

TEST_F(Plugin, ShowsASetInEveryForm) {
  EXPECT_THAT(Said({"status", "quickstart", "-n", "shop"}), HasSubstr("2 of 2 shards ready"));
  EXPECT_THAT(Said({"-n", "shop", "status", "quickstart", "-o", "wide"}),
              HasSubstr("quickstart-s-aaaa-0"));
  EXPECT_THAT(Said({"status", "quickstart", "-n", "shop", "-o", "json"}),
              HasSubstr("\"readyShards\": 2"));
  EXPECT_THAT(Said({"status", "quickstart", "-n", "shop", "-o", "yaml"}),
              HasSubstr("readyShards: 2\n"));
  EXPECT_THAT(Said({"plan", "quickstart", "-n", "shop"}), HasSubstr("Split s-aaaa at 40"));
  EXPECT_THAT(Said({"plan", "quickstart", "-n", "shop", "-o", "yaml"}),
              HasSubstr("decision: Recommended"));
  const std::string top = Said({"top", "quickstart", "-n", "shop"});
  EXPECT_THAT(top, HasSubstr("█"));
  EXPECT_THAT(top, Not(HasSubstr("\x1b"))) << "no terminal: no colours, and one picture";
  EXPECT_EQ(Run({"status", "quickstart", "-n", "shop", "-o", "xml"}).status.code, 2);
}

TEST_F(Plugin, ForecastsFromTheStatusAndSaysWhereTheRestIs) {
  const std::string text = Said({"forecast", "quickstart", "-n", "shop"});
  EXPECT_THAT(text, HasSubstr("88 %"));
  EXPECT_THAT(text, HasSubstr("port-forward svc/foreshard-prometheus"));
  const Finished plot = Run({"forecast", "quickstart", "-n", "shop", "--plot"});
  EXPECT_EQ(plot.status.code, 1);
  EXPECT_THAT(plot.error_output, HasSubstr("--prometheus"));
}

TEST_F(Plugin, ASplitIsCreatedOnceAndItsSwitchesAreItsOwn) {
  const std::vector<std::string> split = {"split",   "quickstart", "-n",   "shop",
                                          "--shard", "s-aaaa",     "--at", "40"};
  EXPECT_THAT(Said(split), HasSubstr("shardmigration quickstart-split-aaaa-40 created"));
  const Finished again = Run(split);
  EXPECT_EQ(again.status.code, 1);
  EXPECT_THAT(again.error_output, HasSubstr("try: kubectl get shardmigrations -n shop"));
  const auto field = [](const char* name) {
    return World().Get(kube::kShardMigrations, "quickstart-split-aaaa-40").At("spec")[name].Bool();
  };
  Said({"pause", "quickstart-split-aaaa-40", "-n", "shop"});
  EXPECT_TRUE(field("paused"));
  Said({"resume", "quickstart-split-aaaa-40", "-n", "shop"});
  EXPECT_FALSE(field("paused"));
  Said({"approve", "quickstart-split-aaaa-40", "-n", "shop"});
  EXPECT_TRUE(field("approved"));
  EXPECT_FALSE(field("abort"));
  Said({"abort", "quickstart-split-aaaa-40", "-n", "shop"});
  EXPECT_TRUE(field("abort"));
}

TEST_F(Plugin, EveryKindOfMigrationIsOneThatTheServerAccepts) {
  const std::string move = Said({"move", "quickstart", "-n", "shop", "--shard", "s-bbbb", "--from",
                                 "80", "--dry-run", "-o", "json"});
  EXPECT_THAT(move, HasSubstr("\"name\": \"quickstart-move-bbbb-80\""));
  EXPECT_TRUE(
      World().Get(kube::kShardMigrations, "quickstart-move-bbbb-80").At("spec.dryRun").Bool());
  Said({"merge", "quickstart", "-n", "shop", "--shard", "s-bbbb", "--to-shard", "s-aaaa",
        "--rehearse"});
  EXPECT_TRUE(
      World().Get(kube::kShardMigrations, "quickstart-merge-bbbb").At("spec.rehearse").Bool());
  Said({"isolate", "quickstart", "-n", "shop", "--shard", "s-bbbb", "--key", "7", "--key", "9"});
  EXPECT_EQ(
      World().Get(kube::kShardMigrations, "quickstart-isolate-bbbb").At("spec.keys").Items().size(),
      2U);
}

TEST_F(Plugin, WhatIsNotThereIsSaidWithWhatIs) {
  const Finished set = Run({"status", "quickstarts", "-n", "shop"});
  EXPECT_EQ(set.status.code, 1);
  EXPECT_THAT(set.error_output, HasSubstr("one of: quickstart"));
  EXPECT_THAT(Run({"status", "quickstart", "-n", "default"}).error_output,
              HasSubstr("quickstart -n shop"));
  const Finished migration = Run({"abort", "none", "-n", "shop"});
  EXPECT_EQ(migration.status.code, 1);
  EXPECT_THAT(migration.error_output, HasSubstr("no shardmigration none"));
  const Finished bound =
      Run({"split", "quickstart", "-n", "shop", "--shard", "s-aaaa", "--at", "c0"});
  EXPECT_EQ(bound.status.code, 1);
  EXPECT_THAT(bound.error_output, HasSubstr("try: kubectl get routingtable quickstart"));
  EXPECT_THAT(Run({"status", "x"}, "/no/such/file").error_output, HasSubstr("try: --kubeconfig"));
}

// What the operator would write into status.audit; the test plays it.
std::string Audit(const std::string& fields) {
  return R"({"status":{"audit":{"startTime":"2026-05-01T08:00:00Z","time":"2026-05-01T09:00:00Z",
    "epoch":1,"strayRows":2,"fingerprint":"00ff",
    "strays":[{"shard":"s-bbbb","table":"public.orders",
    "rows":2,"keys":["4711"]}],"diverged":[{"table":"public.countries","copies":[{"shard":"s-aaaa",
    "rows":3,"digest":"1"},{"shard":"s-bbbb","rows":2,"digest":"2"}]}])" +
         fields + "}}}";
}

std::string Annotation(const char* name) {
  return World().Get(kube::kShardSets, "quickstart")["metadata"]["annotations"][name].Text();
}

void PlayOperator(const std::string& patch) {
  World().Kubectl({"-n", "shop", "patch", "shardset", "quickstart", "--subresource=status",
                   "--type=merge", "-p", patch});
}

// Waits for the annotation, answers, and ends; the plugin waits for the answer.
std::jthread Answer(const char* annotation, const std::function<std::string(std::string)>& status) {
  const std::string before = Annotation(annotation);
  return std::jthread([=] {
    const Status seen = support::Await("the plugin asks", std::chrono::seconds(30), [&] {
      return support::Seen(Annotation(annotation) != before);
    });
    EXPECT_TRUE(seen.ok());
    PlayOperator(status(Annotation(annotation)));
  });
}

TEST_F(Plugin, VerifyShowsWhatWasFoundBeforeARepairIsAskedFor) {
  EXPECT_THAT(Run({"verify", "quickstart", "-n", "shop", "--last"}).output,
              HasSubstr("not looked through yet"));
  const auto found = [](const std::string& request) {
    return Audit(R"(,"request":")" + request + "\"");
  };
  Finished ended;
  {
    const std::jthread answers = Answer("foreshard.dev/verify", found);
    ended = Run({"verify", "quickstart", "-n", "shop"});
  }
  EXPECT_EQ(ended.status.code, 1) << "something was found";
  EXPECT_THAT(ended.output, HasSubstr("s-bbbb: 2 rows of public.orders belong elsewhere"));
  EXPECT_THAT(ended.output, HasSubstr("verify quickstart -n shop --repair"));
  EXPECT_EQ(Annotation("foreshard.dev/repair"), "");
  const Finished data = Run({"verify", "quickstart", "-n", "shop", "--last", "--json"});
  EXPECT_THAT(data.output, HasSubstr("\"strayRows\": 2")) << "the schema keeps every field";
  EXPECT_THAT(data.output, HasSubstr("\"digest\": \"2\""));
  EXPECT_EQ(Run({"verify", "quickstart", "-n", "shop", "--repair"}).status.code, 2)
      << "nobody can answer, and nobody said --yes";
  {
    const std::jthread answers = Answer("foreshard.dev/verify", found);
    ended = Run({"verify", "quickstart", "-n", "shop", "--repair", "--yes"});
  }
  EXPECT_EQ(ended.status.code, 1);
  EXPECT_THAT(ended.error_output, HasSubstr("--right-copy"));
  EXPECT_EQ(Annotation("foreshard.dev/repair"), "") << "nothing was asked of the operator";
}

TEST_F(Plugin, ARepairNamesWhatWasShown) {
  const std::jthread looks = Answer("foreshard.dev/verify", [](const std::string& request) {
    return Audit(R"(,"request":")" + request + "\"");
  });
  const std::jthread repairs = Answer("foreshard.dev/repair", [](const std::string& request) {
    return R"({"status":{"audit":{"strays":[],"diverged":[],"strayRows":0,"repair":{"request":")" +
           request + R"(","time":"2026-05-01T10:00:00Z","rows":3,"problem":""}}}})";
  });
  const Finished ended = Run({"verify", "quickstart", "-n", "shop", "--repair", "--yes",
                              "--right-copy", "s-aaaa", "--json"});
  EXPECT_EQ(ended.status.code, 0) << ended.error_output;
  EXPECT_THAT(ended.error_output, HasSubstr("s-bbbb: 2 rows of public.orders go to"));
  EXPECT_THAT(ended.output, HasSubstr("\"clean\": true"));
  EXPECT_THAT(Annotation("foreshard.dev/repair"), testing::StartsWith("00ff s-aaaa "));
}

TEST_F(Plugin, VerifyGivesUpWaitingAndSaysWhy) {
  const Finished ended = Run({"verify", "quickstart", "-n", "shop", "--timeout", "1"});
  EXPECT_EQ(ended.status.code, 1);
  EXPECT_THAT(ended.error_output, HasSubstr("has not answered yet"));
  EXPECT_THAT(ended.error_output, HasSubstr("Ready: True"));
}

TEST_F(Plugin, WhatIsNotBuiltYetEndsWithTwo) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"restore", "x"},
        {"history"},
        {"history", "import"},
        {"plan", "quickstart", "-n", "shop", "--what-if", "traffic x"},
        {"frobnicate"},
        {"split", "quickstart"}}) {
    const Finished ended = Run(words);
    EXPECT_EQ(ended.status.code, 2) << words[0];
    EXPECT_FALSE(ended.error_output.empty()) << words[0];
  }
}

TEST_F(Plugin, WhatIfSaysWhatItUnderstandsAndWhatItNeeds) {
  const Finished unclear =
      Run({"plan", "quickstart", "-n", "shop", "--what-if", "traffic a lot on Friday"});
  EXPECT_EQ(unclear.status.code, 2);
  EXPECT_THAT(unclear.error_output, HasSubstr("'a' is not understood; give x3"));
  // No operator runs here, so nothing was kept.
  const Finished none = Run({"plan", "quickstart", "-n", "shop", "--what-if", "traffic x3"});
  EXPECT_EQ(none.status.code, 1);
  EXPECT_THAT(none.error_output, HasSubstr("no configmap quickstart-problem in namespace shop"));
}

TEST_F(Plugin, PsqlConnectsThroughARouterAndPassesItsStatusOn) {
  const Finished forwarded = Run({"psql", "quickstart", "-n", "shop", "--", "-c", "select 1"});
  EXPECT_EQ(forwarded.status.code, 3) << "that of psql; " << forwarded.error_output;
  EXPECT_EQ(forwarded.output,
            "psql -c select 1 host=127.0.0.1 port=40123 user=app database=app password=hunter2 "
            "tls=require\n");
  EXPECT_THAT(Run({"psql", "quickstart", "-n", "shop", "--direct"}).output,
              HasSubstr("host=quickstart-router.shop.svc port=5432"));
}

TEST_F(Plugin, LogsAskKubectlForThePodsOfTheSet) {
  const std::string logs =
      Said({"logs", "quickstart", "-n", "shop", "--component", "router", "-f"});
  EXPECT_THAT(logs, HasSubstr("-n shop logs --selector "
                              "foreshard.dev/shardset=quickstart,foreshard.dev/component=router"));
  EXPECT_THAT(logs, HasSubstr("--follow"));
  EXPECT_THAT(Said({"logs", "quickstart", "-n", "shop", "--component", "operator"}),
              HasSubstr("-n foreshard-system logs"));
}

TEST_F(Plugin, AReportHoldsTheSetAndNoSecret) {
  const std::string folder = stubs_.File("report");
  Said({"report", "quickstart", "-n", "shop", "--directory", folder});
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_THAT(support::ReadFile(entry.path()), Not(HasSubstr("hunter2"))) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 10U);
  EXPECT_THAT(support::ReadFile(folder + "/shardsets.json"), HasSubstr("quickstart"));
  EXPECT_THAT(support::ReadFile(folder + "/logs-of-the-set.txt"), HasSubstr("kubectl"));
}

TEST_F(Plugin, CompletesCommandsNamesAndFlags) {
  EXPECT_THAT(Said({"__complete", "st"}), testing::StrEq("status\n"));
  EXPECT_THAT(Said({"__complete", "-n", "shop", "status", ""}), HasSubstr("quickstart\n"));
  EXPECT_THAT(Said({"__complete", "-n", "shop", "abort", "quickstart-sp"}),
              Not(HasSubstr("Error")));
  EXPECT_THAT(Said({"__complete", "split", "--sh"}), testing::StrEq("--shard\n"));
  EXPECT_THAT(Said({"completion", "bash"}), HasSubstr("complete -F"));
  EXPECT_EQ(Run({"completion", "csh"}).status.code, 2);
}

TEST_F(Plugin, LooksWithTheRightToLookAndSaysWhatItMayNot) {
  World().Kubectl({"-n", "shop", "create", "serviceaccount", "viewer"});
  World().Kubectl({"-n", "shop", "create", "role", "viewer", "--verb=get,list,watch",
                   "--resource=shardsets.foreshard.dev,shardmigrations.foreshard.dev,routingtables."
                   "foreshard.dev"});
  World().Kubectl({"-n", "shop", "create", "rolebinding", "viewer", "--role=viewer",
                   "--serviceaccount=shop:viewer"});
  const std::string token = World().Kubectl({"-n", "shop", "create", "token", "viewer"});
  const std::string kubeconfig = stubs_.Write(
      "kubeconfig",
      "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {server: "
      "'" +
          World().server().url() + "', certificate-authority: '" + World().server().ca_file() +
          "'}\nusers:\n- name: u\n  user: {token: '" + token +
          "'}\ncontexts:\n- name: c\n  context: {cluster: c, user: u, namespace: shop}\n");
  for (const char* command : {"status", "plan", "top", "forecast"})
    EXPECT_EQ(Run({command, "quickstart"}, kubeconfig).status.code, 0) << command;
  const Finished split =
      Run({"split", "quickstart", "--shard", "s-bbbb", "--at", "c0"}, kubeconfig);
  EXPECT_EQ(split.status.code, 1);
  EXPECT_THAT(split.error_output, HasSubstr("try: kubectl auth can-i"));
}

// The commands of runbooks, as they stand there, where an API server alone can answer them.
TEST_F(Plugin, CommandsOfRunbooksWork) {
  std::string known = support::FindProgram("kubectl");
  std::filesystem::remove(stubs_.File("kubectl"));
  std::filesystem::create_symlink(known, stubs_.File("kubectl"));
  std::filesystem::create_symlink(FORESHARD_PLUGIN_PROGRAM, stubs_.File("kubectl-foreshard"));
  Run({"split", "quickstart", "-n", "shop", "--shard", "s-bbbb", "--at", "e0"});
  static const std::regex kCan(R"(kubectl( -n \S+)? get (?!.*lease).*|)"
                               R"(kubectl foreshard (status|plan|top|abort|approve|logs) .*)");
  // What the operator keeps of a set with backups; nobody plays it here.
  World().Kubectl({"-n", "shop", "create", "configmap", "quickstart-points"});
  std::size_t commands = 0;
  for (const auto& page : std::filesystem::directory_iterator("docs/runbooks")) {
    std::istringstream lines(support::ReadFile(page.path()));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("    kubectl")) continue;
      const std::string command = line.substr(4);
      if (!std::regex_match(command, kCan) || command.find(" NAME") != std::string::npos) continue;
      const auto ended = support::RunProgram(
          {.command = {"bash", "-euc", "cd \"$0\"; " + command, stubs_.path().string()},
           .environment = {{"KUBECONFIG", World().server().kubeconfig_file()},
                           {"PATH", stubs_.path().string() + ":/usr/bin:/bin"},
                           {"NAMESPACE", "shop"},
                           {"SET", "quickstart"},
                           {"SHARD", "s-aaaa"},
                           {"POD", "quickstart-s-aaaa-0"},
                           {"MIGRATION", "quickstart-split-bbbb-e0"}}},
          std::chrono::seconds(30));
      ASSERT_TRUE(ended) << ended.error().message;
      const bool absent = command.find("deployment") != std::string::npos;  // nobody makes it here
      EXPECT_TRUE(ended->status.ok() ||
                  (absent && ended->error_output.find("NotFound") != std::string::npos))
          << page.path() << ": " << command << "\n"
          << ended->error_output;
      ++commands;
    }
  }
  EXPECT_GE(commands, 20U);
}

}  // namespace
}  // namespace foreshard::api_tests
