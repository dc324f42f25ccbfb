#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "pg/wire_backend.h"
#include "router/limits.h"
#include "router/session.h"

// What several servers answer to one statement.

namespace foreshard::router {

// Several in a row, then AllTold().
void Session::Tell(Fanout::Part& part, std::string_view sql) {
  part.error.clear();
  part.tag.clear();
  part.done = part.lost;
  if (part.lost) {
    part.error = LostError(*part.link, "it is gone");
    return;
  }
  pg::AppendQuery(&part.link->out(), sql);
  part.link->unnamed = 0;
}

void Session::AllTold() {
  if (fanout_->round_done()) FanoutRoundEnded();
}

std::string Session::Broke(const ServerLink& link, std::string_view reason) const {
  return "the connection to shard " + host_.ShardId(link.shard) + " broke: " + std::string(reason);
}

// The body of an ErrorResponse.
std::string Session::LostError(const ServerLink& link, std::string_view reason) {
  std::string error;
  pg::AppendError(&error, {.severity = "ERROR",
                           .code = "08006",
                           .message = Broke(link, reason),
                           .detail = {},
                           .hint = "Retry the transaction."});
  return error.substr(5);
}

std::size_t Session::FanoutBytes(ServerLink& link, std::string_view bytes) {
  const auto found = std::find_if(fanout_->parts.begin(), fanout_->parts.end(),
                                  [&link](const Fanout::Part& part) { return part.link == &link; });
  if (found == fanout_->parts.end() || found->done) return Unasked(link, bytes);
  const auto index = static_cast<std::size_t>(found - fanout_->parts.begin());
  std::size_t at = 0;
  pg::WireFrame frame;
  while (pg::NextFrame(bytes.substr(at), kServerMessageBytesMax, &frame) ==
         pg::WireFrameState::kComplete) {
    at += frame.whole.size();
    Fanout::Part& part = fanout_->parts[index];
    if (frame.type != 'Z') {
      FanoutFrame(index, frame);
      continue;
    }
    link.status = frame.body.empty() ? '?' : frame.body[0];
    if (part.ready_to_skip > 0) {
      --part.ready_to_skip;
      continue;
    }
    part.done = true;
    break;
  }
  // Of a write nothing is shown, not even how its rows look, before it has given one or is done.
  const bool may_show = fanout_->purpose == Fanout::Purpose::kRead || fanout_->round_done() ||
                        (fanout_->merger && fanout_->merger->queued_bytes() > 0);
  if (fanout_->merger && may_show && fanout_->error.empty() && fanout_->FirstError() == nullptr &&
      fanout_->step == Fanout::Step::kRun) {
    std::string rows;
    const Status taken = fanout_->merger->Take(rows);
    if (!taken) {
      pg::AppendError(&fanout_->error, {.severity = "ERROR",
                                        .code = taken.error().code,
                                        .message = taken.error().message,
                                        .detail = {},
                                        .hint = {}});
    } else if (fanout_->rows_max > 0) {
      KeepRows(rows);
    } else if (!rows.empty()) {
      SayLocals();
      fanout_->shown = answered_ = true;
      host_.client_out().append(rows);
    }
  }
  if (fanout_->round_done()) FanoutRoundEnded();
  return at;
}

void Session::FanoutFrame(std::size_t index, const pg::WireFrame& frame) {
  Fanout::Part& part = fanout_->parts[index];
  if (frame.type == 'E') {
    const std::optional<pg::ErrorFields> error = pg::DecodeError(frame.body);
    // What ends the server's connection must not look to the client like the end of its own.
    const bool fatal = error && (error->severity == "FATAL" || error->severity == "PANIC");
    if (fatal) part.link->status = '?';
    part.rolled_back = fatal && error->code == kAdminShutdown && part.tag != "COMMIT";
    if (part.error.empty())
      part.error = fatal ? LostError(*part.link, error->message) : std::string(frame.body);
    if (fanout_->copying_in()) {
      pg::WireWriter(&fanout_->error, 'E').Bytes(part.error).End();
      CopyFailed({});
    }
    if (fanout_->move) StopMove();
    return;
  }
  if (part.ready_to_skip > 0 || !part.error.empty()) return;
  if (frame.type == 'N' && IsUnreplicated(frame.body)) {
    part.error = LostError(*part.link, kUnreplicated);
    part.lost = true;
  } else if (frame.type == 'N') {
    if (index == 0) host_.client_out().append(frame.whole);
  } else if (frame.type == 'C') {
    part.tag = std::string(frame.body.substr(0, frame.body.empty() ? 0 : frame.body.size() - 1));
  } else if (frame.type == 'G') {
    part.done = true;  // Of this round; the next ones are the client's rows.
    fanout_->text = std::string(frame.whole);
  }
  if (fanout_->step == Fanout::Step::kRun) FanoutRows(index, frame);
}

void Session::FanoutRows(std::size_t index, const pg::WireFrame& frame) {
  if (fanout_->alike && index > 0) return;
  if (fanout_->move) return MoveFrame(index, frame);
  Status good;
  switch (frame.type) {
    case 'T':
      if (fanout_->in_order && index == 0 && fanout_->simple)
        host_.client_out().append(frame.whole);
      if (fanout_->merger && fanout_->error.empty())
        good = fanout_->merger->RowDescription(index, frame.body);
      break;
    case 'D':
      if (fanout_->work < works_used_) {
        works_[fanout_->work].rows += 1;
        works_[fanout_->work].bytes += frame.whole.size();
      }
      if (fanout_->in_order) fanout_->in_order->DataRow(index, frame.body);
      if (fanout_->merger && fanout_->error.empty())
        good = fanout_->merger->DataRow(index, frame.body);
      break;
    case 'C':
      if (fanout_->merger && fanout_->error.empty())
        good = fanout_->merger->Done(index, fanout_->parts[index].tag);
      break;
    case 'H':
      if (!std::exchange(fanout_->copy_out, true)) {
        SayLocals();
        fanout_->shown = answered_ = true;
        host_.client_out().append(frame.whole);
      }
      break;
    case 'd':
      host_.client_out().append(frame.whole);
      break;
    default:
      break;
  }
  if (good) return;
  fanout_->error.clear();
  std::string whole;
  pg::AppendError(&whole, {.severity = "ERROR",
                           .code = good.error().code.empty() ? "XX000" : good.error().code,
                           .message = good.error().message,
                           .detail = {},
                           .hint = {}});
  fanout_->error = whole;
}

void Session::FanoutRoundEnded() {
  switch (fanout_->step) {
    case Fanout::Step::kRun:
      if (fanout_->copy && !fanout_->copy_open && fanout_->FirstError() == nullptr &&
          fanout_->error.empty() && fanout_->parts.front().tag.empty()) {
        CopyOpened();
        return;
      }
      if (fanout_->move && MoveOn()) return;
      FanoutRan();
      return;
    case Fanout::Step::kCommit:
      AfterDecision();
      return;
    case Fanout::Step::kPrepare:
      AfterPrepare();
      return;
    case Fanout::Step::kDecide:
      AfterDecision();
      return;
    case Fanout::Step::kCommitPrepared:
    case Fanout::Step::kRollback:
      // What is still prepared somewhere must be ended by somebody; what it is, the decision says.
      for (Fanout::Part& part : fanout_->parts) {
        if (!part.error.empty()) LeaveInDoubt(part);
      }
      FinishFanout();
      return;
  }
  Unreachable(fanout_->step);
}

// Each server has run the statement, or failed.
void Session::FanoutRan() {
  const bool rollback =
      fanout_->purpose == Fanout::Purpose::kControl && fanout_->text == "ROLLBACK";
  for (Fanout::Part& part : fanout_->parts) {
    if (rollback && part.lost) part.error.clear();  // Who is gone has rolled back.
  }
  if (const Fanout::Part* failed = fanout_->FirstError();
      failed != nullptr && fanout_->error.empty()) {
    pg::WireWriter(&fanout_->error, 'E').Bytes(failed->error).End();
  }
  if (fanout_->in_order && fanout_->error.empty()) {
    SayLocals();
    std::string rest;
    fanout_->in_order->TakeRest(rest);
    fanout_->rows_max > 0 ? KeepRows(rest) : void(host_.client_out().append(rest));
  }
  if (!fanout_->error.empty()) {
    FanoutFailed();
    return;
  }
  if (fanout_->purpose == Fanout::Purpose::kControl) {
    if (fanout_->effect) Apply(*fanout_->effect, fanout_->text);
    if (fanout_->tag.empty()) fanout_->tag = fanout_->parts.front().tag;
    if (rollback || (fanout_->tag == "ROLLBACK" && fanout_->parts.front().link->status == 'I'))
      EndedTransaction(false);
    else if (tx_ == Tx::kFailed && !doomed_ && fanout_->parts.front().link->status == 'T') {
      tx_ = Tx::kOpen;  // ROLLBACK TO
      failed_here_ = false;
    }
    FinishFanout();
    return;
  }
  std::vector<std::string> tags;
  for (const Fanout::Part& part : fanout_->parts) tags.push_back(part.tag);
  if (fanout_->copy_out) pg::AppendEmpty(&host_.client_out(), 'c');
  const bool rows =
      fanout_->merger && fanout_->purpose == Fanout::Purpose::kRead && !fanout_->copy_out;
  fanout_->tag = rows             ? fanout_->merger->CommandTag()
                 : fanout_->move  ? fmt::format("UPDATE {}", fanout_->move->rows)
                 : fanout_->alike ? tags.front()
                                  : AddCommandTags(tags);
  if (fanout_->schema_changes) host_.SchemaChanged();
  if (fanout_->own_block) {
    StartCommit();
    return;
  }
  FinishFanout();
}

// A read that lost a server, and of which nothing was seen, can be said again.
bool Session::FanoutMayRetry(std::string_view code) const {
  const bool read = fanout_->purpose == Fanout::Purpose::kRead &&
                    fanout_->step == Fanout::Step::kRun && (fanout_->own_block || tx_ == Tx::kIdle);
  return code == "08006" && read && !fanout_->shown && !answered_ && !said_locals_ && retained_ &&
         !in_parts_ && (!retry_since_ || host_.Now() - *retry_since_ <= host_.park_max());
}

void Session::FanoutFailed() {
  const std::optional<pg::ErrorFields> error =
      pg::DecodeError(std::string_view(fanout_->error).substr(5));
  const bool stale = error && error->code == "FS001";
  if (error) CheckLearned(error->code);
  if (error && FanoutMayRetry(error->code)) {
    if (!retry_since_) retry_since_ = host_.Now();
    fanout_->again = true;
  } else if (stale && fanout_->own_block && !fanout_->shown && !answered_ && !said_locals_ &&
             retained_ && !in_parts_) {
    OnRetryableError(*fanout_->parts.front().link, error->code, error->detail);
  } else if (error && IsOfTheMachinery(error->code, error->message)) {
    const Refusal told = Translate(error->code, error->message);
    fanout_->error.clear();
    pg::AppendError(&fanout_->error, {.severity = "ERROR",
                                      .code = told.sqlstate,
                                      .message = told.message,
                                      .detail = {},
                                      .hint = told.hint});
  } else if (fanout_->purpose == Fanout::Purpose::kEach && error) {
    // Outside of a transaction nothing can be taken back: say exactly who has what.
    std::string done;
    for (const Fanout::Part& part : fanout_->parts) {
      if (part.error.empty()) done += (done.empty() ? "" : ", ") + host_.ShardId(part.link->shard);
    }
    pg::WireError told{
        .severity = "ERROR",
        .code = std::string(error->code),
        .message = std::string(error->message),
        .detail = done.empty() ? "No shard ran it." : "It ran on these shards: " + done + ".",
        .hint = std::string(error->hint)};
    fanout_->error.clear();
    pg::AppendError(&fanout_->error, told);
  }
  if (tx_ != Tx::kIdle) tx_ = Tx::kFailed;
  if (fanout_->own_block) {
    StartRollback();
    return;
  }
  FinishFanout();
}

// All rounds are over: tell the client.
void Session::FinishFanout() {
  const std::unique_ptr<Fanout> ended = std::move(fanout_);
  proofs_.clear();
  wait_ = Wait::kNone;
  for (const Fanout::Part& part : ended->parts) {
    if (!part.lost) continue;
    if (part.link->began)
      Doom(ended->error.empty() ? Broke(*part.link, "it is gone") : std::string());
    ReleaseOne(*part.link, false);
  }
  if ((ended->own_block || ended->purpose == Fanout::Purpose::kEnd) && tx_ != Tx::kIdle) {
    EndedTransaction(ended->error.empty());
  }
  if (ended->work < works_used_) {
    const auto error = ended->error.empty()
                           ? std::optional<pg::ErrorFields>()
                           : pg::DecodeError(std::string_view(ended->error).substr(5));
    Ended(works_[ended->work], error ? error->code : std::string_view());
  }
  if (ended->again) {
    Retry(kStaleOwnerPause);
    return;
  }
  if (retry_since_ && !ended->error.empty() && ended->own_block && !ended->shown) {
    const std::optional<pg::ErrorFields> error =
        pg::DecodeError(std::string_view(ended->error).substr(5));
    if (error && error->code == "FS001") {
      Retry(kStaleOwnerPause);
      return;
    }
  }
  SayLocals();
  if (ended->error.empty() && ended->rows_max > 0) {
    FinishPage(*ended);
  } else if (ended->error.empty() && !ended->tag.empty()) {
    pg::AppendCommandComplete(&host_.client_out(), ended->tag);
  } else {
    host_.client_out().append(ended->error);
  }
  answered_ = true;
  if (ended->simple) {
    EndStatement();
    return;
  }
  if (!ended->error.empty()) skip_to_sync_ = true;
}

void Session::FanoutLost(ServerLink& link, std::string_view reason) {
  for (Fanout::Part& part : fanout_->parts) {
    if (part.link != &link) continue;
    part.lost = true;
    if (part.done) continue;
    if (part.error.empty()) part.error = LostError(link, reason);
    part.done = true;
  }
  if (fanout_->move) StopMove();
  if (fanout_->round_done()) FanoutRoundEnded();
}

}  // namespace foreshard::router
