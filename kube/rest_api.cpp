#include "kube/rest_api.h"

#include <cpprest/http_client.h>
#include <fmt/format.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <cstdint>
#include <future>
#include <optional>
#include <utility>

#include "base/pause.h"
#include "kube/http_error.h"
#include "kube/kinds.h"
#include "kube/line_splitter.h"
#include "kube/object_json.h"
#include "kube/paths.h"
#include "kube/rest_task.h"
#include "kube/token_source.h"

namespace foreshard::kube {
namespace {

namespace http = web::http;
using http::client::http_client;
using http::client::http_client_config;

constexpr std::chrono::seconds kRequestIdleMax{60};
constexpr std::chrono::seconds kWatchIdleMax{90};
constexpr std::size_t kThreads = 2;
constexpr std::chrono::milliseconds kGather{50};  // events of one watch are read together
constexpr char kManager[] = "foreshard-operator";

struct Answer {
  int status = 0;
  std::string body;
};

struct Call {
  http::method method;
  std::string target;  // path and query
  std::string what;    // for messages
  std::string body = {};
  std::string content_type = "application/json";
};

// cpprestsdk 2.10 says only in prose that it never got as far as sending.
bool WasSent(const std::string& problem) {
  for (const char* early : {"Failed to connect", "Error resolving address",
                            "Error in SSL handshake", "Connection refused"}) {
    if (problem.find(early) != std::string::npos) return false;
  }
  return true;
}

boost::asio::const_buffer Bytes(const std::string& pem) { return {pem.data(), pem.size()}; }

http_client_config MakeConfig(const ApiAccess& access, std::chrono::seconds idle_max) {
  http_client_config config;
  config.set_timeout(idle_max);
  config.set_validate_certificates(access.verify_server);
  config.set_ssl_context_callback([access](boost::asio::ssl::context& context) {
    context.set_options(boost::asio::ssl::context::default_workarounds |
                        boost::asio::ssl::context::no_tlsv1 |
                        boost::asio::ssl::context::no_tlsv1_1);
    if (!access.ca_pem.empty()) context.add_certificate_authority(Bytes(access.ca_pem));
    if (!access.client_certificate_pem.empty()) {
      context.use_certificate_chain(Bytes(access.client_certificate_pem));
      context.use_private_key(Bytes(access.client_key_pem), boost::asio::ssl::context::pem);
    }
  });
  return config;
}

// The context callback runs when the first connection is made, too late to say what is wrong.
Status CheckMaterial(const ApiAccess& access) {
  boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
  boost::system::error_code failed;
  if (!access.ca_pem.empty()) {
    context.add_certificate_authority(Bytes(access.ca_pem), failed);
    if (failed)
      return Error::GiveUp("the API server's certificate authority is not valid PEM",
                           "InvalidCertificate");
  }
  if (access.client_certificate_pem.empty()) return Ok();
  context.use_certificate_chain(Bytes(access.client_certificate_pem), failed);
  if (failed) return Error::GiveUp("the client certificate is not valid PEM", "InvalidCertificate");
  context.use_private_key(Bytes(access.client_key_pem), boost::asio::ssl::context::pem, failed);
  if (failed)
    return Error::GiveUp("the client key is not valid PEM, or belongs to another certificate",
                         "InvalidKey");
  return Ok();
}

class RestApi final : public KubeApi {
 public:
  explicit RestApi(RestApiOptions options)
      : options_(std::move(options)),
        token_(options_.access),
        requests_(options_.access.server, MakeConfig(options_.access, kRequestIdleMax)),
        watches_(options_.access.server, MakeConfig(options_.access, kWatchIdleMax)) {}

  Result<std::optional<Object>> Get(const ResourceKind& kind, const ObjectRef& ref,
                                    Deadline deadline) override {
    const Call call{.method = http::methods::GET,
                    .target = ObjectPath(kind, ref),
                    .what = Describe("get", kind, ref)};
    const Result<Answer> answer = Send(call, deadline);
    if (!answer) return answer.error();
    if (answer->status == 404) return std::optional<Object>();
    Result<Object> object = ToObject(call, *answer);
    if (!object) return object.error();
    return std::optional<Object>(*std::move(object));
  }

  Result<ObjectList> List(const ResourceKind& kind, const ListOptions& options,
                          Deadline deadline) override {
    ObjectList list;
    std::string next;
    do {
      const Call call{.method = http::methods::GET,
                      .target = CollectionPath(kind, options.name_space) +
                                QueryOf({{"labelSelector", options.label_selector},
                                         {"fieldSelector", options.field_selector},
                                         {"limit", std::to_string(options.page_size)},
                                         {"continue", next}}),
                      .what = Describe("list", kind, {options.name_space, "*"})};
      const Result<Answer> answer = Send(call, deadline);
      if (!answer) return answer.error();
      if (!IsGood(*answer)) return HttpError(answer->status, call.what, answer->body);
      Result<ListPage> page = ParseListPage(kind, answer->body);
      if (!page) return page.error();
      std::move(page->items.begin(), page->items.end(), std::back_inserter(list.items));
      list.resource_version = page->resource_version;
      next = page->continue_token;
    } while (!next.empty());
    return list;
  }

  Result<Object> Create(const ResourceKind& kind, const ObjectRef& ref, const std::string& json,
                        Deadline deadline) override {
    return Write(
        {.method = http::methods::POST,
         .target = CollectionPath(kind, ref.name_space) + QueryOf({{"fieldManager", kManager}}),
         .what = Describe("create", kind, ref),
         .body = json},
        deadline);
  }

  Result<Object> Replace(const ResourceKind& kind, const ObjectRef& ref, const std::string& json,
                         const std::string& subresource, Deadline deadline) override {
    return Write(
        {.method = http::methods::PUT,
         .target = ObjectPath(kind, ref, subresource) + QueryOf({{"fieldManager", kManager}}),
         .what = Describe("replace", kind, ref),
         .body = json},
        deadline);
  }

  Result<Object> Apply(const ResourceKind& kind, const ObjectRef& ref, const std::string& json,
                       const ApplyOptions& options, Deadline deadline) override {
    return Write({.method = http::methods::PATCH,
                  .target = ObjectPath(kind, ref, options.subresource) +
                            QueryOf({{"fieldManager", options.field_manager},
                                     {"force", options.force ? "true" : "false"},
                                     {"dryRun", options.dry_run ? "All" : ""}}),
                  .what = Describe("apply", kind, ref),
                  .body = json,
                  .content_type = "application/apply-patch+yaml"},
                 deadline);
  }

  Result<Object> Patch(const ResourceKind& kind, const ObjectRef& ref,
                       const std::string& merge_patch, const PatchOptions& options,
                       Deadline deadline) override {
    return Write({.method = http::methods::PATCH,
                  .target = ObjectPath(kind, ref, options.subresource) +
                            QueryOf({{"fieldManager", options.field_manager},
                                     {"dryRun", options.dry_run ? "All" : ""}}),
                  .what = Describe("patch", kind, ref),
                  .body = merge_patch,
                  .content_type = "application/merge-patch+json"},
                 deadline);
  }

  Status Delete(const ResourceKind& kind, const ObjectRef& ref, const DeleteOptions& options,
                Deadline deadline) override {
    const Status done = Do({.method = http::methods::DEL,
                            .target = ObjectPath(kind, ref),
                            .what = Describe("delete", kind, ref),
                            .body = DeleteOptionsJson(options)},
                           deadline);
    return !done && done.error().code == "404" ? Ok() : done;
  }

  Status Evict(const ObjectRef& pod, Deadline deadline) override {
    return Do({.method = http::methods::POST,
               .target = ObjectPath(kPods, pod, "eviction"),
               .what = Describe("evict", kPods, pod),
               .body = EvictionJson(pod)},
              deadline);
  }

  Status Watch(const ResourceKind& kind, const WatchOptions& options,
               const std::function<bool(const WatchEvent&)>& on_event,
               std::stop_token stop) override;

 private:
  static bool IsGood(const Answer& answer) { return answer.status >= 200 && answer.status < 300; }

  static Result<Object> ToObject(const Call& call, const Answer& answer) {
    if (!IsGood(answer)) return HttpError(answer.status, call.what, answer.body);
    return ParseObject(answer.body);
  }

  Result<Object> Write(const Call& call, Deadline deadline) {
    const Result<Answer> answer = Send(call, deadline);
    if (!answer) return answer.error();
    return ToObject(call, *answer);
  }

  Status Do(const Call& call, Deadline deadline) {
    const Result<Answer> answer = Send(call, deadline);
    if (!answer) return answer.error();
    return IsGood(*answer) ? Ok() : HttpError(answer->status, call.what, answer->body);
  }

  http::http_request RequestFor(const Call& call) {
    http::http_request request(call.method);
    request.set_request_uri(web::uri(call.target));
    request.headers().add("Accept", "application/json");
    if (const std::string token = token_.Current(); !token.empty()) {
      request.headers().add("Authorization", "Bearer " + token);
    }
    if (!call.body.empty()) request.set_body(call.body, call.content_type);
    return request;
  }

  void Count(int code, const http::method& method) const {
    if (options_.on_request) options_.on_request(code, method);
  }

  Result<Answer> Send(const Call& call, Deadline deadline);
  Status ReadEvents(const Call& call, http::http_response response,
                    const std::function<bool(const WatchEvent&)>& on_event,
                    const std::stop_token& stop, pplx::cancellation_token_source& cancel);

  RestApiOptions options_;
  TokenSource token_;
  http_client requests_;
  http_client watches_;
};

Result<Answer> RestApi::Send(const Call& call, Deadline deadline) {
  const bool is_read = call.method == http::methods::GET;
  if (deadline.Passed(options_.clock)) {
    return Error::Retry(call.what + ": the deadline had passed before it began", "DeadlinePassed");
  }
  pplx::cancellation_token_source cancel;
  const auto wait = [&](std::future<Ended<Answer>>& future) {
    return future.wait_for(deadline.Remaining(options_.clock)) == std::future_status::ready;
  };
  Ended<Answer> ended;
  try {
    ended = Await(requests_.request(RequestFor(call), cancel.get_token())
                      .then([](http::http_response response) {
                        const int status = response.status_code();
                        return response.extract_utf8string(true).then([status](std::string body) {
                          return Answer{.status = status, .body = std::move(body)};
                        });
                      }),
                  wait, cancel);
  } catch (const std::exception& problem) {
    return Error::GiveUp(fmt::format("{}: {}", call.what, problem.what()), "InvalidRequest");
  }
  Count(ended.value ? ended.value->status : 0, call.method);
  if (!ended.value)
    return ConnectionError(!is_read && WasSent(ended.problem), call.what, ended.problem);
  if (ended.value->status == 401) token_.Forget();
  return *std::move(ended.value);
}

Status RestApi::Watch(const ResourceKind& kind, const WatchOptions& options,
                      const std::function<bool(const WatchEvent&)>& on_event,
                      std::stop_token stop) {
  if (stop.stop_requested()) return Ok();
  const Call call{.method = http::methods::GET,
                  .target = CollectionPath(kind, options.name_space) +
                            QueryOf({{"watch", "true"},
                                     {"allowWatchBookmarks", "true"},
                                     {"resourceVersion", options.resource_version},
                                     {"labelSelector", options.label_selector},
                                     {"fieldSelector", options.field_selector},
                                     {"timeoutSeconds", std::to_string(options.timeout.count())}}),
                  .what = Describe("watch", kind, {options.name_space, "*"})};
  pplx::cancellation_token_source cancel;
  const std::stop_callback on_stop(stop, [&cancel] { cancel.cancel(); });
  Ended<http::http_response> ended;
  try {
    ended = Await(watches_.request(RequestFor(call), cancel.get_token()), kUntilItEnds, cancel);
  } catch (const std::exception& problem) {
    return Error::GiveUp(fmt::format("{}: {}", call.what, problem.what()), "InvalidRequest");
  }
  Count(ended.value ? ended.value->status_code() : 0, call.method);
  if (stop.stop_requested()) return Ok();
  if (!ended.value)
    return Error::Reobserve(fmt::format("{}: {}", call.what, ended.problem), "WatchBroken");
  const int status = ended.value->status_code();
  if (status == 200) return ReadEvents(call, *std::move(ended.value), on_event, stop, cancel);
  if (status == 401) token_.Forget();
  const auto body = Await(ended.value->extract_utf8string(true), kUntilItEnds, cancel);
  return HttpError(status, call.what, body.value.value_or(body.problem));
}

Status RestApi::ReadEvents(const Call& call, http::http_response response,
                           const std::function<bool(const WatchEvent&)>& on_event,
                           const std::stop_token& stop, pplx::cancellation_token_source& cancel) {
  concurrency::streams::streambuf<std::uint8_t> body = response.body().streambuf();
  LineSplitter lines;
  MonotonicTime read_at{};
  const auto broken = [&call](const std::string& problem) {
    return Error::Reobserve(fmt::format("{}: {}", call.what, problem), "WatchBroken");
  };
  while (!stop.stop_requested()) {
    // Waits for a byte and takes all that are there: read_line would make a task of each.
    const Ended<int> next = Await(body.getc(), kUntilItEnds, cancel);
    if (stop.stop_requested()) return Ok();
    if (!next.value) return broken(next.problem);
    // What ticks, ticks often: waking up for each event alone costs more than the event.
    const std::chrono::nanoseconds apart = options_.clock.Monotonic() - read_at;
    if (apart < kGather && !Pause(stop, kGather - apart)) return Ok();
    read_at = options_.clock.Monotonic();
    if (*next.value == concurrency::streams::char_traits<std::uint8_t>::eof()) return Ok();
    const std::size_t size = std::max<std::size_t>(body.in_avail(), 1);
    auto* room = reinterpret_cast<std::uint8_t*>(lines.Room(size));
    const Ended<std::size_t> read = Await(body.getn(room, size), kUntilItEnds, cancel);
    if (!read.value) return broken(read.problem);
    lines.Arrived(*read.value);
    while (const std::optional<std::string_view> line = lines.Next()) {
      const Result<WatchEvent> event = ParseWatchLine(*line);
      if (stop.stop_requested()) return Ok();
      if (event && on_event(*event)) continue;
      cancel.cancel();  // else the connection would be read to its end
      return event ? Ok() : Status(event.error());
    }
  }
  return Ok();
}

}  // namespace

Result<std::unique_ptr<KubeApi>> MakeRestApi(RestApiOptions options) {
  if (const Status good = CheckMaterial(options.access); !good) return good.error();
  try {
    // The default are forty threads. It can be said once per process; a second RestApi shares the
    // first one's.
    crossplat::threadpool::initialize_with_threads(kThreads);
  } catch (const std::exception&) {
  }
  try {
    std::unique_ptr<KubeApi> api = std::make_unique<RestApi>(std::move(options));
    return api;
  } catch (const std::exception& problem) {
    return Error::GiveUp(fmt::format("the API server's address is not usable: {}", problem.what()),
                         "InvalidAddress");
  }
}

}  // namespace foreshard::kube
