#include <fmt/format.h>

#include "base/check.h"
#include "pg/wire_backend.h"
#include "router/limits.h"
#include "router/session.h"

// UPDATE of a sharding column whose rows go to another shard: DELETE and INSERT in one transaction
// over both.
//
//   source                                              destination
//   kMark   UPDATE … SET id = id … RETURNING ctid
//   kLook   what is there that tells the two apart?
//   kOpen                                               COPY t FROM STDIN (binary)
//   kCarry  COPY (DELETE … RETURNING …) TO STDOUT ----> the rows as they lie
//
// The first round finds and locks the rows just as the client's UPDATE would, and gives its count
// and its errors. Rows are carried in their binary form, which is exact whatever the session's
// settings are. What one UPDATE would do otherwise than a DELETE and an INSERT is refused, with its
// name: triggers, row-level security, foreign keys that act.

namespace foreshard::router {
namespace {

// One row: the table; its columns; what each becomes; why not. $1 schema, $2 table, $3 column, $4
// the new key.
constexpr std::string_view kLook = R"sql(
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
  (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
  (SELECT pg_catalog.string_agg(
     CASE WHEN a.attname = $3
       THEN pg_catalog.format('CAST(%L AS %s)', $4, pg_catalog.format_type(a.atttypid, NULL))
       ELSE pg_catalog.quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
  CASE WHEN c.relkind <> 'r' OR c.relhassubclass THEN 'tables that inherit from it'
    WHEN c.relrowsecurity THEN 'row-level security'
    ELSE coalesce(
      (SELECT 'trigger ' || pg_catalog.quote_ident(t.tgname) FROM pg_catalog.pg_trigger t
       WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgname NOT LIKE 'zzz\_foreshard\_%'
       ORDER BY t.tgname LIMIT 1),
      (SELECT 'foreign key ' || pg_catalog.quote_ident(f.conname) FROM pg_catalog.pg_constraint f
       WHERE f.contype = 'f' AND f.confrelid = c.oid
         AND (f.confupdtype NOT IN ('a', 'r') OR f.confdeltype <> f.confupdtype)
       ORDER BY f.conname LIMIT 1)) END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2)sql";

std::string LookQuery(const KeyMove& move) {
  std::string sql;
  std::string_view rest = kLook;
  for (std::size_t at = rest.find('$'); at != std::string_view::npos; at = rest.find('$')) {
    const std::string& value = rest[at + 1] == '1'   ? move.schema
                               : rest[at + 1] == '2' ? move.table
                               : rest[at + 1] == '3' ? move.column
                                                     : move.new_key;
    sql.append(rest.substr(0, at)).append(QuoteLiteral(value));
    rest.remove_prefix(at + 2);
  }
  return sql.append(rest);
}

void AppendRefusal(std::string* out, std::string code, std::string message, std::string hint) {
  pg::AppendError(out, {.severity = "ERROR",
                        .code = std::move(code),
                        .message = std::move(message),
                        .detail = {},
                        .hint = std::move(hint)});
}

}  // namespace

void Session::StartMove(const KeyChange& change) {
  fanout_->move = std::make_unique<KeyMove>();
  KeyMove& move = *fanout_->move;
  move.schema = change.schema;
  move.table = change.table;
  move.column = change.column;
  const model::KeySpace& space = host_.catalogue().key_space();
  move.new_key = CanonicalText(space.key_type, scratch_->decision.keys.back());
}

void Session::MoveFrame(std::size_t index, const pg::WireFrame& frame) {
  KeyMove& move = *fanout_->move;
  if (index != 0) return;
  if (frame.type == 'D') {
    pg::RowValues values(frame.body);
    std::optional<std::string_view> value;
    if (move.stage == KeyMove::Stage::kLook) {
      while (values.Next(&value)) move.looked.emplace_back(value.value_or(std::string_view()));
    } else if (values.Next(&value) && value && ++move.rows <= kMovedRowsMax) {
      move.places.append(move.places.empty() ? "\"" : ",\"").append(*value).append("\"");
    }
  } else if (move.stage == KeyMove::Stage::kCarry && frame.type == 'd') {
    Fanout::Part& to = fanout_->parts[1];
    move.bytes += frame.whole.size();
    if (!move.ended && move.bytes > kScatterBytesMax) {
      AppendRefusal(&fanout_->error, "54000", "the rows that go to another shard are too large",
                    "Take fewer at a time.");
      StopMove();
    }
    if (!move.ended && !to.done && to.error.empty()) to.link->out().append(frame.whole);
  } else if (move.stage == KeyMove::Stage::kCarry && frame.type == 'C') {
    Fanout::Part& to = fanout_->parts[1];
    if (!std::exchange(move.ended, true) && !to.done) pg::AppendEmpty(&to.link->out(), 'c');
  }
}

// The source has failed, or the rows must not arrive: what the destination has copied is undone.
void Session::StopMove() {
  KeyMove& move = *fanout_->move;
  Fanout::Part& to = fanout_->parts[1];
  if (move.stage != KeyMove::Stage::kCarry || to.done || !to.error.empty() ||
      std::exchange(move.ended, true)) {
    return;
  }
  pg::WireWriter(&to.link->out(), 'f').String("no more rows come").End();
}

// A round is over. True: another has begun. Otherwise all is done, or there is an error.
bool Session::MoveOn() {
  KeyMove& move = *fanout_->move;
  Fanout::Part& from = fanout_->parts[0];
  Fanout::Part& to = fanout_->parts[1];
  const auto failed = [&] { return fanout_->FirstError() != nullptr || !fanout_->error.empty(); };
  if (!failed() && to.lost) to.error = LostError(*to.link, "it is gone");
  if (failed()) return false;
  switch (move.stage) {
    case KeyMove::Stage::kMark:
      if (move.rows == 0) return false;
      if (move.rows > kMovedRowsMax) {
        AppendRefusal(&fanout_->error, "54000", "too many rows go to another shard",
                      fmt::format("Take {} at a time.", kMovedRowsMax));
        return false;
      }
      move.stage = KeyMove::Stage::kLook;
      Tell(from, LookQuery(move));
      break;
    case KeyMove::Stage::kLook:
      if (move.looked.size() != 4 || !move.looked[3].empty()) {
        const std::string why = move.looked.size() == 4 ? move.looked[3] : "a table that is gone";
        AppendRefusal(&fanout_->error, "0A000",
                      fmt::format("UPDATE of the sharding column {}.{}.{}, of rows that go to "
                                  "another shard, with {}",
                                  move.schema, move.table, move.column, why),
                      "Delete the rows and insert them with the new key in one transaction.");
        return false;
      }
      move.stage = KeyMove::Stage::kOpen;
      Tell(to,
           fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", move.looked[0], move.looked[1]));
      break;
    case KeyMove::Stage::kOpen:
      move.stage = KeyMove::Stage::kCarry;
      to.done = false;
      Tell(from, fmt::format("COPY (DELETE FROM ONLY {} WHERE ctid = ANY ('{{{}}}'"
                             "::pg_catalog.tid[]) RETURNING {}) TO STDOUT (FORMAT binary)",
                             move.looked[0], move.places, move.looked[2]));
      if (from.lost) StopMove();
      break;
    case KeyMove::Stage::kCarry:
      if (from.tag == to.tag && from.tag == fmt::format("COPY {}", move.rows)) return false;
      AppendRefusal(&fanout_->error, "XX000",
                    fmt::format("{} rows were to go to another shard, the shards say {} and {}",
                                move.rows, from.tag, to.tag),
                    "");
      return false;
  }
  AllTold();
  return true;
}

}  // namespace foreshard::router
