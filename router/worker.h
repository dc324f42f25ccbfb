#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "router/client.h"
#include "router/heat.h"
#include "router/hold.h"
#include "router/latency.h"
#include "router/loop.h"
#include "router/pool.h"
#include "router/replicas.h"
#include "router/shard_call.h"
#include "router/state.h"
#include "router/upstream.h"

// One thread of the data path: its event loop, its clients, its pool, its caches. Nothing here is
// shared with another thread but RouterState's snapshots and counters.

namespace foreshard::router {

// What one worker has counted; added up by the exporter.
struct WorkerStats {
  struct Shard {
    std::string id;
    std::uint64_t statements[2][2] = {};  // [write][error]
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    Latencies latency;
    std::uint64_t open = 0;
    std::uint64_t idle = 0;
    std::uint64_t replica_statements = 0;
  };
  struct Range {
    model::KeyRange range;
    std::string shard;
    HeatCounters reads;
    HeatCounters writes;
  };
  std::vector<Shard> shards;
  std::vector<Range> ranges;
  HeatCounters scatter_reads;
  HeatCounters scatter_writes;
  std::uint64_t clients = 0;
  std::uint64_t waiting = 0;
  std::uint64_t parked = 0;
  std::uint64_t holds_expired = 0;
  std::uint64_t in_doubt = 0;
  Latencies parked_for;
  std::map<std::string, std::uint64_t> login_failures;  // by SQLSTATE
  std::uint64_t plan_hits = 0;
  std::uint64_t plan_misses = 0;
  std::uint64_t query_waits_expired = 0;
  std::uint64_t access_lines = 0;
  std::uint64_t access_lines_dropped = 0;
};

class Worker {
 public:
  struct Options {
    std::size_t index = 0;
    std::size_t workers = 1;
    std::uint64_t seed = 0;
  };
  Worker(RouterState& state, const Clock& clock, Options options);
  ~Worker();

  Loop& loop() { return loop_; }
  Result<std::uint16_t> Listen(const std::string& host, std::uint16_t port);
  void SetPeers(std::vector<Worker*> workers) { peers_ = std::move(workers); }

  // From this loop's thread only (post to it).
  HoldState BeginHold(const HoldRequest& request);
  Result<HoldState> StateOfHold(model::MigrationNumber number);
  std::int64_t ReleaseHold(model::MigrationNumber number);
  // Opens connections to the shard that keys of this one are about to move to.
  void WarmUp(const model::ShardId& losing, const model::ShardId& gaining);
  std::vector<HoldRequest> held() const { return hold_.held(); }
  HeatSnapshot SnapshotHeat() const { return heat_->Snapshot(); }
  WorkerStats Stats();
  void StartDraining();
  std::size_t clients() const { return clients_open_; }
  void StopNow();

  // For clients and upstreams.
  MonotonicTime Now() const { return loop_.Now(); }
  RouterState& state() { return state_; }
  const RouterState::View& view() {
    if (state_.version() != seen_version_) Refresh();
    return view_;
  }
  void Refresh();
  Pool& pool() { return pool_; }
  Hold& hold() { return hold_; }
  SessionContext session_context() { return {plans_, prepared_, access_, scratches_}; }
  const ScramKey& mock_secret() const { return mock_secret_; }

  Upstream* Acquire(GroupId group, Slot slot);
  void Finish(Slot slot);
  void Continue(Client& client);
  void ClientGone(Client& client);
  void UpstreamReady(Upstream& upstream);
  void UpstreamFree(Upstream& upstream);
  void UpstreamFailed(Upstream& upstream, const std::string& code, const std::string& reason);
  void UpstreamGone(Upstream& upstream, const std::string& reason);

  std::optional<Refusal> MayAdmitClient();
  void LearnIdentity(const std::string& user, const ScramIdentity& identity) {
    identities_[user] = identity;
  }
  const std::map<std::string, std::string>* WelcomeParameters(const std::string& user,
                                                              const std::string& database) const;
  void LearnWelcome(const std::string& user, const std::string& database,
                    std::map<std::string, std::string> parameters);
  void CountLoginFailure(const std::string& code) { ++login_failures_[code]; }

  std::uint32_t CancelId(Slot slot) const {
    return static_cast<std::uint32_t>((options_.index << 20) + slot + 1);
  }
  void CancelRequested(const Greeter::CancelTarget& target);
  void CancelOn(Upstream& upstream);

  // A replica that may answer, or the shard itself.
  std::uint32_t ReaderOf(std::uint32_t shard, const ReadDemand& demand, const std::string& user,
                         const std::string& database);
  std::optional<std::uint32_t> ReplicaOf(std::uint32_t number) const {
    return shards_[number].replica_of;
  }

  std::uint32_t ShardNumber(std::uint32_t index) { return numbers_.at(index); }
  std::int64_t ShardNumberOf(std::string_view id) const;
  std::string ShardId(std::uint32_t shard) const { return shards_.at(shard).id; }
  void LearnOwner(const StaleOwner& stale);
  void SchemaChanged() { plans_.Clear(); }
  void Record(const StatementRecord& record);
  std::vector<Proof> ProofsFor(bool scatter, const std::vector<Key>& keys);
  std::string NewTransactionName(std::uint32_t first_shard);
  void FinishLater(const std::string& user, const std::string& database, std::uint32_t shard,
                   std::string name, std::uint32_t abandoned_process = 0);

  std::string TakeBuffer();
  void GiveBuffer(std::string buffer);

 private:
  struct ShardInfo {
    std::string id;
    ConnectOptions address;
    std::string database;  // "host:port/database": another name there than clients use
    std::optional<std::uint32_t> replica_of;  // not a shard but a member of that one
    MonotonicTime retry_at{};
    std::chrono::milliseconds pause{0};
    bool retry_planned = false;
    std::string last_failure;
    WorkerStats::Shard stats;
  };
  // The replicas of one shard: where they are, and how far each has come.
  struct ReplicaSet {
    struct Look {
      std::unique_ptr<ShardCall> call;
      MonotonicTime asked{};
    };
    std::string service;  // as the routing table says
    Replicas book;
    std::map<std::uint32_t, Look> looks;  // by number; the shard's own is its primary
    MonotonicTime next_look{};
    MonotonicTime next_resolve{};
  };
  struct CancelConnection;
  // A two-phase transaction that a broken connection left prepared on a shard.
  struct InDoubt {
    std::string user;
    std::string database;
    std::uint32_t shard = 0;
    std::string name;
    std::uint32_t abandoned_process = 0;  // of the shard: it may be about to prepare; 0: none is
    MonotonicTime since{};
    std::unique_ptr<ShardCall> call;
    MonotonicTime next_try{};
    MonotonicTime give_up_call{};
  };

  // One user's look at what is prepared on all shards; what nobody can need is forgotten then.
  struct Forgetting {
    InDoubt asker;
    std::vector<std::unique_ptr<ShardCall>> calls;
    std::vector<std::uint32_t> shards;  // that are asked
    std::size_t awaited = 0;
    bool failed = false;  // somebody could not be asked
    std::vector<std::string> prepared;
  };

  StreamEvents* Accept(Stream& stream);
  // `warm`: what was said so far will soon be said there, so its tables are opened at once.
  void OpenConnection(GroupId group, bool warm = false);
  std::string WarmUpSql() const;
  void OpenWanted(std::uint32_t shard);
  void PlanRetry(std::uint32_t shard);
  void Bury(Upstream& upstream);
  void Reap();
  void Tick();
  void HandOff();
  void LetGo();
  void ReadShards();
  void Leave(std::uint32_t shard);
  std::uint32_t NumberFor(const std::string& id);
  void SamplePairs(Slot slot);
  void LogAccess(const StatementRecord& record) const;
  void ResolveDoubts(MonotonicTime now);
  void LookForOrphans(MonotonicTime now);
  void ForgetDecisions(MonotonicTime now);
  void Forget(const Forgetting& what);
  void OrphansFound(const std::string& user, const std::string& database, std::uint32_t shard,
                    std::string_view gids);
  void Resolve(InDoubt& doubt, MonotonicTime now);
  void EndAbandoned(InDoubt& doubt, MonotonicTime now);
  void AbandonedEnds(std::uint32_t shard, const std::string& name, const Result<std::string>& left);
  void FinishPrepared(std::uint32_t shard, const std::string& name, bool commit);
  void DoubtFailed(std::uint32_t shard, const std::string& name, const Error& error);
  InDoubt* FindDoubt(std::uint32_t shard, const std::string& name);
  ShardCall::Options CallOptions(const InDoubt& doubt, std::uint32_t shard, std::string sql);
  void ExpireWaits(MonotonicTime now);
  void FailWaiters(GroupId group, const Refusal& why, bool may_retry = false);
  void ReadReplicas(std::uint32_t shard, const std::string& service);
  void LookAtReplicas(MonotonicTime now);
  void ResolveReplicas(std::uint32_t shard, ReplicaSet& set);
  void ReplicasAre(std::uint32_t shard, const HostPort& place, const std::string& database,
                   const std::vector<std::string>& addresses);
  void LookAt(std::uint32_t shard, ReplicaSet& set, std::uint32_t number, MonotonicTime now);
  void Seen(std::uint32_t shard, std::uint32_t number, MonotonicTime asked,
            const Result<std::string>& answer);
  void ReplicaFailed(std::uint32_t number);

  RouterState& state_;
  const Clock& clock_;
  Options options_;
  PlanCache plans_;
  PreparedRegistry prepared_;
  AccessSampler access_;
  SessionScratches scratches_;
  Pool pool_;
  Hold hold_;
  std::unique_ptr<Heat> heat_;
  ScramKey mock_secret_;
  Random random_;

  RouterState::View view_;
  std::uint64_t seen_version_ = 0;
  std::vector<ShardInfo> shards_;       // by number
  std::vector<std::uint32_t> numbers_;  // of the table's index

  std::vector<std::unique_ptr<Client>> clients_;  // by slot
  std::vector<Slot> free_slots_;
  std::size_t clients_open_ = 0;
  std::map<Upstream*, std::unique_ptr<Upstream>> upstreams_;
  std::vector<std::unique_ptr<Upstream>> graveyard_;
  std::vector<Slot> leaving_;
  bool reap_planned_ = false;

  std::vector<Slot> handoff_;
  bool handing_off_ = false;

  std::map<std::string, ScramIdentity> identities_;
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> welcome_;
  std::map<std::string, std::uint64_t> login_failures_;
  std::vector<std::string> spare_buffers_;
  std::vector<Worker*> peers_;
  WallTime wall_;
  std::uint64_t finished_ = 0;  // pieces of work
  std::uint64_t query_waits_expired_ = 0;
  bool draining_ = false;
  std::vector<std::shared_ptr<CancelConnection>> cancels_;
  std::vector<std::unique_ptr<InDoubt>> doubts_;
  std::vector<std::unique_ptr<ShardCall>> orphan_calls_;
  std::vector<std::shared_ptr<Forgetting>> forgetting_;
  std::vector<std::unique_ptr<ShardCall>> forget_calls_;
  std::map<std::uint32_t, ReplicaSet> replicas_;  // by shard
  MonotonicTime replicas_wanted_until_{};
  std::string reader_;  // whose name is used to look at them
  std::string reader_database_;
  MonotonicTime next_look_{};
  MonotonicTime next_forget_{};
  Loop loop_;  // last: its handles end before what they call
};

}  // namespace foreshard::router
