#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "backup/barrier.h"
#include "backup/file_point_book.h"
#include "backup/in_doubt.h"
#include "backup/pg_point_shard.h"
#include "operator/routers/held_routers.h"
#include "tests/integration/backup/backup_bed.h"
#include "tests/integration/backup/planted.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Restoring all shards of a set to one point: nothing half in, nothing acknowledged lost, nothing
// later there. And that each part of the barrier is needed for it.

namespace foreshard::backup {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "initdb", "psql", "pgbackrest"});

// A point, and what was counted when it was made.
struct Made {
  Point point{};
  std::vector<std::int64_t> at_least{};  // of each writer: must be there
  std::vector<std::int64_t> at_most{};   // whatever is above was begun later
  bool held = true;                      // the known router was
};

struct Restored {
  std::vector<std::unique_ptr<support::PostgresServer>> servers;
  InDoubtEnded ended;
  std::map<std::int64_t, std::int64_t> n;  // by key
  std::map<std::int64_t, std::int64_t> v;
};

class Points : public testing::Test {
 protected:
  void SetUp() override {
    auto bed = BackupBed::Create();
    ASSERT_TRUE(Good(bed));
    bed_ = std::move(*bed);
    set_ = std::make_unique<FixedSet>(bed_->table());
    book_ = std::make_unique<FilePointBook>(bed_->folder() + "/points");
    for (std::size_t i = 0; i < kShards; ++i) {
      shards_.push_back(
          std::make_unique<PgPointShard>(BackupBed::Id(i), bed_->ShardConninfo(i), bed_->clock()));
      auto watcher = pg::Connection::Connect({.conninfo = bed_->ShardConninfo(i)}, bed_->clock(),
                                             bed_->Soon());
      ASSERT_TRUE(Good(watcher));
      watchers_.push_back(*std::move(watcher));
    }
    held_ = std::make_unique<op::HeldRouters>(bed_->control(), bed_->table());
  }

  std::string OnShard(std::size_t shard, const std::string& sql) {
    const auto done = bed_->shard(shard).Sql(sql, "app");
    EXPECT_TRUE(Good(done)) << sql;
    return done ? *done : "";
  }

  std::vector<std::int64_t> Count(std::atomic<std::int64_t> Writer::*what) const {
    std::vector<std::int64_t> counts;
    for (const auto& writer : bed_->writers()) counts.push_back((writer.get()->*what).load());
    return counts;
  }

  // Until one is kept: on a busy machine a hold may run out.
  Result<Point> MakePoint(std::vector<PointShard*> shards, PointRouters& routers) {
    Result<Point> point = Error::Retry("not tried");
    for (int attempt = 0; attempt < 50 && !point.ok() && !HasFailure(); ++attempt) {
      if (shards.empty()) {
        for (const auto& shard : shards_) shards.push_back(shard.get());
      }
      Barrier barrier({.before = set_->state(),
                       .shards = shards,
                       .routers = routers,
                       .set = *set_,
                       .book = *book_,
                       .calls_at_once = 1},
                      bed_->clock());
      before_ = Count(&Writer::acknowledged);
      point = barrier.Run([](auto) {  // The archiver needs the processors, too.
        return !support::Await("a moment", 50ms, [] { return Seen(false); }).ok();
      });
      if (point) {
        fmt::print("point {}: held {} us, archived after {} ms\n", point->number.value,
                   barrier.report().hold.count(), barrier.report().archive_lag.count() / 1000);
      } else {
        fmt::print("lost: {} ({})\n", point.error().reason, point.error().message);
      }
    }
    return point;
  }

  Restored Restore(const Point& point) {
    Restored restored;
    auto servers = bed_->Restore(point);
    EXPECT_TRUE(Good(servers));
    if (!servers) return restored;
    restored.servers = *std::move(servers);
    std::vector<std::unique_ptr<pg::Connection>> connections;
    std::vector<RestoredShard> shards;
    for (std::size_t i = 0; i < kShards; ++i) {
      auto connection = pg::Connection::Connect({.conninfo = restored.servers[i]->Conninfo("app")},
                                                bed_->clock(), bed_->Soon());
      EXPECT_TRUE(Good(connection));
      connections.push_back(*std::move(connection));
      shards.push_back({BackupBed::Id(i), *connections.back()});
    }
    const auto ended = EndInDoubt(shards, bed_->Soon());
    EXPECT_TRUE(Good(ended));
    if (ended) restored.ended = *ended;
    const auto again = EndInDoubt(shards, bed_->Soon());
    EXPECT_TRUE(again.ok() && again->committed + again->rolled_back == 0) << "once is enough";
    for (const auto& connection : connections) {
      const auto rows = connection->Exec("SELECT id, n, v FROM customers", bed_->Soon());
      EXPECT_TRUE(Good(rows));
      for (std::size_t row = 0; row < rows->size(); ++row) {
        restored.n[rows->Int(row, 0)] = rows->Int(row, 1);
        restored.v[rows->Int(row, 0)] = rows->Int(row, 2);
      }
    }
    return restored;
  }

  // What was acknowledged when all was held is there, and nothing begun later. The stranger is not
  // held.
  Made HeldPoint() {
    Made made;
    Counting routers(
        *held_,
        [&] {
          made.at_least = Count(&Writer::acknowledged);
          made.at_most = Count(&Writer::begun);
        },
        [&] { made.at_most.back() = Count(&Writer::begun).back(); });
    const auto point = MakePoint({}, routers);
    EXPECT_TRUE(Good(point));
    if (point) made.point = *point;
    made.at_least.back() = before_.back();
    return made;
  }

  // Routers that nobody knows: transactions are whole all the same, though one was about to decide.
  Made PointWhileADecisionWaits() {
    Made made{.held = false};
    NoRouters nobody;
    Counting routers(
        nobody, [&] { made.at_least = Count(&Writer::acknowledged); },
        [&] { made.at_most = Count(&Writer::begun); });
    Watched waits(*shards_[0], [&] {
      EXPECT_TRUE(WaitFor("a decision waits for the lock", 10s, [&] {
        for (const auto& watcher : watchers_) {
          const auto waiting = watcher->Exec(
              "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
              "'foreshard.decision'::regclass",
              bed_->Soon());
          if (waiting && waiting->Int(0, 0) > 0) return Seen(true);
        }
        return Seen(false);
      }));
    });
    const auto point = MakePoint({&waits, shards_[1].get()}, routers);
    EXPECT_TRUE(Good(point));
    if (point) made.point = *point;
    return made;
  }

  static testing::AssertionResult GoesOn(const Writer& writer) {
    const std::int64_t seen = writer.acknowledged;
    return WaitFor("two more", 20s, [&] { return Seen(writer.acknowledged >= seen + 2); });
  }

  void ExpectWhole(const Restored& restored, const Made& made) {
    EXPECT_GE(restored.ended.committed, 1) << "what was decided";
    EXPECT_GE(restored.ended.rolled_back, made.held ? 1 : 2) << "what was not";
    EXPECT_EQ(restored.ended.left, std::vector<std::string>{"s-0: of somebody else"});
    std::int64_t sum = 0;
    for (const auto& [key, value] : restored.v) sum += value;
    EXPECT_EQ(sum, 0) << "something is half in";
    for (std::size_t i = 0; i < bed_->writers().size(); ++i) {
      const Writer& writer = *bed_->writers()[i];
      const std::int64_t first = restored.n.at(writer.keys[0]);
      const std::int64_t second = restored.n.at(writer.keys[1]);
      EXPECT_GE(second, made.at_least[i]) << "writer " << i << ": an acknowledged write is lost";
      EXPECT_LE(first, made.at_most[i]) << "writer " << i << ": a later write is there";
      if (writer.kind == Writer::Kind::kTransfer) {
        EXPECT_EQ(first, second) << "writer " << i << ": a transfer is half in";
      } else if (made.held) {
        EXPECT_TRUE(first == second || first == second + 1)
            << "writer " << i << ": " << first << " and then " << second;
      }
    }
  }

  // Two transactions prepared by a router that is gone, one of them decided; and one of somebody
  // else.
  void LeaveInDoubt() {
    const auto decided = bed_->TakeKeys();
    const auto undecided = bed_->TakeKeys();
    OnShard(1, fmt::format("BEGIN; UPDATE customers SET v = 5 WHERE id = {};"
                           "PREPARE TRANSACTION 'foreshard:s-0:test:1@s-1'",
                           decided[1]));
    OnShard(0, fmt::format("BEGIN; UPDATE customers SET v = -5 WHERE id = {};"
                           "SELECT foreshard.decide('foreshard:s-0:test:1', ARRAY['s-1']); COMMIT",
                           decided[0]));
    OnShard(1, fmt::format("BEGIN; UPDATE customers SET v = 7 WHERE id = {};"
                           "PREPARE TRANSACTION 'foreshard:s-0:test:2@s-1'",
                           undecided[1]));
    OnShard(0, "BEGIN; CREATE TABLE other (); PREPARE TRANSACTION 'of somebody else'");
  }

  std::unique_ptr<BackupBed> bed_;
  std::unique_ptr<FixedSet> set_;
  std::unique_ptr<FilePointBook> book_;
  std::vector<std::unique_ptr<PgPointShard>> shards_;
  std::vector<std::unique_ptr<pg::Connection>> watchers_;  // of each shard, quick
  std::unique_ptr<op::HeldRouters> held_;
  std::vector<Made> made_;
  std::vector<std::int64_t> before_;  // acknowledged before the last barrier
};

TEST_F(Points, BringBackAllShardsTogether) {
  bed_->StartWriter(Writer::Kind::kTransfer, true);
  bed_->StartWriter(Writer::Kind::kTransfer, true);
  const Writer& in_turn = bed_->StartWriter(Writer::Kind::kInTurn, true);
  const Writer& stranger = bed_->StartWriter(Writer::Kind::kTransfer, false);
  LeaveInDoubt();
  ASSERT_TRUE(Good(bed_->BackUp())) << "while all write";

  for (int i = 0; i < 2; ++i) made_.push_back(HeldPoint());
  made_.push_back(PointWhileADecisionWaits());
  NoRouters nobody;
  Watched unheld(*shards_[1], [&] { EXPECT_TRUE(GoesOn(in_turn)); });
  const auto without_hold = MakePoint({shards_[0].get(), &unheld}, nobody);
  LockedAlone first(*shards_[0], [] {});
  LockedAlone second(*shards_[1], [&] { EXPECT_TRUE(GoesOn(stranger)); });
  const auto without_locks = MakePoint({&first, &second}, nobody);
  EXPECT_EQ(bed_->StopWriters(), "") << "no client is told anything of all this";
  ASSERT_TRUE(Good(without_hold));
  ASSERT_TRUE(Good(without_locks));
  ASSERT_FALSE(HasFailure());

  for (const Made& made : made_) {
    ExpectWhole(Restore(made.point), made);
    ASSERT_FALSE(HasFailure()) << "point " << made.point.number.value;
  }
  Restored torn = Restore(*without_hold);
  EXPECT_GT(torn.n.at(in_turn.keys[1]), torn.n.at(in_turn.keys[0])) << "the hold is needed";
  torn = Restore(*without_locks);
  EXPECT_NE(torn.n.at(stranger.keys[0]), torn.n.at(stranger.keys[1])) << "the lock is needed";
  const auto kept = book_->List(kSetUid, bed_->Soon());
  ASSERT_TRUE(Good(kept));
  EXPECT_EQ(kept->front(), made_.front().point) << "as it was written down";
}

// Nobody waits for a barrier that does not come to an end.
TEST_F(Points, AreLostRatherThanTheService) {
  const Writer& known = bed_->StartWriter(Writer::Kind::kTransfer, true);
  ASSERT_TRUE(GoesOn(known));
  // A decision that is being written for too long.
  const auto decides =
      pg::Connection::Connect({.conninfo = bed_->ShardConninfo(1)}, bed_->clock(), bed_->Soon());
  ASSERT_TRUE(Good(decides));
  ASSERT_TRUE(Good((*decides)->Exec("BEGIN; SELECT foreshard.decide('slow')", bed_->Soon())));
  Error lost = Error::Retry("not tried");
  for (int attempt = 0; attempt < 50 && lost.reason != "DecisionsNotLocked"; ++attempt) {
    Barrier barrier({.before = set_->state(),
                     .shards = {shards_[0].get(), shards_[1].get()},
                     .routers = *held_,
                     .set = *set_,
                     .book = *book_},
                    bed_->clock());
    const auto point = barrier.Run([](auto) { return true; });
    ASSERT_FALSE(point.ok());
    lost = point.error();
  }
  EXPECT_EQ(lost.reason, "DecisionsNotLocked") << lost.message;
  EXPECT_TRUE(GoesOn(known)) << "the lock of the other shard is gone, and the hold";
  ASSERT_TRUE(Good((*decides)->Exec("ROLLBACK", bed_->Soon())));
  // The process that holds the lock hangs: the server ends its session.
  ASSERT_TRUE(WaitFor("it is locked", 20s, [&] {
    const Status locked = shards_[0]->Lock(bed_->Soon());
    if (locked) return Seen(true);
    EXPECT_FALSE(shards_[0]->Unlock(bed_->Soon()).ok());
    return Seen(false, locked.error().message);
  }));
  EXPECT_TRUE(GoesOn(known));
  EXPECT_FALSE(shards_[0]->MakePoint("late", bed_->Soon()).ok());
  EXPECT_EQ(shards_[0]->Unlock(bed_->Soon()).error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(shards_[0]->Lock(bed_->Soon()).error().kind, Error::Kind::kReobserve)
      << "what was lost while clients wait is not made again";
  EXPECT_EQ(bed_->StopWriters(), "");
}

TEST_F(Points, KnowWhatIsArchived) {
  ASSERT_TRUE(Good(shards_[0]->Connect(bed_->Soon())));
  ASSERT_TRUE(Good(shards_[0]->Lock(bed_->Soon())));
  const auto point = shards_[0]->MakePoint("here", bed_->Soon());
  ASSERT_TRUE(Good(point));
  EXPECT_TRUE(Good(shards_[0]->Unlock(bed_->Soon())));
  EXPECT_EQ(shards_[0]->Unlock(bed_->Soon()).error().kind, Error::Kind::kReobserve)
      << "there is none any more";
  EXPECT_EQ(OnShard(0, "SELECT foreshard.identity()"),
            fmt::format("{}/{}\n", point->system_identifier, point->timeline));
  const auto archived = shards_[0]->Archived(*point, bed_->Soon());
  ASSERT_TRUE(Good(archived));
  EXPECT_FALSE(*archived) << "its segment is still being written";
  ASSERT_TRUE(Good(shards_[0]->SwitchWal(bed_->Soon())));
  EXPECT_TRUE(WaitFor("its segment is archived", 60s, [&] {
    const auto seen = shards_[0]->Archived(*point, bed_->Soon());
    return Seen(seen.ok() && *seen);
  }));
  ShardPoint elsewhere = *point;
  ++elsewhere.timeline;
  EXPECT_EQ(shards_[0]->Archived(elsewhere, bed_->Soon()).error().kind, Error::Kind::kFenced);
}

}  // namespace
}  // namespace foreshard::backup
