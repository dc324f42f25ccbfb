#include "router/route_key_change.h"

#include <fmt/format.h>

#include <algorithm>

#include "router/rewrite.h"

namespace foreshard::router {
namespace {

// Why it cannot be said as DELETE and INSERT; empty sqlstate: it can.
Refusal CannotMove(const RouteRequest& request, const Statement& statement, bool one_source) {
  const std::string what = fmt::format("UPDATE of the sharding column {}", statement.key_column);
  if (!one_source) return {"0A000", what + " of rows on several shards", "name one key in WHERE"};
  if (statement.returns_rows) {
    return {"0A000", what + " with RETURNING, of rows that go to another shard",
            "read them afterwards"};
  }
  if (!statement.key_change->alone) {
    return {"0A000", what + " and of other columns, of rows that go to another shard",
            "set the other columns in a statement before"};
  }
  if (!statement.not_on_several.sqlstate.empty()) return statement.not_on_several;
  if (request.facts.cross_shard_writes) return {};
  return {"0A000", "a write to several shards", "SET foreshard.cross_shard_writes = on"};
}

void Refuse(RouteDecision& out, Refusal why) {
  out.kind = RouteKind::kRefused;
  out.refusal = std::move(why);
}

RoutePart& AddPart(RouteDecision& out, std::uint32_t shard) {
  out.parts.emplace_back();
  out.parts.back().shard = shard;
  return out.parts.back();
}

}  // namespace

void RouteKeyChange(const RouteRequest& request, const Statement& statement, std::size_t old,
                    RouteDecision& out) {
  const std::uint32_t source = out.owners.front().shard;
  const std::uint32_t destination = out.owners.back().shard;
  bool one_source = true;
  for (std::size_t i = 0; i < old; ++i) {
    one_source = one_source && out.owners[i].shard == source;
    if (!request.table.PartsWhileMoving(out.keys[i], out.keys.back())) continue;
    return Refuse(out, {"55006",
                        fmt::format("UPDATE of the sharding column {} is refused while keys move",
                                    statement.key_column),
                        "Wait until the migration has ended, or abort it."});
  }
  if (one_source && source == destination) {
    out.kind = RouteKind::kOneShard;
    AddPart(out, source);
    return;
  }
  if (Refusal why = CannotMove(request, statement, one_source); !why.sqlstate.empty())
    return Refuse(out, std::move(why));
  out.kind = RouteKind::kSeveralShards;
  out.two_phase = out.moves_rows = true;
  RoutePart& from = AddPart(out, source);
  from.text = ApplyEdits(request.text, statement.key_change->edits);
  from.renumbered =
      RenumberParameters(from.text, request.normalized.parameters_max, from.parameters);
  RoutePart& to = AddPart(out, destination);
  to.text = "SELECT WHERE false";
  to.renumbered = true;
}

}  // namespace foreshard::router
