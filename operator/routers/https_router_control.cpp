#include "operator/routers/https_router_control.h"

#include <functional>
#include <thread>

#include "operator/api/routing_table_json.h"
#include "operator/api/value.h"

namespace foreshard::op {
namespace {

Value RangesJson(const std::vector<model::KeyRange>& ranges) {
  Value::List list;
  for (const model::KeyRange& range : ranges) {
    list.push_back(Value::Object({{"from", range.from}, {"to", range.to}}));
  }
  return Value(std::move(list));
}

std::string HoldJson(const HoldRequest& request) {
  return ToJson(Value::Object({{"migration", request.migration},
                               {"number", request.number.value},
                               {"ranges", RangesJson(request.ranges)},
                               {"keys", Value::OfList(request.keys)},
                               {"epoch", request.epoch.value},
                               {"deadlineMillis", request.deadline.count()},
                               {"drainMillis", request.drain.count()},
                               {"parkedStatementsMax", request.parked_statements_max},
                               {"parkedBytesMax", request.parked_bytes_max}}));
}

std::string ReleaseJson(const ReleaseRequest& request) {
  Value body = Value::Object({{"migration", request.migration}, {"number", request.number.value}});
  if (request.table) body.Set("table", RoutingTableSpec(*request.table));
  return ToJson(body);
}

std::string LeaseJson(const LeaseRequest& request) {
  return ToJson(Value::Object({{"number", request.number.value},
                               {"leased", request.leased},
                               {"ranges", RangesJson(request.ranges)},
                               {"keys", Value::OfList(request.keys)},
                               {"excluded", Value::OfList(request.excluded)},
                               {"gaining", request.gaining.value}}));
}

// HTTP status -> kind, as the header of RouterControl says.
Result<std::string> BodyOf(const std::string& router, Result<HttpReply> reply) {
  if (!reply) return reply.error();
  if (reply->status == 200) return std::move(reply->body);
  const std::string message =
      fmt::format("router '{}' answered {}: {}", router, reply->status, reply->body);
  const std::string code = std::to_string(reply->status);
  if (reply->status == 409) return Error::Reobserve(message, "OlderEpoch", code);
  if (reply->status >= 500 || reply->status == 429) return Error::Retry(message, {}, code);
  return Error::GiveUp(message, "RouterRefused", code);
}

template <typename Answer>
RouterReplies<Answer> Parse(RouterReplies<std::string> replies,
                            const std::function<Answer(const Value&)>& read) {
  RouterReplies<Answer> parsed;
  for (auto& reply : replies) {
    if (!reply.answer) {
      parsed.push_back({reply.router, reply.answer.error()});
      continue;
    }
    const Result<Value> body = ParseJson(*reply.answer);
    if (!body) {
      parsed.push_back({reply.router, Error::Reobserve(body.error().message)});
      continue;
    }
    parsed.push_back({reply.router, read(*body)});
  }
  return parsed;
}

}  // namespace

HttpsRouterControl::HttpsRouterControl(std::shared_ptr<const TlsContext> context,
                                       const Clock& clock)
    : context_(std::move(context)), clock_(clock) {}

HttpsRouterControl::~HttpsRouterControl() = default;

void HttpsRouterControl::SetRouters(const std::vector<RouterEndpoint>& routers) {
  std::map<std::string, Entry> next;
  for (const RouterEndpoint& router : routers) {
    const auto known = entries_.find(router.name);
    const bool same = known != entries_.end() && known->second.endpoint.host == router.host &&
                      known->second.endpoint.port == router.port &&
                      known->second.endpoint.server_name == router.server_name;
    Entry entry;
    entry.endpoint = router;
    entry.client =
        same ? std::move(known->second.client)
             : std::make_unique<HttpsClient>(
                   HttpsServer{router.host, router.port, router.server_name}, context_, clock_);
    next.emplace(router.name, std::move(entry));
  }
  entries_ = std::move(next);
}

void HttpsRouterControl::SetContext(std::shared_ptr<const TlsContext> context) {
  context_ = std::move(context);
  for (auto& [name, entry] : entries_) {
    const RouterEndpoint& router = entry.endpoint;
    entry.client = std::make_unique<HttpsClient>(
        HttpsServer{router.host, router.port, router.server_name}, context_, clock_);
  }
}

std::vector<std::string> HttpsRouterControl::Routers() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

Result<std::string> HttpsRouterControl::Ask(const std::string& router, std::string_view method,
                                            std::string_view path, const std::string& body,
                                            Deadline deadline) {
  const auto found = entries_.find(router);
  if (found == entries_.end()) return Error::Reobserve(fmt::format("no router '{}'", router));
  return BodyOf(router, found->second.client->Request(method, path, body, deadline));
}

// Side by side: a router that is silent must not make the others' clients wait.
RouterReplies<std::string> HttpsRouterControl::AskAll(const std::vector<std::string>& routers,
                                                      std::string_view method,
                                                      std::string_view path,
                                                      const std::string& body, Deadline deadline) {
  RouterReplies<std::string> replies;
  for (const std::string& router : routers) {
    replies.push_back({router, Error::Retry("not asked")});
  }
  const auto ask = [&](std::size_t index) {
    replies[index].answer = Ask(replies[index].router, method, path, body, deadline);
  };
  std::vector<std::jthread> others;
  for (std::size_t index = 1; index < replies.size(); ++index) others.emplace_back(ask, index);
  if (!replies.empty()) ask(0);
  others.clear();  // joins
  return replies;
}

RouterReplies<HoldAnswer> HttpsRouterControl::Hold(const std::vector<std::string>& routers,
                                                   const HoldRequest& request, Deadline deadline) {
  return Parse<HoldAnswer>(AskAll(routers, "POST", "/v1/hold", HoldJson(request), deadline),
                           [](const Value& body) {
                             return HoldAnswer{.drained = body["drained"].Bool(),
                                               .parked = body["parked"].Int(),
                                               .in_flight = body["inFlight"].Int()};
                           });
}

RouterReplies<ReleaseAnswer> HttpsRouterControl::Release(const std::vector<std::string>& routers,
                                                         const ReleaseRequest& request,
                                                         Deadline deadline) {
  return Parse<ReleaseAnswer>(
      AskAll(routers, "POST", "/v1/release", ReleaseJson(request), deadline),
      [](const Value& body) {
        return ReleaseAnswer{.epoch = {body["epoch"].Int()}, .released = body["released"].Int()};
      });
}

RouterReplies<Acknowledged> HttpsRouterControl::Lease(const std::vector<std::string>& routers,
                                                      const LeaseRequest& request,
                                                      Deadline deadline) {
  return Parse<Acknowledged>(AskAll(routers, "POST", "/v1/lease", LeaseJson(request), deadline),
                             [](const Value&) { return Acknowledged{}; });
}

RouterReplies<TableAnswer> HttpsRouterControl::ReadTable(const std::vector<std::string>& routers,
                                                         Deadline deadline) {
  return Parse<TableAnswer>(
      AskAll(routers, "GET", "/v1/table", "", deadline), [](const Value& body) {
        return TableAnswer{.epoch = {body["epoch"].Int()}, .parked = body["parked"].Int()};
      });
}

}  // namespace foreshard::op
