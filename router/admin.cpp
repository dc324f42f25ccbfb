#include "router/admin.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace foreshard::router {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kDrainPoll{1};
constexpr std::int64_t kHoldMillisMax = 30'000;

HttpResponse Wrong(int status, const std::string& what) {
  return {.status = status, .body = Json({{"error", what}}).dump()};
}
HttpResponse Good(const Json& body) { return {.status = 200, .body = body.dump()}; }

Result<std::int64_t> Number(const Json& object, const char* name,
                            std::optional<std::int64_t> fallback) {
  const auto found = object.find(name);
  if (found == object.end() && fallback) return *fallback;
  if (found == object.end()) return Error::GiveUp(fmt::format("{}: missing", name));
  if (!found->is_number_integer())
    return Error::GiveUp(fmt::format("{}: a whole number is expected", name));
  return found->get<std::int64_t>();
}

Result<std::string> CanonicalOf(const model::KeySpace& space, const Json& value, const char* name) {
  if (!value.is_string()) return Error::GiveUp(fmt::format("{}: texts are expected", name));
  const auto text = value.get<std::string>();
  if (text.empty()) return text;
  const Result<std::string> bound = model::CanonicalBound(space, text);
  if (!bound) return Error::GiveUp(fmt::format("{}: {}", name, bound.error().message));
  return bound;
}

Result<std::vector<std::string>> ReadKeys(const Json& object, const char* field,
                                          const model::KeySpace& space) {
  std::vector<std::string> keys;
  for (const Json& key : object.value(field, Json::array())) {
    if (!key.is_string()) return Error::GiveUp(fmt::format("{}: texts are expected", field));
    Result<std::string> canonical = model::CanonicalKey(space.key_type, key.get<std::string>());
    if (!canonical) return Error::GiveUp(fmt::format("{}: {}", field, canonical.error().message));
    keys.push_back(*std::move(canonical));
  }
  return keys;
}

Status ReadScope(const Json& object, const model::KeySpace& space, HoldRequest* request) {
  for (const Json& range : object.value("ranges", Json::array())) {
    if (!range.is_object()) return Error::GiveUp("ranges: objects with from and to are expected");
    const Result<std::string> from =
        CanonicalOf(space, range.value("from", Json("")), "ranges.from");
    const Result<std::string> to = CanonicalOf(space, range.value("to", Json("")), "ranges.to");
    if (!from) return from.error();
    if (!to) return to.error();
    request->ranges.push_back({.from = *from, .to = *to});
  }
  Result<std::vector<std::string>> keys = ReadKeys(object, "keys", space);
  if (!keys) return keys.error();
  request->keys = *std::move(keys);
  if (request->ranges.empty() && request->keys.empty())
    return Error::GiveUp("ranges: ranges or keys are needed");
  return Ok();
}

Result<HoldRequest> ParseHold(const Json& object, const model::KeySpace& space) {
  HoldRequest request;
  request.migration =
      object.value("migration", Json("")).is_string() ? object.value("migration", "") : "";
  const Result<std::int64_t> number = Number(object, "number", std::nullopt);
  const Result<std::int64_t> deadline = Number(object, "deadlineMillis", 500);
  const Result<std::int64_t> statements =
      Number(object, "parkedStatementsMax", request.parked_statements_max);
  const Result<std::int64_t> bytes = Number(object, "parkedBytesMax", request.parked_bytes_max);
  for (const auto* field : {&number, &deadline, &statements, &bytes}) {
    if (!*field) return field->error();
  }
  if (*deadline < 1 || *deadline > kHoldMillisMax) {
    return Error::GiveUp(
        fmt::format("deadlineMillis: {} is not between 1 and {}", *deadline, kHoldMillisMax));
  }
  request.number = {static_cast<std::int32_t>(*number)};
  request.expires_in = std::chrono::milliseconds(*deadline);
  request.parked_statements_max = *statements;
  request.parked_bytes_max = *bytes;
  if (const Status scope = ReadScope(object, space, &request); !scope) return scope.error();
  return request;
}

HoldState Sum(const std::vector<HoldState>& states) {
  HoldState sum{.drained = true, .parked = 0, .in_flight = 0};
  for (const HoldState& state : states) {
    sum.drained = sum.drained && state.drained;
    sum.parked += state.parked;
    sum.in_flight += state.in_flight;
  }
  return sum;
}

HttpResponse Answer(const HoldState& state) {
  return Good(
      {{"drained", state.drained}, {"parked", state.parked}, {"inFlight", state.in_flight}});
}

Json CountersJson(const HeatCounters& counters) {
  return {{"statements", counters.statements},
          {"rows", counters.rows},
          {"bytes", counters.bytes},
          {"backendNanos", counters.backend_nanos},
          {"errors", counters.errors}};
}

Json HeatJson(const HeatSnapshot& heat) {
  Json ranges = Json::array();
  for (const RangeHeat& range : heat.ranges) {
    Json samples = Json::array();
    for (const Reservoir& sample : range.samples) {
      samples.push_back({{"keys", sample.keys()},
                         {"totalWeight", sample.total_weight()},
                         {"offered", sample.offered()}});
    }
    ranges.push_back({{"from", range.range.from},
                      {"to", range.range.to},
                      {"shard", range.shard},
                      {"backendNanos", range.reads.backend_nanos + range.writes.backend_nanos},
                      {"reads", CountersJson(range.reads)},
                      {"writes", CountersJson(range.writes)},
                      {"inserts", range.inserts},
                      {"insertsAtHead", range.inserts_at_head},
                      {"samples", std::move(samples)}});
  }
  Json keys = Json::array();
  for (const auto& top : heat.keys)
    keys.push_back({{"key", top.item}, {"count", top.count}, {"error", top.error}});
  Json pairs = Json::array();
  for (const auto& top : heat.pairs) {
    pairs.push_back({{"first", top.item.first},
                     {"second", top.item.second},
                     {"count", top.count},
                     {"error", top.error}});
  }
  return {{"ranges", std::move(ranges)},
          {"keys", std::move(keys)},
          {"pairs", std::move(pairs)},
          {"scatterReads", CountersJson(heat.scatter_reads)},
          {"scatterWrites", CountersJson(heat.scatter_writes)},
          {"transactions", heat.transactions},
          {"crossShardTransactions", heat.cross_shard_transactions}};
}

}  // namespace

void Admin::Handle(HttpRequest request, HttpServer::Respond respond) {
  if (request.method == "POST" && request.path == "/v1/hold")
    return Hold(request.body, std::move(respond));
  if (request.method == "POST" && request.path == "/v1/release")
    return Release(request.body, std::move(respond));
  if (request.method == "GET" && request.path == "/v1/table") return Table(std::move(respond));
  if (request.method == "GET" && request.path == "/v1/heat") return Heat(std::move(respond));
  if (request.method == "POST" && request.path == "/v1/lease")
    return Lease(request.body, std::move(respond));
  if (request.method == "POST" && request.path == "/v1/lease/grant") {
    // A grant would let reads go unproven for its time; this router proves each one instead, which
    // is always right.
    respond(Good({{"sentMillisAgo", 0}}));
    return;
  }
  respond(Wrong(404, "no such resource"));
}

void Admin::Hold(const std::string& body, HttpServer::Respond respond) {
  const Json object = Json::parse(body, nullptr, false);
  if (!object.is_object()) return respond(Wrong(400, "body: not a JSON object"));
  const RouterState::View view = state_.Current();
  const Result<HoldRequest> request = ParseHold(object, view.config->tables.key_space);
  const Result<std::int64_t> drain = Number(object, "drainMillis", 100);
  const Result<std::int64_t> epoch = Number(object, "epoch", 0);
  if (!request) return respond(Wrong(400, request.error().message));
  if (!drain) return respond(Wrong(400, drain.error().message));
  if (!epoch) return respond(Wrong(400, epoch.error().message));
  if (view.table != nullptr && *epoch != 0 && *epoch < view.table->epoch().value) {
    return respond(
        Wrong(409, fmt::format("epoch: {} is older than {}", *epoch, view.table->epoch().value)));
  }
  const MonotonicTime until = control_.Now() + std::chrono::milliseconds(std::clamp<std::int64_t>(
                                                   *drain, 0, kHoldMillisMax));
  Gather<HoldState>(
      [hold = *request](Worker& worker) { return worker.BeginHold(hold); },
      [this, until, number = request->number, respond](std::vector<HoldState> states) {
        const HoldState sum = Sum(states);
        if (sum.drained || control_.Now() >= until) return respond(Answer(sum));
        AwaitDrain(number, until, respond);
      });
}

void Admin::AwaitDrain(model::MigrationNumber number, MonotonicTime until,
                       HttpServer::Respond respond) {
  control_.After(kDrainPoll, [this, number, until, respond] {
    Gather<HoldState>(
        [number](Worker& worker) {
          const Result<HoldState> state = worker.StateOfHold(number);
          return state
                     ? *state
                     : HoldState{.drained = true, .parked = 0, .in_flight = 0};  // Ended meanwhile.
        },
        [this, number, until, respond](std::vector<HoldState> states) {
          const HoldState sum = Sum(states);
          if (sum.drained || control_.Now() >= until) return respond(Answer(sum));
          AwaitDrain(number, until, respond);
        });
  });
}

void Admin::Release(const std::string& body, HttpServer::Respond respond) {
  const Json object = Json::parse(body, nullptr, false);
  if (!object.is_object()) return respond(Wrong(400, "body: not a JSON object"));
  const Result<std::int64_t> number = Number(object, "number", std::nullopt);
  if (!number) return respond(Wrong(400, number.error().message));
  const RouterState::View view = state_.Current();
  if (object.contains("table") && !object["table"].is_null()) {
    Result<model::RoutingTable> table =
        ParseRoutingTableSpec(object["table"].dump(), view.config->tables.key_space);
    if (!table) return respond(Wrong(400, "table." + table.error().message));
    const Status offered = state_.feed().Offer(*std::move(table), -1);
    if (!offered) {
      return respond(Wrong(offered.error().kind == Error::Kind::kReobserve ? 409 : 400,
                           "table: " + offered.error().message));
    }
    state_.TableChanged();
  }
  state_.EndLease(*number);
  Gather<std::int64_t>(
      [number = model::MigrationNumber{static_cast<std::int32_t>(*number)}](Worker& worker) {
        return worker.ReleaseHold(number);
      },
      [this, respond](std::vector<std::int64_t> released) {
        std::int64_t sum = 0;
        for (const std::int64_t count : released) sum += count;
        const RouterState::View now = state_.Current();
        respond(Good({{"epoch", now.table ? now.table->epoch().value : 0}, {"released", sum}}));
      });
}

void Admin::Lease(const std::string& body, HttpServer::Respond respond) {
  const Json object = Json::parse(body, nullptr, false);
  if (!object.is_object()) return respond(Wrong(400, "body: not a JSON object"));
  const Result<std::int64_t> number = Number(object, "number", std::nullopt);
  if (!number) return respond(Wrong(400, number.error().message));
  const auto leased = object.find("leased");
  if (leased == object.end() || !leased->is_boolean())
    return respond(Wrong(400, "leased: true or false is expected"));
  const model::ShardId gaining{
      object.value("gaining", Json("")).is_string() ? object.value("gaining", "") : std::string()};
  model::ShardId losing;
  if (leased->get<bool>()) {
    HoldRequest scope;
    const model::KeySpace space = state_.Current().config->tables.key_space;
    const Status read = ReadScope(object, space, &scope);
    if (!read) return respond(Wrong(400, read.error().message));
    const Result<std::vector<std::string>> excluded = ReadKeys(object, "excluded", space);
    if (!excluded) return respond(Wrong(400, excluded.error().message));
    if (const auto table = state_.Current().table) {
      losing = scope.keys.empty() ? model::OwnerOfBound(table->table(), scope.ranges.front().from)
                                  : model::OwnerOfKey(table->table(), scope.keys.front());
    }
    state_.Lease(
        {.migration = *number, .ranges = scope.ranges, .keys = scope.keys, .excluded = *excluded});
  } else {
    state_.EndLease(*number);
  }
  // The answer promises that no unproven read is under way: every loop must have seen the change
  // and be past its turn.
  Gather<int>(
      [losing, gaining](Worker& worker) {
        worker.WarmUp(losing, gaining);
        return worker.view().leased.empty() ? 0 : 1;
      },
      [respond](std::vector<int>) { respond(Good(Json::object())); });
}

void Admin::Table(HttpServer::Respond respond) {
  struct Answer {
    std::vector<HoldRequest> held;
    std::int64_t parked = 0;
  };
  Gather<Answer>(
      [](Worker& worker) {
        return Answer{worker.held(), worker.hold().parked()};
      },
      [this, respond](std::vector<Answer> answers) {
        Json held = Json::array();
        std::int64_t parked = 0;
        for (const Answer& answer : answers) parked += answer.parked;
        for (const HoldRequest& hold : answers.front().held) {
          Json ranges = Json::array();
          for (const model::KeyRange& range : hold.ranges)
            ranges.push_back({{"from", range.from}, {"to", range.to}});
          held.push_back({{"migration", hold.migration},
                          {"number", hold.number.value},
                          {"ranges", std::move(ranges)},
                          {"keys", hold.keys}});
        }
        const RouterState::View view = state_.Current();
        respond(Good({{"epoch", view.table ? view.table->epoch().value : 0},
                      {"held", held},
                      {"parked", parked}}));
      });
}

void Admin::Heat(HttpServer::Respond respond) {
  Gather<HeatSnapshot>([](Worker& worker) { return worker.SnapshotHeat(); },
                       [respond](std::vector<HeatSnapshot> snapshots) {
                         HeatSnapshot all = std::move(snapshots.front());
                         Random random(all.transactions + 1);
                         for (std::size_t i = 1; i < snapshots.size(); ++i)
                           Merge(all, snapshots[i], random);
                         respond(Good(HeatJson(all)));
                       });
}

}  // namespace foreshard::router
