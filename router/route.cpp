#include "router/route.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "router/key_values.h"
#include "router/rewrite.h"
#include "router/route_key_change.h"

namespace foreshard::router {

namespace {

bool ReadsOnly(const Statement& statement) {
  return !statement.writes && !statement.locks_rows && !statement.runs_unseen &&
         !statement.on_primary;
}

class Router {
 public:
  Router(const RouteRequest& request, RouteDecision& out)
      : request_(request),
        statement_(request.statement),
        out_(out),
        values_{request.catalogue.key_space(), request.text, request.normalized,
                request.parameters} {}

  void Route();

 private:
  void Refuse(Refusal refusal) {
    out_.kind = RouteKind::kRefused;
    out_.refusal = std::move(refusal);
    out_.parts.clear();
  }
  void Query(const Statement& statement);
  bool Hinted(const Statement& statement);
  bool CollectKeys(const Statement& statement, bool writes);
  bool CollectList(const KeyList& list, bool writes);
  void ByKeys(const Statement& statement);
  void Several(const Statement& statement, const std::vector<std::uint32_t>& shards);
  void SplitInsert(const Statement& statement);
  void ChangeKey(const Statement& statement);
  void One(const Statement& statement, std::uint32_t shard);
  void All(bool two_phase);
  void CopyOut();
  bool ResolveLimits(const MergeRecipe& recipe);
  std::vector<std::uint32_t> ShardsOf(std::size_t begin, std::size_t end) const;
  RoutePart& AddPart(std::uint32_t shard);

  const RouteRequest& request_;
  const Statement& statement_;
  RouteDecision& out_;
  ValueContext values_;
};

RoutePart& Router::AddPart(std::uint32_t shard) {
  out_.parts.emplace_back();
  out_.parts.back().shard = shard;
  return out_.parts.back();
}

void Router::One(const Statement& statement, std::uint32_t shard) {
  out_.kind = RouteKind::kOneShard;
  out_.read_only = ReadsOnly(statement);
  RoutePart& part = AddPart(shard);
  if (statement.names_columns)
    part.text = ApplyEdits(request_.text, {&*statement.names_columns, 1});
}

void Router::All(bool two_phase) {
  out_.kind = RouteKind::kAllShards;
  out_.scatter = true;
  for (std::uint32_t shard = 0; shard < request_.table.shards(); ++shard) AddPart(shard);
  out_.two_phase = two_phase && out_.parts.size() > 1;
  if (out_.two_phase && !request_.facts.cross_shard_writes) {
    Refuse({"0A000", "a write to several shards", "SET foreshard.cross_shard_writes = on"});
  }
}

// foreshard.shard_key or a hint says where, for statements that do not say it themselves.
bool Router::Hinted(const Statement& statement) {
  std::string_view value = request_.normalized.shard_key_hint;
  if (value.empty() && request_.facts.shard_key) value = *request_.facts.shard_key;
  if (value.empty()) return false;
  const bool says_itself = statement.reads_sharded &&
                           (statement.keys_complete || statement.kind == StatementKind::kInsert);
  if (says_itself || statement.writes_reference) return false;
  Result<Key> key = ParseKey(values_.space, value);
  if (!key) {
    Refuse({key.error().code, "foreshard.shard_key: " + key.error().message, ""});
    return true;
  }
  const Owner owner = request_.table.Find(*key);
  out_.keys.push_back(std::move(*key));
  out_.owners.push_back(owner);
  One(statement, owner.shard);
  return true;
}

bool Router::CollectList(const KeyList& list, bool writes) {
  for (const ValueSource& source : list) {
    bool is_null = false;
    const Status status = AppendKeys(source, values_, out_.keys, &is_null);
    if (!status) {
      Refuse({status.error().code,
              fmt::format("sharding column {}: {}", statement_.key_column, status.error().message),
              status.error().code == "22023" ? "give the key as a constant or a parameter" : ""});
      return false;
    }
    if (is_null && writes) {
      Refuse({"22004", fmt::format("sharding column {}: null value", statement_.key_column), ""});
      return false;
    }
  }
  return true;
}

bool Router::CollectKeys(const Statement& statement, bool writes) {
  for (const KeyList& list : statement.keys) {
    if (!CollectList(list, writes)) return false;
  }
  for (const Key& key : out_.keys) out_.owners.push_back(request_.table.Find(key));
  return true;
}

std::vector<std::uint32_t> Router::ShardsOf(std::size_t begin, std::size_t end) const {
  std::vector<std::uint32_t> shards;
  for (std::size_t i = begin; i < end; ++i) {
    const std::uint32_t shard = out_.owners[i].shard;
    if (std::find(shards.begin(), shards.end(), shard) == shards.end()) shards.push_back(shard);
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

void Router::ByKeys(const Statement& statement) {
  if (!CollectKeys(statement, statement.writes)) return;
  const std::vector<std::uint32_t>& owning = request_.table.owning_shards();
  if (owning.size() == 1) {  // all rows are on one shard, so it answers everything
    out_.scatter = out_.keys.empty();
    return One(statement, owning.front());
  }
  if (statement.keys_complete) {
    if (out_.owners.empty()) {  // NULL or an empty array: no row anywhere
      out_.kind = RouteKind::kAnyShard;
      out_.read_only = ReadsOnly(statement);
      return;
    }
    const std::uint32_t first = out_.owners.front().shard;
    const bool one = std::all_of(out_.owners.begin(), out_.owners.end(),
                                 [&](const Owner& owner) { return owner.shard == first; });
    if (one) return One(statement, first);
    if (statement.insert && statement.keys.size() == 1) return SplitInsert(statement);
  }
  if (!statement.colocated) return Refuse(statement.not_colocated);
  if (statement.keys_lead) {
    // Only the leading table's keys say which shards; those of the others follow it.
    std::vector<Key> leading;
    out_.keys.swap(leading);
    out_.owners.clear();
    if (!CollectList(statement.keys.front(), statement.writes)) return;
    for (const Key& key : out_.keys) out_.owners.push_back(request_.table.Find(key));
    const std::vector<std::uint32_t> shards = ShardsOf(0, out_.owners.size());
    if (shards.size() == 1) return One(statement, shards.front());
    if (shards.empty()) {
      out_.kind = RouteKind::kAnyShard;
      return;
    }
    return Several(statement, shards);
  }
  out_.keys.clear();
  out_.owners.clear();
  out_.scatter = true;
  Several(statement, request_.table.owning_shards());
}

bool Router::ResolveLimits(const MergeRecipe& recipe) {
  const auto resolve = [&](const std::optional<ValueSource>& source, const char* sqlstate,
                           const char* clause, std::optional<std::int64_t>& into) {
    if (!source) return true;
    const Result<std::optional<std::int64_t>> value = CountValue(*source, values_);
    if (!value) return Refuse({value.error().code, value.error().message, ""}), false;
    if (*value && **value < 0)
      return Refuse({sqlstate, fmt::format("{} must not be negative", clause), ""}), false;
    into = *value;
    return true;
  };
  std::optional<std::int64_t> offset;
  if (!resolve(recipe.limit, "2201W", "LIMIT", out_.limit)) return false;
  if (!resolve(recipe.offset, "2201X", "OFFSET", offset)) return false;
  out_.offset = offset.value_or(0);
  return true;
}

void Router::Several(const Statement& statement, const std::vector<std::uint32_t>& shards) {
  if (!statement.not_on_several.sqlstate.empty()) return Refuse(statement.not_on_several);
  if (statement.writes) {
    if (!request_.facts.cross_shard_writes) {
      return Refuse({"0A000", "a write to several shards",
                     "name one key, or SET foreshard.cross_shard_writes = on"});
    }
    out_.two_phase = true;
  } else {
    if (!statement.not_mergeable.sqlstate.empty()) return Refuse(statement.not_mergeable);
    if (statement.merge && !ResolveLimits(*statement.merge)) return;
    out_.merge = statement.merge ? &*statement.merge : nullptr;
    out_.read_only = !statement.locks_rows;
  }
  std::optional<std::int64_t> limit;
  if (out_.limit && *out_.limit <= std::numeric_limits<std::int64_t>::max() - out_.offset) {
    limit = *out_.limit + out_.offset;
  }
  out_.kind = RouteKind::kSeveralShards;
  for (const std::uint32_t shard : shards) {
    RewriteForShard({statement, request_.text, request_.table, limit}, AddPart(shard));
  }
}

void Router::SplitInsert(const Statement& statement) {
  if (!statement.not_on_several.sqlstate.empty()) return Refuse(statement.not_on_several);
  if (!request_.facts.cross_shard_writes) {
    return Refuse({"0A000", "an INSERT of rows for several shards",
                   "insert one key at a time, or SET foreshard.cross_shard_writes = on"});
  }
  out_.kind = RouteKind::kSeveralShards;
  out_.two_phase = true;
  out_.rows_in_order = statement.returns_rows && !statement.insert->skips_rows;
  for (const std::uint32_t shard : ShardsOf(0, out_.owners.size())) {
    RoutePart& part = AddPart(shard);
    for (std::uint32_t row = 0; row < out_.owners.size(); ++row) {
      if (out_.owners[row].shard == shard) part.rows.push_back(row);
    }
    RewriteRows(request_.text, statement, part);
  }
}

void Router::ChangeKey(const Statement& statement) {
  const KeyChange& change = *statement.key_change;
  if (statement.key_unknown || !statement.keys_complete) {
    return Refuse({"0A000",
                   fmt::format("UPDATE of the sharding column {} of rows whose key is not named",
                               statement.key_column),
                   "compare the sharding column with a constant or a parameter"});
  }
  if (!CollectKeys(statement, true)) return;
  const std::size_t old = out_.owners.size();
  // An empty array: no row anywhere.
  if (old == 0) return void(out_.kind = RouteKind::kAnyShard);
  if (!CollectList({change.value}, true)) return;
  out_.owners.push_back(request_.table.Find(out_.keys.back()));
  RouteKeyChange(request_, statement, old, out_);
}

void Router::Query(const Statement& statement) {
  if (statement.kind == StatementKind::kRefused) return Refuse(statement.refusal);
  if (statement.key_change) return ChangeKey(statement);
  if (Hinted(statement)) return;
  if (!statement.unless_shard_key.sqlstate.empty() &&
      !(statement.reads_sharded && statement.keys_complete)) {
    return Refuse(statement.unless_shard_key);
  }
  if (statement.writes_reference) {
    All(true);
    out_.scatter = false;
    return;
  }
  // Locks on copies meet only if all are taken at one place.
  if (statement.locks_reference) return One(statement, 0);
  if (!statement.reads_sharded) {
    out_.kind = RouteKind::kAnyShard;
    out_.read_only = ReadsOnly(statement);
    return;
  }
  if (statement.key_unknown) {
    return Refuse({"22023",
                   fmt::format("sharding column {}: its value is not known to the router",
                               statement.key_column),
                   "give the key as a constant or a parameter"});
  }
  ByKeys(statement);
}

void Router::CopyOut() {
  if (statement_.copy->qualified.empty()) {
    Query(statement_);
  } else if (!statement_.reads_sharded) {
    out_.kind = RouteKind::kAnyShard;
  } else {
    for (const std::uint32_t shard : request_.table.owning_shards()) {
      if (!request_.table.ForeignRows(shard, "k").empty()) {
        return Refuse({"55006",
                       fmt::format("COPY of {} while keys move", statement_.copy->qualified),
                       "use COPY (SELECT …) TO STDOUT"});
      }
      AddPart(shard);
    }
    out_.kind = out_.parts.size() == 1 ? RouteKind::kOneShard : RouteKind::kSeveralShards;
    out_.scatter = true;
    out_.read_only = true;
  }
  if (out_.kind != RouteKind::kSeveralShards) return;
  if (statement_.copy->format == CopyShape::Format::kBinary) {
    return Refuse({"0A000", "binary COPY out of several shards", "use the text format"});
  }
  if (statement_.copy->header) {
    return Refuse({"0A000", "COPY with a header out of several shards", "leave HEADER out"});
  }
}

void Router::Route() {
  switch (statement_.kind) {
    case StatementKind::kRefused:
      return Refuse(statement_.refusal);
    case StatementKind::kRead:
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
      return Query(statement_);
    case StatementKind::kDo:
      if (!Hinted(statement_)) Refuse(statement_.unless_shard_key);
      return;
    case StatementKind::kExplain:
    case StatementKind::kDeclareCursor:
      Query(*statement_.inner);
      if (out_.kind == RouteKind::kSeveralShards || out_.kind == RouteKind::kAllShards) {
        Refuse({"0A000",
                fmt::format("{} of a statement over several shards",
                            statement_.kind == StatementKind::kExplain ? "EXPLAIN" : "a cursor"),
                "compare the sharding column with a constant, or SET foreshard.shard_key"});
      }
      return;
    case StatementKind::kCopyIn:
      out_.kind = RouteKind::kCopyIn;
      return;
    case StatementKind::kCopyOut:
      return CopyOut();
    case StatementKind::kTruncate:
    case StatementKind::kLockTable:
      return All(true);
    case StatementKind::kDdl:
      return All(!statement_.no_transaction);
    case StatementKind::kMaintenance:
      return All(false);
    case StatementKind::kNotify:
      out_.kind = RouteKind::kAnyShard;
      return;
    case StatementKind::kEmpty:
    case StatementKind::kBegin:
    case StatementKind::kCommit:
    case StatementKind::kRollback:
    case StatementKind::kSavepoint:
    case StatementKind::kReleaseSavepoint:
    case StatementKind::kRollbackToSavepoint:
    case StatementKind::kSet:
    case StatementKind::kSetConstraints:
    case StatementKind::kReset:
    case StatementKind::kShow:
    case StatementKind::kDiscard:
    case StatementKind::kPrepare:
    case StatementKind::kExecute:
    case StatementKind::kDeallocate:
    case StatementKind::kFetch:
    case StatementKind::kCloseCursor:
    case StatementKind::kUnlisten:
      out_.kind = RouteKind::kLocal;
      return;
  }
  Unreachable(statement_.kind);
}

}  // namespace

void RouteDecision::Clear() {
  kind = RouteKind::kRefused;
  refusal.sqlstate.clear();
  refusal.message.clear();
  refusal.hint.clear();
  parts.clear();
  two_phase = false;
  read_only = false;
  merge = nullptr;
  limit.reset();
  offset = 0;
  rows_in_order = false;
  moves_rows = false;
  scatter = false;
  keys.clear();
  owners.clear();
}

void Route(const RouteRequest& request, RouteDecision& out) {
  out.Clear();
  Router(request, out).Route();
}

}  // namespace foreshard::router
