#include "migration/sweeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/log.h"
#include "migration/phase.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

// Numbers of migrations that are not over. An unreadable phase counts as unfinished.
Result<std::set<std::int32_t>> Unfinished(pg::Connection& connection, Deadline deadline) {
  const Result<pg::Rows> rows =
      connection.Exec("SELECT migration_id, phase FROM foreshard.migration", deadline);
  if (!rows) return rows.error();
  std::set<std::int32_t> numbers;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const Result<Phase> phase = ParsePhase(rows->Text(row, 1));
    if (!phase || !IsTerminal(*phase)) numbers.insert(static_cast<std::int32_t>(rows->Int(row, 0)));
  }
  return numbers;
}

// Statements that remove it; each may find it gone.
std::vector<std::string> RemovalSql(const SideObject& object) {
  const std::string name = pg::QuoteIdentifier(object.name);
  if (object.kind == "subscription") {
    return {IfSubscription(
        object.name,
        fmt::format(
            "ALTER SUBSCRIPTION {0} DISABLE; ALTER SUBSCRIPTION {0} SET (slot_name = NONE); "
            "DROP SUBSCRIPTION {0}",
            name))};
  }
  if (object.kind == "slot") {
    return {
        fmt::format("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
                    "slot_name = {} AND NOT active",
                    pg::QuoteLiteral(object.name))};
  }
  if (object.kind == "publication") return {fmt::format("DROP PUBLICATION IF EXISTS {}", name)};
  if (object.kind == "event trigger") return {fmt::format("DROP EVENT TRIGGER IF EXISTS {}", name)};
  if (object.kind == "trigger") {
    const std::size_t dot = object.name.rfind('.');  // table.trigger, the table quoted as needed
    return {
        "SET lock_timeout = '50ms'",
        fmt::format("DROP TRIGGER IF EXISTS {} ON {}",
                    pg::QuoteIdentifier(object.name.substr(dot + 1)), object.name.substr(0, dot)),
        "RESET lock_timeout"};
  }
  const std::string table = object.kind == "gate" ? "gate" : "chunk_done";
  return {fmt::format("DELETE FROM foreshard.{} WHERE migration_id = {}", table, NumberOf(object))};
}

// Streams first, then what stands on tables, then rows; a gate's row after its triggers.
int Rank(const std::string& kind) {
  constexpr std::array kOrder = {"subscription", "slot",  "publication", "event trigger",
                                 "trigger",      "chunk", "gate"};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), kind) - kOrder.begin());
}

}  // namespace

Result<std::vector<SideObject>> ReadLeftovers(pg::Connection& connection, Deadline deadline) {
  const Result<pg::Rows> rows =
      connection.Exec(LeftoverSql(std::nullopt) + " ORDER BY 1, 2", deadline);
  if (!rows) return rows.error();
  std::vector<SideObject> objects;
  for (std::size_t row = 0; row < rows->size(); ++row)
    objects.push_back({rows->Text(row, 0), rows->Text(row, 1)});
  return objects;
}

std::int32_t NumberOf(const SideObject& object) {
  std::string_view text = object.name;
  if (object.kind != "gate" && object.kind != "chunk") {
    const std::size_t at = text.rfind("foreshard_");
    if (at == std::string_view::npos) return 0;
    text.remove_prefix(at + 10);
  }
  std::int32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<std::vector<SideObject>> Sweep(pg::Connection& connection, Deadline deadline) {
  Result<std::vector<SideObject>> objects = ReadLeftovers(connection, deadline);
  if (!objects) return objects;
  // Read after the objects: a migration that began in between is among the unfinished.
  const Result<std::set<std::int32_t>> unfinished = Unfinished(connection, deadline);
  if (!unfinished) return unfinished.error();
  std::erase_if(*objects, [&](const SideObject& object) {
    const std::int32_t number = NumberOf(object);
    return number == 0 || unfinished->contains(number);
  });
  std::stable_sort(objects->begin(), objects->end(), [](const SideObject& a, const SideObject& b) {
    return Rank(a.kind) < Rank(b.kind);
  });
  std::vector<SideObject> removed;
  for (const SideObject& object : *objects) {
    Status done = Ok();
    for (const std::string& sql : RemovalSql(object)) {
      const Result<pg::Rows> ran = connection.Exec(sql, deadline);
      if (!ran) done = ran.error();
    }
    // A lock or a walsender in the way: the next sweep tries again.
    if (!done && done.error().kind != Error::Kind::kRetry) return done.error();
    if (done) removed.push_back(object);
    log::Warning("swept", {{"kind", object.kind}, {"name", object.name}, {"removed", done.ok()}});
  }
  return removed;
}

}  // namespace foreshard::migration
