#include "operator/health_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "operator/listener.h"

namespace foreshard::op {
namespace {

constexpr int kBacklog = 8;
constexpr int kPollMillis = 200;
constexpr std::size_t kRequestMax = 4096;
constexpr timeval kClientLimit{.tv_sec = 2, .tv_usec = 0};

// A page may use its own style sheet and an empty icon; nothing else, nothing from elsewhere.
constexpr std::string_view kPageHeaders =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "Cache-Control: no-store\r\n";

std::string Response(int code, std::string_view reason, std::string_view type,
                     std::string_view body, std::string_view headers = "") {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n"
      "\r\n{}",
      code, reason, type, body.size(), headers, body);
}

// The header Host, without a port, in lower case; "" where there is none.
std::string HostOf(const std::string& request) {
  std::string text = request;
  std::ranges::transform(text, text.begin(), [](char sign) {
    return sign >= 'A' && sign <= 'Z' ? static_cast<char>(sign - 'A' + 'a') : sign;
  });
  const std::size_t at = text.find("\r\nhost:");
  if (at == std::string::npos) return "";
  std::string host = text.substr(at + 7, text.find("\r\n", at + 7) - at - 7);
  std::erase_if(host, [](char sign) { return sign == ' ' || sign == '\t'; });
  const std::size_t port = host.rfind(':');
  if (port != std::string::npos && host.find(']', port) == std::string::npos) host.resize(port);
  return host;
}

bool IsThisMachine(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

void SendAll(int client, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(client, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // it went away or does not read: its loss
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace

Result<std::unique_ptr<HealthServer>> HealthServer::Listen(const std::string& address,
                                                           Answers answers) {
  const Result<int> listener = ListenAt(address, kBacklog);
  if (!listener) return listener.error();
  return std::unique_ptr<HealthServer>(
      new HealthServer(*listener, PortOf(*listener), std::move(answers)));
}

HealthServer::~HealthServer() { close(listener_); }

void HealthServer::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    pollfd ready{.fd = listener_, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kPollMillis) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    Serve(client);
    close(client);
  }
}

void HealthServer::Serve(int client) const {
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kClientLimit, sizeof kClientLimit);
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kClientLimit, sizeof kClientLimit);
  std::string request;
  std::array<char, 1024> buffer{};
  while (request.find("\r\n\r\n") == std::string::npos && request.size() < kRequestMax) {
    const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    request.append(buffer.data(), static_cast<std::size_t>(got));
  }
  SendAll(client, AnswerTo(request));
}

std::string HealthServer::AnswerTo(const std::string& request) const {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  if (!request.starts_with("GET ")) return Response(405, "Method Not Allowed", kText, "only GET\n");
  const std::string path = request.substr(4, request.find_first_of(" ?", 4) - 4);
  if (path == "/healthz") return Response(200, "OK", kText, "ok\n");
  if (path == "/readyz" && answers_.ready) {
    return answers_.ready()
               ? Response(200, "OK", kText, "ok\n")
               : Response(503, "Service Unavailable", kText, "the first lists are not complete\n");
  }
  if (path == "/metrics" && answers_.metrics)
    return Response(200, "OK", "text/plain; version=0.0.4; charset=utf-8", answers_.metrics());
  if (answers_.targets) {
    const std::optional<std::string> targets = answers_.targets(path);
    if (targets) return Response(200, "OK", "application/json", *targets);
  }
  if (answers_.pages) return Page(request, path);
  return Response(404, "Not Found", kText, "/healthz, /readyz or /metrics\n");
}

std::string HealthServer::Page(const std::string& request, const std::string& path) const {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  if (!IsThisMachine(HostOf(request))) {
    return Response(421, "Misdirected Request", kText,
                    "ask for localhost, for example through kubectl port-forward\n");
  }
  const std::optional<std::string> page = answers_.pages(path);
  if (page) return Response(200, "OK", "text/html; charset=utf-8", *page, kPageHeaders);
  return Response(404, "Not Found", kText, "no such page; / has all ShardSets\n");
}

}  // namespace foreshard::op
