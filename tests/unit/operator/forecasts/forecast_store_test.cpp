#include "operator/forecasts/forecast_store.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/faulty_kube_api.h"
#include "tests/unit/operator/scaling_world.h"

namespace foreshard::op {
namespace {

constexpr model::BinIndex kMidnight = 1'000 * kDayBins;
constexpr model::BinIndex kHour = 720;  // of bins of 5 s
const SetName kSet{.name_space = "demo", .name = "demo", .uid = "u1"};

class ForecastStoreTest : public testing::Test {
 protected:
  ForecastStoreTest() {
    log::SetSink([this](std::string_view line) { lines_ += line; });
  }
  ~ForecastStoreTest() override { log::SetSink({}); }

  static LoadBookOptions Options() {
    return {.bin = std::chrono::seconds(5),
            .seasons = {std::chrono::minutes(8)},
            .horizon = std::chrono::minutes(2),
            .capacity_cores = kCapacityCores};
  }
  void Advance(LoadBook& book, model::BinIndex now) {
    const ScalingObservation seen = SeenAt(now);
    ASSERT_TRUE(book.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  }
  void Pass(model::BinIndex now) {
    Advance(book_, now);
    store_.Keep(api_, kSet, book_, now, Soon());
  }
  // Passes an hour apart: the first look begins the hour.
  void SaveAll() {
    Pass(kMidnight);
    Pass(kMidnight + kHour);
    ASSERT_EQ(writes_, 2);
  }
  Deadline Soon() { return Deadline::After(clock_, std::chrono::seconds(10)); }
  std::optional<kube::Object> Get(const std::string& name) {
    return *fake_.Get(kube::kConfigMaps, {"demo", name}, Soon());
  }
  void Change(const std::string& patch) {
    ASSERT_TRUE(fake_.Patch(kube::kConfigMaps, {"demo", "demo-forecast-s-hot"}, patch, {}, Soon()));
  }

  fakes::FakeClock clock_;
  fakes::FakeKubeApi fake_{clock_};
  int writes_ = 0;
  bool refused_ = false;
  fakes::FaultyKubeApi api_{fake_, [this](const fakes::KubeCall& call) {
                              if (call.IsRead()) return fakes::KubeFault::kNone;
                              ++writes_;
                              return refused_ ? fakes::KubeFault::kFailBefore
                                              : fakes::KubeFault::kNone;
                            }};
  ForecastStore store_;
  LoadBook book_{Options()};
  std::string lines_;
};

TEST_F(ForecastStoreTest, WhatWasKeptIsReadByTheNextProcess) {
  SaveAll();
  ForecastStore next;
  const SavedForecasts saved = next.Read(api_, kSet, Soon());
  ASSERT_EQ(saved.shards.size(), 2u) << lines_;
  EXPECT_EQ(saved.shards.at({"s-hot"}), *book_.Save({"s-hot"}));
  EXPECT_EQ(saved.shards.at({"s-cold"}), *book_.Save({"s-cold"}));
  LoadBook reopened(Options());
  reopened.Restore(saved);
  Advance(reopened, kMidnight + kHour);
  EXPECT_EQ(reopened.loads().at({"s-hot"}).fan, book_.loads().at({"s-hot"}).fan);
  EXPECT_EQ(lines_, "");
}

TEST_F(ForecastStoreTest, ASteadyStateWritesOnceAnHour) {
  Pass(kMidnight);
  EXPECT_EQ(writes_, 0) << "a young process has nothing worth keeping";
  for (model::BinIndex now = kMidnight + 1; now < kMidnight + kHour; now += 16) Pass(now);
  EXPECT_EQ(writes_, 0);
  Pass(kMidnight + kHour);
  EXPECT_EQ(writes_, 2) << "one for each shard";
  for (model::BinIndex now = kMidnight + kHour + 1; now < kMidnight + 2 * kHour; now += 16)
    Pass(now);
  EXPECT_EQ(writes_, 2);
  Pass(kMidnight + 2 * kHour);
  EXPECT_EQ(writes_, 4);
  // No newer bin was seen: nothing changed.
  store_.Keep(api_, kSet, book_, kMidnight + 3 * kHour, Soon());
  EXPECT_EQ(writes_, 4);
}

TEST_F(ForecastStoreTest, TheNextProcessWritesAnHourAfterTheLast) {
  SaveAll();
  ForecastStore next;
  EXPECT_EQ(next.Read(api_, kSet, Soon()).shards.size(), 2u);
  next.Keep(api_, kSet, book_, kMidnight + kHour + 10, Soon());
  EXPECT_EQ(writes_, 2);
  Advance(book_, kMidnight + 2 * kHour);
  next.Keep(api_, kSet, book_, kMidnight + 2 * kHour, Soon());
  EXPECT_EQ(writes_, 4);
}

TEST_F(ForecastStoreTest, ItIsOwnedByTheSetSmallAndNoSecret) {
  SaveAll();
  const std::optional<kube::Object> object = Get("demo-forecast-s-hot");
  ASSERT_TRUE(object);
  ASSERT_EQ(object->metadata.owners.size(), 1u);
  EXPECT_EQ(object->metadata.owners[0].uid, "u1");
  EXPECT_EQ(object->metadata.owners[0].kind, "ShardSet");
  EXPECT_FALSE(object->metadata.labels.contains(kSetLabel))
      << "the fleet's controller removes what carries its label and is not wanted";
  EXPECT_LT(object->json.size(), 64'000u);
}

TEST_F(ForecastStoreTest, WhatIsDamagedOrOfAnotherVersionIsDiscardedWithALine) {
  SaveAll();
  for (const char* patch :
       {R"({"data":{"version":"2"}})", R"({"data":{"version":"1","last":"soon"}})",
        R"({"data":{"last":"7","of":null}})", R"({"data":{"of":"s-hot"},"binaryData":null})"}) {
    Change(patch);
    lines_.clear();
    ForecastStore next;
    const SavedForecasts saved = next.Read(api_, kSet, Soon());
    EXPECT_EQ(saved.shards.size(), 1u) << patch;
    EXPECT_NE(lines_.find("forecast_discarded"), std::string::npos) << patch;
    EXPECT_NE(lines_.find("demo-forecast-s-hot"), std::string::npos) << patch;
  }
}

TEST_F(ForecastStoreTest, AnUnreadableServerIsNoReasonNotToPlan) {
  SaveAll();
  fakes::FaultyKubeApi broken(fake_,
                              [](const fakes::KubeCall&) { return fakes::KubeFault::kFailBefore; });
  ForecastStore next;
  EXPECT_TRUE(next.Read(broken, kSet, Soon()).shards.empty());
  EXPECT_NE(lines_.find("forecast_not_read"), std::string::npos);
}

TEST_F(ForecastStoreTest, ARefusedWriteIsTriedAnHourLater) {
  Pass(kMidnight);
  refused_ = true;
  Pass(kMidnight + kHour);
  const int tried = writes_;
  EXPECT_EQ(tried, 2);
  for (model::BinIndex now = kMidnight + kHour + 1; now < kMidnight + kHour + 20; ++now) Pass(now);
  EXPECT_EQ(writes_, tried) << "not in every pass";
  refused_ = false;
  Pass(kMidnight + 2 * kHour);
  EXPECT_TRUE(Get("demo-forecast-s-hot"));
}

TEST_F(ForecastStoreTest, AForeignObjectOfThatNameIsLeftAlone) {
  ASSERT_TRUE(fake_.Create(kube::kConfigMaps, {"demo", "demo-forecast-s-hot"},
                           R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":)"
                           R"("demo-forecast-s-hot","namespace":"demo"},"data":{"mine":"1"}})",
                           Soon()));
  Pass(kMidnight);
  Pass(kMidnight + kHour);
  EXPECT_EQ(Get("demo-forecast-s-hot")->json.find("binaryData"), std::string::npos);
  EXPECT_NE(lines_.find("forecast_not_saved"), std::string::npos);
  EXPECT_TRUE(Get("demo-forecast-s-cold"));
}

TEST_F(ForecastStoreTest, WhatSomebodyRemovedIsMadeAgainAndWhatAShardLeftIsRemoved) {
  SaveAll();
  ASSERT_TRUE(fake_.Delete(kube::kConfigMaps, {"demo", "demo-forecast-s-cold"}, {}, Soon()));
  Pass(kMidnight + 2 * kHour);
  Pass(kMidnight + 3 * kHour);
  EXPECT_TRUE(Get("demo-forecast-s-cold"));

  ScalingObservation seen = SeenAt(kMidnight + 3 * kHour + 1);
  seen.demand.erase({"s-cold"});
  ASSERT_TRUE(book_.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  store_.Keep(api_, kSet, book_, seen.now, Soon());
  EXPECT_FALSE(Get("demo-forecast-s-cold"));
  EXPECT_TRUE(Get("demo-forecast-s-hot"));
}

// Weights of a set without a network in them: what matters here is that they come back.
std::shared_ptr<const forecast::Shared> SomeWeights() {
  forecast::Options options;
  options.bin = std::chrono::seconds(5);
  options.day_bins = kDayBins;
  options.week_bins = 0;
  options.without_models = {"lstm"};
  forecast::History history{.bin = options.bin, .first = 0, .mean = {}, .peak = {}, .state = {}};
  for (model::BinIndex at = 0; at < 6 * kDayBins; ++at) {
    history.mean.push_back(HotRate(at));
    history.state.push_back(model::BinState::kGood);
  }
  Result<forecast::Shared> trained =
      forecast::Shared::Train(std::span(&history, 1), options, kDayBins);
  CHECK(trained.ok(), "train");
  return std::make_shared<const forecast::Shared>(*std::move(trained));
}

TEST_F(ForecastStoreTest, TheNetworkIsKeptOnceAndADamagedOneIsNoReasonToForgetTheShards) {
  Advance(book_, kMidnight);
  SavedForecasts known;
  known.network = {
      .grid = book_.Save({"s-hot"})->grid, .trained_at = kMidnight, .weights = SomeWeights()};
  book_ = LoadBook(Options());
  book_.Restore(known);
  Pass(kMidnight);
  Pass(kMidnight + kHour);
  EXPECT_EQ(writes_, 3) << "two shards and the network";
  Pass(kMidnight + 2 * kHour);
  EXPECT_EQ(writes_, 5) << "the network is the same";

  ForecastStore next;
  const SavedForecasts saved = next.Read(api_, kSet, Soon());
  ASSERT_TRUE(saved.network.weights);
  EXPECT_EQ(saved.network.weights->Serialize(), known.network.weights->Serialize());
  EXPECT_EQ(saved.network.trained_at, kMidnight);
  EXPECT_EQ(saved.network.grid, known.network.grid);

  ASSERT_TRUE(fake_.Patch(kube::kConfigMaps, {"demo", "demo-forecast-network"},
                          R"({"binaryData":{"state":"Zm9yZXNoYXJk"}})", {}, Soon()));
  ForecastStore after;
  const SavedForecasts rest = after.Read(api_, kSet, Soon());
  EXPECT_FALSE(rest.network.weights);
  EXPECT_EQ(rest.shards.size(), 2u);
  EXPECT_NE(lines_.find("demo-forecast-network"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::op
