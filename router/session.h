#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pg/wire_frame.h"
#include "pg/wire_frontend.h"
#include "pg/wire_writer.h"
#include "router/fanout.h"
#include "router/plan_cache.h"
#include "router/prepared.h"
#include "router/route.h"
#include "router/session_host.h"
#include "router/session_parts.h"
#include "router/session_scratch.h"
#include "router/session_settings.h"

// One client after its login: what did it say, and what may happen next? A protocol state machine
// without sockets, clocks or threads of its own: bytes in, calls to the host out.
//
// Words: a *cycle* is what a client says up to Sync, or one Query: its end is our ReadyForQuery. A
// cycle's bytes stay in the caller's buffer until it ends, so that what did nothing can be said
// again to another shard.
//
//   read a message -> classify, route -> park? -> get the shard's server -> [settings] [BEGIN]
//   message -> replies -> ReadyForQuery
//
// Rules that keep it right:
//   S1  At any time replies are outstanding on one server only, or a fan-out owns all servers.
//   S2  BEGIN is answered here and said to a shard when the first statement for it comes.
//   S3  A server goes back to the pool when its last ReadyForQuery said 'I' and nothing is due.
//   S4  A message that must wait (server, hold, replies of another server) is read again when the
//       wait is over; until then it has changed nothing.
//   S5  Only what has shown the client nothing of this transaction is said again (FS001, a lost
//       server).
//
// Files: session.cpp the loop and the ends of cycles; _simple Query; _extended Parse to Sync;
// _local what needs no shard or all; _set settings; _execute PREPARE, EXECUTE; _reply what servers
// say; _fanout several servers; _move rows whose key changes; _commit two-phase; _reads what
// replicas may answer; _retry stale owners, lost servers; _aside questions of our own to a server;
// _works what is told of statements that have ended.

namespace foreshard::router {

struct SessionContext {
  PlanCache& plans;
  PreparedRegistry& prepared;
  AccessSampler& access;
  SessionScratches& scratches;
};

class Session {
 public:
  struct Options {
    std::string user;
    std::map<std::string, std::string> settings;  // of the startup packet
  };
  Session(SessionHost& host, SessionContext context, Options options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Goes on as far as it can. `input`: all bytes of the client that were not consumed yet. Returns
  // how many are consumed now.
  std::size_t Advance(std::string_view input);
  // Bytes of a server that is ours. Returns how many are consumed; the rest comes again with more.
  // Then call Advance().
  std::size_t OnServerBytes(ServerLink& link, std::string_view bytes);
  // Answers to the host's calls. Then call Advance(). `may_retry`: it was a replica's; the message
  // is read again and goes to the primary.
  void OnServerReady(std::uint32_t shard, ServerLink& link);
  void OnServerFailed(std::uint32_t shard, const Refusal& why, bool may_retry);
  // The link stays ours until Release(), which may come later: a statement on several servers ends
  // first.
  void OnServerLost(ServerLink& link, std::string_view reason) { Lose(link, reason, false); }
  bool holds(const ServerLink& link) const {
    return std::find(attached_.begin(), attached_.end(), &link) != attached_.end();
  }
  void OnUnparked(bool may_go);
  void OnTimer();
  // Gives everything back. REQUIRES: nothing is called afterwards.
  void OnClientGone();

  // Between transactions, with nothing begun: the moment to end a session politely.
  bool at_rest() const {
    return wait_ == Wait::kNone && tx_ == Tx::kIdle && done_ == cycle_begin_ && expects_.empty();
  }
  bool blocked() const { return wait_ != Wait::kNone; }
  // Servers that are working for it now, for a cancel request.
  std::vector<ServerLink*> BusyServers() const;
  bool waiting_for_reply() const {
    return wait_ == Wait::kReady || wait_ == Wait::kDrain || wait_ == Wait::kFanout;
  }
  // A cancel request while no server works: what waits ends with 57014.
  void CancelWait();

 private:
  enum class Tx { kIdle, kOpen, kFailed };
  enum class Wait { kNone, kServer, kParked, kPause, kDrain, kReady, kFanout, kAside, kClosed };
  enum class Outcome { kDone, kAgain };  // kAgain: S4

  using Aside = SessionAside;
  using Expect = SessionExpect;
  using PendingParse = SessionPendingParse;
  using Work = SessionWork;
  using Portal = SessionPortal;
  using Savepoint = SessionSavepoint;
  using Unproven = SessionUnproven;

  // session.cpp
  Outcome Handle(const pg::WireFrame& frame);
  void EndCycle();
  void SendReady();
  void Fail(const Refusal& refusal);
  void FailProtocol(std::string_view message);
  void ReleaseServers();
  void ReleaseOne(ServerLink& link, bool reusable);
  ServerLink* Attached(std::uint32_t shard) const;
  ServerLink* Need(std::uint32_t shard);
  void LetGoUnused(std::uint32_t wanted);
  bool Ready(ServerLink& link);
  bool AnyUsed() const;
  bool BoundWaits();
  std::uint32_t AnyShard();
  void Say(std::string_view bytes);
  void Push(Expect expect);
  bool nothing_expected() const { return expects_head_ == expects_.size(); }
  Outcome Block(Wait wait);
  char client_status() const { return tx_ == Tx::kIdle ? 'I' : tx_ == Tx::kOpen ? 'T' : 'E'; }

  // session_simple.cpp
  Outcome OnQuery(const pg::WireFrame& frame);
  Outcome RunText(std::string_view text, std::string_view frame);
  Outcome RunRouted(const Statement& statement, std::string_view text, std::string_view frame);
  Outcome NextPart();
  void EndStatement();
  bool AllOnOneShard(std::uint32_t* shard);
  Outcome ForwardQuery(std::uint32_t shard, std::string_view text, std::string_view frame,
                       std::shared_ptr<const Statement> effect);
  Outcome RunMeant(const std::shared_ptr<const Statement>& statement, std::string_view text,
                   std::string_view frame);
  const PlanContext& CurrentPlanContext();
  std::shared_ptr<const Statement> Meaning(std::string_view text, Normalized& normalized);
  const Statement* Refused(const Statement& statement, Refusal* why) const;
  bool RouteStatement(const Statement& statement, std::string_view text,
                      const Normalized& normalized);
  std::optional<Outcome> AdmitWork(const Statement& statement, std::size_t bytes);

  // session_extended.cpp
  Outcome OnParse(const pg::WireFrame& frame);
  Outcome OnBind(const pg::WireFrame& frame);
  Outcome OnDescribe(const pg::WireFrame& frame);
  Outcome OnExecute(const pg::WireFrame& frame);
  Outcome OnClose(const pg::WireFrame& frame);
  Outcome OnSync();
  Outcome OnFlush(const pg::WireFrame& frame);
  void DecodeParameters(const pg::BindMessage& bind, const PreparedStatement& prepared);
  Outcome BindToServer(const pg::WireFrame& frame, const pg::BindMessage& bind,
                       std::shared_ptr<PreparedStatement> prepared, std::uint32_t shard,
                       bool routed);
  Outcome BindLocal(const pg::WireFrame& frame, const pg::BindMessage& bind,
                    std::shared_ptr<PreparedStatement> prepared, Portal::Where where);
  Outcome DescribeStatement(const pg::WireFrame& frame, std::string_view name);
  Outcome DescribeFanout(Portal& portal);
  std::shared_ptr<PreparedStatement> FindPrepared(std::string_view name);
  bool Classified(PreparedStatement& prepared);
  bool SwitchTo(ServerLink& link);
  void SendPendingParses(ServerLink& link, const PreparedStatement* wanted);
  void AnswerPendingParses();
  void Prepare(ServerLink& link, const PreparedStatement& prepared, bool swallow);
  Portal& PortalFor(std::string_view name);
  Portal* FindPortal(std::string_view name);
  void DrainUnsynced();
  bool MustDrain() const;

  // session_local.cpp
  bool IsLocal(const Statement& statement) const;
  Outcome RunLocal(const std::shared_ptr<const Statement>& statement, std::string_view text,
                   std::string_view frame, bool simple);
  Outcome ForwardOrAll(const std::shared_ptr<const Statement>& statement, std::string_view text,
                       std::string_view frame, bool simple);
  Outcome Begin(const Statement& statement, std::string_view text);
  Outcome EndTransaction(const std::shared_ptr<const Statement>& statement, std::string_view text,
                         std::string_view frame, bool simple);
  Outcome Deallocate(const Statement& statement);
  Outcome Discard(const Statement& statement);
  Outcome Show(const Statement& statement);
  bool IsOwnSetting(std::string_view name) const;
  bool IsSerializable() const;
  void ApplyMark(const Statement& statement);
  void ApplyModes(const SessionCommand& command);
  Outcome SetOwn(const Statement& statement);
  void Complete(std::string_view tag);
  void Apply(const Statement& statement, std::string_view text);
  void KeepRows(std::string_view rows);
  void GivePage(Portal& portal, std::uint32_t rows_max);
  void FinishPage(const Fanout& ended);
  bool ReadConfigs(const Statement& statement);
  void ApplyConfigs(Work& work);
  void EndedTransaction(bool committed);
  void RefreshPlanContext();

  // session_execute.cpp
  Outcome PrepareSql(const Statement& statement, std::string_view text);
  Outcome ExecuteSql(const Statement& statement);
  Refusal CannotExecute(const Statement& statement, const PreparedStatement* prepared) const;

  // session_reply.cpp
  std::size_t Replies(ServerLink& link, std::string_view bytes);
  bool BeginLargeRow(std::string_view rest);
  bool SaysAgain(ServerLink& link, const pg::WireFrame& frame, std::size_t mark);
  bool OnReply(ServerLink& link, const pg::WireFrame& frame);
  bool OnErrorReply(ServerLink& link, const pg::WireFrame& frame);
  bool OnCompleteReply(const pg::WireFrame& frame);
  void OnReadyReply(ServerLink& link, char status);
  void Pop();
  void ForgetUnproven();
  void Confirm(std::uint64_t id);
  void SayLocals();
  void DropUntilSync(ServerLink& link);
  std::size_t Unasked(ServerLink& link, std::string_view bytes);

  // session_works.cpp
  std::uint32_t NewWork(std::uint32_t shard, const Statement& statement, RouteDecision& decision,
                        std::string_view text);
  void Ended(Work& work, std::string_view sqlstate = {});
  void RecordWorks();

  // session_fanout.cpp
  bool NeedsProof(const Statement& statement);
  void ProveNamedOwner();
  Outcome RunSeveral(const Statement& statement, std::string_view text, bool simple,
                     Portal* portal);
  std::vector<std::uint32_t> ShardsOfDecision();
  void AppendPart(std::string* out, const RoutePart* part, std::string_view text,
                  const Portal* portal);
  void Tell(Fanout::Part& part, std::string_view sql);
  void AllTold();
  std::string Broke(const ServerLink& link, std::string_view reason) const;
  std::string LostError(const ServerLink& link, std::string_view reason);
  std::size_t FanoutBytes(ServerLink& link, std::string_view bytes);
  void FanoutFrame(std::size_t index, const pg::WireFrame& frame);
  void FanoutRows(std::size_t index, const pg::WireFrame& frame);
  void FanoutRoundEnded();
  void FanoutRan();
  bool FanoutMayRetry(std::string_view code) const;
  void FanoutFailed();
  void FinishFanout();
  void FanoutLost(ServerLink& link, std::string_view reason);
  bool MustProve(const ServerLink& link) const;
  int BeginOn(ServerLink& link);
  void BeginBefore(ServerLink& link);
  void ProveBefore(ServerLink& link);
  std::string ProofText(const ServerLink& link, Expect* expect) const;

  // session_move.cpp
  void StartMove(const KeyChange& change);
  void MoveFrame(std::size_t index, const pg::WireFrame& frame);
  bool MoveOn();
  void StopMove();
  // session_copy.cpp
  Outcome StartCopyIn(const Statement& statement, std::string_view text);
  void CopyOpened();
  Outcome OnCopyMessage(const pg::WireFrame& frame);
  void CopyFailed(const Refusal& why);
  // session_commit.cpp
  Outcome CommitAll(bool simple);
  void StartCommit();
  void AfterPrepare();
  const Fanout::Part* FailedCommit() const;
  void AfterDecision();
  Outcome ControlAll(std::string sql, std::string tag,
                     const std::shared_ptr<const Statement>& effect);
  std::string PreparedOn(const Fanout::Part& part) const;  // quoted
  void LeaveInDoubt(Fanout::Part& part);
  void StartRollback();

  // session_reads.cpp
  std::uint32_t ReaderOf(std::uint32_t shard, const Statement& statement);
  std::optional<Refusal> WrongConsistency(const SessionCommand& command) const;
  Consistency consistency() const;

  // session_retry.cpp
  bool MayRetry() const;
  bool GoesByRefusal() const;
  std::uint32_t TargetOf(const RoutePart& part);
  bool CanBeSaidAgain() const;  // but for what the client has seen
  bool OnRetryableError(ServerLink& link, std::string_view code, std::string_view detail);
  void Retry(std::chrono::milliseconds pause);
  void LeaveBeforeRetry(ServerLink& link);
  void OnRetryReady(ServerLink& link);
  // `rolled_back`: the server said so, see kAdminShutdown.
  void Lose(ServerLink& link, std::string_view reason, bool rolled_back);
  void LoseReplies(const std::string& where, bool began, bool rolled_back);
  void Doom(std::string untold);
  bool IsOfTheMachinery(std::string_view code, std::string_view message) const;
  Refusal Translate(std::string_view code, std::string_view message);

  // session_aside.cpp
  void Ask(ServerLink& link, std::string_view sql, bool is_settings);
  void AskInMessages(ServerLink& link, std::string_view question);  // that end with Sync
  std::size_t AsideBytes(ServerLink& link, std::string_view bytes);
  void EndAside(ServerLink& link);
  bool MayLearn(const Statement& statement) const;
  Outcome Learn(const Statement& statement);  // REQUIRES: MayLearn()
  void CheckLearned(std::string_view code);

  // A thousand sessions take turns: what each message touches comes first and lies together, by
  // cache lines.
  SessionHost& host_;
  SessionContext context_;
  SessionScratch* scratch_ = nullptr;  // during Advance() only
  std::string_view input_;             // during Advance() only
  std::size_t cycle_begin_ = 0;        // of the input: what lies before need not come again
  std::size_t done_ = 0;               // of the input: messages handled
  Wait wait_ = Wait::kNone;
  Tx tx_ = Tx::kIdle;
  bool retained_ = true;  // the whole cycle is still there

  // Cycle.
  bool skip_to_sync_ = false;
  bool extended_ = false;         // the cycle has extended messages
  bool learned_columns_ = false;  // the statement under way names columns that we have learned
  bool flushed_ = false;          // the client asked for answers before Sync
  bool wrote_ = false;            // a statement of this cycle may have written, outside of a block
  bool writes_now_ = false;       // the statement whose replies are awaited may write
  bool commits_now_ = false;      // it is a COMMIT
  bool completed_ = false;        // the server has said that something of this cycle is committed
  bool has_written_ = false;      // and the end of that transaction was not yet answered
  bool primary_only_ = false;     // a replica could not answer this cycle
  bool failed_here_ = false;      // the transaction failed here and its servers do not know
  bool doomed_ = false;           // the transaction has lost a server: it can only end
  bool answered_ = false;         // the client has seen a server's answer in this transaction
  bool said_locals_ = false;      // the client has seen an answer of ours in this cycle
  bool implicit_ = false;         // the block of a multi-statement Query
  bool in_parts_ = false;         // Simple
  bool unnamed_dropped_ = false;  // by a Query
  bool retrying_ = false;         // the refused statement's server is being made ready
  bool frame_shown_ = false;
  std::uint32_t retries_ = 0;
  std::optional<NamedOwner> named_owner_;  // by the last refusal
  std::vector<ServerLink*> attached_;
  ServerLink* current_ = nullptr;  // where replies are outstanding, or were last
  std::vector<Expect> expects_;
  std::size_t expects_head_ = 0;
  std::vector<Work> works_;
  std::size_t works_used_ = 0;
  const CompiledTable* routed_by_ = nullptr;  // only compared
  std::uint64_t plan_catalogue_ = 0;
  std::shared_ptr<PreparedStatement> unnamed_;
  std::vector<PendingParse> pending_parses_;
  std::vector<Unproven> unproven_;       // named in this cycle
  std::vector<Proof> proofs_;            // that the shard of the statement still owns its keys
  std::vector<SessionCommand> configs_;  // of the statement that is being routed
  std::string local_;
  std::unique_ptr<Fanout> fanout_;
  MonotonicTime last_write_{};  // when its last write was answered
  std::optional<MonotonicTime> retry_since_;
  std::string described_;           // of the Describe that is read again
  std::vector<std::string> parts_;  // of a Query of several statements
  std::size_t part_ = 0;
  std::set<std::string> asked_;  // in this cycle, once for each thing: nothing asks for ever
  static constexpr const char* kParsed = "parsed";  // in asked_: what PREPARE prepares is good
  std::map<std::string, Portal, std::less<>> portals_;
  SessionFacts facts_;
  SessionSettings settings_;
  Portal unnamed_portal_;
  std::optional<Consistency> consistency_;  // as the client said
  std::size_t frame_left_ = 0;              // bytes of a large row that are still to be passed on

  // Retry.
  std::optional<Refusal> wait_failure_;  // what ends the message that is read again
  std::optional<Aside> aside_;

  // Transaction.
  std::string begin_;                // the client's BEGIN
  std::vector<std::string> replay_;  // SAVEPOINT, SET LOCAL, SET TRANSACTION: for later shards
  std::vector<Savepoint> savepoints_;
  std::optional<std::string> isolation_;  // as BEGIN or SET TRANSACTION said
  std::string doomed_by_;                 // what the client must still be told of that
  SessionSettings settings_at_begin_;

  // Extended, by name.
  std::map<std::string, std::shared_ptr<PreparedStatement>, std::less<>> named_;

  std::string user_;
  std::vector<std::string> search_path_;
  PlanContext plan_context_;
};

}  // namespace foreshard::router
