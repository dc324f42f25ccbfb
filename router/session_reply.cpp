#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "pg/wire_backend.h"
#include "pg/wire_reader.h"
#include "pg/wire_writer.h"
#include "router/limits.h"
#include "router/session.h"

// What servers say: passed on as it lies, but for what was asked by us and not by the client.

namespace foreshard::router {
namespace {

constexpr std::size_t kStreamedFrameBytes =
    32 * 1024;  // rows longer than this are passed on in pieces

// Of an Execute outside of a transaction block: what has this tag is committed by Sync, not before.
bool CommitsAtSync(std::string_view tag) {
  constexpr std::array kTags = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"};
  return std::any_of(kTags.begin(), kTags.end(),
                     [tag](std::string_view known) { return tag.starts_with(known); });
}

// An ErrorResponse whose position counts the client's characters only (protocol, 55.8).
std::string WithoutOurs(std::string_view body, std::size_t ours) {
  std::string error;
  pg::WireWriter writer(&error, 'E');
  pg::WireReader fields(body);
  for (auto field = fields.Byte(); fields.ok() && field != 0; field = fields.Byte()) {
    const std::string_view value = fields.String();
    std::size_t position = 0;
    std::from_chars(value.data(), value.data() + value.size(), position);
    const bool moved = field == 'P' && position > ours;
    writer.Byte(static_cast<char>(field));
    writer.String(moved ? std::to_string(position - ours) : std::string(value));
  }
  writer.Byte(0).End();
  return error;
}

}  // namespace

std::size_t Session::OnServerBytes(ServerLink& link, std::string_view bytes) {
  if (wait_ == Wait::kClosed) return bytes.size();
  if (aside_ && aside_->link == &link) return AsideBytes(link, bytes);
  if (fanout_) return FanoutBytes(link, bytes);
  if (&link != current_ || nothing_expected()) return Unasked(link, bytes);
  return Replies(link, bytes);
}

// Notices, parameters, or the farewell of a server that ends.
std::size_t Session::Unasked(ServerLink& link, std::string_view bytes) {
  std::size_t at = 0;
  pg::WireFrame frame;
  while (pg::NextFrame(bytes.substr(at), kServerMessageBytesMax, &frame) ==
         pg::WireFrameState::kComplete) {
    at += frame.whole.size();
    if (frame.type == 'E') {
      link.status = '?';  // It will close; never give it to anybody else.
      if (!holds(link)) continue;
      const std::optional<pg::ErrorFields> error = pg::DecodeError(frame.body);
      OnServerLost(link, error ? error->message : std::string_view("it ended"));
      return bytes.size();
    }
    if (frame.type == 'N' && &link == current_) host_.client_out().append(frame.whole);
  }
  return at;
}

// A large row is passed on as it comes, not when it is whole. False: `rest` begins none.
bool Session::BeginLargeRow(std::string_view rest) {
  const std::size_t announced = pg::FrameBytesAnnounced(rest);
  const bool row = rest[0] == 'D' || rest[0] == 'd';
  if (!row || announced < kStreamedFrameBytes) return false;
  frame_left_ = announced - rest.size();
  frame_shown_ = !expects_[expects_head_].swallow;
  return true;
}

// The statement that was refused goes to another server, and the client sees nothing of it.
bool Session::SaysAgain(ServerLink& link, const pg::WireFrame& frame, std::size_t mark) {
  const std::optional<pg::ErrorFields> error = pg::DecodeError(frame.body);
  if (!error || !OnRetryableError(link, error->code, error->detail)) return false;
  host_.client_out().resize(mark);
  answered_ = said_locals_ = false;
  return true;
}

std::size_t Session::Replies(ServerLink& link, std::string_view bytes) {
  std::size_t at = std::min(frame_left_, bytes.size());
  frame_left_ -= at;
  std::size_t shown = frame_shown_ ? 0 : at;  // [shown, at) waits to be appended
  const std::size_t mark = host_.client_out().size();
  const bool unseen = !answered_ && !said_locals_;  // before these bytes
  const auto show = [&](std::size_t end) {
    if (end > shown) {
      host_.client_out().append(bytes.substr(shown, end - shown));
      answered_ = true;
    }
    shown = end;
  };
  // What this server does not say comes first, in the order of the client's messages.
  const auto say_locals = [&] {
    if (nothing_expected() || expects_[expects_head_].kind != Expect::Kind::kLocal) return;
    show(at);
    SayLocals();
  };
  while (at < bytes.size()) {
    pg::WireFrame frame;
    const pg::WireFrameState seen = pg::NextFrame(bytes.substr(at), kServerMessageBytesMax, &frame);
    if (seen == pg::WireFrameState::kInvalid) {
      link.status = '?';
      OnServerLost(link, "it does not speak the protocol");
      return bytes.size();
    }
    if (seen == pg::WireFrameState::kIncomplete) {
      if (!BeginLargeRow(bytes.substr(at))) break;
      if (!frame_shown_) {
        show(at);
        shown = bytes.size();
      }
      at = bytes.size();
      break;
    }
    const bool retryable = frame.type == 'E' && unseen && !retrying_ && CanBeSaidAgain();
    if (!retryable) say_locals();
    if (nothing_expected()) {  // All was answered: the rest is not for the client.
      show(at);
      return at + Unasked(link, bytes.substr(at));
    }
    if (frame.type == 'Z') {
      show(at);
      at += frame.whole.size();
      shown = at;
      OnReadyReply(link, frame.body.empty() ? '?' : frame.body[0]);
      if (wait_ == Wait::kClosed || current_ != &link || nothing_expected()) return at;
      continue;
    }
    if (retryable) {
      if (SaysAgain(link, frame, mark)) {
        if (current_ != &link) return bytes.size();
        at += frame.whole.size();
        shown = at;
        continue;
      }
      say_locals();
      if (nothing_expected()) continue;
    }
    if (frame.type == 'E' || frame.type == 'N') show(at);  // Before what we say of it.
    const bool visible = OnReply(link, frame);
    if (!visible) show(at);
    at += frame.whole.size();
    if (!visible) shown = at;
    if (wait_ == Wait::kClosed || current_ != &link) return bytes.size();
  }
  show(at);
  say_locals();
  return at;
}

void Session::Pop() { ++expects_head_; }

void Session::SayLocals() {
  while (!nothing_expected() && expects_[expects_head_].kind == Expect::Kind::kLocal) {
    const Expect& expect = expects_[expects_head_];
    host_.client_out().append(local_, expect.begin, expect.end - expect.begin);
    said_locals_ = true;
    Pop();
  }
}

// True: the client may see it.
bool Session::OnReply(ServerLink& link, const pg::WireFrame& frame) {
  Expect& head = expects_[expects_head_];
  const bool show = !head.swallow && head.hidden == 0;
  switch (frame.type) {
    case 'D':
    case 'd':
      if (show && (head.kind == Expect::Kind::kExecute || head.kind == Expect::Kind::kQuery)) {
        ++works_[head.work].rows;
        works_[head.work].bytes += frame.whole.size();
      }
      return show;
    case '1':
      if (head.prepared != 0 && !unproven_.empty()) Confirm(head.prepared);
      Pop();
      return show;
    case '2':
    case '3':
      Pop();
      return show;
    case 'T':
    case 'n':
      if (head.kind == Expect::Kind::kDescribeStatement ||
          head.kind == Expect::Kind::kDescribePortal)
        Pop();
      return show;
    case 'C':
      return OnCompleteReply(frame);
    case 'I':
    case 's':
      if (head.kind == Expect::Kind::kExecute) ApplyConfigs(works_[head.work]);
      if (head.kind == Expect::Kind::kExecute) Pop();
      return show;
    case 'E':
      return OnErrorReply(link, frame);
    case 'G':  // COPY IN never comes this way: it is split by key.
      pg::WireWriter(&link.out(), 'f').String("COPY FROM STDIN is not expected here").End();
      return false;
    case 'N':
      if (!IsUnreplicated(frame.body)) return show;
      Lose(link, kUnreplicated, false);
      return false;
    case 'A':
      return false;  // LISTEN is refused, so nobody asked.
    case 'S':
      return show;
    default:
      return show;  // t, H, c, W, V
  }
}

bool Session::OnCompleteReply(const pg::WireFrame& frame) {
  Expect& head = expects_[expects_head_];
  if (head.kind != Expect::Kind::kExecute && head.kind != Expect::Kind::kQuery)
    return !head.swallow;
  if (head.hidden > 0) {
    --head.hidden;
    return false;
  }
  if (head.swallow) {
    if (head.kind == Expect::Kind::kExecute) Pop();
    return false;
  }
  Work& work = works_[head.work];
  const std::string_view tag = frame.body;
  if (work.write) work.rows = pg::RowsOfTag(tag.substr(0, tag.empty() ? 0 : tag.size() - 1));
  if (work.effect) {
    Apply(*work.effect, work.text);
    work.effect.reset();
  }
  ApplyConfigs(work);
  completed_ = completed_ || head.kind == Expect::Kind::kQuery || !CommitsAtSync(tag);
  if (commits_now_ && tag.starts_with("ROLLBACK")) commits_now_ = false;
  if (head.kind == Expect::Kind::kExecute) {
    Ended(work);
    Pop();
  }
  return true;
}

bool Session::OnErrorReply(ServerLink& link, const pg::WireFrame& frame) {
  const std::optional<pg::ErrorFields> error = pg::DecodeError(frame.body);
  const Expect head = expects_[expects_head_];
  const std::string_view code = error ? error->code : std::string_view("XX000");
  if (error) CheckLearned(error->code);
  if (error && (error->severity == "FATAL" || error->severity == "PANIC")) {
    Lose(link, error->message, error->code == kAdminShutdown && !completed_);
    return false;
  }
  if (retrying_) return false;
  if (error && error->code == "0A000" && error->message.starts_with("cached plan"))
    link.prepared.clear();
  if (head.kind == Expect::Kind::kQuery) {
    commits_now_ = false;
    if (head.swallow) {  // Our BEGIN failed: what follows must not run outside of it.
      link.status = '?';
      OnServerLost(link, error ? error->message : std::string_view("BEGIN failed"));
      return false;
    }
    Ended(works_[head.work], code);
    works_[head.work].effect.reset();
  } else {
    if (head.kind == Expect::Kind::kExecute && !head.swallow) Ended(works_[head.work], code);
    DropUntilSync(link);
    skip_to_sync_ = wait_ == Wait::kNone || wait_ == Wait::kServer || wait_ == Wait::kParked;
    if (wait_ == Wait::kDrain) skip_to_sync_ = true;
  }
  if (error && IsOfTheMachinery(error->code, error->message)) {
    // FS001: the client has seen an answer of this transaction, so it cannot be said again (I3).
    std::string translated;
    const Refusal told = Translate(error->code, error->message);
    pg::AppendError(&translated, {.severity = "ERROR",
                                  .code = told.sqlstate,
                                  .message = told.message,
                                  .detail = {},
                                  .hint = told.hint});
    host_.client_out().append(translated);
    return false;
  }
  if (head.shift == 0) return true;
  host_.client_out().append(WithoutOurs(frame.body, head.shift));
  return false;
}

// After an error the server skips to Sync; so do the replies that we waited for.
void Session::DropUntilSync(ServerLink& link) {
  while (!nothing_expected() && expects_[expects_head_].kind != Expect::Kind::kSync) {
    const Expect& expect = expects_[expects_head_];
    if (expect.kind == Expect::Kind::kParse && expect.prepared != 0)
      link.prepared.erase(expect.prepared);
    if (expect.kind == Expect::Kind::kParse && expect.prepared == 0) link.unnamed = 0;
    Pop();
  }
  ForgetUnproven();
  pending_parses_.clear();
}

void Session::OnReadyReply(ServerLink& link, char status) {
  const Expect head = expects_[expects_head_];
  link.status = status;
  if (head.kind != Expect::Kind::kSync && head.kind != Expect::Kind::kQuery) {
    link.status = '?';
    OnServerLost(link, "it was ready before it had answered");
    return;
  }
  Pop();
  if (retrying_) {
    if (nothing_expected()) OnRetryReady(link);
    return;
  }
  if (head.swallow &&
      head.kind == Expect::Kind::kQuery) {  // BEGIN, or what brings a shard into the transaction
    SayLocals();
    if (wait_ == Wait::kDrain && nothing_expected()) wait_ = Wait::kNone;
    return;
  }
  if (head.kind == Expect::Kind::kQuery && works_used_ > head.work) Ended(works_[head.work]);
  if (tx_ != Tx::kIdle && link.began) {
    if (status == 'I') EndedTransaction(commits_now_);
    if (status == 'E') tx_ = Tx::kFailed;
    // Only ROLLBACK TO, a Query, brings back what failed here.
    const bool still_failed = failed_here_ && head.kind == Expect::Kind::kSync;
    if (status == 'T' && attached_.size() == 1 && !doomed_ && !still_failed) {
      tx_ = Tx::kOpen;
      failed_here_ = false;
    }
  }
  SayLocals();
  if (wait_ == Wait::kDrain) {
    if (nothing_expected()) wait_ = Wait::kNone;
    return;
  }
  wait_ = Wait::kNone;
  if (head.kind == Expect::Kind::kQuery) {
    EndStatement();
    return;
  }
  SendReady();
}

}  // namespace foreshard::router
