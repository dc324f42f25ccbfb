#include <algorithm>

#include "base/check.h"
#include "pg/wire_backend.h"
#include "router/session.h"

// The end of a transaction on several shards.
//
// With two writers or more: all but the first prepare; the first writes the decision row in its own
// transaction and commits, so that its commit *is* the decision; then the others commit what they
// prepared. Whoever finds an orphan looks at the first shard: a row says commit; where none is, one
// that says abort is put there before anything is rolled back (foreshard.resolve).

namespace foreshard::router {
namespace {

// Arguments: the name, and where it is prepared, so that it is known when nobody needs it any more.
std::string Decision(const Fanout& commit, const ServerLink& first, SessionHost& host) {
  const std::string name = QuoteLiteral(commit.name);
  if (!first.forgets) return name;
  std::string shards;
  for (const Fanout::Part& part : commit.parts) {
    if (!part.prepared) continue;
    shards += (shards.empty() ? "" : ", ") + QuoteLiteral(host.ShardId(part.link->shard));
  }
  return name + ", ARRAY[" + shards + "]::text[]";
}

}  // namespace

Session::Outcome Session::CommitAll(bool simple) {
  if (attached_.empty()) {
    const bool silent = in_parts_ && implicit_;
    EndedTransaction(true);
    if (!silent) {
      Complete("COMMIT");
    } else {
      in_parts_ = false;
      SendReady();
    }
    return Outcome::kDone;
  }
  fanout_ = std::make_unique<Fanout>();
  fanout_->simple = simple;
  fanout_->purpose = Fanout::Purpose::kEnd;
  fanout_->tag = in_parts_ && implicit_ ? "" : "COMMIT";
  for (ServerLink* link : attached_) {
    if (link->began) {
      fanout_->parts.push_back({.link = link,
                                .ready_to_skip = 0,
                                .done = true,
                                .prepared = false,
                                .lost = false,
                                .rolled_back = false,
                                .error = {},
                                .tag = {}});
    }
  }
  wait_ = Wait::kFanout;
  StartCommit();
  return Outcome::kDone;
}

void Session::StartCommit() {
  std::size_t writers = 0;
  ServerLink* first = nullptr;
  for (const Fanout::Part& part : fanout_->parts) {
    if (!part.link->wrote) continue;
    ++writers;
    if (first == nullptr) first = part.link;
  }
  commits_now_ = true;
  if (writers <= 1) {
    fanout_->step = Fanout::Step::kCommit;
    for (Fanout::Part& part : fanout_->parts) Tell(part, "COMMIT");
    fanout_->parts.empty() ? FinishFanout() : AllTold();
    return;
  }
  if (!first->has_schema) {
    pg::AppendError(
        &fanout_->error,
        {.severity = "ERROR",
         .code = "0A000",
         .message =
             "a transaction that writes to several shards needs the schema \"foreshard\" on them",
         .detail = {},
         .hint = "The operator installs it; see docs."});
    StartRollback();
    return;
  }
  fanout_->name = host_.NewTransactionName(first->shard);
  fanout_->step = Fanout::Step::kPrepare;
  for (Fanout::Part& part : fanout_->parts) {
    if (part.link == first) continue;
    part.prepared = part.link->wrote && !part.lost;  // May be, until it has answered.
    Tell(part,
         part.link->wrote ? "PREPARE TRANSACTION " + PreparedOn(part) : std::string("COMMIT"));
  }
  AllTold();
}

void Session::AfterPrepare() {
  for (Fanout::Part& part : fanout_->parts)
    part.prepared = part.tag == "PREPARE TRANSACTION" || (part.prepared && part.lost);
  const Fanout::Part* failed = fanout_->FirstError();
  bool refused = failed != nullptr;
  for (const Fanout::Part& part : fanout_->parts) refused = refused || part.tag == "ROLLBACK";
  if (!refused) {
    fanout_->step = Fanout::Step::kDecide;
    for (Fanout::Part& part : fanout_->parts) {
      if (part.link->wrote && !part.prepared)
        Tell(part,
             "SELECT foreshard.decide(" + Decision(*fanout_, *part.link, host_) + "); COMMIT");
    }
    AllTold();
    return;
  }
  if (failed != nullptr) {
    pg::WireWriter(&fanout_->error, 'E').Bytes(failed->error).End();
  } else {
    pg::AppendError(&fanout_->error, {.severity = "ERROR",
                                      .code = "40001",
                                      .message = "a shard rolled the transaction back",
                                      .detail = {},
                                      .hint = {}});
  }
  StartRollback();
}

// Whose error counts. With a writer its outcome is that of the transaction, whatever became of the
// COMMIT of those that only read; without one, a lost COMMIT takes nothing back that was read.
const Fanout::Part* Session::FailedCommit() const {
  const auto& parts = fanout_->parts;
  const bool writes = std::any_of(parts.begin(), parts.end(),
                                  [](const Fanout::Part& part) { return part.link->wrote; });
  const auto found = std::find_if(parts.begin(), parts.end(), [writes](const Fanout::Part& part) {
    return !part.error.empty() && (writes ? part.link->wrote : !part.lost);
  });
  return found == parts.end() ? nullptr : &*found;
}

// kCommit or kDecide is over.
void Session::AfterDecision() {
  const Fanout::Part* failed = FailedCommit();
  if (failed != nullptr && failed->lost && !failed->rolled_back) {
    // The commit was sent and nobody answered: it happened or it did not.
    fanout_->error.clear();
    pg::AppendError(
        &fanout_->error,
        {.severity = "ERROR",
         .code = "08007",
         .message = "shard " + host_.ShardId(failed->link->shard) + " did not answer to COMMIT",
         .detail = {},
         .hint = "Look whether the transaction took place before you repeat it."});
    for (Fanout::Part& part : fanout_->parts) LeaveInDoubt(part);
    FinishFanout();
    return;
  }
  if (failed != nullptr && failed->rolled_back) {
    fanout_->error.clear();
    const Refusal why = RetryTransaction(Broke(*failed->link, "it was told to end"));
    pg::AppendError(&fanout_->error, {.severity = "ERROR",
                                      .code = why.sqlstate,
                                      .message = why.message,
                                      .detail = {},
                                      .hint = why.hint});
  } else if (failed != nullptr) {
    pg::WireWriter(&fanout_->error, 'E').Bytes(failed->error).End();
  }
  if (fanout_->step == Fanout::Step::kCommit) {
    for (const Fanout::Part& part : fanout_->parts) {
      if (part.link->wrote && !part.tag.empty() && !fanout_->own_block && !fanout_->tag.empty())
        fanout_->tag = part.tag;
    }
    FinishFanout();
    return;
  }
  if (failed != nullptr) {
    StartRollback();
    return;
  }
  fanout_->step = Fanout::Step::kCommitPrepared;
  for (Fanout::Part& part : fanout_->parts) {
    if (!part.prepared) continue;
    if (part.lost) {
      LeaveInDoubt(part);
    } else {
      Tell(part, "COMMIT PREPARED " + PreparedOn(part));
    }
  }
  if (fanout_->round_done()) FinishFanout();
}

std::string Session::PreparedOn(const Fanout::Part& part) const {
  return "'" + PreparedName(fanout_->name, host_.ShardId(part.link->shard)) + "'";
}

// The host ends what is, or may be, prepared there, once; this transaction is done with it.
void Session::LeaveInDoubt(Fanout::Part& part) {
  if (!std::exchange(part.prepared, false)) return;
  const bool abandoned = part.lost || part.link->status == '?' || wait_ == Wait::kClosed;
  host_.FinishLater(*part.link, fanout_->name, abandoned);
}

void Session::StartRollback() {
  fanout_->step = Fanout::Step::kRollback;
  for (Fanout::Part& part : fanout_->parts) {
    if (part.lost || part.link->status == '?') {
      LeaveInDoubt(part);
    } else if (part.prepared) {
      Tell(part, "ROLLBACK PREPARED " + PreparedOn(part));
    } else if (part.link->status != 'I') {
      Tell(part, "ROLLBACK");
    }
  }
  if (fanout_->round_done()) FinishFanout();
}

// One statement on every server of the transaction, or on any if there is none.
Session::Outcome Session::ControlAll(std::string sql, std::string tag,
                                     const std::shared_ptr<const Statement>& effect) {
  if (attached_.empty() && Need(AnyShard()) == nullptr) return Outcome::kAgain;
  const bool rollback = tag == "ROLLBACK";
  fanout_ = std::make_unique<Fanout>();
  fanout_->simple = !extended_;
  fanout_->purpose = Fanout::Purpose::kControl;
  fanout_->effect = effect;
  fanout_->text = sql;
  fanout_->tag = std::move(tag);
  for (ServerLink* link : attached_) {
    if (rollback && !link->began) continue;
    fanout_->parts.push_back({.link = link,
                              .ready_to_skip = BeginOn(*link),
                              .done = false,
                              .prepared = false,
                              .lost = false,
                              .rolled_back = false,
                              .error = {},
                              .tag = {}});
    Tell(fanout_->parts.back(), sql);
  }
  if (fanout_->parts.empty()) {
    fanout_.reset();
    EndedTransaction(false);
    Complete("ROLLBACK");
    return Outcome::kDone;
  }
  wait_ = Wait::kFanout;
  return Outcome::kDone;
}

}  // namespace foreshard::router
