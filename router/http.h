#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "router/loop.h"

// HTTP/1.1 as far as the admin and metrics ports need it: requests with Content-Length, keep-alive,
// answers in order.

namespace foreshard::router {

inline constexpr std::size_t kHttpHeadBytesMax = 16 * 1024;
inline constexpr std::size_t kHttpBodyBytesMax = 8 * 1024 * 1024;

struct HttpRequest {
  std::string method;
  std::string path;  // without the query
  std::string body;
  bool keep_alive = true;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// Takes one request off the front of `bytes`. nullopt: not whole yet. Errors: kGiveUp; answer 400
// and close.
Result<std::optional<HttpRequest>> TakeHttpRequest(std::string* bytes);
std::string FormatHttpResponse(const HttpResponse& response, bool keep_alive);

// Answers requests of one listener. The handler may answer later; requests of one connection are
// handled one at a time. Threads: the loop's.
class HttpServer {
 public:
  using Respond = std::function<void(HttpResponse)>;
  using Handler = std::function<void(HttpRequest, Respond)>;
  struct Options {
    std::function<std::shared_ptr<const TlsContext>()> tls;  // empty: plain
    std::string client_name;  // common name that a client must show; empty: any
  };
  HttpServer(Loop& loop, Options options, Handler handler);
  ~HttpServer();
  Result<std::uint16_t> Listen(const std::string& host, std::uint16_t port);

 private:
  class Connection;
  void Forget(Connection* connection);

  Loop& loop_;
  Options options_;
  Handler handler_;
  std::map<Connection*, std::shared_ptr<Connection>> connections_;
};

}  // namespace foreshard::router
