#include "tests/support/prometheus_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include "tests/support/await.h"
#include "tests/support/needs.h"
#include "tests/support/port.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""s;

constexpr int kPortTries = 5;
constexpr const char* kUser = "nobody";  // never as root

}  // namespace

Result<std::unique_ptr<PrometheusServer>> PrometheusServer::Create(
    const PrometheusOptions& options) {
  std::unique_ptr<PrometheusServer> server(new PrometheusServer(options));
  server->directory_.Write("prometheus.yml", options.configuration);
  if (const Status written = server->WriteHistory(); !written) return written.error();
  for (int attempt = 1;; ++attempt) {
    server->port_ = FreePort();
    const Status started = server->Start();
    if (started.ok()) return server;
    if (attempt == kPortTries) return started.error();
  }
}

Status PrometheusServer::WriteHistory() {
  if (!options_.history.empty()) {
    const std::string file = directory_.Write("history.om", options_.history);
    const Result<std::string> written =
        RunOrError({.command = {"promtool", "tsdb", "create-blocks-from", "openmetrics", file,
                                directory_.File("data")}},
                   120s);
    if (!written) return written.error();
  }
  if (geteuid() != 0) return Ok();
  const Result<std::string> owned =
      RunOrError({.command = {"chown", "-R", kUser, directory_.path().string()}}, 10s);
  if (!owned) return owned.error();
  return Ok();
}

Status PrometheusServer::Start() {
  std::vector<std::string> command = {"prometheus",
                                      "--config.file=" + directory_.File("prometheus.yml"),
                                      "--storage.tsdb.path=" + directory_.File("data"),
                                      "--storage.tsdb.retention.time=" + options_.retention,
                                      fmt::format("--web.listen-address=127.0.0.1:{}", port_)};
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  Result<std::unique_ptr<ChildProcess>> started = ChildProcess::Start(
      {.command = command, .directory = directory_.path().string(), .user = kUser});
  if (!started) return started.error();
  process_ = std::move(*started);
  // Its log is the one place that tells without an HTTP client.
  const Status ready = Await("Prometheus is ready", 60s, [this] {
    return Seen(!process_->Running() ||
                    Log().find("Server is ready to receive web requests") != std::string::npos,
                "it still starts");
  });
  if (!ready) return ready;
  if (!process_->Running()) return Error::GiveUp("Prometheus ended when starting: " + Log());
  return Ok();
}

Status PrometheusServer::Stop() {
  const Result<ExitStatus> ended = process_->Stop(30s);
  if (!ended) return ended.error();
  return Ok();
}

std::string PrometheusServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

}  // namespace foreshard::support
