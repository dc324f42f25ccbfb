#include "router/kube_table_feed.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/log.h"
#include "kube/kinds.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/await.h"

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

std::string TableJson(int epoch, const std::string& split, const std::string& version = "") {
  const std::string resource_version =
      version.empty() ? "" : fmt::format(R"(,"resourceVersion":"{}")", version);
  return fmt::format(
      R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",)"
      R"("metadata":{{"name":"orders","namespace":"shop"{0}}},)"
      R"("spec":{{"shardSetName":"orders","epoch":{1},)"
      R"("ranges":[{{"from":"","to":"{2}","shard":"s-a"}},{{"from":"{2}","to":"","shard":"s-b"}}],)"
      R"("shards":[{{"id":"s-a","primaryService":"a"}},{{"id":"s-b","primaryService":"b"}}]}}}})",
      resource_version, epoch, split);
}

struct Feed {
  SystemClock clock;
  fakes::FakeKubeApi api{clock};
  TableFeed table;
  KubeTableFeed feed{api, table, clock, {.name_space = "shop", .name = "orders", .key_space = {}}};
  kube::ObjectRef ref{"shop", "orders"};

  std::int64_t epoch() const {
    const auto current = table.Current();
    return current == nullptr ? -1 : current->epoch().value;
  }
  Deadline deadline() const { return Deadline::After(clock, 5s); }
};

TEST(KubeTableFeed, FollowsItsTableAndKeepsTheLastGoodOne) {
  Feed world;
  world.api.SetAfterDrain(fakes::FakeKubeApi::AfterDrain::kBlock);
  Random random(1);
  log::SetLevel(log::Level::kError);
  std::jthread watcher([&](std::stop_token stop) { world.feed.Run(stop, random); });
  ASSERT_TRUE(
      world.api.Create(kube::kRoutingTables, world.ref, TableJson(1, "80"), world.deadline()).ok());
  const auto reaches = [&](std::int64_t epoch) {
    return support::Await("epoch " + std::to_string(epoch), 10s, [&] {
      return support::Seen(world.epoch() == epoch, std::to_string(world.epoch()));
    });
  };
  Status seen = reaches(1);
  ASSERT_TRUE(seen.ok()) << seen.error().message;
  const auto put = [&](int epoch, const std::string& split) {
    const auto now = world.api.Get(kube::kRoutingTables, world.ref, world.deadline());
    ASSERT_TRUE(now.ok() && now->has_value());
    const auto replaced = world.api.Replace(
        kube::kRoutingTables, world.ref, TableJson(epoch, split, (*now)->metadata.resource_version),
        "", world.deadline());
    ASSERT_TRUE(replaced.ok()) << replaced.error().message;
  };
  put(2, "40");
  seen = reaches(2);
  ASSERT_TRUE(seen.ok()) << seen.error().message;
  log::SetSink([](std::string_view) {});
  put(3, "not hex");
  put(4, "c0");
  seen = reaches(4);
  EXPECT_TRUE(seen.ok());
  EXPECT_EQ(world.table.Current()->table().ranges[0].range.to, "c0");
  ASSERT_TRUE(world.api.Delete(kube::kRoutingTables, world.ref, {}, world.deadline()).ok());
  watcher.request_stop();
  watcher.join();
  log::SetSink({});
  EXPECT_EQ(world.epoch(), 4);
}

}  // namespace
}  // namespace foreshard::router
