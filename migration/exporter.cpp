#include "migration/exporter.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <thread>

namespace foreshard::migration {

namespace {

constexpr int kPollMillis = 200;  // how soon the end of the process is noticed

void AddGauge(prometheus::Registry& registry, const char* name, const char* help,
              std::int64_t value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({}).Set(
      static_cast<double>(value));
}

void AddCounter(prometheus::Registry& registry, const char* name, const char* help,
                std::int64_t value) {
  prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({}).Increment(
      static_cast<double>(value));
}

class Server final : public MetricsServer {
 public:
  Server(int socket, int port, const Board& board) : socket_(socket), port_(port), board_(board) {
    thread_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
  }
  ~Server() override {
    thread_.request_stop();
    thread_.join();
    ::close(socket_);
  }
  int port() const override { return port_; }

 private:
  void Serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd entry{socket_, POLLIN, 0};
      if (::poll(&entry, 1, kPollMillis) <= 0) continue;
      const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      const timeval limit{.tv_sec = 2,
                          .tv_usec = 0};  // a scraper that hangs must not hold the others up
      ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      Answer(client);
      ::close(client);
    }
  }

  void Answer(int client) {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(client, buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    const std::string_view request(buffer.data(), static_cast<std::size_t>(got));
    const bool metrics = request.substr(0, 13) == "GET /metrics ";
    const bool health = request.substr(0, 13) == "GET /healthz ";
    const std::string body = metrics ? MetricsText(board_) : health ? "ok\n" : "not found\n";
    const std::string answer = fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: "
        "{}\r\n"
        "Connection: close\r\n\r\n{}",
        metrics || health ? "200 OK" : "404 Not Found", body.size(), body);
    std::string_view rest = answer;
    while (!rest.empty()) {
      const ssize_t sent = ::send(client, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  int socket_;
  int port_;
  const Board& board_;
  std::jthread thread_;
};

}  // namespace

std::string MetricsText(const Board& board) {
  const MoverCounters counters = board.counters();
  const Progress progress = board.progress();
  // A registry a scrape: the numbers live on the board, which the threads of the copy share
  // already.
  prometheus::Registry registry;
  AddCounter(registry, "foreshard_copy_rows_total", "Rows copied by this process.",
             counters.copied_rows);
  AddCounter(registry, "foreshard_copy_bytes_total", "Bytes copied by this process, as COPY text.",
             counters.copied_bytes);
  AddGauge(registry, "foreshard_copy_rows_per_second",
           "Speed of the copy over the last minute; 0: not known.", progress.copy_rows_per_second);
  AddGauge(registry, "foreshard_copy_seconds_left",
           "Time to the end of the copy at that speed; -1: not known.", progress.copy_seconds_left);
  AddCounter(registry, "foreshard_cleanup_rows_total", "Rows deleted by this process.",
             counters.cleaned_rows);
  AddCounter(registry, "foreshard_probes_total", "Probes of the stream's lag.", counters.probes);
  AddGauge(registry, "foreshard_snapshot_keepers",
           "Sessions of this process that keep the snapshot.", counters.keepers);
  AddGauge(registry, "foreshard_probe_lag_millis", "Lag of the newest probe; -1 before the first.",
           progress.lag_millis);
  AddGauge(registry, "foreshard_copy_limit_bytes",
           "Bytes a second that bulk work may read and write; 0: there is none.",
           static_cast<std::int64_t>(counters.throttle.bytes_per_second));
  auto& throttled = prometheus::BuildCounter()
                        .Name("foreshard_throttle_seconds_total")
                        .Help("Time in which bulk work was slowed down, by why.")
                        .Register(registry);
  for (const ThrottleCause cause : kThrottleCauses) {
    const auto slowed = counters.throttle.slowed[static_cast<std::size_t>(cause)];
    throttled.Add({{"cause", ToString(cause)}})
        .Increment(std::chrono::duration<double>(slowed).count());
  }
  auto& buckets = prometheus::BuildCounter()
                      .Name("foreshard_verify_buckets")
                      .Help("Buckets compared, by what the first look found.")
                      .Register(registry);
  buckets.Add({{"result", "equal"}}).Increment(static_cast<double>(counters.buckets_equal));
  buckets.Add({{"result", "unequal"}}).Increment(static_cast<double>(counters.buckets_unequal));
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::Start(std::string_view address,
                                                            const Board& board) {
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  sockaddr_in name{};
  name.sin_family = AF_INET;
  const std::string host(address.substr(0, colon));
  const bool readable =
      colon != std::string_view::npos &&
      std::from_chars(address.data() + colon + 1, address.data() + address.size(), port).ec ==
          std::errc() &&
      ::inet_pton(AF_INET, host.c_str(), &name.sin_addr) == 1;
  if (!readable)
    return Error::GiveUp(fmt::format("--metrics-listen: '{}' is not ADDRESS:PORT", address));
  name.sin_port = htons(port);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return Error::Retry("no socket");
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  socklen_t size = sizeof name;
  if (::bind(socket, reinterpret_cast<sockaddr*>(&name), size) != 0 || ::listen(socket, 16) != 0 ||
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    ::close(socket);
    return Error::GiveUp(fmt::format("--metrics-listen: cannot listen on {}", address));
  }
  return std::unique_ptr<MetricsServer>(
      std::make_unique<Server>(socket, ntohs(name.sin_port), board));
}

}  // namespace foreshard::migration
