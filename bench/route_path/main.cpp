#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "router/compiled_table.h"
#include "router/plan_cache.h"
#include "router/route.h"

// The router's hot path without sockets, against a plain hash map. See README.md.

namespace foreshard::bench {
namespace {

using namespace router;

constexpr std::size_t kOperations = 50'000;  // a round
constexpr std::size_t kShapes = 64;          // different statements in the cache
constexpr double kTargetNanos = 1'000;

using Side =
    std::function<std::uint64_t()>;  // runs kOperations; the sum keeps the optimiser honest

struct Measured {
  double nanos = 0;      // median of one operation of ours
  double map_nanos = 0;  // of the map
  double ratio = 0;      // ours / map, median over rounds
  double ratio_low = 0;  // 95 % interval
  double ratio_high = 0;
};

double Quantile(std::vector<double> values, double quantile) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(quantile * static_cast<double>(values.size())))];
}

double NanosOf(const Clock& clock, const Side& side, std::uint64_t& sink) {
  const MonotonicTime begin = clock.Monotonic();
  sink += side();
  return static_cast<double>((clock.Monotonic() - begin).count()) /
         static_cast<double>(kOperations);
}

Measured Measure(const Clock& clock, const Side& ours, const Side& map, int rounds,
                 std::uint64_t& sink) {
  NanosOf(clock, ours, sink);
  NanosOf(clock, map, sink);
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {  // A B B A
    const double a1 = NanosOf(clock, ours, sink);
    const double b1 = NanosOf(clock, map, sink);
    const double b2 = NanosOf(clock, map, sink);
    const double a2 = NanosOf(clock, ours, sink);
    a.insert(a.end(), {a1, a2});
    b.insert(b.end(), {b1, b2});
    ratios.push_back((a1 + a2) / (b1 + b2));
  }
  // Of the median, by order statistics.
  const double spread = 0.98 / std::sqrt(static_cast<double>(rounds));
  return {Quantile(a, 0.5), Quantile(b, 0.5), Quantile(ratios, 0.5),
          Quantile(ratios, std::max(0.0, 0.5 - spread)),
          Quantile(ratios, std::min(1.0, 0.5 + spread))};
}

model::RoutingTable LargeTable() {
  model::RoutingTable table;
  table.epoch = {1};
  for (int i = 0; i < 64; ++i) table.shards.push_back({{fmt::format("s-{}", i)}, "x", ""});
  std::string from;
  for (std::uint64_t i = 1; i <= model::kRangesMax; ++i) {
    const std::string to =
        i == model::kRangesMax
            ? ""
            : model::FormatPosition(i * (~model::Position{0} / model::kRangesMax));
    table.ranges.push_back({{from, to}, table.shards[i % 64].id});
    from = to;
  }
  for (std::size_t i = 0; i < model::kPinsMax; ++i) {
    table.pins.push_back({fmt::format("{}", i * 101), table.shards[0].id});
  }
  std::sort(table.pins.begin(), table.pins.end(),
            [](const auto& x, const auto& y) { return x.key < y.key; });
  return table;
}

struct Fixture {
  std::shared_ptr<const Catalogue> catalogue;
  std::vector<std::string> path = {"public"};
  std::shared_ptr<const CompiledTable> table;
  std::vector<std::string> statements;  // kOperations of them, kShapes shapes
  std::vector<Key> keys;
  std::unordered_map<std::string, int> plans;
  std::unordered_map<std::int64_t, std::uint32_t> owners;
  PlanCache cache;
  PlanContext context;
};

Result<std::unique_ptr<Fixture>> MakeFixture() {
  auto fixture = std::make_unique<Fixture>();
  CatalogueSpec spec;
  spec.tables = {{"public.pgbench_accounts", "aid", {}}};
  Result<std::shared_ptr<const Catalogue>> catalogue = Catalogue::Make(spec);
  if (!catalogue) return catalogue.error();
  fixture->catalogue = *catalogue;
  Result<std::shared_ptr<const CompiledTable>> table = CompiledTable::Compile(LargeTable());
  if (!table) return table.error();
  fixture->table = *table;
  fixture->context = PlanContextOf(*fixture->catalogue, fixture->path);
  Random random(1);
  Normalized normalized;
  for (std::size_t i = 0; i < kOperations; ++i) {
    const auto key = static_cast<std::int64_t>(random.Below(2'000'000));
    const std::string text =
        fmt::format("SELECT abalance, c{} FROM pgbench_accounts WHERE aid = {};", i % kShapes, key);
    fixture->statements.push_back(text);
    fixture->keys.push_back(KeyOfNumber(fixture->catalogue->key_space(), key));
    fixture->plans[text] = static_cast<int>(i % kShapes);
    fixture->owners[key] = static_cast<std::uint32_t>(i % 64);
    if (i < kShapes) {
      Normalize(text, normalized);
      fixture->cache.Get(text, normalized, fixture->context);
    }
  }
  return fixture;
}

// As a session does it.
std::shared_ptr<const Statement> MeaningOf(Fixture& fixture, const std::string& text,
                                           Normalized& normalized) {
  if (auto known = fixture.cache.Recall(text, fixture.context, normalized)) return known;
  Normalize(text, normalized);
  return fixture.cache.Get(text, normalized, fixture.context);
}

std::uint64_t PlanHits(Fixture& fixture) {
  Normalized normalized;
  std::uint64_t sum = 0;
  for (const std::string& text : fixture.statements) {
    sum += MeaningOf(fixture, text, normalized) != nullptr ? 1 : 0;
  }
  return sum;
}

std::uint64_t WholePath(Fixture& fixture) {
  Normalized normalized;
  RouteDecision decision;
  const SessionFacts facts;
  std::uint64_t sum = 0;
  for (const std::string& text : fixture.statements) {
    const std::shared_ptr<const Statement> statement = MeaningOf(fixture, text, normalized);
    Route({*statement, text, normalized, {}, *fixture.catalogue, *fixture.table, facts}, decision);
    sum += decision.parts.front().shard;
  }
  return sum;
}

std::uint64_t Owners(Fixture& fixture) {
  std::uint64_t sum = 0;
  for (const Key& key : fixture.keys) sum += fixture.table->Find(key).shard;
  return sum;
}

std::uint64_t MapPlans(Fixture& fixture) {
  std::uint64_t sum = 0;
  for (const std::string& text : fixture.statements) {
    sum += static_cast<std::uint64_t>(fixture.plans.find(text)->second);
  }
  return sum;
}

std::uint64_t MapOwners(Fixture& fixture) {
  std::uint64_t sum = 0;
  for (const Key& key : fixture.keys) sum += fixture.owners.find(key.number)->second;
  return sum;
}

int Run(int rounds, bool json, bool check) {
  Result<std::unique_ptr<Fixture>> made = MakeFixture();
  if (!made) {
    fmt::print(stderr, "{}\n", made.error().message);
    return 2;
  }
  Fixture& fixture = **made;
  const SystemClock clock;
  std::uint64_t sink = 0;
  const Side map_plans = [&] { return MapPlans(fixture); };
  const Side map_owners = [&] { return MapOwners(fixture); };
  struct Named {
    const char* name;
    Measured measured;
  };
  const std::vector<Named> results = {
      {"map_against_map", Measure(clock, map_plans, map_plans, rounds, sink)},
      {"plan_cache_hit", Measure(
                             clock, [&] { return PlanHits(fixture); }, map_plans, rounds, sink)},
      {"table_look_up", Measure(
                            clock, [&] { return Owners(fixture); }, map_owners, rounds, sink)},
      {"normalise_plan_route",
       Measure(
           clock, [&] { return WholePath(fixture); }, map_plans, rounds, sink)},
  };
  fmt::print("{:<22} {:>8} {:>8} {:>7}  95 % interval\n", "", "ns", "map ns", "ratio");
  nlohmann::json line = {{"rounds", rounds}, {"operations", kOperations}, {"checksum", sink}};
  bool good = true;
  for (const auto& [name, measured] : results) {
    fmt::print("{:<22} {:>8.0f} {:>8.0f} {:>7.2f}  {:.2f} .. {:.2f}\n", name, measured.nanos,
               measured.map_nanos, measured.ratio, measured.ratio_low, measured.ratio_high);
    line[name] = {{"ns", measured.nanos},
                  {"map_ns", measured.map_nanos},
                  {"ratio", measured.ratio},
                  {"ratio_low", measured.ratio_low},
                  {"ratio_high", measured.ratio_high}};
    const bool judged =
        std::string_view(name) == "plan_cache_hit" || std::string_view(name) == "table_look_up";
    good = good && (!judged || measured.nanos <= kTargetNanos);
  }
  const double self = results.front().measured.ratio;
  if (self < 0.97 || self > 1.03)
    fmt::print("too noisy today: the map against itself is {:.2f}\n", self);
  if (json) fmt::print("{}\n", line.dump());
  return check && !good ? 1 : 0;
}

}  // namespace
}  // namespace foreshard::bench

int main(int argc, char** argv) {
  CLI::App app("What a statement costs before its bytes move");
  int rounds = 15;
  bool json = false;
  bool check = false;
  app.add_option("--rounds", rounds, "rounds of A B B A")->check(CLI::Range(3, 1'000));
  app.add_flag("--json", json, "the last line is one JSON object");
  app.add_flag("--check", check, "exit 1 if a target is missed");
  CLI11_PARSE(app, argc, argv);
  return foreshard::bench::Run(rounds, json, check);
}
