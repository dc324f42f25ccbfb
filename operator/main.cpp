#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "base/version.h"
#include "kube/kubeconfig.h"
#include "kube/rest_api.h"
#include "operator/api/duration.h"
#include "operator/health_server.h"
#include "operator/webhook/review_server.h"
#include "operator/wiring.h"

// foreshard-operator: reconciles ShardSets and drives their migrations.

namespace foreshard::op {
namespace {

struct Flags {
  std::string kubeconfig;
  std::string listen = "0.0.0.0:8080";
  std::string status_listen = "127.0.0.1:8081";
  std::string webhook_listen = "off";
  std::string lease_namespace;
  std::string lease_name = "foreshard-operator";
  std::string identity;
  std::string log_level = "info";
  OperatorOptions options;
};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

void DeclareDuration(CLI::App& app, const std::string& name, std::chrono::milliseconds& duration,
                     const std::string& usual, const std::string& what) {
  app.add_option_function<std::string>(
         name,
         [name, &duration](const std::string& text) {
           const Result<std::chrono::milliseconds> parsed = ParseDuration(text);
           if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
           duration = *parsed;
         },
         what)
      ->default_str(usual);
}

void Declare(CLI::App& app, Flags& flags) {
  app.add_option("--kubeconfig", flags.kubeconfig,
                 "Connect with this file; default: the pod's service account");
  app.add_option("--namespace", flags.options.name_space,
                 "Watch only this namespace; default: all");
  app.add_option("--listen", flags.listen, "Address of /healthz, /readyz and /metrics")
      ->capture_default_str();
  app.add_option("--status-listen", flags.status_listen, "Address of the page for people, or off")
      ->capture_default_str();
  app.add_option("--webhook-listen", flags.webhook_listen,
                 "Address of the admission webhook, which checks what people write, or off")
      ->capture_default_str();
  app.add_option("--webhook-name", flags.options.webhook.name,
                 "Of its Service and Secret, beside the Lease, and of its configuration")
      ->capture_default_str();
  app.add_option("--lease-namespace", flags.lease_namespace,
                 "Namespace of the leader's Lease; default: the pod's own");
  app.add_option("--lease-name", flags.lease_name, "Name of the leader's Lease")
      ->capture_default_str();
  app.add_option("--identity", flags.identity,
                 "Who we are in the Lease; default: the host's name and a random part");
  app.add_option("--postgres-image", flags.options.images.postgres, "Image of the shards")
      ->capture_default_str();
  app.add_option("--router-image", flags.options.images.router, "Image of the routers")
      ->capture_default_str();
  app.add_option("--mover-image", flags.options.images.mover, "Image of the movers")
      ->capture_default_str();
  app.add_option("--image-pull-policy", flags.options.images.pull_policy, "Of all three images")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}))
      ->capture_default_str();
  app.add_option("--postgres-uid", flags.options.images.postgres_uid,
                 "User of PostgreSQL in its image")
      ->check(CLI::Range(1, 2'000'000'000))
      ->capture_default_str();
  app.add_option("--postgres-gid", flags.options.images.postgres_gid, "Its group")
      ->check(CLI::Range(1, 2'000'000'000))
      ->capture_default_str();
  app.add_option("--prometheus-url", flags.options.prometheus_url,
                 "Prometheus of sets that name none; default: none");
  app.add_option("--temporary-directory", flags.options.temporary_directory,
                 "Where CA certificates are put for libpq")
      ->capture_default_str();
  app.add_option("--rolling-sets-max", flags.options.rolling_sets_max,
                 "Sets that take on a new image or template at the same time, over all")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  DeclareDuration(app, "--audit-interval", flags.options.audit_interval, "24h",
                  "Between looks for stray rows in each set; 0s: only when asked");
  DeclareDuration(app, "--authority-settles", flags.options.authority_settles, "10m",
                  "Until all pods have read a set's new authority from their Secrets; its first "
                  "certificates wait so long");
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

log::Level LevelOf(const std::string& text) {
  if (text == "debug") return log::Level::kDebug;
  if (text == "warning") return log::Level::kWarning;
  return text == "error" ? log::Level::kError : log::Level::kInfo;
}

Result<kube::ApiAccess> Access(const Flags& flags) {
  if (!flags.kubeconfig.empty()) return kube::ReadKubeconfig(flags.kubeconfig);
  kube::InClusterOptions options;
  options.host = Environment("KUBERNETES_SERVICE_HOST");
  options.port = Environment("KUBERNETES_SERVICE_PORT");
  return kube::InClusterAccess(options);
}

std::string Identity(const Flags& flags, Random& random) {
  if (!flags.identity.empty()) return flags.identity;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return RandomId(random, 12);
  return fmt::format("{}-{}", host.data(), RandomId(random, 6));
}

// Waits for SIGTERM or SIGINT, which every thread has blocked.
void AwaitSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  log::Info("stopping", {{"signal", signal}});
}

int Fail(const Error& error) {
  log::Error("cannot_start", {{"reason", error.reason}, {"message", error.message}});
  return 1;
}

// Null: not wanted, or there is no such place. Databases do not wait for a page.
std::unique_ptr<HealthServer> ListenForPeople(const Flags& flags, Wiring& wiring) {
  if (flags.status_listen == "off") return nullptr;
  Result<std::unique_ptr<HealthServer>> listening = HealthServer::Listen(
      flags.status_listen,
      {.pages = [&wiring](const std::string& path) { return wiring.Page(path); }});
  if (listening) return *std::move(listening);
  log::Warning("no_status_page", {{"message", listening.error().message}});
  return nullptr;
}

// Null: not wanted.
Result<std::unique_ptr<ReviewServer>> ListenForReviews(const Flags& flags, const Clock& clock,
                                                       Exporter& exporter) {
  if (flags.webhook_listen == "off") return std::unique_ptr<ReviewServer>();
  return ReviewServer::Listen(flags.webhook_listen,
                              {.clock = clock, .count = [&exporter](std::string_view answer) {
                                 exporter.OnAdmission(answer);
                               }});
}

int Run(Flags flags) {
  log::SetLevel(LevelOf(flags.log_level));
  const SystemClock clock;
  Random random(SeedFromSystem());
  const Result<kube::ApiAccess> access = Access(flags);
  if (!access) return Fail(access.error());
  Exporter exporter;
  Result<std::unique_ptr<kube::KubeApi>> api =
      kube::MakeRestApi({.access = *access,
                         .clock = clock,
                         .on_request = [&exporter](int code, std::string_view method) {
                           exporter.OnRequest(code, method);
                         }});
  if (!api) return Fail(api.error());
  flags.options.seed = random.Next();
  flags.options.lease.identity = Identity(flags, random);
  flags.options.lease.lease = {
      flags.lease_namespace.empty() ? access->name_space : flags.lease_namespace, flags.lease_name};
  const auto reviews = ListenForReviews(flags, clock, exporter);
  if (!reviews) return Fail(reviews.error());
  ReviewServer* const webhook = reviews->get();
  flags.options.webhook.server = webhook;
  Wiring wiring(**api, clock, flags.options, exporter);
  Result<std::unique_ptr<HealthServer>> health = HealthServer::Listen(
      flags.listen,
      {.ready = [&wiring] { return wiring.Synced(); },
       .metrics = [&exporter] { return exporter.Text(); },
       .targets = [&wiring](const std::string& path) { return wiring.Targets(path); }});
  if (!health) return Fail(health.error());
  const std::unique_ptr<HealthServer> status = ListenForPeople(flags, wiring);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  log::Info("listening", {{"metrics", (*health)->port()},
                          {"status", status ? status->port() : 0},
                          {"webhook", webhook != nullptr ? webhook->port() : 0},
                          {"identity", flags.options.lease.identity}});
  std::jthread server([&health](std::stop_token stop) { (*health)->Run(stop); });
  std::jthread pages([&status](std::stop_token stop) {
    if (status) status->Run(stop);
  });
  std::jthread admission([webhook](std::stop_token stop) {
    if (webhook != nullptr) webhook->Run(stop);
  });
  std::jthread work([&wiring](std::stop_token stop) { wiring.Run(stop); });
  AwaitSignal(signals);
  work.request_stop();
  work.join();
  log::Info("stopped");
  return 0;
}

}  // namespace
}  // namespace foreshard::op

int main(int argc, char** argv) {
  CLI::App app(
      "The operator of Foreshard: reconciles ShardSets, drives their migrations, plans their "
      "shards.");
  app.set_version_flag("--version", foreshard::VersionLine("foreshard-operator"));
  foreshard::op::Flags flags;
  foreshard::op::Declare(app, flags);
  CLI11_PARSE(app, argc, argv);
  return foreshard::op::Run(std::move(flags));
}
