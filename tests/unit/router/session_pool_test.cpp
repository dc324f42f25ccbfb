#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "base/random.h"
#include "tests/unit/router/sim_link.h"

// Sessions of several clients over one pool that is too small for them, under random schedules:
// who speaks next, which server answers, which one dies, all comes from one seed.
//
// What must stay true: a client hears its own answers, in order, and nothing else; in a transaction
// it is always the same connection that speaks; a connection is given to the next client only when
// it is clean; a cancel request names only servers that this client has.

namespace foreshard::router {
namespace {

constexpr std::uint32_t kShards = 4;
constexpr std::size_t kClients = 6;

class PoolWorld;

// One client and its session.
class SimClient final : public SessionWorld {
 public:
  using SessionWorld::SessionWorld;

  PoolWorld* all = nullptr;
  int number = 0;
  std::deque<std::string> expected;  // tags of statements without an answer
  int cycles = 0;                    // Queries without a ReadyForQuery
  int statements = 0;
  int blocks = 0;
  std::set<std::string> prepared;
  std::uint64_t answers = 0;
  bool in_block = false;

  ServerLink* Acquire(std::uint32_t shard) override;
  void Release(ServerLink& link, bool reusable) override;
  void StopWaiting() override;

  void Speak(Random& random) {
    const double what = random.Unit();
    if (what < 0.2) {
      Ask(in_block ? (random.Chance(0.7) ? "COMMIT" : "ROLLBACK") : "BEGIN");
      if (!in_block) ++blocks;
      in_block = !in_block;
      return;
    }
    const int block = in_block ? blocks : 0;
    if (what < 0.45) return Execute(random, block);
    const std::string tag = SimTag{number, ++statements, block}.Text();
    expected.push_back(tag);
    Ask(Sql(random, tag));
  }
  static std::string Sql(const char* verb, std::int64_t key, const std::string& tag) {
    return fmt::format("{} customers WHERE id = {} {}", verb, key, tag);
  }
  std::string Sql(Random& random, const std::string& tag) {
    const auto shard = static_cast<std::uint32_t>(random.Below(kShards));
    return Sql(random.Chance(0.5) ? "SELECT * FROM" : "DELETE FROM", SomeKeyOf(shard), tag);
  }
  // Parse, Bind, Execute, Sync; every client has its own statement of the same name, which is
  // prepared once for each block and used again.
  void Execute(Random& random, int block) {
    std::string out;
    std::string name;
    std::string tag;
    if (random.Chance(0.5)) {
      tag = SimTag{number, ++statements, block}.Text();
      pg::AppendParse(&out, "", Sql(random, tag), {});
    } else {
      name = fmt::format("s{}", block);
      tag = SimTag{number, 1'000'000, block}.Text();
      if (prepared.insert(name).second)
        pg::AppendParse(&out, name, Sql("SELECT * FROM", SomeKeyOf(2), tag), {});
    }
    pg::WireWriter(&out, 'B').String("").String(name).Int16(0).Int16(0).Int16(0).End();
    pg::WireWriter(&out, 'E').String("").Int32(0).End();
    pg::AppendEmpty(&out, 'S');
    expected.push_back(tag);
    ++cycles;
    ClientSays(out);
  }
  void Ask(const std::string& sql) {
    ++cycles;
    ClientSays(Query(sql));
  }
  void Hear(const std::string& where) {
    const std::string heard = ToClient();
    std::string_view rest = heard;
    pg::WireFrame frame;
    while (pg::NextFrame(rest, 1 << 20, &frame) == pg::WireFrameState::kComplete) {
      rest.remove_prefix(frame.whole.size());
      if (frame.type == 'D') {
        ++answers;
        // Statements that failed have no row: the tags in between are theirs.
        while (!expected.empty() && frame.body.find(expected.front()) == std::string_view::npos)
          expected.pop_front();
        EXPECT_FALSE(expected.empty()) << where << ": an answer of somebody else's statement";
      }
      if (frame.type == 'Z') --cycles;
    }
  }
};

class PoolWorld {
 public:
  explicit PoolWorld(std::uint64_t seed)
      : random_(seed),
        where_(fmt::format("unit_router_session --gtest_filter='SessionPool.Random*' "
                           "--gtest_random_seed={}",
                           seed)) {
    pool_.SetLimit(kClients);  // Enough that two-shard transactions cannot starve each other.
    for (std::size_t i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<SimClient>(&registry_));
      clients_.back()->all = this;
      clients_.back()->number = static_cast<int>(i);
    }
  }

  void Step() {
    SimClient& client = *clients_[random_.Below(kClients)];
    switch (random_.Below(8)) {
      case 0:
      case 1:
        if (client.cycles < 3) client.Speak(random_);
        break;
      case 2:
        Connect();
        break;
      case 3:
        client.session_.OnTimer();
        break;
      case 4:
        for (ServerLink* busy : client.session_.BusyServers())
          EXPECT_EQ(static_cast<SimLink*>(busy)->lent_to, client.number)
              << where_ << ": a cancel would hit another client";
        break;
      case 5:
        if (random_.Chance(0.03)) Die();
        break;
      default:
        ServerAnswers();
        break;
    }
    Settle();
  }

  // Everybody ends what he began; then nothing may be left.
  void End() {
    for (int round = 0; round < 4; ++round) {
      for (auto& client : clients_) {
        if (round == 1) client->Ask("ROLLBACK");
      }
      for (int step = 0; step < 400; ++step) {
        Connect();
        ServerAnswers();
        for (auto& client : clients_) client->session_.OnTimer();
        Settle();
      }
    }
    for (auto& client : clients_) {
      EXPECT_EQ(client->cycles, 0) << where_ << ", client " << client->number;
      EXPECT_TRUE(client->session_.at_rest()) << where_ << ", client " << client->number;
    }
    for (auto& link : links_) EXPECT_EQ(link->lent_to, -1) << where_;
    EXPECT_EQ(pool_.waiting(), 0U) << where_;
  }

  std::uint64_t answers() const {
    std::uint64_t sum = 0;
    for (const auto& client : clients_) sum += client->answers;
    return sum;
  }

  ServerLink* Acquire(SimClient& client, std::uint32_t shard) {
    const GroupId group = pool_.GroupFor(shard, "app", "app");
    const Pool::Answer answer =
        pool_.Acquire(group, static_cast<WaiterId>(client.number), client.now_);
    EXPECT_EQ(answer.close_first, nullptr) << where_;
    if (answer.connect) connecting_.push_back(group);
    if (answer.use == nullptr) return nullptr;
    Lend(static_cast<SimLink&>(*answer.use), client.number);
    return answer.use;
  }
  void Release(SimClient& client, SimLink& link, bool reusable) {
    EXPECT_EQ(link.lent_to, client.number) << where_;
    link.lent_to = -1;
    if (reusable) {
      EXPECT_EQ(link.said, "") << where_ << ": it has not answered all";
      EXPECT_EQ(link.transaction_of, -1) << where_ << ": a transaction is open on it";
      EXPECT_FALSE(link.dead) << where_;
      free_.push_back(&link);
    } else {
      link.dead = true;
      pool_.Closed(link.group, link);
    }
  }
  void StopWaiting(int client) { pool_.StopWaiting(static_cast<WaiterId>(client)); }

 private:
  void Lend(SimLink& link, int client) {
    EXPECT_EQ(link.lent_to, -1) << where_ << ": lent twice";
    EXPECT_FALSE(link.dead) << where_;
    link.lent_to = client;
  }
  void Connect() {
    if (connecting_.empty()) return;
    const GroupId group = connecting_.front();
    connecting_.pop_front();
    links_.push_back(std::make_unique<SimLink>());
    links_.back()->group = group;
    links_.back()->shard = pool_.group(group).shard;
    links_.back()->has_schema = true;
    links_.back()->blocks = &blocks_;
    pool_.Connected(group);
    free_.push_back(links_.back().get());
  }
  SimLink* AnyLent() {
    std::vector<SimLink*> lent;
    for (auto& link : links_) {
      if (link->lent_to >= 0 && !link->dead) lent.push_back(link.get());
    }
    return lent.empty() ? nullptr : lent[random_.Below(lent.size())];
  }
  void ServerAnswers() {
    SimLink* link = AnyLent();
    if (link == nullptr) return;
    const std::string answer = link->Answer(random_, where_);
    if (answer.empty()) return;
    SimClient& client = *clients_[static_cast<std::size_t>(link->lent_to)];
    std::string heard;
    // In two pieces, cut anywhere.
    const std::size_t cut = random_.Below(answer.size() + 1);
    for (const std::string& piece : {answer.substr(0, cut), answer.substr(cut)}) {
      heard += piece;
      while (!heard.empty() && link->lent_to == client.number) {
        const std::size_t consumed = client.session_.OnServerBytes(*link, heard);
        if (consumed == 0) break;
        heard.erase(0, consumed);
      }
    }
    if (link->lent_to == client.number && !link->dead) {
      EXPECT_EQ(heard, "") << where_;
    }
  }
  void Die() {
    SimLink* link = AnyLent();
    if (link == nullptr) return;
    SimClient& client = *clients_[static_cast<std::size_t>(link->lent_to)];
    link->dead = true;
    client.session_.OnServerLost(*link, "it died");
    if (link->lent_to == client.number && !client.session_.holds(*link))
      client.Release(*link, false);
  }
  // Free connections go to those who wait; who may go on does.
  void Settle() {
    bool again = true;
    while (std::exchange(again, false)) {
      while (!free_.empty()) {
        SimLink* link = free_.front();
        free_.pop_front();
        const std::optional<WaiterId> waiter = pool_.Free(link->group, *link, {});
        if (!waiter) continue;
        Lend(*link, static_cast<int>(*waiter));
        clients_[*waiter]->session_.OnServerReady(link->shard, *link);
      }
      for (std::uint32_t shard = 0; shard < kShards; ++shard) {
        while (const std::optional<GroupId> group = pool_.WantsConnection(shard))
          connecting_.push_back(*group);
      }
      for (auto& client : clients_) client->GoOn();
      again = !free_.empty();
    }
    for (auto& client : clients_) client->Hear(where_);
  }

  Random random_;
  std::string where_;
  PreparedRegistry registry_;  // one of a worker, as its pool
  Pool pool_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<std::unique_ptr<SimLink>> links_;
  std::deque<GroupId> connecting_;
  std::deque<SimLink*> free_;
  SimLink::Blocks blocks_;
};

ServerLink* SimClient::Acquire(std::uint32_t shard) { return all->Acquire(*this, shard); }
void SimClient::Release(ServerLink& link, bool reusable) {
  all->Release(*this, static_cast<SimLink&>(link), reusable);
}
void SimClient::StopWaiting() { all->StopWaiting(number); }

// What the clients heard. A seed given by --gtest_random_seed is the only one.
std::uint64_t RunSeeds(std::uint64_t first, std::uint64_t last) {
  if (const int only = testing::GTEST_FLAG(random_seed); only != 0)
    first = last = static_cast<std::uint64_t>(only);
  std::uint64_t answers = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    PoolWorld world(seed);
    for (int step = 0; step < 400; ++step) world.Step();
    world.End();
    answers += world.answers();
    if (testing::Test::HasFailure()) break;
  }
  return answers;
}

TEST(SessionPool, RandomSchedulesNeverMixClients) {
  EXPECT_GT(RunSeeds(1, 300), 10U);  // Something happened.
}

// For `make test-long`.
TEST(SessionPool, LongRandomSchedulesNeverMixClients) { EXPECT_GT(RunSeeds(301, 30'000), 10U); }

}  // namespace
}  // namespace foreshard::router
