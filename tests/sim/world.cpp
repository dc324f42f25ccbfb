#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "tests/sim/actors.h"

namespace foreshard::sim {

using fakes::kFakeKeys;
using migration::Phase;

namespace {

constexpr int kSettleTicksMax = 20'000;
constexpr int kEventsKept = 50;
constexpr const char* kNamespace = "shop";
constexpr const char* kSet = "orders";

// Shards of the fake world for one set.
class SimShardDirectory final : public migration::ShardDirectory {
 public:
  SimShardDirectory(std::map<std::string, fakes::FakeServer*>& servers,
                    const std::set<std::string>& gone)
      : servers_(servers), gone_(gone) {}

  Result<std::unique_ptr<migration::Shard>> Open(const migration::MigrationSpec& spec,
                                                 migration::Side side, Deadline) override {
    fakes::FakeServer* server = Find(migration::ShardOf(spec, side));
    if (server == nullptr) return Error::Retry("no such server");
    return std::unique_ptr<migration::Shard>(
        std::make_unique<fakes::FakeShard>(spec, side, *server));
  }
  Result<migration::HighWater> ReadHighWater(const std::string&, const std::string&,
                                             const model::ShardId& shard, Deadline) override {
    const fakes::FakeServer* server = Find(shard);
    if (server == nullptr) return Error::Retry("no such server");
    migration::HighWater high;
    for (const auto& [number, row] : server->migrations) {
      high.number = std::max(high.number, {number});
    }
    return high;
  }

 private:
  fakes::FakeServer* Find(const model::ShardId& shard) const {
    const auto found = servers_.find(shard.value);
    return found == servers_.end() || gone_.contains(shard.value) ? nullptr : found->second;
  }

  std::map<std::string, fakes::FakeServer*>& servers_;
  const std::set<std::string>& gone_;
};

class SimRouterDirectory final : public op::RouterDirectory {
 public:
  explicit SimRouterDirectory(fakes::FakeRouterControl& control) : control_(control) {}
  Result<op::RouterControl*> Open(const std::string&, const std::string&, Deadline) override {
    return static_cast<op::RouterControl*>(&control_);
  }

 private:
  fakes::FakeRouterControl& control_;
};

// What Prometheus would say of the routers; in some seeds each gaining shard serves worse.
class SimServiceHealth final : public op::ServiceHealth {
 public:
  explicit SimServiceHealth(const bool& worse) : worse_(worse) {}
  Result<std::optional<migration::ServiceSeen>> Read(const model::ShardSet&, const model::ShardId&,
                                                     WallTime, std::chrono::seconds window,
                                                     Deadline) override {
    const bool before = window > std::chrono::minutes(5);
    return std::optional(migration::ServiceSeen{.statements_per_second = 100,
                                                .error_ratio = 0,
                                                .p99_seconds = !before && worse_ ? 0.5 : 0.01});
  }

 private:
  const bool& worse_;
};

model::ShardSet NewSet(bool hash) {
  model::ShardSet set;
  set.name_space = kNamespace;
  set.name = kSet;
  set.uid = "set";
  set.spec.sharding.key_space = {hash ? model::Strategy::kHash : model::Strategy::kRange,
                                 model::KeyType::kBigint};
  set.spec.sharding.tables = {{"public.orders", "customer_id"}};
  for (const char* id : {"s-a", "s-b", "s-c"}) {
    model::ShardStatus status;
    status.id = {id};
    status.ready = true;
    set.status.shard_statuses.push_back(std::move(status));
  }
  return set;
}

}  // namespace

World::World(WorldOptions options, Coverage& coverage)
    : options_(std::move(options)),
      coverage_(coverage),
      random_(options_.seed),
      bugs_(BugsOf(options_.canary)),
      router_bugs_(RouterBugsOf(options_.canary)),
      cables_(options_.seed ^ 0x0cab1e5) {
  Build();
}

World::~World() = default;

void World::BuildTable() {
  model::RoutingTable table;
  table.shard_set_name = kSet;
  table.epoch = {1};
  table.key_space = state_->set().spec.sharding.key_space;
  const char* middle = hash_ ? "80" : "8";
  table.ranges = {{{"", middle}, {"s-a"}}, {{middle, ""}, {"s-b"}}};
  for (const char* id : {"s-a", "s-b", "s-c"}) table.shards.push_back({{id}, id, id});
  state_->PutTable(std::move(table));
}

void World::MakeServer(const model::ShardId& id) {
  server_owners_.push_back(std::make_unique<fakes::FakeServer>(id, bugs_));
  servers_[id.value] = server_owners_.back().get();
  servers_[id.value]->on_violation = [this](const std::string& what) { Violate(what); };
}

void World::Build() {
  DrawFaults();
  for (const char* id : {"s-a", "s-b", "s-c"}) MakeServer({id});
  hash_ = random_.Chance(0.3);
  keep_slots_ = random_.Chance(0.5);
  served_worse_ = random_.Chance(0.1);
  health_ = std::make_unique<SimServiceHealth>(served_worse_);
  state_ = std::make_unique<fakes::FakeMigrationState>(NewSet(hash_));
  BuildTable();
  for (int key = 0; key < kFakeKeys; ++key) {
    servers_[model::OwnerOfKey(state_->table(), std::to_string(key)).value]->rows[key] = 0;
  }
  state_->finalizers_are_ignored = options_.canary == Canary::kDeletedInTheSoak;
  state_->versions_are_ignored = options_.canary == Canary::kPhaseWrittenBlindly;
  state_->on_status = [this](const auto& before, const auto& after) { CheckStatus(before, after); };
  state_->on_table = [this](const auto& before, const auto& after) { CheckTable(before, after); };
  std::vector<fakes::FakeRouter*> routers;
  for (const char* name : {"r1", "r2", "r3"}) {
    routers_.push_back(std::make_unique<fakes::FakeRouter>(name, servers_, clock_, router_bugs_));
    routers_.back()->Offer(state_->table(), state_->table_generation());
    routers.push_back(routers_.back().get());
    deaf_for_.push_back(0);
    cut_for_.push_back(0);
  }
  router_control_ = std::make_unique<fakes::FakeRouterControl>(routers, clock_);
  router_control_->space = state_->table().key_space;
  shards_ = std::make_unique<SimShardDirectory>(servers_, gone_);
  router_directory_ = std::make_unique<SimRouterDirectory>(*router_control_);
  for (std::size_t index = 0; index < 2; ++index) {
    operators_.push_back(std::make_unique<OperatorActor>());
    operators_.back()->index = index;
    StartOperator(*operators_.back());
  }
  for (int client = 0; client < 4; ++client) {
    clients_.push_back(std::make_unique<ClientActor>());
    clients_.back()->first_key = client * 4;
  }
  AddMigration();
}

// All of a shard, some keys, or a range.
void World::ChooseKeys(model::ShardMigration& made) {
  static constexpr std::array<std::pair<const char*, const char*>, 5> kRanges = {
      {{"4", "8"}, {"", "8"}, {"2", "6"}, {"8", "12"}, {"8", ""}}};
  static constexpr std::array<std::pair<const char*, const char*>, 5> kHashRanges = {
      {{"40", "80"}, {"", "80"}, {"20", "60"}, {"80", "c0"}, {"80", ""}}};
  const model::RoutingTable& table = state_->table();
  if (migrations_made_ > 1 && random_.Chance(0.15)) {
    made.spec.type = model::MigrationType::kMerge;
    made.spec.source = table.ranges[random_.Below(table.ranges.size())].shard;
    return;
  }
  if (random_.Chance(0.3)) {
    const bool isolate = random_.Chance(0.3);
    made.spec.type = isolate ? model::MigrationType::kIsolate : model::MigrationType::kMoveKeys;
    const auto key = [&] { return std::to_string(random_.Below(kFakeKeys)); };
    made.spec.keys = {key()};
    made.spec.source = model::OwnerOfKey(table, made.spec.keys.front());
    const std::string more = key();
    if (!isolate && more != made.spec.keys.front() &&
        model::OwnerOfKey(table, more) == made.spec.source) {
      made.spec.keys.push_back(more);
    }
    std::sort(made.spec.keys.begin(), made.spec.keys.end());
    return;
  }
  made.spec.type = random_.Chance(0.3) ? model::MigrationType::kSplit : model::MigrationType::kMove;
  const auto& [from, to] = (hash_ ? kHashRanges : kRanges)[random_.Below(kRanges.size())];
  made.spec.range = model::KeyRange{from, to};
  if (migrations_made_ > 1 && created_.at("m1").spec.range && random_.Chance(0.5)) {
    made.spec.range = created_.at("m1").spec.range;  // back and forth
  }
  const std::string lowest = hash_ ? "00" : "0";
  made.spec.source = model::OwnerOfBound(
      table, made.spec.range->from.empty() ? (hash_ ? "" : lowest) : made.spec.range->from);
}

void World::AddMigration() {
  const model::RoutingTable& table = state_->table();
  model::ShardMigration made;
  made.name_space = kNamespace;
  made.name = fmt::format("m{}", ++migrations_made_);
  made.uid = "uid-" + made.name;
  made.generation = 1;
  made.spec.shard_set_name = kSet;
  ChooseKeys(made);
  std::vector<model::ShardId> others;
  for (const model::ShardAddress& shard : table.shards) {
    if (made.spec.source != shard.id) others.push_back(shard.id);
  }
  if (others.empty()) return;  // all has been merged into one
  const bool may_be_new = made.spec.type == model::MigrationType::kSplit ||
                          made.spec.type == model::MigrationType::kIsolate;
  if (!may_be_new || random_.Chance(0.2))
    made.spec.destination = others[random_.Below(others.size())];
  made.spec.soak = served_worse_ ? std::chrono::seconds(random_.Between(60, 90))
                                 : std::chrono::milliseconds(random_.Between(200, 8'000));
  if (random_.Chance(0.05)) made.spec.deadline = std::chrono::seconds(random_.Between(2, 30));
  made.spec.approved = !random_.Chance(0.1);
  made.spec.dry_run = random_.Chance(0.02);
  made.spec.rehearse = !made.spec.dry_run && random_.Chance(0.03);
  created_[made.name] = made;
  Event(fmt::format("person creates {}: {} from {} to {}", made.name,
                    made.spec.range ? model::ToString(*made.spec.range)
                                    : std::string(made.spec.keys.empty() ? "all" : "keys"),
                    made.spec.source,
                    made.spec.destination.value.empty() ? std::string("a new shard")
                                                        : made.spec.destination.value));
  state_->Put(std::move(made));
}

void World::StartOperator(OperatorActor& actor) {
  const auto stale = [this]() -> std::size_t {
    if (!faults_on_ || !random_.Chance(rates_.stale)) return 0;
    coverage_.Hit("fault.stale_read");
    return 1 + random_.Below(6);
  };
  const auto faults = [this](std::string_view call) { return DrawCallFault(call); };
  actor.pending.reset();
  actor.controller.reset();
  actor.store = std::make_unique<fakes::FakeMigrationStore>(*state_, stale);
  actor.faulty_store = std::make_unique<fakes::FaultyMigrationStore>(*actor.store, faults);
  actor.faulty_shards = std::make_unique<fakes::FaultyShardDirectory>(
      *shards_, faults,
      [this](const model::ShardId& shard, std::function<void()> effect) {
        const int due = tick_ + static_cast<int>(random_.Between(1, 80));
        late_effects_.push_back({.shard = shard.value, .due = due, .effect = std::move(effect)});
      },
      fakes::Tails{.begin = [this](const model::ShardId& shard) { Doom(shard); },
                   .confirm = [this](const model::ShardId& shard) { Server(shard).Confirm(); }});
  actor.controller = std::make_unique<op::MigrationController>(
      op::MigrationControllerOptions{.store = *actor.faulty_store,
                                     .shards = *actor.faulty_shards,
                                     .routers = *router_directory_,
                                     .clock = clock_,
                                     .lease =
                                         [&actor] {
                                           return op::LeaseSeen{.transitions = actor.transitions,
                                                                .left = std::chrono::seconds(10)};
                                         },
                                     .pause = [](std::chrono::milliseconds) { return true; },
                                     .health = health_.get()});
}

void World::Tick() {
  ++tick_;
  StepTime();
  StepLateEffects();
  static constexpr std::array<double, 8> kWeights = {4, 2, 2, 2.5, 2, 0.5, 0.25, 1};
  switch (random_.Weighted(kWeights)) {
    case 0:
      StepOperator(*operators_[random_.Below(operators_.size())]);
      break;
    case 1:
      StepMovers();
      break;
    case 2:
      StepStreams();
      break;
    case 3:
      StepRouters();
      break;
    case 4:
      StepClients();
      break;
    case 5:
      StepKubelet();
      break;
    case 6:
      StepPerson();
      break;
    default:
      StepFaults();
      break;
  }
  CheckTick();
}

WorldResult World::Run() {
  const int fault_ticks =
      options_.ticks > 0 ? options_.ticks : static_cast<int>(random_.Between(200, 2'400));
  // In some seeds the faults wait for the first cutover: else the early phases get most of them.
  if (random_.Chance(0.4)) {
    faults_on_ = false;
    while (!violation_ && tick_ < kSettleTicksMax && !LatePhaseReached()) Tick();
    faults_on_ = true;
  }
  const int end_of_faults = options_.ticks > 0 ? fault_ticks : tick_ + fault_ticks;
  while (!violation_ && tick_ < end_of_faults) Tick();
  faults_on_ = false;
  switching_tick_micros_ = 500;
  for (std::size_t index = 0; index < routers_.size(); ++index) {
    routers_[index]->deaf = routers_[index]->unlisted = false;
    deaf_for_[index] = 0;
    cut_for_[index] = 0;
  }
  for (const auto& actor : operators_) actor->paused_for = 0;
  const int end = tick_ + kSettleTicksMax;
  int calm = 0;
  while (!violation_ && tick_ < end && calm < 3) {
    for (int count = 0; count < 50 && !violation_; ++count) Tick();
    calm = AtRest() ? calm + 1 : 0;
  }
  if (!violation_) CheckEnd();
  WorldResult result{
      .violation = violation_, .ticks = tick_, .hash = trace_hash_, .last_events = {}};
  result.last_events.assign(events_.begin(), events_.end());
  return result;
}

void World::Event(const std::string& what) {
  for (const char c : what)
    trace_hash_ = (trace_hash_ ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  if (options_.trace) fmt::print("{:6} {}\n", tick_, what);
  events_.push_back(fmt::format("{:6} {}", tick_, what));
  if (events_.size() > kEventsKept) events_.pop_front();
}

void World::Violate(const std::string& what) {
  if (violation_) return;
  violation_ = what;
  Event("VIOLATION " + what);
}

std::string World::PhaseNow(const std::string& name) const {
  const model::ShardMigration* found = state_->Find(name);
  if (found == nullptr) return "gone";
  return found->status.phase.empty() ? "Planned" : found->status.phase;
}

bool World::LatePhaseReached() const {
  const model::ShardMigration* first = state_->Find("m1");
  if (first == nullptr) return true;
  const auto phase = migration::ParsePhase(first->status.phase);
  return !phase || *phase == Phase::kReady || IsSwitching(*phase) || IsTerminal(*phase) ||
         *phase == Phase::kAborting || *phase == Phase::kSoaking;
}

bool World::AnySwitching() const {
  for (const std::string& name : state_->Names()) {
    const auto phase = migration::ParsePhase(PhaseNow(name));
    if (phase && migration::IsSwitching(*phase)) return true;
  }
  return false;
}

}  // namespace foreshard::sim
