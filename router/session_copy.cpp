#include "router/session.h"

// COPY ... FROM STDIN: the client's rows go to the shards that own them, all in one transaction.

namespace foreshard::router {

Session::Outcome Session::StartCopyIn(const Statement& statement, std::string_view text) {
  if (extended_ || in_parts_) {
    Fail(
        {.sqlstate = "0A000", .message = "COPY FROM STDIN must be a Query of its own", .hint = {}});
    return Outcome::kDone;
  }
  const std::vector<std::uint32_t> shards = ShardsOfDecision();
  for (const std::uint32_t shard : shards) {
    if (Need(shard) == nullptr) return Outcome::kAgain;
  }
  fanout_ = std::make_unique<Fanout>();
  fanout_->purpose = Fanout::Purpose::kWrite;
  fanout_->copy = true;
  fanout_->alike = statement.copy->table_class != TableClass::kSharded;
  if (statement.copy->table_class == TableClass::kSharded) {
    fanout_->splitter = std::make_unique<CopySplitter>(
        *statement.copy, CopySplitter::Options{.space = host_.table()->table().key_space,
                                               .column = statement.key_column});
  }
  if (tx_ == Tx::kIdle) {
    fanout_->own_block = true;
    tx_ = Tx::kOpen;
    implicit_ = true;
    begin_ = "BEGIN";
    settings_at_begin_ = settings_;
  }
  writes_now_ = true;
  fanout_->work = NewWork(shards.front(), statement, scratch_->decision, text);
  works_[fanout_->work].write = true;
  for (const std::uint32_t shard : shards) {
    ServerLink* link = Attached(shard);
    fanout_->parts.push_back({.link = link,
                              .ready_to_skip = BeginOn(*link),
                              .done = false,
                              .prepared = false,
                              .lost = false,
                              .rolled_back = false,
                              .error = {},
                              .tag = {}});
    link->wrote = link->used = has_written_ = true;
    link->unnamed = 0;
    statement.names_columns
        ? pg::AppendQuery(&link->out(), ApplyEdits(text, {&*statement.names_columns, 1}))
        : pg::AppendQuery(&link->out(), text);
  }
  learned_columns_ = statement.names_columns.has_value();
  wait_ = Wait::kFanout;
  return Outcome::kDone;
}

// Every server waits for rows; so may the client send them.
void Session::CopyOpened() {
  for (Fanout::Part& part : fanout_->parts) part.done = false;
  fanout_->copy_open = true;
  fanout_->shown = answered_ = true;
  host_.client_out().append(fanout_->text);
  fanout_->text.clear();
  wait_ = Wait::kNone;
}

Session::Outcome Session::OnCopyMessage(const pg::WireFrame& frame) {
  cycle_begin_ = done_;
  retained_ = false;
  const CompiledTable* table = host_.table();
  std::vector<std::string> rows(fanout_->parts.size());
  bool unknown_shard = false;
  const auto on_row = [&](std::string_view row, const Key& key) {
    const std::uint32_t owner = host_.ShardNumber(table->Find(key).shard);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (fanout_->parts[i].link->shard == owner) {
        rows[i].append(row);
        return;
      }
    }
    unknown_shard = true;
  };
  const auto on_all = [&](std::string_view bytes) {
    for (std::string& part : rows) part.append(bytes);
  };
  Status good;
  if (frame.type == 'd' && fanout_->splitter)
    good = fanout_->splitter->Feed(frame.body, on_row, on_all);
  if (frame.type == 'd' && !fanout_->splitter) on_all(frame.body);
  if (frame.type == 'c' && fanout_->splitter) good = fanout_->splitter->Finish(on_row, on_all);
  if (!good) {
    CopyFailed({.sqlstate = good.error().code, .message = good.error().message, .hint = {}});
    return Outcome::kDone;
  }
  if (unknown_shard) {
    CopyFailed({.sqlstate = "40001",
                .message = "the owner of a key changed during COPY",
                .hint = "Retry the COPY."});
    return Outcome::kDone;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string& out = fanout_->parts[i].link->out();
    if (!rows[i].empty()) pg::WireWriter(&out, 'd').Bytes(rows[i]).End();
    if (frame.type == 'c') pg::AppendEmpty(&out, 'c');
    if (frame.type == 'f') out.append(frame.whole);
  }
  if (frame.type == 'c' || frame.type == 'f') {
    fanout_->copy_open = false;
    wait_ = Wait::kFanout;
    return Outcome::kDone;
  }
  if (frame.type == 'd' || frame.type == 'H' || frame.type == 'S') return Outcome::kDone;
  if (frame.type == 'X') {
    wait_ = Wait::kClosed;
    host_.CloseClient();
    return Outcome::kDone;
  }
  CopyFailed({.sqlstate = "08P01",
              .message = "unexpected message type during COPY from stdin",
              .hint = {}});
  return Outcome::kDone;
}

// Ends COPY on every server that still takes rows; the client hears `why` when all have answered.
void Session::CopyFailed(const Refusal& why) {
  fanout_->copy_open = false;
  if (fanout_->error.empty()) {
    pg::AppendError(&fanout_->error, {.severity = "ERROR",
                                      .code = why.sqlstate,
                                      .message = why.message,
                                      .detail = {},
                                      .hint = why.hint});
  }
  for (Fanout::Part& part : fanout_->parts) {
    if (part.done || !part.error.empty()) continue;
    pg::WireWriter(&part.link->out(), 'f').String("another part of this COPY failed").End();
  }
  wait_ = Wait::kFanout;
  if (fanout_->round_done()) FanoutRoundEnded();
}

}  // namespace foreshard::router
