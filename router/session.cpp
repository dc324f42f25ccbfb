#include "router/session.h"

#include <algorithm>

#include "base/check.h"
#include "router/limits.h"

namespace foreshard::router {

Session::Session(SessionHost& host, SessionContext context, Options options)
    : host_(host), context_(context), user_(std::move(options.user)) {
  settings_.Begin(std::move(options.settings));
  RefreshPlanContext();
}

Session::~Session() = default;

std::size_t Session::Advance(std::string_view input) {
  const SessionScratches::Use use(context_.scratches);
  scratch_ = use.get();
  input_ = input;
  while (wait_ == Wait::kNone) {
    if (wait_failure_ && in_parts_) {
      Fail(*std::exchange(wait_failure_, std::nullopt));
      continue;
    }
    if (in_parts_) {
      NextPart();
      continue;
    }
    pg::WireFrame frame;
    const pg::WireFrameState seen =
        pg::NextFrame(input_.substr(done_), kClientMessageBytesMax, &frame);
    if (seen == pg::WireFrameState::kIncomplete) break;
    if (seen == pg::WireFrameState::kInvalid) {
      FailProtocol("invalid message length");
      break;
    }
    done_ += frame.whole.size();
    if (wait_failure_) {
      extended_ = extended_ || frame.type != 'Q';
      Fail(*std::exchange(wait_failure_, std::nullopt));
      if (frame.type != 'S' && frame.type != 'H') continue;  // These two are answered all the same.
    }
    if (Handle(frame) == Outcome::kAgain) done_ -= frame.whole.size();
    if (done_ - cycle_begin_ > kBatchBytesMax && wait_ == Wait::kNone) {
      cycle_begin_ = done_;  // Too much to keep for a retry.
      retained_ = false;
    }
  }
  const std::size_t consumed = cycle_begin_;
  done_ -= cycle_begin_;
  cycle_begin_ = 0;
  input_ = {};
  scratch_ = nullptr;
  return consumed;
}

Session::Outcome Session::Handle(const pg::WireFrame& frame) {
  if (fanout_ && fanout_->copying_in()) return OnCopyMessage(frame);
  if (skip_to_sync_ && frame.type != 'S' && frame.type != 'X') {
    if (frame.type == 'H') SayLocals();  // An error of ours: its client may wait for it.
    return Outcome::kDone;
  }
  switch (frame.type) {
    case 'Q':
      return OnQuery(frame);
    case 'P':
      return OnParse(frame);
    case 'B':
      return OnBind(frame);
    case 'D':
      return OnDescribe(frame);
    case 'E':
      return OnExecute(frame);
    case 'C':
      return OnClose(frame);
    case 'H':
      return OnFlush(frame);
    case 'S':
      return OnSync();
    case 'X':
      wait_ = Wait::kClosed;
      host_.CloseClient();
      return Outcome::kDone;
    case 'F':
      extended_ = false;
      Fail({.sqlstate = "0A000",
            .message = "function calls of the protocol do not go through the router",
            .hint = "Use SELECT function(...)."});
      return Outcome::kDone;
    case 'd':
    case 'c':
    case 'f':
      return Outcome::kDone;  // After a failed COPY, as PostgreSQL: what is still on its way is
                              // dropped.
  }
  FailProtocol("invalid frontend message type");
  return Outcome::kDone;
}

void Session::FailProtocol(std::string_view message) {
  pg::AppendError(&host_.client_out(), {.severity = "FATAL",
                                        .code = "08P01",
                                        .message = std::string(message),
                                        .detail = {},
                                        .hint = {}});
  wait_ = Wait::kClosed;
  host_.CloseClient();
}

void Session::Push(Expect expect) {
  if (nothing_expected()) {
    expects_.clear();
    expects_head_ = 0;
  }
  expects_.push_back(expect);
}

// In a cycle of extended messages PostgreSQL says nothing before Flush or Sync; so neither do we,
// and a cycle can be said again.
void Session::Say(std::string_view bytes) {
  if (!extended_) {
    host_.client_out().append(bytes);
    return;
  }
  Expect expect;
  expect.kind = Expect::Kind::kLocal;
  expect.begin = static_cast<std::uint32_t>(local_.size());
  local_.append(bytes);
  expect.end = static_cast<std::uint32_t>(local_.size());
  Push(expect);
}

void Session::Fail(const Refusal& refusal) {
  if (!doomed_by_.empty()) {
    const std::string where = std::exchange(doomed_by_, {});
    // A portal that is not there was one of the lost server.
    if (refusal.sqlstate == "25P02" || refusal.sqlstate == "34000")
      return Fail(RetryTransaction(where));
  }
  std::string error;
  pg::AppendError(&error, {.severity = "ERROR",
                           .code = refusal.sqlstate,
                           .message = refusal.message,
                           .detail = {},
                           .hint = refusal.hint});
  Say(error);
  if (tx_ != Tx::kIdle) {
    tx_ = Tx::kFailed;
    failed_here_ = true;
  }
  if (!extended_) {
    EndStatement();
    return;
  }
  skip_to_sync_ = true;
  pending_parses_.clear();
  ForgetUnproven();
  // What this pipeline wrote so far belongs to one implicit transaction with what failed now: the
  // server must not commit it.
  if (tx_ == Tx::kIdle && wrote_ && current_ != nullptr && current_->unsynced) {
    ReleaseOne(*current_, false);
    expects_.erase(
        std::remove_if(expects_.begin() + static_cast<std::ptrdiff_t>(expects_head_),
                       expects_.end(),
                       [](const Expect& expect) { return expect.kind != Expect::Kind::kLocal; }),
        expects_.end());
    wrote_ = false;
  }
}

// The end of a simple statement, good or bad.
void Session::EndStatement() {
  if (in_parts_ && tx_ != Tx::kFailed && part_ < parts_.size())
    return;  // Advance() takes the next one.
  if (in_parts_ && part_ >= parts_.size() && implicit_ && tx_ == Tx::kOpen)
    return;  // NextPart() commits.
  in_parts_ = false;
  if (implicit_ && tx_ == Tx::kFailed) {
    // An implicit block ends with its Query. Ending the connections is the surest rollback there
    // is.
    for (ServerLink* link : std::vector<ServerLink*>(attached_)) ReleaseOne(*link, !link->began);
    EndedTransaction(false);
  }
  SendReady();
}

void Session::SendReady() {
  pg::AppendReadyForQuery(&host_.client_out(), client_status());
  EndCycle();
}

void Session::EndCycle() {
  cycle_begin_ = done_;
  retained_ = true;
  expects_.clear();
  expects_head_ = 0;
  local_.clear();
  RecordWorks();
  if (has_written_) last_write_ = host_.Now();
  has_written_ = has_written_ && tx_ != Tx::kIdle;
  primary_only_ = false;
  skip_to_sync_ = extended_ = flushed_ = wrote_ = false;
  writes_now_ = commits_now_ = completed_ = false;
  said_locals_ = false;
  described_.clear();
  pending_parses_.clear();
  unproven_.clear();
  parts_.clear();
  in_parts_ = false;
  retry_since_.reset();
  named_owner_.reset();
  retries_ = 0;
  asked_.clear();
  learned_columns_ = false;
  if (tx_ != Tx::kIdle) return;
  answered_ = false;
  unnamed_portal_.where = Portal::Where::kNone;
  if (unnamed_portal_.ran) unnamed_portal_ = {};
  portals_.clear();
  ReleaseServers();
  host_.Finish();
}

void Session::ReleaseOne(ServerLink& link, bool reusable) {
  std::erase(attached_, &link);
  if (current_ == &link) current_ = nullptr;
  const bool clean =
      link.status == 'I' && !link.unsynced && link.prepared.size() <= kStatementsPerServerMax;
  link.began = link.wrote = link.used = link.unsynced = link.bounded = false;
  link.proven.clear();
  if (unnamed_portal_.link == &link) unnamed_portal_.where = Portal::Where::kNone;
  std::erase_if(portals_, [&link](const auto& portal) { return portal.second.link == &link; });
  host_.Release(link, reusable && clean);
}

void Session::ReleaseServers() {
  while (!attached_.empty()) ReleaseOne(*attached_.back(), true);
}

ServerLink* Session::Attached(std::uint32_t shard) const {
  for (ServerLink* link : attached_) {
    if (link->shard == shard) return link;
  }
  return nullptr;
}

// A server may come when what waited for it has got another owner. Kept, it would count as a second
// one that is in use, and what was said to the owner could not be said again.
void Session::LetGoUnused(std::uint32_t wanted) {
  for (std::size_t i = attached_.size(); i-- > 0;) {
    ServerLink& link = *attached_[i];
    if (link.shard != wanted && !link.began && !link.unsynced && !link.used) ReleaseOne(link, true);
  }
}

// The shard's server, ready for a statement; null: the message must wait (S4).
ServerLink* Session::Need(std::uint32_t shard) {
  ServerLink* link = Attached(shard);
  if (link == nullptr) {
    if (tx_ == Tx::kOpen && !attached_.empty() && !fanout_ && IsSerializable() && AnyUsed()) {
      wait_failure_ = kNotSerializable;
      return nullptr;
    }
    if (!BoundWaits()) return nullptr;
    link = host_.Acquire(shard);
    if (link == nullptr) {
      wait_ = Wait::kServer;
      return nullptr;
    }
    attached_.push_back(link);
  }
  return Ready(*link) ? link : nullptr;
}

// Before a transaction comes to a second shard: a deadlock over two shards is seen by neither, so
// waits for locks must end by themselves on all of them. False: wait.
bool Session::BoundWaits() {
  if (tx_ != Tx::kOpen || settings_.Find("lock_timeout")) return true;
  for (ServerLink* link : attached_) {
    if (!link->began || link->bounded) continue;
    if (MustDrain()) {
      DrainUnsynced();
      return wait_ == Wait::kNone;
    }
    link->bounded = true;
    Ask(*link, std::string("SET LOCAL lock_timeout = '") + kSpanningLockTimeout + "'", false);
    return false;
  }
  return true;
}

bool Session::AnyUsed() const {
  return std::any_of(attached_.begin(), attached_.end(),
                     [](const ServerLink* link) { return link->began && link->used; });
}

bool Session::Ready(ServerLink& link) {
  if (link.began || link.unsynced || SameSettings(link.settings, settings_.script())) return true;
  Ask(link,
      settings_.script() ? std::string_view(*settings_.script()) : std::string_view("RESET ALL"),
      true);
  return false;
}

// For statements that any shard can answer: the one in use, else the first.
std::uint32_t Session::AnyShard() {
  if (current_ != nullptr && !current_->replica) return current_->shard;
  for (const ServerLink* link : attached_) {
    if (!link->replica) return link->shard;
  }
  return host_.ShardNumber(0);
}

Session::Outcome Session::Block(Wait wait) {
  wait_ = wait;
  return Outcome::kAgain;
}

void Session::OnServerReady(std::uint32_t shard, ServerLink& link) {
  CHECK(Attached(shard) == nullptr, "a second server of one shard", shard);
  attached_.push_back(&link);
  if (wait_ == Wait::kServer) wait_ = Wait::kNone;
}

void Session::OnServerFailed(std::uint32_t, const Refusal& why, bool may_retry) {
  if (wait_ != Wait::kServer) return;
  wait_ = Wait::kNone;
  if (may_retry) {
    primary_only_ = true;
    return;
  }
  wait_failure_ = why;
}

void Session::OnUnparked(bool may_go) {
  if (wait_ != Wait::kParked) return;
  wait_ = Wait::kNone;
  if (!may_go) {
    wait_failure_ = Refusal{.sqlstate = "57P03",
                            .message = "the range is being moved and did not come back in time",
                            .hint = "Retry the statement."};
  }
}

void Session::OnTimer() {
  if (wait_ == Wait::kPause) wait_ = Wait::kNone;
}

void Session::CancelWait() {
  if (wait_ != Wait::kServer && wait_ != Wait::kParked && wait_ != Wait::kPause) return;
  host_.StopWaiting();
  wait_failure_ = Refusal{
      .sqlstate = "57014", .message = "canceling statement due to user request", .hint = {}};
  wait_ = Wait::kNone;
}

std::vector<ServerLink*> Session::BusyServers() const {
  if (fanout_ != nullptr) return attached_;
  if (aside_) return {aside_->link};
  if (current_ != nullptr &&
      (wait_ == Wait::kReady || wait_ == Wait::kDrain || !nothing_expected()))
    return {current_};
  return {};
}

void Session::OnClientGone() {
  wait_ = Wait::kClosed;
  host_.StopWaiting();
  // In the middle of a COMMIT over shards: nobody else would end soon what is prepared.
  if (fanout_ != nullptr) {
    for (Fanout::Part& part : fanout_->parts) LeaveInDoubt(part);
  }
  // A server in the middle of something cannot be given to anybody else.
  const bool at_work = !nothing_expected() || fanout_ != nullptr || aside_.has_value();
  while (!attached_.empty()) ReleaseOne(*attached_.back(), !at_work && tx_ == Tx::kIdle);
  host_.Finish();
}

}  // namespace foreshard::router
