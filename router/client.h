#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "router/greeter.h"
#include "router/loop.h"
#include "router/pool.h"
#include "router/session.h"

// One connection of a client: greeting, then its session. Carries out what the session asks for.
//
// Owner: the worker. Threads: its event loop's.

namespace foreshard::router {

class Upstream;
class Worker;

class Client final : public StreamEvents, public SessionHost {
 public:
  Client(Worker& worker, Stream& stream, Slot slot, std::uint32_t secret);
  ~Client() override;

  Slot slot() const { return slot_; }
  std::uint32_t secret() const { return secret_; }
  bool gone() const { return stream_ == nullptr; }
  bool admitted() const { return admitted_; }
  bool in_session() const { return session_.has_value(); }
  bool greeting_overdue(MonotonicTime now) const { return !session_ && now >= greeting_deadline_; }

  // From the worker.
  std::size_t ServerBytes(Upstream& link, std::string_view bytes);
  void ServerReady(Upstream& link);
  void ServerFailed(std::uint32_t shard, const Refusal& why, bool may_retry = false);
  void ServerLost(Upstream& link, std::string_view reason);
  void ServerDrained();
  void Unparked(bool may_go);
  void Continue();  // after any of the above
  void Welcome(const std::map<std::string, std::string>& parameters);
  void EndIfAtRest();  // while draining
  void End(std::string_view code, std::string_view message);
  void Cancel();
  void Leave();

  // StreamEvents.
  void OnConnected(Stream& stream) override;
  void OnBytes(std::string_view bytes) override;
  void OnDrained() override;
  void OnGone(std::string_view reason) override;

  // SessionHost.
  std::string& client_out() override;
  MonotonicTime Now() const override;
  ServerLink* Acquire(std::uint32_t shard) override;
  void Release(ServerLink& link, bool reusable) override;
  void StopWaiting() override;
  void WakeAfter(std::chrono::milliseconds delay) override;
  Admission Admit(const Footprint& footprint, std::size_t bytes, bool transaction_open) override;
  void Finish() override;
  const CompiledTable* table() override;
  const Catalogue& catalogue() override;
  std::uint32_t ShardNumber(std::uint32_t index) override;
  std::int64_t ShardNumberOf(std::string_view id) override;
  std::string ShardId(std::uint32_t shard) override;
  bool text_orders_as_bytes() override;
  void LearnOwner(const StaleOwner& stale) override;
  void OwnerGivenUp() override;
  void LearnColumns(const std::string& table, std::vector<std::string> columns) override;
  void LearnFunctions(const Functions& functions) override;
  void ForgetColumns() override;
  void SchemaChanged() override;
  void Record(const StatementRecord& record) override;
  Consistency default_consistency() override;
  std::uint32_t ReaderOf(std::uint32_t shard, const ReadDemand& demand) override;
  void ProofsFor(bool scatter, const std::vector<Key>& keys, std::vector<Proof>& proofs) override;
  std::string NewTransactionName(std::uint32_t first_shard) override;
  void FinishLater(const ServerLink& link, std::string name, bool abandoned) override;
  std::chrono::milliseconds park_max() const override;
  void CloseClient() override;

 private:
  void Greet(std::string_view bytes);
  void AskWelcome();
  void Feed(std::string_view bytes);
  void BalanceReading();
  GroupId GroupOf(std::uint32_t shard);
  void KeepRest(std::string_view rest);

  Worker& worker_;
  Stream* stream_;
  Slot slot_;
  std::uint32_t secret_;
  bool paused_ = false;
  bool servers_paused_ = false;
  bool closing_ = false;
  bool admitted_ = false;                       // counts against the limit of clients
  std::string buffer_;                          // of the client: not consumed yet
  std::string_view heard_;                      // while it is dealt with where it lies
  std::vector<std::optional<GroupId>> groups_;  // by shard
  std::vector<Upstream*> lent_;
  std::unique_ptr<Greeter> greeter_;
  std::optional<Session> session_;
  std::optional<Loop::TimerId> timer_;
  std::optional<std::uint32_t> welcome_shard_;  // waits for a server to learn its parameters
  MonotonicTime greeting_deadline_;
  std::string nowhere_;
  std::string user_;
  std::string database_;
  std::map<std::string, std::string> settings_;
};

}  // namespace foreshard::router
