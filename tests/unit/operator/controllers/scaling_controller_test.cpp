#include "operator/controllers/scaling_controller.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/records/move_record_store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_heat_source.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/fake_metrics.h"
#include "tests/support/await.h"
#include "tests/unit/operator/scaling_world.h"

namespace foreshard::op {
namespace {

constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"demo","namespace":"demo"},
 "spec":{"sharding":{"strategy":"Hash","keyType":"Bigint","tables":[{"name":"public.customers",
   "column":"id"}],"initialShards":2},
 "shardTemplate":{"members":1,"synchronousReplication":false,"storage":{"size":"1Gi"},
   "resources":{"limits":{"cpu":"300m"}}},
 "router":{"replicas":1},
 "scaling":{"mode":"MODE","minShards":2,"maxShards":4,"bin":"5s","seasons":["8m"],
   "horizon":"2m","coolDown":"1m"},
 "metrics":{"history":"48m","prometheusURL":"http://prometheus:9090"}}})";

constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
 "metadata":{"name":"demo","namespace":"demo"},
 "spec":{"shardSetName":"demo","epoch":1,"ranges":[{"from":"","to":"80","shard":"s-hot"},
   {"from":"80","to":"","shard":"s-cold"}],
 "pins":[],"shards":[{"id":"s-cold","primaryService":"a","replicaService":"b"},{"id":"s-hot",
   "primaryService":"c","replicaService":"d"}],
 "moving":[]}})";

constexpr const char* kShards =
    R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet","metadata":{"name":"demo",
      "namespace":"demo"},
 "status":{"shardStatuses":[
 {"id":"s-cold","ready":true,"primary":"demo-s-cold-0","members":1,"ranges":["80-"],
   "sizeBytes":60000000},
 {"id":"s-hot","ready":true,"primary":"demo-s-hot-0","members":1,"ranges":["-80"],
   "sizeBytes":60000000}]}})";

class ScalingControllerTest : public testing::Test {
 protected:
  void Make(const std::string& mode) {
    // The middle of the night: the peak is three and a half minutes away.
    const auto begin = std::chrono::seconds(5 * kDayBins * ((1'700'000'000 / (5 * kDayBins)) + 1));
    clock_.Advance(begin - clock_.Wall().time_since_epoch());
    std::string set = kSet;
    set.replace(set.find("MODE"), 4, mode);
    ASSERT_TRUE(kube_.Create(kube::kShardSets, ref_, set, Soon()));
    ASSERT_TRUE(kube_.Create(kube::kRoutingTables, ref_, kTable, Soon()));
    ASSERT_TRUE(kube_.Apply(
        kube::kShardSets, ref_, kShards,
        {.field_manager = "test", .force = true, .dry_run = false, .subresource = "status"},
        Soon()));
    Describe(*metrics_);
    heat_.Set(SeenAt(1'000).heat);
  }

  static void Describe(fakes::FakeMetrics& metrics) {
    metrics.Answer("foreshard_router_statements_total",
                   {Rate("s-hot", "read", HotRate, 0.7), Rate("s-hot", "write", HotRate, 0.3),
                    Rate("s-cold", "read", ColdRate, 0.7), Rate("s-cold", "write", ColdRate, 0.3)});
    metrics.Answer("container_cpu_usage_seconds_total",
                   {Cores("demo-s-hot-0", HotRate), Cores("demo-s-cold-0", ColdRate)});
  }

  // What another process would see, with a memory of its own; `counts_` follows what it learned.
  std::unique_ptr<ScalingController> AnotherProcess(BackgroundLearner* learner) {
    return std::make_unique<ScalingController>(ScalingControllerOptions{
        .kube = kube_,
        .heat = heat_,
        .clock = clock_,
        .default_prometheus_url = "",
        .open_metrics = [](const std::string&) -> Result<std::unique_ptr<Metrics>> {
          auto metrics = std::make_unique<fakes::FakeMetrics>();
          Describe(*metrics);
          return std::unique_ptr<Metrics>(std::move(metrics));
        },
        .on_pass =
            [this](const ScalingReport& report) {
              counts_ = report.memory->loads->Count();
              planner_ = report.memory->planner;
            },
        .learner = learner});
  }
  void Pass(ScalingController& controller) {
    const Result<Outcome> outcome = controller.Reconcile(ref_, Soon());
    ASSERT_TRUE(outcome) << outcome.error().message;
    clock_.Advance(outcome->look_again_after);
  }
  std::size_t Saved() {
    return kube_
        .List(kube::kConfigMaps,
              {.name_space = "demo", .label_selector = fmt::format("{}=demo", kForecastLabel)},
              Soon())
        ->items.size();
  }

  static fakes::FakeMetrics::Curve Rate(const char* shard, const char* kind,
                                        double (*rate)(model::BinIndex), double part) {
    return {{{"kind", kind}, {"shard", shard}}, [rate, part](double time) {
              return part * rate(static_cast<model::BinIndex>(std::llround(time / 5)) - 1);
            }};
  }
  static fakes::FakeMetrics::Curve Cores(const char* pod, double (*rate)(model::BinIndex)) {
    return {{{"pod", pod}}, [rate](double time) {
              const auto bin = static_cast<model::BinIndex>(std::llround(time / 5)) - 1;
              return std::min(kCapacityCores, kBackgroundCores + kCoresPerStatement * rate(bin));
            }};
  }

  Deadline Soon() { return Deadline::After(clock_, std::chrono::seconds(10)); }

  // Passes as the queue would make them, until `bins` bins are over.
  void RunBins(int bins) {
    const auto end = clock_.Wall() + std::chrono::seconds(5) * bins;
    while (clock_.Wall() < end) {
      const Result<Outcome> outcome = controller_.Reconcile(ref_, Soon());
      ASSERT_TRUE(outcome) << outcome.error().message;
      ASSERT_GT(outcome->look_again_after.count(), 0);
      clock_.Advance(outcome->look_again_after);
    }
  }

  std::vector<model::ShardMigration> Migrations() {
    std::vector<model::ShardMigration> all;
    const auto list = kube_.List(kube::kShardMigrations, {.name_space = "demo"}, Soon());
    for (const kube::Object& object : list->items) {
      all.push_back(*ParseShardMigration(object.json));
    }
    return all;
  }

  model::ShardSetStatus Shown() {
    return ParseShardSet((*kube_.Get(kube::kShardSets, ref_, Soon()))->json)->status;
  }

  kube::ObjectRef ref_{"demo", "demo"};
  fakes::FakeClock clock_;
  fakes::FakeKubeApi kube_{clock_};
  fakes::FakeHeatSource heat_;
  std::vector<std::string> gone_;
  forecast::Counts counts_;
  planner::Memory planner_;
  fakes::FakeMetrics* metrics_ = new fakes::FakeMetrics;  // the controller takes it over
  ScalingController controller_{
      {.kube = kube_,
       .heat = heat_,
       .clock = clock_,
       .default_prometheus_url = "",
       .open_metrics = [this](const std::string& url) -> Result<std::unique_ptr<Metrics>> {
         EXPECT_EQ(url, "http://prometheus:9090");
         return std::unique_ptr<Metrics>(metrics_);
       },
       .on_pass = {},
       .on_gone = [this](const kube::ObjectRef& set) { gone_.push_back(set.name); }}};
};

TEST_F(ScalingControllerTest, AutoCreatesOneApprovedSplitAndShowsWhy) {
  Make("Auto");
  RunBins(40);
  const std::vector<model::ShardMigration> migrations = Migrations();
  ASSERT_EQ(migrations.size(), 1u) << Shown().plan->summary;
  EXPECT_EQ(migrations[0].spec.type, model::MigrationType::kSplit);
  EXPECT_EQ(migrations[0].spec.source.value, "s-hot");
  EXPECT_TRUE(migrations[0].spec.approved);
  const std::string json =
      (*kube_.Get(kube::kShardMigrations, {"demo", migrations[0].name}, Soon()))->json;
  EXPECT_NE(json.find("\"foreshard.dev/reason\":\"PredictedBreach\""), std::string::npos) << json;
  EXPECT_EQ(Shown().plan->decision, "Blocked")
      << "the migration is in flight: nobody works on it in this test";
  EXPECT_NE(Shown().plan->summary.find("MigrationInFlight"), std::string::npos);
}

TEST_F(ScalingControllerTest, TheNextProcessGoesOnWithWhatThisOneLearned) {
  Make("Recommend");
  const auto first = AnotherProcess(nullptr);
  Pass(*first);
  for (int i = 0; i < 10; ++i) Pass(*first);
  EXPECT_EQ(Saved(), 0u) << "a steady state is not written in every pass";
  for (int i = 0; i < 9; ++i) {
    clock_.Advance(std::chrono::minutes(8));  // the bins of a day in one pass
    Pass(*first);
  }
  EXPECT_EQ(Saved(), 2u) << "once an hour: one object for each shard";
  const std::int64_t learned = counts_.refits;

  const auto next = AnotherProcess(nullptr);
  Pass(*next);
  EXPECT_EQ(counts_.refits, learned) << "nothing was fitted anew";
}

// Their objects may be gone: the records are enough.
TEST_F(ScalingControllerTest, TheNextProcessKnowsHowLongMigrationsTook) {
  Make("Recommend");
  const SetName set{.name_space = "demo", .name = "demo", .uid = {}};
  const auto keep = [&](const char* uid, const char* cut, bool rehearsal) {
    const MoveRecord record{.migration = uid,
                            .uid = uid,
                            .type = "Split",
                            .rehearsal = rehearsal,
                            .outcome = *cut == 0 ? "Aborted" : "Completed",
                            .start_time = "2026-05-01T09:00:00Z",
                            .cutover_time = cut,
                            .bytes = 60'000'000};
    ASSERT_TRUE(KeepMoveRecord(kube_, set, record, Soon()));
  };
  keep("u-1", "2026-05-01T09:20:00Z", false);
  keep("u-2", "", false);
  keep("u-3", "", true);
  const auto first = AnotherProcess(nullptr);
  Pass(*first);
  EXPECT_EQ(planner_.finished, 2) << "a rehearsal has no cutover to learn from";
  EXPECT_EQ(planner_.failed, 1);
  const planner::Memory one = planner_;
  EXPECT_NE(one.factors, planner::DurationFactors{});

  keep("u-4", "2026-05-01T09:30:00Z", false);
  Pass(*first);
  EXPECT_EQ(planner_.finished, 3) << "each once";
  const planner::Memory both = planner_;
  const auto next = AnotherProcess(nullptr);
  Pass(*next);
  EXPECT_EQ(planner_.finished, both.finished);
  EXPECT_EQ(planner_.duration, both.duration);
  EXPECT_EQ(planner_.factors, both.factors);
}

// Up to 900 kB of them: parsed when they changed. A damaged object complains at each parse.
TEST_F(ScalingControllerTest, RecordsOfMigrationsAreNotParsedAtEachPass) {
  Make("Recommend");
  const SetName set{.name_space = "demo", .name = "demo", .uid = "u"};
  ASSERT_TRUE(KeepMoveRecord(kube_, set, {.uid = "u-1"}, Soon()));
  ASSERT_TRUE(kube_.Patch(kube::kConfigMaps, {"demo", MovesNameOf("demo")},
                          R"({"data":{"records":"[{"}})", {}, Soon()));
  int parses = 0;
  log::SetSink([&](std::string_view line) {
    if (line.find("move_records_discarded") != std::string_view::npos) ++parses;
  });
  RunBins(4);
  log::SetSink({});
  EXPECT_EQ(parses, 1);
}

TEST_F(ScalingControllerTest, KeepsItsQuestionForWhatIf) {
  Make("Recommend");
  RunBins(3);
  const auto object = kube_.Get(kube::kConfigMaps, {"demo", "demo-problem"}, Soon());
  ASSERT_TRUE(object && *object);
  const auto kept = ParseProblemObject((*object)->json);
  ASSERT_TRUE(kept) << kept.error().message;
  ASSERT_EQ(kept->problem.shards.size(), 2u);
  EXPECT_EQ(kept->problem.shards[1].id.value, "s-hot");
  EXPECT_FALSE(kept->problem.shards[1].units.at(0).reservoir.empty());
  // A day of 8 minutes that was seen whole: the usual peak is what the curve says, at its place.
  const std::vector<double>& usual = kept->usual.utilisation.at({"s-hot"});
  ASSERT_EQ(usual.size() * static_cast<std::size_t>(kept->usual.step_bins),
            static_cast<std::size_t>(kDayBins));
  const auto noon = static_cast<std::size_t>(kDayBins / 2 / kept->usual.step_bins);
  EXPECT_NEAR(usual[noon], (kBackgroundCores + kCoresPerStatement * 1'700) / kCapacityCores, 0.15);
  EXPECT_LT(usual[0], 0.4);
}

TEST_F(ScalingControllerTest, NoPassWaitsForWhatIsLearnedBeside) {
  Make("Recommend");
  const SystemClock time;
  BackgroundLearner learner(time);
  const auto controller = AnotherProcess(&learner);
  Pass(*controller);
  const std::int64_t fitted = counts_.refits;
  clock_.Advance(std::chrono::minutes(9));  // more than a day of 8 minutes
  Pass(*controller);
  EXPECT_EQ(counts_.refits, fitted) << "it is due, and the pass did not do it";
  EXPECT_TRUE(learner.Busy(ref_));
  EXPECT_TRUE(support::Await("both shards are fitted again", std::chrono::seconds(30), [&] {
    Pass(*controller);
    return support::Seen(counts_.refits == fitted + 2);
  }));
}

TEST_F(ScalingControllerTest, ASetThatIsGoneIsNotLearnedAnyMore) {
  Make("Recommend");
  const SystemClock time;
  BackgroundLearner learner(time);
  const auto controller = AnotherProcess(&learner);
  Pass(*controller);
  clock_.Advance(std::chrono::minutes(9));
  Pass(*controller);
  ASSERT_TRUE(kube_.Delete(kube::kShardSets, ref_, {}, Soon()));
  ASSERT_TRUE(controller->Reconcile(ref_, Soon()));
  EXPECT_TRUE(support::Await("it is forgotten", std::chrono::seconds(30),
                             [&] { return support::Seen(!learner.Busy(ref_)); }));
}

TEST_F(ScalingControllerTest, RecommendCreatesAProposal) {
  Make("Recommend");
  RunBins(40);
  ASSERT_EQ(Migrations().size(), 1u);
  EXPECT_FALSE(Migrations()[0].spec.approved);
}

TEST_F(ScalingControllerTest, ObserveAndOffCreateNothing) {
  Make("Observe");
  RunBins(40);
  EXPECT_TRUE(Migrations().empty());
  ASSERT_TRUE(Shown().plan);
  EXPECT_TRUE(Shown().shard_statuses[1].forecast_peak_percent);
}

TEST_F(ScalingControllerTest, APrometheusThatIsGoneIsSaidAndCausesNothing) {
  Make("Auto");
  metrics_->Break("connection refused");
  RunBins(40);
  EXPECT_TRUE(Migrations().empty());
  const model::ShardSetStatus shown = Shown();
  bool said = false;
  for (const model::Condition& condition : shown.conditions) {
    said = said || (condition.type == "MetricsFresh" && condition.status == "False" &&
                    condition.message.find("connection refused") != std::string::npos);
  }
  EXPECT_TRUE(said);
}

TEST_F(ScalingControllerTest, WithoutNewsNothingIsWritten) {
  Make("Auto");
  metrics_->Break("connection refused");
  RunBins(3);
  const std::int64_t before = kube_.write_calls();
  RunBins(100);
  EXPECT_EQ(kube_.write_calls(), before);
}

TEST_F(ScalingControllerTest, OneLookABinIsEnough) {
  Make("Observe");
  RunBins(10);
  const int before = metrics_->queries();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(controller_.Reconcile(ref_, Soon()));
  EXPECT_LE(metrics_->queries() - before, 3) << "events between two bins ask Prometheus nothing";
}

TEST_F(ScalingControllerTest, ALoadEventIsToldWhetherTheForecastReckonsWithItOnce) {
  Make("Observe");
  const auto event = [](const char* name, const char* set, const char* zone) {
    return fmt::format(R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"LoadEvent",
 "metadata":{{"name":"{}","namespace":"demo"}},
 "spec":{{"shardSetName":"{}","class":"Campaign","start":"2026-11-27T06:00:00Z",
   "duration":"1h","timeZone":"{}"}}}})",
                       name, set, zone);
  };
  for (const auto& [name, set, zone] :
       {std::array{"good", "demo", "Europe/Berlin"}, std::array{"wrong", "demo", "Mars/Olympus"},
        std::array{"other", "orders", "UTC"}}) {
    ASSERT_TRUE(kube_.Create(kube::kLoadEvents, {"demo", name}, event(name, set, zone), Soon()));
  }
  const auto seen = [this](const char* name) {
    return *kube_.Get(kube::kLoadEvents, {"demo", name}, Soon());
  };
  const auto told = [&](const char* name) {
    const std::vector<model::Condition> conditions = ParseLoadEvent(seen(name)->json)->conditions;
    return conditions.empty() ? model::Condition{} : conditions.front();
  };
  RunBins(1);
  EXPECT_EQ(told("good").status, "True");
  EXPECT_EQ(told("good").reason, "InForecast");
  EXPECT_EQ(told("wrong").status, "False");
  EXPECT_TRUE(told("wrong").message.starts_with("timeZone: 'Mars/Olympus'"));
  EXPECT_EQ(told("other").type, "") << "it belongs to another set";
  const std::string version = seen("good")->metadata.resource_version;
  RunBins(3);
  EXPECT_EQ(seen("good")->metadata.resource_version, version) << "without news nothing is written";
}

TEST_F(ScalingControllerTest, ASetThatIsGoneIsForgotten) {
  Make("Auto");
  RunBins(2);
  EXPECT_TRUE(gone_.empty());
  ASSERT_TRUE(kube_.Delete(kube::kShardSets, ref_, {}, Soon()));
  const Result<Outcome> outcome = controller_.Reconcile(ref_, Soon());
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->look_again_after.count(), 0);
  EXPECT_EQ(gone_, std::vector<std::string>{"demo"});
}

}  // namespace
}  // namespace foreshard::op
