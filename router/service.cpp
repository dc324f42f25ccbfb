#include "router/service.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "base/log.h"
#include "router/exporter.h"
#include "router/limits.h"

namespace foreshard::router {
namespace {

constexpr std::chrono::milliseconds kFilePoll{200};
constexpr std::chrono::milliseconds kDrainPoll{20};
constexpr std::chrono::milliseconds kFeedPoll{10};
constexpr std::string_view kOperator = "foreshard-operator";

Result<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error::GiveUp(fmt::format("{}: cannot be read", path), "FileMissing");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Error InFile(const std::string& path, const Error& error) {
  return Error::GiveUp(fmt::format("{}: {}", path, error.message), error.reason);
}

// Whose certificate was checked has proven itself, and needs no password for that.
bool BelievesShards(const ServiceOptions& options) {
  const bool checked = options.shard_tls == TlsMode::kRequire && !options.tls_directory.empty();
  return checked || options.trust_shards;
}

}  // namespace

Service::Service(const Clock& clock, ServiceOptions options)
    : clock_(clock), options_(std::move(options)) {
  state_ = std::make_unique<RouterState>(
      RouterState::Options{.name = options_.name,
                           .shard_tls_mode = options_.shard_tls,
                           .heat = options_.heat,
                           .believes_shards = BelievesShards(options_),
                           .zone = options_.zone},
      feed_);
}

Service::~Service() {
  threads_.clear();
  admin_server_.reset();
  metrics_server_.reset();
  control_.reset();
}

// True: the file has another text than when it was last looked at.
bool Service::Changed(const std::string& path, std::string* text) {
  const Result<std::string> read = ReadWhole(path);
  if (!read) return false;
  std::string& seen = seen_[path];
  *text = *read;
  return std::exchange(seen, *read) != *read;
}

Status Service::LoadConfig() {
  const Result<std::string> text = ReadWhole(options_.config_file);
  if (!text) return text.error();
  Result<RouterConfig> config = ParseRouterConfig(*text);
  if (!config) return InFile(options_.config_file, config.error());
  if (config_ && !(config_->tables.key_space == config->tables.key_space)) {
    return Error::GiveUp(options_.config_file +
                         ": strategy and keyType cannot change while the router runs");
  }
  if (!config->access_log)
    config->access_log = AccessLogOptions{.one_in = options_.access_log_one_in};
  config_ = std::make_unique<RouterConfig>(*config);
  state_->SetConfig(*std::move(config));
  return Ok();
}

Status Service::LoadUsers() {
  const Result<std::string> text = ReadWhole(options_.users_file);
  if (!text) return text.error();
  const Result<std::shared_ptr<const Users>> users = ParseUsers(*text);
  if (!users) return InFile(options_.users_file, users.error());
  state_->SetUsers(*users);
  return Ok();
}

Status Service::LoadTls() {
  std::shared_ptr<const TlsContext> clients;
  std::shared_ptr<const TlsContext> admin;
  std::string ca;
  if (!options_.tls_directory.empty()) {
    auto made = TlsContext::ForServer(
        {.directory = options_.tls_directory, .require_client = false, .alpn_postgresql = true});
    if (!made) return made.error();
    clients = *made;
    made = TlsContext::ForServer(
        {.directory = options_.tls_directory, .require_client = true, .alpn_postgresql = false});
    if (!made) return made.error();
    admin = *made;
    ca = options_.tls_directory + "/ca.crt";
  }
  // Required TLS is checked TLS; preferred TLS takes what the shard shows, as libpq does.
  const Result<std::shared_ptr<const TlsContext>> shards =
      TlsContext::ForClient(options_.shard_tls == TlsMode::kRequire ? ca : std::string());
  if (!shards) return shards.error();
  admin_tls_ = std::move(admin);
  state_->SetTls(std::move(clients), *shards);
  return Ok();
}

Status Service::LoadTable() {
  const Result<std::string> text = ReadWhole(options_.table_file);
  if (!text) return text.error();
  Result<model::RoutingTable> table = ParseRoutingTableSpec(*text, config_->tables.key_space);
  if (!table) return InFile(options_.table_file, table.error());
  // Each text of the file is a newer generation: what moves changes within an epoch.
  const Status offered = feed_.Offer(*std::move(table), ++table_generation_);
  if (!offered) return InFile(options_.table_file, offered.error());
  state_->TableChanged();
  return Ok();
}

Status Service::Load(bool first) {
  std::string text;
  const auto watch = [&](const std::string& path) {
    return !path.empty() && (Changed(path, &text) || first);
  };
  const auto done = [&](const char* what, const Status& loaded) {
    if (!loaded)
      log::Warning("file_not_taken", {{"what", what}, {"error", loaded.error().message}});
    if (loaded && !first) log::Info("file_taken", {{"what", what}});
    return loaded;
  };
  if (watch(options_.config_file)) {
    if (const Status loaded = done("config", LoadConfig()); !loaded && first) return loaded;
  }
  if (watch(options_.users_file)) {
    if (const Status loaded = done("users", LoadUsers()); !loaded && first) return loaded;
  }
  if (first || !options_.tls_directory.empty()) {
    bool changed = first;
    if (!options_.tls_directory.empty()) {
      for (const char* name : {"/tls.crt", "/tls.key", "/ca.crt"})
        changed = watch(options_.tls_directory + name) || changed;
    }
    if (changed) {
      if (const Status loaded = done("tls", LoadTls()); !loaded && first) return loaded;
    }
  }
  if (watch(options_.table_file)) {
    if (const Status loaded = done("table", LoadTable()); !loaded && first) return loaded;
  }
  return Ok();
}

void Service::LookAtFiles() {
  (void)Load(false);
}  // What is wrong was logged; the last good one stays.

void Service::TableChanged() {
  state_->TableChanged();
  if (state_->Current().table != nullptr) state_->ready = true;
}

Status Service::Start() {
  if (const Status loaded = Load(true); !loaded) return loaded;
  control_ = std::make_unique<Loop>();
  std::uint16_t port = options_.listen.port;
  std::vector<Worker*> workers;
  const std::uint64_t seed = SeedFromSystem();
  for (std::size_t i = 0; i < options_.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(
        *state_, clock_,
        Worker::Options{.index = i, .workers = options_.threads, .seed = seed + i}));
    workers.push_back(workers_.back().get());
    const Result<std::uint16_t> bound = workers_.back()->Listen(options_.listen.host, port);
    if (!bound) return bound.error();
    port = *bound;
  }
  for (Worker* worker : workers) worker->SetPeers(workers);
  admin_ = std::make_unique<Admin>(*state_, *control_, workers);
  std::uint16_t admin_port = 0;
  if (admin_tls_ != nullptr) {
    admin_server_ =
        std::make_unique<HttpServer>(*control_,
                                     HttpServer::Options{.tls = [this] { return admin_tls_; },
                                                         .client_name = std::string(kOperator)},
                                     [this](HttpRequest request, HttpServer::Respond respond) {
                                       admin_->Handle(std::move(request), std::move(respond));
                                     });
    const Result<std::uint16_t> bound =
        admin_server_->Listen(options_.admin.host, options_.admin.port);
    if (!bound) return bound.error();
    admin_port = *bound;
  }
  metrics_server_ =
      std::make_unique<HttpServer>(*control_, HttpServer::Options{.tls = {}, .client_name = {}},
                                   [this](HttpRequest request, HttpServer::Respond respond) {
                                     AnswerMetrics(std::move(request), std::move(respond));
                                   });
  const Result<std::uint16_t> metrics_port =
      metrics_server_->Listen(options_.metrics.host, options_.metrics.port);
  if (!metrics_port) return metrics_port.error();
  control_->Every(kFilePoll, [this] { LookAtFiles(); });
  control_->Every(kFeedPoll, [this] { TableChanged(); });
  if (state_->Current().table != nullptr) state_->ready = true;
  log::Info("listening", {{"clients", port}, {"admin", admin_port}, {"metrics", *metrics_port}});
  return Ok();
}

void Service::Run() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    threads_.emplace_back([&loop = worker->loop()] { loop.Run(); });
  }
  control_->Run();
  threads_.clear();
}

void Service::AnswerMetrics(HttpRequest request, HttpServer::Respond respond) {
  const auto text = [](int status, std::string body) {
    return HttpResponse{.status = status,
                        .content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = std::move(body)};
  };
  if (request.method != "GET") return respond(text(405, "GET only\n"));
  if (request.path == "/healthz") return respond(text(200, "ok\n"));
  if (request.path == "/readyz") {
    if (state_->draining.load()) return respond(text(503, "draining\n"));
    return respond(state_->ready.load() ? text(200, "ok\n") : text(503, "no routing table yet\n"));
  }
  if (request.path != "/metrics") return respond(text(404, "not here\n"));
  admin_->Gather<WorkerStats>([](Worker& worker) { return worker.Stats(); },
                              [this, respond, text](std::vector<WorkerStats> stats) {
                                respond(text(200, FormatMetrics(stats, *state_)));
                              });
}

void Service::Drain() {
  state_->draining = true;
  control_->Post([this] {
    if (std::exchange(drain_started_, true)) return;
    log::Info("draining");
    listen_until_ = control_->Now() + kLameDuck;
    drain_until_ = control_->Now() + kDrainTimeout;
    control_->Every(kDrainPoll, [this] { DrainTick(); });
  });
}

// Readiness has failed already; for a moment new clients are still taken (their endpoint list is
// old), then nobody is.
void Service::DrainTick() {
  const MonotonicTime now = control_->Now();
  if (now < listen_until_) return;
  if (!std::exchange(listening_ended_, true)) {
    for (const std::unique_ptr<Worker>& worker : workers_) {
      worker->loop().Post([&worker = *worker] { worker.StartDraining(); });
    }
    return;
  }
  const bool late = now >= drain_until_;
  admin_->Gather<std::size_t>([](Worker& worker) { return worker.clients(); },
                              [this, late](std::vector<std::size_t> clients) {
                                std::size_t left = 0;
                                for (const std::size_t count : clients) left += count;
                                if (left > 0 && !late) return;
                                for (const std::unique_ptr<Worker>& worker : workers_) {
                                  worker->loop().Post([&worker = *worker] { worker.StopNow(); });
                                }
                                log::Info("drained", {{"clients_left", left}});
                                control_->Stop();
                              });
}

}  // namespace foreshard::router
