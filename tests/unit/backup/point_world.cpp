#include "tests/unit/backup/point_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backup/limits.h"

namespace foreshard::backup {

class WorldShard final : public PointShard {
 public:
  WorldShard(PointWorld& world, std::size_t number)
      : world_(world), number_(number), id_{fmt::format("s-{}", number)} {}

  const model::ShardId& id() const override { return id_; }

  Status Connect(Deadline) override {
    return Effect([this] { log().connected = true; });
  }

  Status Lock(Deadline) override {
    if (!log().connected) return Error::Reobserve("not connected");
    bool timed_out = false;
    const Status asked = Effect([&] {
      const MonotonicTime until = world_.clock_.Monotonic() + kLockTimeout;
      while (log().deciding > 0 && !timed_out) {
        world_.Tick();
        timed_out = world_.clock_.Monotonic() >= until;
      }
      if (timed_out) return;
      log().locked = world_.options_.canary != Canary::kNoLock;
      log().locked_at = world_.clock_.Monotonic();
    });
    if (!asked) return asked;
    return timed_out ? Status(Error::Retry("lock_timeout", {}, "55P03")) : Ok();
  }

  Result<ShardPoint> MakePoint(const std::string& name, Deadline) override {
    bool locked = false;
    std::size_t end = 0;
    const Status made = Effect([&] {
      const Canary canary = world_.options_.canary;
      locked = log().locked || canary == Canary::kNoLock || canary == Canary::kLostLockIgnored;
      if (locked) log().events.push_back({PointWorld::Kind::kPoint, world_.number_});
      end = log().events.size();
    });
    if (!made) return made.error();
    if (!locked) return Error::Reobserve("the lock is lost");
    return ShardPoint{.shard = id_,
                      .system_identifier = "7",
                      .timeline = 1,
                      .lsn = std::to_string(end),
                      .wal_file = name};
  }

  // Where the call is lost the session ends, and with it the lock.
  Status Unlock(Deadline) override {
    world_.Others(3);
    const Canary canary = world_.options_.canary;
    const bool held = std::exchange(log().locked, false) || canary == Canary::kNoLock ||
                      canary == Canary::kLostLockIgnored;
    return held && !world_.Fails() ? Ok() : Status(Error::Reobserve("the lock is lost"));
  }

  Status SwitchWal(Deadline) override {
    return Effect([] {});
  }

  Result<bool> Archived(const ShardPoint&, Deadline) override {
    if (const Status asked = Effect([] {}); !asked) return asked.error();
    if (world_.options_.faults && world_.random_.Chance(0.01)) return Error::Fenced("failed over");
    return world_.random_.Chance(0.5);
  }

 private:
  PointWorld::Log& log() { return world_.logs_[number_]; }

  template <typename Action>
  Status Effect(const Action& action) {
    world_.Others(10);
    if (world_.Fails()) return Error::Retry("it did not come");
    if (!world_.dead_) action();
    world_.Others(10);
    if (world_.Fails()) return Error::Reobserve("the answer did not come");
    return world_.dead_ ? Status(Error::Reobserve("dead")) : Ok();
  }

  PointWorld& world_;
  std::size_t number_;
  model::ShardId id_;
};

class WorldRouters final : public PointRouters {
 public:
  explicit WorldRouters(PointWorld& world) : world_(world) {}

  Result<bool> Hold(PointNumber, Deadline) override {
    world_.Others(10);
    if (world_.dead_ || world_.Fails()) return Error::Retry("not reached");
    if (world_.options_.canary == Canary::kNoHold) return true;
    world_.held_since_ = world_.clock_.Monotonic();
    world_.held_until_ = *world_.held_since_ + kHoldDeadline;
    const MonotonicTime until = *world_.held_since_ + kHoldDrain;
    while (world_.InFlight() > 0 && world_.clock_.Monotonic() < until) world_.Tick();
    const bool drained = world_.InFlight() == 0;
    world_.Others(10);
    if (world_.Fails()) return Error::Reobserve("the answer did not come");
    return drained;
  }

  Status Release(PointNumber, Deadline) override {
    world_.Others(10);
    if (world_.dead_ || world_.Fails()) return Error::Retry("not reached");
    world_.held_since_.reset();
    world_.released_ = ++world_.order_;
    return Ok();
  }

 private:
  PointWorld& world_;
};

class WorldSet final : public SetSource {
 public:
  explicit WorldSet(PointWorld& world) : world_(world) {}
  Result<SetState> Read(Deadline) override {
    world_.Others(3);
    if (world_.dead_ || world_.Fails()) return Error::Retry("no API server");
    return world_.Set();
  }

 private:
  PointWorld& world_;
};

class WorldBook final : public PointBook {
 public:
  explicit WorldBook(PointWorld& world) : world_(world) {}

  Result<PointNumber> Begin(const std::string&, Deadline) override {
    if (world_.dead_ || world_.Fails()) return Error::Retry("not written");
    ++world_.number_;
    if (world_.Fails()) return Error::Reobserve("the answer did not come");
    return PointNumber{world_.number_};
  }
  Status Keep(const Point& point, Deadline) override {
    world_.Others(10);
    if (world_.dead_ || world_.Fails()) return Error::Retry("not written");
    if (world_.kept_.empty() || world_.kept_.back().number != point.number) {
      world_.kept_.push_back(point);
    }
    if (world_.Fails()) return Error::Reobserve("the answer did not come");
    return Ok();
  }
  Result<std::vector<Point>> List(const std::string&, Deadline) override { return world_.kept_; }

 private:
  PointWorld& world_;
};

PointWorld::PointWorld(const WorldOptions& options)
    : options_(options), random_(options.seed), held_until_(clock_.Monotonic()) {
  logs_.resize(static_cast<std::size_t>(random_.Between(2, 4)));
  clients_.resize(static_cast<std::size_t>(random_.Between(2, 6)));
  clients_.back().known = false;
  if (options_.faults && random_.Chance(0.5)) fault_chance_ = random_.Unit() * 0.05;
  if (options_.faults && random_.Chance(0.5)) slow_chance_ = random_.Unit() * 0.05;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    shards_.push_back(std::make_unique<WorldShard>(*this, i));
  }
  routers_ = std::make_unique<WorldRouters>(*this);
  set_ = std::make_unique<WorldSet>(*this);
  book_ = std::make_unique<WorldBook>(*this);
}

PointWorld::~PointWorld() = default;

const Clock& PointWorld::barrier_clock() const {
  return options_.canary == Canary::kStandingClock ? standing_clock_ : clock_;
}

SetState PointWorld::Set() const {
  SetState state{.set_uid = "5a0e7f0c-0000-4000-8000-000000000001",
                 .shards = {},
                 .epoch = {epoch_},
                 .routing_table = fmt::format("{{\"epoch\":{}}}", epoch_),
                 .migrations = "[]",
                 .cutovers = {},
                 .number_max = {}};
  for (const auto& shard : shards_) state.shards.push_back(shard->id());
  if (cutover_) state.cutovers.push_back("orders-split");
  return state;
}

std::vector<PointShard*> PointWorld::Shards() {
  std::vector<PointShard*> shards;
  for (const auto& shard : shards_) shards.push_back(shard.get());
  return shards;
}

PointRouters& PointWorld::routers() { return *routers_; }
SetSource& PointWorld::set() { return *set_; }
PointBook& PointWorld::book() { return *book_; }

void PointWorld::BarrierBegins() {
  barrier_began_ = ++order_;
  released_ = 0;
}

// The kernel ends its sessions.
void PointWorld::ProcessDies() {
  dead_ = true;
  for (Log& log : logs_) log.locked = log.connected = false;
}

bool PointWorld::Fails() { return random_.Chance(fault_chance_); }

void PointWorld::Pass(std::int64_t microseconds_max) {
  clock_.Advance(std::chrono::microseconds(random_.Between(0, microseconds_max)));
}

void PointWorld::Others(std::uint64_t ticks_max) {
  if (random_.Chance(slow_chance_)) {
    for (int i = 0; i < 12; ++i) {
      Pass(50'000);
      Tick();
    }
  }
  for (std::uint64_t i = random_.Below(ticks_max + 1); i > 0; --i) Tick();
}

void PointWorld::Tick() {
  Pass(2'000);
  if (held_since_ && clock_.Monotonic() >= held_until_) held_since_.reset();
  for (Log& log : logs_) {
    if (log.locked && clock_.Monotonic() - log.locked_at >= kLockIdleMax) log.locked = false;
    if (log.locked && random_.Chance(fault_chance_ / 4)) log.locked = log.connected = false;
  }
  if (options_.faults && random_.Chance(0.0005)) ++epoch_;
  if (options_.faults && random_.Chance(0.0005)) cutover_ = !cutover_;
  Move(clients_[random_.Below(clients_.size())], 0);
}

bool PointWorld::Held() const { return held_since_.has_value(); }

bool PointWorld::MayBegin(const Transaction& transaction) const {
  if (!Held() || !clients_[transaction.client].known) return true;
  const MonotonicTime parked = std::max(transaction.asked_at, *held_since_);
  return transaction.opened_before && clock_.Monotonic() - parked >= kTransactionPark;
}

std::int64_t PointWorld::InFlight() const {
  return std::count_if(clients_.begin(), clients_.end(), [this](const Client& client) {
    if (!client.known || !client.transaction) return false;
    return transactions_.at(*client.transaction).begun.has_value();
  });
}

void PointWorld::Move(Client& client, std::size_t) {
  if (!client.transaction) {
    Transaction transaction;
    transaction.client = static_cast<std::size_t>(&client - clients_.data());
    transaction.opened_before = random_.Chance(0.3);
    std::vector<std::size_t> all(logs_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    const std::size_t parts = random_.Chance(0.5) ? 1 : 2;
    for (std::size_t i = 0; i < parts; ++i) {
      std::swap(all[i], all[i + random_.Below(all.size() - i)]);
      transaction.shards.push_back(all[i]);
    }
    transaction.asked = ++order_;
    transaction.asked_at = clock_.Monotonic();
    client.transaction = next_transaction_;
    transactions_.emplace(next_transaction_++, transaction);
    return;
  }
  Transaction& transaction = transactions_.at(*client.transaction);
  Advance(transaction, *client.transaction);
  if (transaction.stage == Stage::kEnded) client.transaction.reset();
}

void PointWorld::Advance(Transaction& transaction, std::int64_t id) {
  Log& first = logs_[transaction.shards[0]];
  switch (transaction.stage) {
    case Stage::kAsked:
      if (!MayBegin(transaction)) return;
      transaction.begun = ++order_;
      transaction.stage = Stage::kOpen;
      return;
    case Stage::kOpen:
      if (transaction.shards.size() > 1) {
        transaction.stage = Stage::kPreparing;
        return;
      }
      first.events.push_back({Kind::kCommit, id});
      transaction.answered = ++order_;
      transaction.stage = Stage::kEnded;
      return;
    case Stage::kPreparing:
      logs_[transaction.shards[transaction.next]].events.push_back({Kind::kPrepare, id});
      if (++transaction.next == transaction.shards.size()) transaction.stage = Stage::kDecide;
      return;
    case Stage::kDecide:
      if (first.locked) return;
      ++first.deciding;
      transaction.stage = Stage::kDeciding;
      return;
    case Stage::kDeciding:
      --first.deciding;
      first.events.push_back({Kind::kCommit, id});
      transaction.answered = ++order_;
      transaction.next = 1;
      transaction.stage = Stage::kTelling;
      return;
    case Stage::kTelling:
      logs_[transaction.shards[transaction.next]].events.push_back({Kind::kCommitPrepared, id});
      if (++transaction.next == transaction.shards.size()) transaction.stage = Stage::kEnded;
      return;
    case Stage::kEnded:
      return;
  }
}

// What is there after resolve() has ended what was prepared.
std::set<std::int64_t> PointWorld::Present(const Point& point, std::string& problem) const {
  std::vector<std::set<std::int64_t>> committed(logs_.size());
  std::vector<std::set<std::int64_t>> prepared(logs_.size());
  for (std::size_t shard = 0; shard < logs_.size(); ++shard) {
    const auto end = static_cast<std::ptrdiff_t>(std::stoll(point.shards[shard].lsn));
    for (auto at = logs_[shard].events.begin(); at != logs_[shard].events.begin() + end; ++at) {
      if (at->kind == Kind::kCommit) committed[shard].insert(at->transaction);
      if (at->kind == Kind::kPrepare) prepared[shard].insert(at->transaction);
      if (at->kind == Kind::kCommitPrepared) committed[shard].insert(at->transaction);
    }
  }
  std::set<std::int64_t> present;
  for (const auto& [id, transaction] : transactions_) {
    const bool decided = committed[transaction.shards[0]].contains(id);
    if (decided) present.insert(id);
    for (std::size_t part = 1; part < transaction.shards.size(); ++part) {
      const std::size_t shard = transaction.shards[part];
      if (decided && !prepared[shard].contains(id)) problem = fmt::format("{} is half in", id);
      if (!decided && committed[shard].contains(id)) problem = fmt::format("{} is half out", id);
    }
  }
  return present;
}

std::string PointWorld::CheckPoint(const Point& point) const {
  std::string problem;
  const std::set<std::int64_t> present = Present(point, problem);
  if (!problem.empty()) return problem;
  std::int64_t first_lost = INT64_MAX;  // when the first of those that are missing was answered
  for (const auto& [id, transaction] : transactions_) {
    const bool is_there = present.contains(id);
    if (!is_there && transaction.answered && *transaction.answered < barrier_began_) {
      return fmt::format("{} was answered before, and is lost", id);
    }
    if (is_there && released_ != 0 && transaction.asked > released_) {
      return fmt::format("{} was asked afterwards, and is there", id);
    }
    if (!is_there && transaction.answered && clients_[transaction.client].known) {
      first_lost = std::min(first_lost, *transaction.answered);
    }
  }
  for (const std::int64_t id : present) {
    const Transaction& transaction = transactions_.at(id);
    if (clients_[transaction.client].known && transaction.asked > first_lost) {
      return fmt::format("{} is there, and one that was answered before it was asked is not", id);
    }
  }
  return {};
}

std::string PointWorld::CheckService() {
  fault_chance_ = slow_chance_ = 0;
  const auto until = clock_.Monotonic() + kLockIdleMax + kHoldDeadline;
  while (clock_.Monotonic() < until) Tick();
  if (Held()) return "routers still hold";
  for (const Log& log : logs_) {
    if (log.locked) return "a shard is still locked";
  }
  const std::int64_t last = next_transaction_;
  for (int i = 0; i < 2'000; ++i) Tick();
  for (const auto& [id, transaction] : transactions_) {
    if (id < last && !transaction.answered) return fmt::format("{} never ended", id);
  }
  return {};
}

}  // namespace foreshard::backup
