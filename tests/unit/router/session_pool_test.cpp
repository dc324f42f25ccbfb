#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "base/random.h"
#include "router/pool.h"
#include "tests/unit/router/session_world.h"

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

// A server process: answers one message after another and knows whose transaction is open.
struct SimLink final : ServerLink {
  std::string said;
  std::string& out() override { return said; }
  GroupId group = 0;
  int lent_to = -1;
  int transaction_of = -1;
  bool failed = false;
  bool dead = false;

  // What it says to the next message; empty: nothing (or not yet).
  std::string Answer(Random& random, const std::string& where) {
    pg::WireFrame frame;
    if (pg::NextFrame(said, 1 << 20, &frame) != pg::WireFrameState::kComplete) return {};
    const std::string text(frame.body.substr(0, frame.body.size() - 1));
    EXPECT_EQ(frame.type, 'Q') << where;
    said.erase(0, frame.whole.size());
    if (transaction_of >= 0) {
      EXPECT_EQ(transaction_of, lent_to) << where << ": another one's transaction";
    }
    if (text.starts_with("BEGIN")) transaction_of = lent_to;
    const bool ends = text.starts_with("COMMIT") || text.starts_with("ROLLBACK") ||
                      text.starts_with("PREPARE TRANSACTION") ||
                      text.find("decide(") != std::string::npos;
    if (ends) {
      const bool rolled_back = std::exchange(failed, false);
      transaction_of = -1;
      return SessionWorld::Done(rolled_back ? "ROLLBACK" : text.substr(0, text.find(" '")));
    }
    if (failed || random.Chance(0.05)) {
      failed = transaction_of >= 0;
      return SessionWorld::Failed(failed ? "25P02" : "23505", failed ? 'E' : 'I');
    }
    std::string answer;
    const std::size_t tag = text.find("/*");
    if (tag != std::string::npos) {
      const std::string_view values[] = {std::string_view(text).substr(tag)};
      pg::AppendTextRow(&answer, values);
    }
    return answer + SessionWorld::Done("SELECT 1", transaction_of >= 0 ? 'T' : 'I');
  }
};

class PoolWorld;

// One client and its session.
class SimClient final : public SessionWorld {
 public:
  PoolWorld* all = nullptr;
  int number = 0;
  std::deque<std::string> expected;  // tags of statements without an answer
  int cycles = 0;                    // Queries without a ReadyForQuery
  std::uint32_t statements = 0;
  std::uint64_t answers = 0;
  bool in_block = false;

  ServerLink* Acquire(std::uint32_t shard) override;
  void Release(ServerLink& link, bool reusable) override;
  void StopWaiting() override;

  void Speak(Random& random) {
    const double what = random.Unit();
    if (what < 0.2) {
      Ask(in_block ? (random.Chance(0.7) ? "COMMIT" : "ROLLBACK") : "BEGIN");
      in_block = !in_block;
      return;
    }
    const std::string tag = fmt::format("/*{}.{}*/", number, ++statements);
    const auto shard = static_cast<std::uint32_t>(random.Below(kShards));
    const std::int64_t key = SomeKeyOf(shard);
    expected.push_back(tag);
    Ask(random.Chance(0.5) ? fmt::format("SELECT * FROM customers WHERE id = {} {}", key, tag)
                           : fmt::format("DELETE FROM customers WHERE id = {} {}", key, tag));
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
  explicit PoolWorld(std::uint64_t seed) : random_(seed), where_(fmt::format("seed {}", seed)) {
    pool_.SetLimit(kClients);  // Enough that two-shard transactions cannot starve each other.
    for (std::size_t i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<SimClient>());
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
  Pool pool_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<std::unique_ptr<SimLink>> links_;
  std::deque<GroupId> connecting_;
  std::deque<SimLink*> free_;
};

ServerLink* SimClient::Acquire(std::uint32_t shard) { return all->Acquire(*this, shard); }
void SimClient::Release(ServerLink& link, bool reusable) {
  all->Release(*this, static_cast<SimLink&>(link), reusable);
}
void SimClient::StopWaiting() { all->StopWaiting(number); }

TEST(SessionPool, RandomSchedulesNeverMixClients) {
  std::uint64_t answers = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    PoolWorld world(seed);
    for (int step = 0; step < 400; ++step) world.Step();
    world.End();
    answers += world.answers();
    if (HasFailure()) break;
  }
  EXPECT_GT(answers, 3'000U);  // Something happened.
}

}  // namespace
}  // namespace foreshard::router
