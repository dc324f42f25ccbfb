#include "router/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"

namespace foreshard::router {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

const char* ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 503:
      return "Service Unavailable";
  }
  return "Error";
}

struct Head {
  HttpRequest request;
  std::size_t body_bytes = 0;
};

Result<Head> ParseHead(std::string_view text) {
  const Error bad = Error::GiveUp("malformed HTTP request");
  Head head;
  const std::size_t line_end = text.find("\r\n");
  const std::string_view line = text.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first) return bad;
  head.request.method = std::string(line.substr(0, first));
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return bad;
  head.request.keep_alive = version == "HTTP/1.1";
  head.request.path = std::string(target.substr(0, target.find('?')));
  std::string_view rest =
      line_end == std::string_view::npos ? std::string_view() : text.substr(line_end + 2);
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) return bad;
    const std::string name = Lower(field.substr(0, colon));
    const std::string_view value = Trim(field.substr(colon + 1));
    if (name == "content-length") {
      const auto [at, error] =
          std::from_chars(value.data(), value.data() + value.size(), head.body_bytes);
      if (error != std::errc() || at != value.data() + value.size() ||
          head.body_bytes > kHttpBodyBytesMax)
        return bad;
    } else if (name == "transfer-encoding") {
      return Error::GiveUp("Transfer-Encoding is not accepted; send Content-Length");
    } else if (name == "connection") {
      if (Lower(value) == "close") head.request.keep_alive = false;
    }
  }
  return head;
}

}  // namespace

Result<std::optional<HttpRequest>> TakeHttpRequest(std::string* bytes) {
  const std::size_t end = bytes->find("\r\n\r\n");
  if (end == std::string::npos) {
    if (bytes->size() > kHttpHeadBytesMax)
      return Error::GiveUp("the head of the HTTP request is too long");
    return std::optional<HttpRequest>();
  }
  Result<Head> head = ParseHead(std::string_view(*bytes).substr(0, end));
  if (!head) return head.error();
  if (bytes->size() < end + 4 + head->body_bytes) return std::optional<HttpRequest>();
  head->request.body = bytes->substr(end + 4, head->body_bytes);
  bytes->erase(0, end + 4 + head->body_bytes);
  return std::optional(std::move(head->request));
}

std::string FormatHttpResponse(const HttpResponse& response, bool keep_alive) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n{}",
      response.status, ReasonOf(response.status), response.content_type, response.body.size(),
      keep_alive ? "keep-alive" : "close", response.body);
}

class HttpServer::Connection final : public StreamEvents,
                                     public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpServer& server, Stream& stream) : server_(server), stream_(&stream) {}

  void OnConnected(Stream& stream) override {
    const std::string& wanted = server_.options_.client_name;
    if (wanted.empty() || stream.tls()->PeerCommonName() == wanted) return;
    log::Warning("admin_client_refused", {{"name", stream.tls()->PeerCommonName()}});
    refused_ = true;
  }
  void OnBytes(std::string_view bytes) override {
    buffer_.append(bytes);
    Next();
  }
  void OnGone(std::string_view) override {
    stream_ = nullptr;
    server_.Forget(this);
  }
  void CloseNow() {
    if (stream_ != nullptr) std::exchange(stream_, nullptr)->Close();
  }

 private:
  void Next() {
    while (!busy_ && stream_ != nullptr) {
      Result<std::optional<HttpRequest>> request = TakeHttpRequest(&buffer_);
      if (!request) {
        Answer(
            {.status = 400, .content_type = "text/plain", .body = request.error().message + "\n"},
            false);
        return;
      }
      if (!*request) return;
      if (refused_) {
        Answer({.status = 403,
                .content_type = "application/json",
                .body = R"({"error":"certificate: not the operator's"})"},
               false);
        return;
      }
      busy_ = true;
      const bool keep_alive = (*request)->keep_alive;
      server_.handler_(std::move(**request),
                       [self = weak_from_this(), keep_alive](HttpResponse response) {
                         const std::shared_ptr<Connection> alive = self.lock();
                         if (!alive || alive->stream_ == nullptr) return;
                         alive->busy_ = false;
                         alive->Answer(response, keep_alive);
                         alive->Next();  // No depth: a handler that answers at once leaves the loop
                                         // below with nothing to take.
                       });
    }
  }
  void Answer(const HttpResponse& response, bool keep_alive) {
    stream_->Write(FormatHttpResponse(response, keep_alive));
    if (keep_alive) return;
    std::exchange(stream_, nullptr)->CloseAfterFlush();
    server_.Forget(this);
  }

  HttpServer& server_;
  Stream* stream_;
  std::string buffer_;
  bool busy_ = false;
  bool refused_ = false;
};

HttpServer::HttpServer(Loop& loop, Options options, Handler handler)
    : loop_(loop), options_(std::move(options)), handler_(std::move(handler)) {}

HttpServer::~HttpServer() {
  for (const auto& [key, connection] : connections_) connection->CloseNow();
}

Result<std::uint16_t> HttpServer::Listen(const std::string& host, std::uint16_t port) {
  return loop_.Listen(host, port, [this](Stream& stream) -> StreamEvents* {
    auto connection = std::make_shared<Connection>(*this, stream);
    Connection* made = connection.get();
    connections_.emplace(made, std::move(connection));
    if (options_.tls) {
      if (const auto context = options_.tls()) {
        stream.StartTls(context, TlsStream::Role::kServer);
      } else {
        made->CloseNow();
        connections_.erase(made);
        return nullptr;
      }
    }
    return made;
  });
}

void HttpServer::Forget(Connection* connection) {
  // Not while one of its own functions runs: the memory goes with the next turn.
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  std::shared_ptr<Connection> last = std::move(found->second);
  connections_.erase(found);
  loop_.Post([last] {});
}

}  // namespace foreshard::router
