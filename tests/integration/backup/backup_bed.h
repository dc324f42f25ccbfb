#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backup/point.h"
#include "base/clock.h"
#include "model/routing_table.h"
#include "operator/routers/https_router_control.h"
#include "pg/connection.h"
#include "tests/support/child_process.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_directory.h"

// Two real shards that archive into a repository of pgBackRest each, two real routers of which the
// operator knows one, and clients that never stop.

namespace foreshard::backup {

inline constexpr std::size_t kShards = 2;

// One client with a row on each shard, `n` of which counts what it wrote there.
struct Writer {
  enum class Kind {
    kTransfer,  // both rows in one transaction
    kInTurn     // first one row, and when that is answered, the other
  };
  Kind kind = Kind::kTransfer;
  bool known = true;  // through the router that the operator knows
  std::array<std::int64_t, kShards> keys{};
  std::atomic<std::int64_t> begun = 0;  // before it is asked
  std::atomic<std::int64_t> acknowledged = 0;
  std::string problem{};  // of the thread, until it is joined
  std::jthread thread{};
};

class BackupBed {
 public:
  static Result<std::unique_ptr<BackupBed>> Create();
  ~BackupBed();

  static model::ShardId Id(std::size_t shard) { return {"s-" + std::to_string(shard)}; }
  support::PostgresServer& shard(std::size_t number) { return *shards_[number]; }
  std::string ShardConninfo(std::size_t number) const { return shards_[number]->Conninfo("app"); }
  op::RouterControl& control() { return *control_; }
  const model::RoutingTable& table() const { return table_; }
  const Clock& clock() const { return clock_; }
  Deadline Soon() const { return Deadline::After(clock_, std::chrono::seconds(30)); }
  std::string folder() const { return directory_.path().string(); }

  // A full backup of each shard.
  Status BackUp() const;
  // Each shard in a new data folder, at the point, with its own timeline; recovery has ended.
  Result<std::vector<std::unique_ptr<support::PostgresServer>>> Restore(const Point& point) const;

  // A key of each shard that nobody else has.
  std::array<std::int64_t, kShards> TakeKeys();
  Writer& StartWriter(Writer::Kind kind, bool known);
  // Ends them. The first problem that one had, or "".
  std::string StopWriters();
  const std::vector<std::unique_ptr<Writer>>& writers() const { return writers_; }

 private:
  BackupBed() = default;

  Status StartShards();
  Status StartRouters();
  Status WriteFiles();
  Status FillKeys();
  Result<std::unique_ptr<support::ChildProcess>> StartRouter(const std::string& name);
  // pgBackRest of each shard, side by side.
  Status OnEach(const std::function<std::vector<std::string>(std::size_t)>& command) const;
  std::vector<std::string> PgBackRest(std::size_t shard,
                                      const std::vector<std::string>& command) const;
  std::string TableJson() const;
  void Write(Writer& writer, const std::stop_token& stop) const;

  SystemClock clock_;
  support::TemporaryDirectory directory_{"backup"};
  std::vector<std::unique_ptr<support::PostgresServer>> shards_;
  std::vector<std::unique_ptr<support::ChildProcess>> routers_;
  std::vector<int> ports_;  // of the routers
  std::unique_ptr<op::HttpsRouterControl> control_;
  model::RoutingTable table_;
  std::array<std::vector<std::int64_t>, kShards> keys_;
  std::vector<std::unique_ptr<Writer>> writers_;
};

}  // namespace foreshard::backup
