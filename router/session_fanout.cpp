#include <algorithm>

#include "base/check.h"
#include "pg/wire_backend.h"
#include "router/limits.h"
#include "router/session.h"

// A statement on several shards.

namespace foreshard::router {

// Every part's shard, in order of their numbers: sessions that need the same servers ask for them
// in the same order.
std::vector<std::uint32_t> Session::ShardsOfDecision() {
  std::vector<std::uint32_t> shards;
  for (const RoutePart& part : decision_.parts) shards.push_back(host_.ShardNumber(part.shard));
  if (decision_.parts.empty()) {
    for (std::uint32_t i = 0; i < host_.table()->shards(); ++i)
      shards.push_back(host_.ShardNumber(i));
  }
  return shards;
}

// Fills proofs_. True: the read must run in one snapshot with them.
bool Session::NeedsProof(const Statement& statement) {
  proofs_.clear();
  if (statement.kind != StatementKind::kRead || statement.writes || tx_ != Tx::kIdle) return false;
  footprint_.scatter = decision_.scatter;
  footprint_.keys = decision_.keys;
  proofs_ = host_.ProofsFor(footprint_);
  return !proofs_.empty();
}

Session::Outcome Session::RunSeveral(const Statement& statement, std::string_view text, bool simple,
                                     Portal* portal) {
  const std::vector<std::uint32_t> shards = ShardsOfDecision();
  std::vector<std::uint32_t> ordered = shards;
  std::sort(ordered.begin(), ordered.end());
  for (const std::uint32_t shard : ordered) {
    if (Need(shard) == nullptr) return Outcome::kAgain;
  }
  const bool writes = decision_.two_phase || statement.writes || statement.writes_reference ||
                      statement.kind == StatementKind::kDdl ||
                      statement.kind == StatementKind::kTruncate;
  fanout_ = std::make_unique<Fanout>();
  fanout_->simple = simple;
  fanout_->purpose = statement.no_transaction ? Fanout::Purpose::kEach
                     : writes                 ? Fanout::Purpose::kWrite
                                              : Fanout::Purpose::kRead;
  fanout_->alike = statement.writes_reference;
  fanout_->schema_changes = statement.kind == StatementKind::kDdl;
  const bool proven = !writes && NeedsProof(statement);
  if ((proven || (writes && !statement.no_transaction)) && tx_ == Tx::kIdle) {
    fanout_->own_block = true;
    tx_ = Tx::kOpen;
    implicit_ = true;
    begin_ = proven ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN";
    settings_at_begin_ = settings_;
  }
  if (decision_.rows_in_order) {
    std::vector<std::vector<std::uint32_t>> rows;
    for (const RoutePart& part : decision_.parts) rows.push_back(part.rows);
    fanout_->in_order = std::make_unique<RowInterleaver>(std::move(rows));
  } else {
    fanout_->merger = std::make_unique<Merger>(
        decision_.merge, MergeOptions{.shards = fanout_->alike ? 1 : shards.size(),
                                      .limit = decision_.limit,
                                      .offset = decision_.offset,
                                      .text_orders_as_bytes = host_.text_orders_as_bytes(),
                                      .bytes_max = kScatterBytesMax,
                                      .send_row_description = simple});
  }
  writes_now_ = writes;
  NewWork(shards.front(), statement, decision_);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    ServerLink* link = Attached(shards[i]);
    fanout_->parts.push_back({.link = link,
                              .ready_to_skip = BeginOn(*link),
                              .done = false,
                              .prepared = false,
                              .lost = false,
                              .error = {},
                              .tag = {}});
    link->wrote = link->wrote || writes;
    link->unnamed = 0;
    AppendPart(&link->out(), decision_.parts.empty() ? nullptr : &decision_.parts[i], text, portal);
  }
  wait_ = Wait::kFanout;
  return Outcome::kDone;
}

// The statement for one shard: as a Query, or as Parse to Sync with the values of the client's
// Bind.
void Session::AppendPart(std::string* out, const RoutePart* part, std::string_view text,
                         const Portal* portal) {
  const std::string_view sql =
      part != nullptr && !part->text.empty() ? std::string_view(part->text) : text;
  if (portal == nullptr) {
    pg::AppendQuery(out, sql);
    return;
  }
  const std::optional<pg::BindMessage> bind = pg::DecodeBind(portal->bind);
  CHECK(bind.has_value(), "a Bind that was good before");
  pg::WireWriter message(out, 'P');
  message.String("").String(sql);
  const std::vector<std::uint32_t>& declared = portal->statement->types;
  if (part == nullptr || part->parameters.empty()) {
    message.Int16(static_cast<std::int16_t>(declared.size()));
    for (const std::uint32_t type : declared) message.Int32(static_cast<std::int32_t>(type));
    message.End();
    pg::WireWriter(out, 'B').String("").String("").Bytes(bind->after_names).End();
  } else {
    std::vector<std::optional<std::string_view>> all;
    for (pg::BindValues values(*bind); !values.Done();) all.push_back(values.Next());
    message.Int16(static_cast<std::int16_t>(part->parameters.size()));
    for (const std::uint32_t number : part->parameters) {
      message.Int32(number <= declared.size() ? static_cast<std::int32_t>(declared[number - 1])
                                              : 0);
    }
    message.End();
    pg::WireWriter renumbered(out, 'B');
    renumbered.String("").String("").Int16(static_cast<std::int16_t>(part->parameters.size()));
    for (const std::uint32_t number : part->parameters) renumbered.Int16(bind->Format(number - 1));
    renumbered.Int16(static_cast<std::int16_t>(part->parameters.size()));
    for (const std::uint32_t number : part->parameters) {
      const std::optional<std::string_view> value =
          number <= all.size() ? all[number - 1] : std::nullopt;
      renumbered.Int32(value ? static_cast<std::int32_t>(value->size()) : -1)
          .Bytes(value.value_or(std::string_view()));
    }
    renumbered.Int16(static_cast<std::int16_t>(bind->result_format_count))
        .Bytes(bind->result_formats)
        .End();
  }
  pg::AppendDescribe(out, 'P', "");
  pg::WireWriter(out, 'E').String("").Int32(0).End();
  pg::AppendEmpty(out, 'S');
}

// What the client's portal over several shards will return: as one shard describes the client's own
// text.
Session::Outcome Session::DescribeFanout(Portal& portal) {
  if (!portal.statement->statement->returns_rows) {
    std::string answer;
    pg::AppendEmpty(&answer, 'n');
    Say(answer);
    return Outcome::kDone;
  }
  ServerLink* link = Need(AnyShard());
  if (link == nullptr || !SwitchTo(*link)) return Outcome::kAgain;
  BeginBefore(*link);
  const std::optional<pg::BindMessage> bind = pg::DecodeBind(portal.bind);
  const std::vector<std::int32_t> types(portal.statement->types.begin(),
                                        portal.statement->types.end());
  pg::AppendParse(&link->out(), "", portal.statement->sql, types);
  pg::WireWriter(&link->out(), 'B').String("").String("").Bytes(bind->after_names).End();
  pg::AppendDescribe(&link->out(), 'P', "");
  link->unnamed = 0;
  link->unsynced = true;
  for (const Expect::Kind kind :
       {Expect::Kind::kParse, Expect::Kind::kBind, Expect::Kind::kDescribePortal}) {
    Expect expect;
    expect.kind = kind;
    expect.swallow = kind != Expect::Kind::kDescribePortal;
    Push(expect);
  }
  return Outcome::kDone;
}

// Brings the server into the client's transaction if it is not there yet. Returns how many
// ReadyForQuery that will give.
int Session::BeginOn(ServerLink& link) {
  if (tx_ == Tx::kIdle || link.began) return 0;
  std::string script = begin_;
  for (const std::string& statement : replay_) script.append("\n;").append(statement);
  for (const Proof& proof : proofs_) {
    if (proof.shard == link.shard) script.append("\n;").append(proof.sql);
  }
  pg::AppendQuery(&link.out(), script);
  link.began = true;
  link.unnamed = 0;
  link.settings_at_begin = link.settings;
  return 1;
}

void Session::BeginBefore(ServerLink& link) {
  if (BeginOn(link) == 0) return;
  Expect expect;
  expect.swallow = true;
  Push(expect);
}

void Session::Tell(Fanout::Part& part, std::string_view sql) {
  pg::AppendQuery(&part.link->out(), sql);
  part.link->unnamed = 0;
  part.done = false;
  part.error.clear();
  part.tag.clear();
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
  if (fanout_->merger && fanout_->error.empty() && fanout_->step == Fanout::Step::kRun) {
    std::string rows;
    const Status taken = fanout_->merger->Take(rows);
    if (!taken) {
      pg::AppendError(&fanout_->error, {.severity = "ERROR",
                                        .code = taken.error().code,
                                        .message = taken.error().message,
                                        .detail = {},
                                        .hint = {}});
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
    if (error && error->severity == "FATAL") part.link->status = '?';
    if (part.error.empty()) part.error = std::string(frame.body);
    if (fanout_->copying_in()) {
      pg::WireWriter(&fanout_->error, 'E').Bytes(frame.body).End();
      CopyFailed({});
    }
    return;
  }
  if (part.ready_to_skip > 0 || !part.error.empty()) return;
  if (frame.type == 'N') {
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
  Status good;
  switch (frame.type) {
    case 'T':
      if (fanout_->in_order && index == 0 && fanout_->simple)
        host_.client_out().append(frame.whole);
      if (fanout_->merger && fanout_->error.empty())
        good = fanout_->merger->RowDescription(index, frame.body);
      break;
    case 'D':
      works_[0].rows += 1;
      works_[0].bytes += frame.whole.size();
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
    case Fanout::Step::kRollbackPrepared:
      FinishFanout();
      return;
  }
  Unreachable(fanout_->step);
}

// Each server has run the statement, or failed.
void Session::FanoutRan() {
  if (const Fanout::Part* failed = fanout_->FirstError();
      failed != nullptr && fanout_->error.empty()) {
    pg::WireWriter(&fanout_->error, 'E').Bytes(failed->error).End();
  }
  if (!fanout_->error.empty()) {
    FanoutFailed();
    return;
  }
  if (fanout_->purpose == Fanout::Purpose::kControl) {
    if (fanout_->effect) Apply(*fanout_->effect, fanout_->text);
    if (fanout_->tag.empty()) fanout_->tag = fanout_->parts.front().tag;
    if (fanout_->tag == "ROLLBACK" && fanout_->parts.front().link->status == 'I')
      EndedTransaction(false);
    else if (tx_ == Tx::kFailed && fanout_->parts.front().link->status == 'T')
      tx_ = Tx::kOpen;  // ROLLBACK TO
    FinishFanout();
    return;
  }
  std::vector<std::string> tags;
  for (const Fanout::Part& part : fanout_->parts) tags.push_back(part.tag);
  if (fanout_->in_order) {
    SayLocals();
    fanout_->in_order->TakeRest(host_.client_out());
  }
  if (fanout_->copy_out) pg::AppendEmpty(&host_.client_out(), 'c');
  const bool rows =
      fanout_->merger && fanout_->purpose == Fanout::Purpose::kRead && !fanout_->copy_out;
  fanout_->tag = rows             ? fanout_->merger->CommandTag()
                 : fanout_->alike ? tags.front()
                                  : AddCommandTags(tags);
  if (fanout_->schema_changes) host_.SchemaChanged();
  if (fanout_->own_block) {
    StartCommit();
    return;
  }
  FinishFanout();
}

void Session::FanoutFailed() {
  const std::optional<pg::ErrorFields> error =
      pg::DecodeError(std::string_view(fanout_->error).substr(5));
  const bool stale = error && error->code == "FS001";
  if (stale && fanout_->own_block && !fanout_->shown && retained_ && !in_parts_) {
    OnRetryableError(*fanout_->parts.front().link, error->code, error->detail);
  } else if (stale) {
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
  if ((ended->own_block || ended->purpose == Fanout::Purpose::kEnd) && tx_ != Tx::kIdle) {
    EndedTransaction(ended->error.empty());
  }
  if (works_used_ > 0) RecordWork(works_[0], !ended->error.empty());
  if (retry_since_ && !ended->error.empty() && ended->own_block && !ended->shown) {
    const std::optional<pg::ErrorFields> error =
        pg::DecodeError(std::string_view(ended->error).substr(5));
    if (error && error->code == "FS001") {
      Retry(kStaleOwnerPause);
      return;
    }
  }
  SayLocals();
  if (ended->error.empty() && !ended->tag.empty()) {
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
    std::string error;
    pg::AppendError(&error, {.severity = "ERROR",
                             .code = "08006",
                             .message = "the connection to shard " + host_.ShardId(link.shard) +
                                        " broke: " + std::string(reason),
                             .detail = {},
                             .hint = "Retry the transaction."});
    if (part.error.empty()) part.error = error.substr(5);
    part.done = true;
  }
  if (fanout_->round_done()) FanoutRoundEnded();
}

}  // namespace foreshard::router
