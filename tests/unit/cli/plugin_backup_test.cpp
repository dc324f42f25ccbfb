#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/plugin/backup.h"

namespace foreshard::plugin {
namespace {

model::ShardSet Set() {
  model::ShardSet set;
  set.name_space = "shop";
  set.name = "orders";
  set.spec.backup.emplace();
  set.status.shards = 2;
  model::BackupStatus backup;
  backup.request = "Full now";
  backup.last_full =
      model::BackupDone{"2026-05-01T01:00:00Z", "2026-05-01T01:02:00Z", 1'234'000'000, 1'200};
  model::ShardBackup shard;
  shard.id = {"s-a"};
  shard.time = "2026-05-01T01:01:00Z";
  shard.label = "20260501-010000F";
  backup.shards = {shard};
  backup.oldest_time = "2026-04-01T01:02:00Z";
  backup.last_point = model::BackupPoint{7, "2026-05-01T12:00:00Z"};
  backup.point_problem = "RouterSilent";
  backup.running.emplace();
  backup.running->type = model::BackupType::kIncremental;
  backup.running->start_time = "2026-05-02T01:00:00Z";
  backup.running->done = {shard};
  backup.running->failures = 2;
  backup.running->problem = "no space";
  set.status.backup = backup;
  return set;
}

TEST(PluginBackup, ShowsWhatIsKnown) {
  EXPECT_EQ(BackupText(Set()),
            "full         2026-05-01T01:02:00Z, took 120 s, databases 1.23 GB, added 1.2 kB\n"
            "incremental  none\n"
            "  s-a        2026-05-01T01:01:00Z 20260501-010000F, 0 B, added 0 B\n"
            "oldest       2026-04-01T01:02:00Z\n"
            "last point   2026-05-01T12:00:00Z: number 7\n"
            "             the newest attempt made none: RouterSilent\n"
            "under way    Incremental since 2026-05-02T01:00:00Z: 1 of 2 shards done\n"
            "             failed 2 times in a row: no space\n");
  const auto json = nlohmann::json::parse(BackupsJson(Set()));
  EXPECT_EQ(json["lastPoint"]["number"], 7);
  EXPECT_EQ(json["running"]["type"], "Incremental");
  EXPECT_EQ(json["name"], "orders");
}

TEST(PluginBackup, SaysThatThereIsNone) {
  model::ShardSet set = Set();
  set.spec.backup.reset();
  EXPECT_EQ(BackupText(set), "orders has no spec.backup: nothing is kept\n");
  set = Set();
  set.status.backup.reset();
  EXPECT_EQ(BackupText(set),
            "full         none\nincremental  none\noldest       none\nlast point   none\n");
}

TEST(PluginBackup, AsksForWhatWasTyped) {
  EXPECT_EQ(BackupRequest(true, "now"), "Full now");
  EXPECT_EQ(BackupRequest(false, "now"), "Incremental now");
  EXPECT_TRUE(IsBackedUp(Set(), "Full now"));
  EXPECT_FALSE(IsBackedUp(Set(), "Full later"));
}

}  // namespace
}  // namespace foreshard::plugin
