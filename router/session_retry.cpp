#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "pg/wire_backend.h"
#include "pg/wire_reader.h"
#include "router/limits.h"
#include "router/session.h"

// What did nothing is said again: to the shard that owns the keys now, or to the server that came
// back.

namespace foreshard::router {
namespace {

// "migration=7 owner=s-9x2d epoch=13"
std::optional<StaleOwner> ParseStaleOwner(std::string_view detail) {
  StaleOwner stale;
  while (!detail.empty()) {
    const std::size_t space = detail.find(' ');
    const std::string_view field = detail.substr(0, space);
    detail.remove_prefix(space == std::string_view::npos ? detail.size() : space + 1);
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view value = field.substr(equals + 1);
    if (field.starts_with("owner=")) stale.owner = std::string(value);
    if (field.starts_with("migration="))
      std::from_chars(value.data(), value.data() + value.size(), stale.migration);
    if (field.starts_with("epoch="))
      std::from_chars(value.data(), value.data() + value.size(), stale.epoch);
  }
  return stale.owner.empty() ? std::nullopt : std::optional(stale);
}

}  // namespace

bool IsUnreplicated(std::string_view notice) {
  pg::WireReader fields(notice);
  for (auto field = fields.Byte(); fields.ok() && field != 0; field = fields.Byte()) {
    if (fields.String() == "SyncRepWaitForLSN" && field == 'R') return true;
  }
  return false;
}

// S5. Nothing of this transaction was seen by the client, and all of it can be said again.
bool Session::MayRetry() const { return !answered_ && !said_locals_ && CanBeSaidAgain(); }

bool Session::CanBeSaidAgain() const {
  return retained_ && !flushed_ && !in_parts_ && !commits_now_ && attached_.size() == 1 &&
         replay_.empty();
}

// True: the error stays between us and the server.
bool Session::OnRetryableError(ServerLink& link, std::string_view code, std::string_view detail) {
  // Whatever a replica cannot do, the primary is asked for; what is wrong there too, it says
  // itself.
  const bool elsewhere = link.replica && code != "57014";
  if (elsewhere) primary_only_ = true;
  const bool stale = code == "FS001";
  const bool going = !completed_ && (code == kAdminShutdown || code == "57P02" || code == "57P03");
  const bool demoted =
      code == "25006" && tx_ == Tx::kIdle && !settings_.Find("default_transaction_read_only");
  if (!stale && !going && !demoted && !elsewhere) return false;
  if (!retry_since_) retry_since_ = host_.Now();
  if (host_.Now() - *retry_since_ > host_.park_max()) return false;
  if (stale) {
    // It names nobody where the refusal that led here was of a migration that is over there.
    const std::optional<StaleOwner> owner = ParseStaleOwner(detail);
    if (!owner && !named_owner_) return false;
    if (owner) host_.LearnOwner(*owner);
    const std::int64_t shard = owner ? host_.ShardNumberOf(owner->owner) : -1;
    named_owner_.reset();
    if (shard >= 0 && works_used_ == 1 && works_.front().keys.size() == 1) {
      named_owner_ = {.shard = static_cast<std::uint32_t>(shard),
                      .migration = owner->migration,
                      .key = works_.front().keys.front(),
                      .table = host_.table()};
    }
    if (fanout_) return true;
  }
  if (stale || (elsewhere && !going)) {
    LeaveBeforeRetry(link);
    return true;
  }
  ReleaseOne(link, false);
  Retry(kStaleOwnerPause);
  return true;
}

// The refused statement's server says the rest of its answers, and the client sees none of them. A
// proof before the statement may be what was refused: then both answers are still to come.
void Session::LeaveBeforeRetry(ServerLink& link) {
  retrying_ = true;
  Expect expect;
  expect.kind = Expect::Kind::kSync;
  expect.swallow = true;
  if (link.unsynced) {
    pg::AppendEmpty(&link.out(), 'S');
    link.unsynced = false;
    Push(expect);
  }
  const auto readies = std::count_if(expects_.begin() + static_cast<std::ptrdiff_t>(expects_head_),
                                     expects_.end(), [](const Expect& awaited) {
                                       return awaited.kind == Expect::Kind::kSync ||
                                              awaited.kind == Expect::Kind::kQuery;
                                     });
  CHECK(readies > 0, "an error that no ReadyForQuery follows");
  expects_.clear();
  expects_head_ = 0;
  for (auto left = readies; left > 0; --left) Push(expect);
  wait_ = Wait::kDrain;
}

// A refusal speaks of the keys that move, and does not say which of a statement's keys do: only a
// statement of the refused one key goes by it. Until more is heard: a login or a new table may have
// said since that the named shard gave the keys back.
bool Session::GoesByRefusal() const {
  const std::vector<Key>& keys = scratch_->decision.keys;
  return named_owner_ && named_owner_->table == host_.table() && parts_.empty() &&
         keys.size() == 1 && keys.front() == named_owner_->key;
}

std::uint32_t Session::TargetOf(const RoutePart& part) {
  return GoesByRefusal() ? named_owner_->shard : host_.ShardNumber(part.shard);
}

// The server of the refused statement is ready: end its transaction, then begin the cycle again.
void Session::OnRetryReady(ServerLink& link) {
  if (link.status == 'T' || link.status == 'E') {
    Ask(link, "ROLLBACK", false);
    return;
  }
  retrying_ = false;
  if (link.began) link.settings = link.settings_at_begin;
  // Two shards that both refuse are asked in turn, each as often as the other.
  const auto rounds = std::min<std::uint32_t>((retries_ - 1) / 2, 8);
  const auto pause = std::min(kStaleOwnerPause, kStaleOwnerFirstPause * (1 << rounds));
  Retry(retries_ == 0 ? std::chrono::milliseconds(0) : pause);
}

void Session::Retry(std::chrono::milliseconds pause) {
  ++retries_;
  ReleaseServers();
  host_.Finish();
  done_ = cycle_begin_;
  expects_.clear();
  expects_head_ = 0;
  local_.clear();
  works_used_ = 0;
  frame_left_ = 0;
  skip_to_sync_ = extended_ = flushed_ = wrote_ = false;
  writes_now_ = commits_now_ = completed_ = false;
  described_.clear();
  pending_parses_.clear();
  for (const Unproven& parse : unproven_) named_.erase(parse.name);
  unproven_.clear();
  unnamed_portal_.where = Portal::Where::kNone;
  portals_.clear();
  parts_.clear();
  wait_ = Wait::kNone;
  if (pause.count() == 0) return;
  wait_ = Wait::kPause;
  host_.WakeAfter(pause);
}

// Errors that a client of one PostgreSQL would never see so.
bool Session::IsOfTheMachinery(std::string_view code, std::string_view message) const {
  return code == "FS001" || (code == "55P03" && attached_.size() > 1 &&
                             message.starts_with("canceling statement due to lock timeout") &&
                             !settings_.Find("lock_timeout"));
}

// An error of the machinery as the client may see it.
Refusal Session::Translate(std::string_view code, std::string_view message) {
  if (code == "55P03") {
    return {.sqlstate = "40P01",
            .message =
                "deadlock suspected: a transaction on several shards waited too long for a "
                "lock",
            .hint = "Retry the transaction."};
  }
  if (code == "FS001") {
    host_.OwnerGivenUp();
    return {.sqlstate = "40001",
            .message =
                "could not serialize access: a range of keys moved to another shard during the "
                "transaction",
            .hint = "Retry the transaction."};
  }
  return {.sqlstate = std::string(code), .message = std::string(message), .hint = {}};
}

void Session::Lose(ServerLink& link, std::string_view reason, bool rolled_back) {
  link.status = '?';
  primary_only_ = primary_only_ || link.replica;
  if (wait_ == Wait::kClosed) return;
  const std::string where = Broke(link, reason);
  if (aside_ && aside_->link == &link) {
    aside_.reset();
    const bool in_transaction = link.began;
    ReleaseOne(link, false);
    wait_ = Wait::kNone;
    if (std::exchange(retrying_, false)) return Retry(kStaleOwnerPause);
    if (in_transaction && answered_) Doom(where);
    return;  // The message is read again and takes another server.
  }
  if (fanout_) {
    FanoutLost(link, reason);
    if (Attached(link.shard) == &link && !fanout_) ReleaseOne(link, false);
    return;
  }
  const bool outstanding = &link == current_ && !nothing_expected();
  const bool began = link.began;
  const bool may_retry =
      outstanding && MayRetry() && frame_left_ == 0 && (!writes_now_ || retrying_);
  const bool unsynced = !began && link.unsynced && link.used;
  ReleaseOne(link, false);
  if (!outstanding) {  // What another server owes us still comes.
    if (began) Doom(where);
    // What was bound or run since the last Sync is lost, though all of its answers were heard.
    if (unsynced && !skip_to_sync_) wait_failure_ = RetryTransaction(where);
    return;
  }
  if (may_retry) {
    retrying_ = false;
    if (!retry_since_) retry_since_ = host_.Now();
    Retry(kStaleOwnerPause);
    return;
  }
  if (frame_left_ > 0 && frame_shown_) {  // Half a row was passed on: nothing sensible can follow.
    wait_ = Wait::kClosed;
    host_.CloseClient();
    return;
  }
  LoseReplies(where, began, rolled_back);
}

// A part of the transaction is gone with its server: whatever the others say, it cannot commit. Who
// has seen no error by then believes in its COMMIT whatever tag it gets, so it must see one.
void Session::Doom(std::string untold) {
  if (tx_ == Tx::kIdle) return;
  if (tx_ == Tx::kOpen) doomed_by_ = std::move(untold);
  tx_ = Tx::kFailed;
  doomed_ = true;
}

// Tells the client that what it waits for will not come.
void Session::LoseReplies(const std::string& where, bool began, bool rolled_back) {
  Refusal why{.sqlstate = "08006", .message = where, .hint = {}};
  if (!rolled_back && (commits_now_ || (!began && writes_now_))) {
    why = {.sqlstate = "08007",
           .message = where + "; it is not known whether the last statement took effect",
           .hint = "Look before you repeat it."};
  } else if (began || rolled_back) {
    why = RetryTransaction(where);
  }
  const bool synced = wait_ == Wait::kReady;
  for (std::size_t i = expects_head_; i < expects_.size(); ++i) {
    const Expect& expect = expects_[i];
    const bool runs = expect.kind == Expect::Kind::kQuery || expect.kind == Expect::Kind::kExecute;
    if (runs && !expect.swallow && expect.work < works_used_)
      Ended(works_[expect.work], why.sqlstate);
  }
  std::string error;
  pg::AppendError(&error, {.severity = "ERROR",
                           .code = why.sqlstate,
                           .message = why.message,
                           .detail = {},
                           .hint = why.hint});
  host_.client_out().append(error);
  expects_.clear();
  expects_head_ = 0;
  frame_left_ = 0;
  wait_ = Wait::kNone;
  // COMMIT or not, this transaction is over for the server; the client ends it here.
  if (tx_ != Tx::kIdle) {
    Doom({});
    if (commits_now_) EndedTransaction(false);
  }
  if (!extended_) {
    EndStatement();
    return;
  }
  skip_to_sync_ = true;
  if (synced) SendReady();
}

}  // namespace foreshard::router
