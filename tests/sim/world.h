#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "operator/controllers/migration_controller.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_migration_store.h"
#include "tests/fakes/fake_router.h"
#include "tests/fakes/fake_shard.h"
#include "tests/fakes/faulty_migration.h"
#include "tests/sim/canary.h"
#include "tests/sim/coverage.h"
#include "tests/sim/mover_actor.h"

// World: three shards and those that migrations ask for, three routers, four clients, two
// operators, movers, a kubelet and a person, in one thread. A run is a function from its options to
// its result: every choice comes from one seed.
//
// Each tick one actor takes one step. The operators run the real controller; a look and its effect
// are different ticks. All checkers look after every tick. Then the faults stop, and the world has
// to come to rest.

namespace foreshard::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  int ticks = 0;  // with faults; 0: drawn from the seed
  Canary canary = Canary::kNone;
  std::set<std::string> without;  // faults switched off
  bool trace = false;             // print every event
  bool late_effects = false;      // requests may arrive long after their callers gave up
};

struct WorldResult {
  std::optional<std::string> violation;
  int ticks = 0;  // of the violation, or in all
  std::uint64_t hash = 0;
  std::vector<std::string> last_events;
};

// Probabilities of this seed; each is zero in half of the seeds.
struct FaultRates {
  double before = 0;
  double after = 0;
  double stale = 0;
  double operator_crash = 0;
  double operator_pause = 0;
  double lease_change = 0;
  double deaf_router = 0;
  double router_restart = 0;
  double mover_kill = 0;
  double failover = 0;
  double clock_jump = 0;
  double slow_stream = 0;
  double worker_restart = 0;
  double lost_reply = 0;
  double people = 0;
  double preflight_refused = 0;
  double late = 0;
  double unconfirmed = 0;
};

// Names for --without, in the order of FaultRates.
const std::vector<std::string>& FaultNames();

class World {
 public:
  World(WorldOptions options, Coverage& coverage);
  ~World();

  WorldResult Run();

 private:
  struct OperatorActor;
  struct ClientActor;

  void Build();
  void BuildTable();
  void DrawFaults();
  void AddMigration();
  void ChooseKeys(model::ShardMigration& made);
  void MakeServer(const model::ShardId& id);
  void Tick();
  void StepTime();
  void StepLateEffects();
  void StepOperator(OperatorActor& actor);
  void Freeze(OperatorActor& actor);  // with what it holds; another one leads, perhaps
  void ActOperator(OperatorActor& actor);
  void CoverRows(const op::MigrationController::Pass& pass);
  void StartOperator(OperatorActor& actor);
  void StepLease();
  void StepMovers();
  void StepKubelet();
  void StepFleet();
  void MakeShard(const model::ShardId& id);
  void TakeAwayShard(const model::ShardId& id);
  bool IsWanted(const model::ShardId& shard) const;
  void StepRouters();
  void StepStreams();
  void StepClients();
  void StepPerson();
  void StepFaults();
  void FailOverOne();
  void FailOver(fakes::FakeServer& server);
  void Doom(const model::ShardId& shard);
  void Deliver(const fakes::FakeReply& reply);
  void ActBeforePersist(OperatorActor& actor);

  void Violate(const std::string& what);
  void Event(const std::string& what);
  void CheckTick();
  void CheckStatus(const model::ShardMigration& before, const model::ShardMigrationStatus& after);
  void CheckTable(const model::RoutingTable& before, const model::RoutingTable& after);
  void CheckEnd();
  void CheckKeysAtEnd();
  void CheckShardsAtEnd();
  bool AtRest();
  bool Settled();

  fakes::CallFault DrawCallFault(std::string_view call);
  std::string PhaseNow(const std::string& name) const;
  bool AnySwitching() const;
  bool BetweenCloseAndOpen() const;
  bool IsCut(std::size_t router);
  bool LatePhaseReached() const;
  fakes::FakeServer& Server(const model::ShardId& id) { return *servers_.at(id.value); }

  WorldOptions options_;
  Coverage& coverage_;
  Random random_;
  FaultRates rates_;
  bool faults_on_ = true;
  bool hash_ = false;                         // strategy of the set
  bool keep_slots_ = false;                   // slots survive failovers, as from 17 on
  bool served_worse_ = false;                 // what the metrics say in a soak
  std::int64_t switching_tick_micros_ = 700;  // longer: attempts run out of budget
  fakes::FakeClock clock_;
  fakes::FakeBugs bugs_;
  fakes::FakeRouterBugs router_bugs_;
  std::map<std::string, fakes::FakeServer*> servers_;
  std::vector<std::unique_ptr<fakes::FakeServer>> server_owners_;
  std::set<std::string> gone_;  // servers that the fleet took away
  std::unique_ptr<fakes::FakeMigrationState> state_;
  std::vector<std::unique_ptr<fakes::FakeRouter>> routers_;
  std::vector<int> deaf_for_;
  // A router's cable to all shards: nothing it says arrives for so many of its turns. Of a random
  // of their own, so that worlds with whole cables stay what they were.
  std::vector<int> cut_for_;
  Random cables_;
  double cable_cut_ = 0;
  std::unique_ptr<fakes::FakeRouterControl> router_control_;
  std::unique_ptr<migration::ShardDirectory> shards_;
  std::unique_ptr<op::RouterDirectory> router_directory_;
  std::unique_ptr<op::ServiceHealth> health_;
  std::vector<std::unique_ptr<OperatorActor>> operators_;
  std::vector<std::unique_ptr<ClientActor>> clients_;
  std::map<std::string, std::unique_ptr<MoverActor>> movers_;
  std::map<std::string, model::ShardMigration> created_;  // as first made, by name
  std::array<std::int64_t, fakes::kFakeKeys> acked_{};
  std::array<std::int64_t, fakes::kFakeKeys> attempted_{};
  std::int64_t lease_transitions_ = 1;
  std::size_t lease_holder_ = 0;
  std::int64_t next_statement_ = 1;
  int migrations_made_ = 0;
  int tick_ = 0;
  int last_move_ = 0;  // the tick when a migration came to another phase
  std::optional<std::string> violation_;
  std::uint64_t trace_hash_ = 1469598103934665603ull;
  std::deque<std::string> events_;
  // Requests under way whose callers gave up. They go with the connection when a shard fails over.
  struct LateEffect {
    std::string shard;
    int due = 0;
    std::function<void()> effect;
  };
  std::vector<LateEffect> late_effects_;
  // A reply was lost because its server is dying: it fails over at that tick.
  std::optional<std::pair<std::string, int>> doomed_;
};

}  // namespace foreshard::sim
