#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/plugin/advice.h"
#include "cli/plugin/completion.h"
#include "cli/plugin/forecast.h"
#include "cli/plugin/output.h"
#include "cli/plugin/report.h"
#include "cli/plugin/run.h"
#include "cli/plugin/top.h"
#include "kube/kinds.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/fake_metrics.h"

namespace foreshard::plugin {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PluginOutput, YamlIsTheSameValue) {
  EXPECT_EQ(ToYaml(R"({"name":"orders","shards":2,"ready":true,"none":null,"list":[],"map":{}})"),
            "name: orders\nshards: 2\nready: true\nnone: null\nlist: []\nmap: {}\n");
  EXPECT_EQ(ToYaml(R"({"a":[{"id":"s-1","ranges":["-80","80-"]},{"id":"s-2"}],"b":{"c":{"d":1}}})"),
            "a:\n- id: s-1\n  ranges:\n  - \"-80\"\n  - \"80-\"\n- id: s-2\nb:\n  c:\n    d: 1\n");
}

TEST(PluginOutput, YamlQuotesWhatWouldBeReadAsSomethingElse) {
  for (const char* text :
       {"yes", "No", "null", "12", "1e3", "", " a", "a: b", "# x", "- x", "2026-05-01T09:10:00Z"})
    EXPECT_EQ(ToYaml("{\"a\":\"" + std::string(text) + "\"}"),
              "a: \"" + std::string(text) + "\"\n");
  EXPECT_EQ(ToYaml(R"({"a":"line\none"})"), "a: \"line\\none\"\n");
}

TEST(PluginOutput, OtherFormsAreRefusedWithTheirNames) {
  EXPECT_EQ(*ParseOutput("yaml"), Output::kYaml);
  const auto wrong = ParseOutput("xml");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("json, yaml or wide"));
}

TEST(PluginOutput, ABarShowsHowMuchAndWhereTheLimitIs) {
  EXPECT_EQ(Bar(50, 80, 10), "█████░░░│░");
  EXPECT_EQ(Bar(0, 0, 4), "░░░░");
  EXPECT_EQ(Bar(300, 0, 4), "████") << "more than all is full";
  EXPECT_EQ(Coloured("x", Colour::kRed, false), "x") << "what is piped stays plain";
}

SetView Busy() {
  SetView view;
  view.set.name_space = "shop";
  view.set.name = "orders";
  view.set.status.shards = 2;
  view.set.status.ready_shards = 1;
  model::ShardStatus hot;
  hot.id = {"s-4kq7"};
  hot.ready = true;
  hot.cpu_percent = 91;
  hot.forecast_peak_percent = 120;
  hot.forecast_peak_time = "2026-05-01T09:10:00Z";
  model::ShardStatus unknown;
  unknown.id = {"s-9x2d"};
  unknown.reason = "NoPrimary";
  view.set.status.shard_statuses = {hot, unknown};
  return view;
}

TEST(PluginTop, ShowsLoadAgainstTheLimitAndWhatIsNotKnown) {
  const std::string plain = TopText(Busy(), {});
  EXPECT_THAT(plain, HasSubstr("91 %"));
  EXPECT_THAT(plain, HasSubstr("120 % at 09:10"));
  EXPECT_THAT(plain, HasSubstr("not ready: NoPrimary"));
  EXPECT_THAT(plain, HasSubstr("?"));
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  EXPECT_THAT(TopText(Busy(), {.colours = true, .width = 100}), HasSubstr("\x1b[31m"))
      << "above the limit";
}

class PluginForecast : public testing::Test {
 protected:
  fakes::FakeMetrics metrics_;
  SystemClock clock_;
  ForecastQuestion question_{.past = std::chrono::hours(1),
                             .now = WallTime(std::chrono::seconds(1'700'000'000))};
  Deadline Soon() { return Deadline::After(clock_, std::chrono::seconds(5)); }
};

TEST_F(PluginForecast, JoinsDemandAndQuantilesOfEachShard) {
  metrics_.Answer("foreshard_shard_demand",
                  {{{{"shard", "s-4kq7"}}, [](double) { return 400.0; }}});
  metrics_.Answer(
      "foreshard_shard_forecast",
      {{{{"shard", "s-4kq7"}, {"quantile", "0.5"}, {"ahead", "1"}}, [](double) { return 500.0; }},
       {{{"shard", "s-4kq7"}, {"quantile", "0.95"}, {"ahead", "1"}},
        [](double) { return 640.0; }}});
  const SetView view = Busy();
  const auto forecast = ReadForecast(metrics_, view.set, question_, Soon());
  ASSERT_TRUE(forecast) << forecast.error().message;
  const std::string text = ForecastText(view, &*forecast);
  EXPECT_THAT(text, HasSubstr("400"));
  EXPECT_THAT(text, HasSubstr("? ? 640"));
  EXPECT_THAT(ForecastJson(view, &*forecast), HasSubstr("640"));
  const std::string plot = ForecastPlot(*forecast, std::chrono::hours(2), question_, 80);
  for (const char* sign : {"•", "─", "▒", "┊", "-60 min", "+120 min"})
    EXPECT_THAT(plot, HasSubstr(sign));
}

TEST_F(PluginForecast, WhatPrometheusDoesNotKnowIsNotMadeUp) {
  const auto none = ReadForecast(metrics_, Busy().set, question_, Soon());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, "NoForecast");
  EXPECT_THAT(ForecastText(Busy(), nullptr), HasSubstr("120 %")) << "the status alone";
  EXPECT_THAT(ForecastText(Busy(), nullptr), Not(HasSubstr("asked")));
}

TEST(PluginReport, HoldsNoSecret) {
  const SystemClock clock;
  fakes::FakeKubeApi api(clock);
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(5));
  ASSERT_TRUE(
      api.Create(kube::kPods, {"shop", "p"},
                 R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop",
 "labels":{"foreshard.dev/shardset":"orders"},"managedFields":[{"manager":"x"}],
 "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hunter2"}},
 "spec":{"containers":[{"name":"a","args":["postgresql://app:hunter2@host/db"],
 "env":[{"name":"DB_PASSWORD","value":"hunter2"},{"name":"LEVEL","value":"info"}]}]}})",
                 deadline));
  ASSERT_TRUE(api.Create(
      kube::kSecrets, {"shop", "orders-app"},
      R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"orders-app","namespace":"shop",
 "labels":{"foreshard.dev/shardset":"orders"}},"stringData":{"password":"hunter2"}})",
      deadline));
  const Report report = CollectReport(api, Busy(), deadline);
  for (const auto& [name, text] : report) EXPECT_THAT(text, Not(HasSubstr("hunter2"))) << name;
  EXPECT_FALSE(report.contains("secrets.json"));
  EXPECT_THAT(report.at("pods.json"), HasSubstr("DB_PASSWORD"));
  EXPECT_THAT(report.at("pods.json"), HasSubstr("info")) << "what is no secret stays";
  EXPECT_THAT(report.at("status.txt"), HasSubstr("s-4kq7"));
  EXPECT_EQ(WithoutSecrets("host=a password='x y' user=b"), "host=a password=(removed) user=b");
}

TEST(PluginAdvice, NamesWhatIsThere) {
  const SystemClock clock;
  fakes::FakeKubeApi api(clock);
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(5));
  EXPECT_THAT(AdviceForMissing(api, kube::kShardSets, "shop", deadline),
              HasSubstr("quickstart.yaml"));
  for (const char* name_space : {"shop", "other"}) {
    const std::string json = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",)"
                             R"("metadata":{"name":"orders","namespace":")" +
                             std::string(name_space) + "\"}}";
    ASSERT_TRUE(api.Create(kube::kShardSets, {name_space, "orders"}, json, deadline));
  }
  const std::string advice = AdviceForMissing(api, kube::kShardSets, "shop", deadline);
  EXPECT_THAT(advice, HasSubstr("one of: orders"));
  EXPECT_THAT(advice, HasSubstr("orders -n other"));
  Error forbidden = Error::GiveUp("no");
  forbidden.code = "403";
  EXPECT_THAT(Advice(forbidden, "shop"), HasSubstr("auth can-i"));
}

TEST(PluginCompletion, ScriptsAskTheProgram) {
  for (const char* shell : {"bash", "zsh", "fish", "kubectl"}) {
    const auto script = CompletionScript(shell);
    ASSERT_TRUE(script) << shell;
    EXPECT_THAT(*script, HasSubstr("kubectl-foreshard __complete")) << shell;
  }
  EXPECT_FALSE(CompletionScript("csh"));
  EXPECT_EQ(Matching({"status", "split", "top"}, "s"), "status\nsplit\n");
}

TEST(PluginRun, TellsHowAProgramEnded) {
  EXPECT_EQ(*RunForOutput({"sh", "-c", "echo said"}, 100), "said\n");
  const auto failed = RunForOutput({"sh", "-c", "echo why >&2; exit 3"}, 100);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "why\n");
  EXPECT_EQ(*RunHere({"sh", "-c", "exit $CODE"}, {{"CODE", "7"}}), 7);
  const auto none = RunHere({"no-such-program-of-foreshard"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, "NoProgram");
}

TEST(PluginRun, AForwardThatCannotBeMadeSaysWhy) {
  const auto refused = PortForward::Open({"sh", "-c", "echo 'error: services not found'; exit 1"},
                                         "service/x", 5432, std::chrono::seconds(20));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("services not found"));
  const auto made = PortForward::Open(
      {"sh", "-c", "echo 'Forwarding from 127.0.0.1:40123 -> 5432'; exec sleep 60"}, "service/x",
      5432, std::chrono::seconds(20));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->port(), 40123);
}

}  // namespace
}  // namespace foreshard::plugin
