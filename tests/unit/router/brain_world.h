#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "router/catalogue.h"
#include "router/classify.h"
#include "router/compiled_table.h"
#include "router/normalize.h"
#include "router/route.h"

// One small database for the tests of what decides: customers and orders sharded by the customer's
// key, countries the same on every shard, four shards of a quarter each.

namespace foreshard::router {

inline std::shared_ptr<const Catalogue> TestCatalogue(
    model::KeyType type = model::KeyType::kBigint,
    model::Strategy strategy = model::Strategy::kHash) {
  CatalogueSpec spec;
  spec.key_space = {strategy, type};
  spec.tables = {{"public.customers", "id", {}},
                 {"public.orders", "customer_id", {}},
                 {"public.events", "key", {"at", "key", "note"}}};
  spec.reference_tables = {"public.countries"};
  Result<std::shared_ptr<const Catalogue>> catalogue = Catalogue::Make(std::move(spec));
  CHECK(catalogue.ok(), "test catalogue");
  return *catalogue;
}

inline model::RoutingTable FourQuarters(model::KeyType type = model::KeyType::kBigint) {
  model::RoutingTable table;
  table.epoch = {1};
  table.key_space = {model::Strategy::kHash, type};
  const std::vector<std::string> bounds = {"", "40", "80", "c0", ""};
  for (std::size_t i = 0; i < 4; ++i) {
    const model::ShardId id{"s-" + std::to_string(i)};
    table.ranges.push_back({{bounds[i], bounds[i + 1]}, id});
    table.shards.push_back({id, "set-" + id.value, ""});
  }
  return table;
}

inline std::shared_ptr<const CompiledTable> Compiled(model::RoutingTable table) {
  Result<std::shared_ptr<const CompiledTable>> compiled = CompiledTable::Compile(std::move(table));
  CHECK(compiled.ok(), "test table");
  return *compiled;
}

struct World {
  std::shared_ptr<const Catalogue> catalogue = TestCatalogue();
  std::vector<std::string> search_path = {"app", "public"};
  std::shared_ptr<const CompiledTable> table = Compiled(FourQuarters());
  SessionFacts facts;

  Statement Meaning(const std::string& text) const {
    Normalized normalized;
    Normalize(text, normalized);
    return Classify(text, normalized, *catalogue, search_path);
  }

  // The statement and its texts must outlive the decision's `merge`.
  struct Routed {
    std::string text;
    Normalized normalized;
    std::unique_ptr<Statement> statement;
    RouteDecision decision;
  };
  Routed Go(const std::string& text, const std::vector<ParameterValue>& parameters = {}) const {
    Routed routed;
    routed.text = text;
    Normalize(routed.text, routed.normalized);
    routed.statement = std::make_unique<Statement>(
        Classify(routed.text, routed.normalized, *catalogue, search_path));
    Route(
        {*routed.statement, routed.text, routed.normalized, parameters, *catalogue, *table, facts},
        routed.decision);
    return routed;
  }

  std::uint32_t ShardOf(std::int64_t key) const {
    return table->Find(KeyOfNumber(catalogue->key_space(), key)).shard;
  }
  // Two keys that live on different shards, and a third that shares the first one's.
  std::int64_t KeyOn(std::uint32_t shard, std::int64_t from = 1) const {
    while (ShardOf(from) != shard) ++from;
    return from;
  }
};

// "one 1", "several 0,1,2,3", "all", "any", "local", "copy in" or "refused SQLSTATE".
inline std::string Where(const RouteDecision& decision) {
  std::string shards;
  for (const RoutePart& part : decision.parts)
    shards += (shards.empty() ? "" : ",") + std::to_string(part.shard);
  switch (decision.kind) {
    case RouteKind::kOneShard:
      return "one " + shards;
    case RouteKind::kSeveralShards:
      return "several " + shards;
    case RouteKind::kAllShards:
      return "all";
    case RouteKind::kAnyShard:
      return "any";
    case RouteKind::kLocal:
      return "local";
    case RouteKind::kCopyIn:
      return "copy in";
    case RouteKind::kRefused:
      return "refused " + decision.refusal.sqlstate;
  }
  return "?";
}

inline ParameterValue TextParameter(std::string_view bytes, std::uint32_t oid = 0) {
  return {.is_null = false, .binary = false, .type_oid = oid, .bytes = bytes};
}
inline ParameterValue BinaryParameter(std::string_view bytes, std::uint32_t oid = 0) {
  return {.is_null = false, .binary = true, .type_oid = oid, .bytes = bytes};
}
inline ParameterValue NullParameter() {
  return {.is_null = true, .binary = false, .type_oid = 0, .bytes = {}};
}

}  // namespace foreshard::router
