#include <fmt/format.h>

#include <charconv>

#include "base/check.h"
#include "pg/wire_writer.h"
#include "tests/contract/key_owner_contract.h"
#include "tests/integration/router/router_bed.h"
#include "tests/support/await.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

namespace foreshard::contract {
namespace {

using namespace std::chrono_literals;
using support::Good;

const support::Needs kNeeds({"postgres", "psql", "curl"});

// The router's program before two databases of one PostgreSQL; the key is customer 1.
class RealKeyOwners final : public KeyOwnerWorld {
 public:
  static Result<std::unique_ptr<KeyOwnerWorld>> Make() {
    auto world = std::unique_ptr<RealKeyOwners>(new RealKeyOwners());
    if (const Status started = world->Start(); !started) return started.error();
    return std::unique_ptr<KeyOwnerWorld>(std::move(world));
  }

  void SetRange(int shard, const Range& range) override {
    OnShard(shard,
            fmt::format("INSERT INTO foreshard.migration(migration_id, uid, peer, phase, token, "
                        "state) VALUES ({0}, 'u', 'peer', 'Cutover', 1, 'open') ON CONFLICT DO "
                        "NOTHING; DELETE FROM foreshard.range WHERE range_id = 'm{0}'; INSERT INTO "
                        "foreshard.range(range_id, kind, {1}, owner, epoch, leased, migration_id, "
                        "keys) VALUES ('m{0}', 'hash', '80', '{2}', {3}, {4}, {5}, '{6}')",
                        range.number, first_ == 0 ? "upper_bound" : "lower_bound", Id(range.owner),
                        range.epoch, range.leased,
                        range.settled ? std::string("NULL") : std::to_string(range.number),
                        range.without_key ? "{1}" : "{}"));
  }
  void SetRow(int shard, std::optional<std::int64_t> value) override {
    std::string sql = "SET session_replication_role = replica; DELETE FROM customers";
    if (value) sql += fmt::format("; INSERT INTO customers(id, v) VALUES (1, {})", *value);
    OnShard(shard, sql);
  }
  void SetGate(int shard, int number, bool open) override {
    OnShard(shard,
            fmt::format("CREATE OR REPLACE TRIGGER gate BEFORE INSERT OR UPDATE OR DELETE ON "
                        "customers FOR EACH ROW EXECUTE FUNCTION foreshard.gate_check('{0}'); "
                        "DELETE FROM foreshard.gate WHERE migration_id = {0}{1}",
                        number,
                        open ? fmt::format("; INSERT INTO foreshard.gate VALUES ({})", number)
                             : std::string()));
  }
  void Publish(int moving, bool pinned) override {
    const std::string range = first_ == 0 ? R"({"from":"","to":"80"})" : R"({"from":"80","to":""})";
    const std::string pins =
        pinned ? fmt::format(R"([{{"key":"1","shard":"{}"}}])", Id(0)) : std::string("[]");
    const std::string moves =
        fmt::format(R"([{{"migration":"m","number":{},"range":{}}}])", moving, range);
    bed_->WriteTable(
        bed_->TableJson(pinned ? 2 : 1, moving == 0 ? std::string("[]") : moves, pins));
    ++published_;
    const Status taken = support::Await("the router has the table", 20s, [&] {
      const std::string log = bed_->RouterLog();
      int seen = 0;
      for (std::size_t at = 0; (at = log.find("file_taken", at)) != std::string::npos; ++at) ++seen;
      return support::Seen(seen >= published_, log);
    });
    EXPECT_TRUE(Good(taken));
  }
  void EndSessions(int shard) override {
    OnShard(shard, "SELECT pg_terminate_backend(pid) FROM foreshard.connection");
  }

  void Begin(Kind kind) override {
    kind_ = kind;
    refused_before_ = Refused();
    std::string query;
    pg::AppendQuery(&query, kind == Kind::kRead ? "SELECT v FROM customers WHERE id = 1"
                                                : "UPDATE customers SET v = v + 1 WHERE id = 1");
    EXPECT_TRUE(Good(client_->Send(query)));
  }
  void AwaitRefusals(int times) override {
    const Status refused = support::Await("the shards refuse", 20s, [&] {
      const double seen = Refused() - refused_before_;
      return support::Seen(seen >= times, fmt::format("{} refusals", seen));
    });
    EXPECT_TRUE(Good(refused)) << bed_->RouterLog();
  }
  std::int64_t Answer() override {
    const auto answer = client_->ReceiveUntilReady();
    EXPECT_TRUE(Good(answer));
    if (!answer) return -1;
    EXPECT_EQ(FirstError(*answer), "");
    const std::string trace = Trace(*answer);
    if (kind_ == Kind::kRead) return Number(FirstValue(*answer));
    const std::size_t tag = trace.find("UPDATE ");
    return tag == std::string::npos ? -1 : Number(std::string_view(trace).substr(tag + 7));
  }

 private:
  RealKeyOwners() = default;

  Status Start() {
    auto bed = router::RouterBed::Create({.shards = 2});
    if (!bed) return bed.error();
    bed_ = std::move(*bed);
    const auto made = bed_->Psql(
        "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0); "
        "INSERT INTO customers(id) VALUES (1)");
    if (!made) return made.error();
    auto client = bed_->Client();
    if (!client) return client.error();
    client_ = std::move(*client);
    const auto found = bed_->OnShard(0, "SELECT count(*) FROM customers");
    if (!found) return found.error();
    first_ = *found == "1\n" ? 0 : 1;
    return Ok();
  }
  // Shard 0 of the contract is the one that the key's hash gives it to.
  int Database(int shard) const { return shard == 0 ? first_ : 1 - first_; }
  std::string Id(int shard) const { return fmt::format("s-{}", Database(shard)); }
  void OnShard(int shard, const std::string& sql) const {
    EXPECT_TRUE(Good(bed_->OnShard(Database(shard), sql))) << sql;
  }
  double Refused() const {
    const auto metrics = bed_->Metrics();
    constexpr std::string_view kCount = "\nforeshard_stale_owner_total ";
    const std::size_t at = metrics ? metrics->find(kCount) : std::string::npos;
    return at == std::string::npos ? 0 : std::stod(metrics->substr(at + kCount.size()));
  }
  static std::int64_t Number(std::string_view text) {
    std::int64_t number = -1;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }

  std::unique_ptr<router::RouterBed> bed_;
  std::unique_ptr<router::WireClient> client_;
  int first_ = 0;
  int published_ = 0;
  double refused_before_ = 0;
  Kind kind_ = Kind::kRead;
};

INSTANTIATE_TEST_SUITE_P(Real, KeyOwnerContract,
                         testing::Values(KeyOwnerFactory{"real",
                                                         []() -> std::unique_ptr<KeyOwnerWorld> {
                                                           auto world = RealKeyOwners::Make();
                                                           EXPECT_TRUE(Good(world));
                                                           return world ? std::move(*world)
                                                                        : nullptr;
                                                         }}),
                         [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace foreshard::contract
