#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "base/version.h"
#include "kube/kubeconfig.h"
#include "kube/rest_api.h"
#include "router/kube_table_feed.h"
#include "router/service.h"

namespace foreshard::router {
namespace {

struct Arguments {
  std::string config;
  std::string users;
  std::string tls_directory;
  std::string listen = "0.0.0.0:5432";
  std::string admin_listen = "0.0.0.0:8443";
  std::string metrics_listen = "0.0.0.0:9187";
  std::string table_file;
  bool kubernetes = false;
  std::string kubeconfig;
  unsigned threads = 0;
  std::string name;
  std::string shard_tls = "prefer";
  bool no_heat = false;
  bool trust_shards = false;
  std::int64_t access_log_one_in = 0;
  std::string zone;
};

void Declare(CLI::App* app, Arguments* arguments) {
  app->add_option("--config", arguments->config, "router.json")->required();
  app->add_option("--users", arguments->users, "users file: name and SCRAM verifier a line")
      ->required();
  app->add_option("--tls-directory", arguments->tls_directory,
                  "directory with tls.crt, tls.key, ca.crt");
  app->add_option("--listen", arguments->listen, "address and port for clients");
  app->add_option("--admin-listen", arguments->admin_listen,
                  "address and port for the operator (needs --tls-directory)");
  app->add_option("--metrics-listen", arguments->metrics_listen,
                  "address and port for /metrics, /healthz, /readyz");
  CLI::Option* file =
      app->add_option("--table-file", arguments->table_file, "JSON of RoutingTable.spec");
  CLI::Option* kubernetes =
      app->add_flag("--kubernetes", arguments->kubernetes, "follow the RoutingTable object");
  app->add_option("--kubeconfig", arguments->kubeconfig, "instead of the pod's service account")
      ->needs(kubernetes);
  file->excludes(kubernetes);
  app->add_option("--threads", arguments->threads, "event loops; default: one a core");
  app->add_option("--name", arguments->name,
                  "of this router, in logs and on shards; default: the host's name");
  app->add_option("--shard-tls", arguments->shard_tls, "disable, prefer or require");
  app->add_option("--zone", arguments->zone,
                  "where this router runs: replicas whose foreshard.zone says the same come first");
  app->add_option("--access-log-one-in", arguments->access_log_one_in,
                  "log one statement in so many, without its values; 0: none. accessLog.oneIn of "
                  "router.json wins, at any time")
      ->check(CLI::Range(std::int64_t{0}, kAccessOneInMax));
  app->add_flag("--trust-shards", arguments->trust_shards,
                "log in on shards that ask for no password although nothing proves who they are; "
                "those with a certificate that was checked need it not");
  app->add_flag("--no-heat", arguments->no_heat,
                "neither count nor sample keys: the operator then knows nothing of hot ones");
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<ServiceOptions> ToOptions(const Arguments& arguments) {
  ServiceOptions options;
  options.config_file = arguments.config;
  options.users_file = arguments.users;
  options.tls_directory = arguments.tls_directory;
  options.table_file = arguments.table_file;
  const Result<HostPort> listen = ParseHostPort(arguments.listen, 5432);
  const Result<HostPort> admin = ParseHostPort(arguments.admin_listen, 8443);
  const Result<HostPort> metrics = ParseHostPort(arguments.metrics_listen, 9187);
  const Result<TlsMode> tls = ParseTlsMode(arguments.shard_tls);
  for (const auto* address : {&listen, &admin, &metrics}) {
    if (!*address) return address->error();
  }
  if (!tls) return tls.error();
  if (arguments.table_file.empty() && !arguments.kubernetes) {
    return Error::GiveUp("--table-file or --kubernetes is needed");
  }
  options.listen = *listen;
  options.admin = *admin;
  options.metrics = *metrics;
  options.shard_tls = *tls;
  options.heat = !arguments.no_heat;
  options.trust_shards = arguments.trust_shards;
  options.access_log_one_in = arguments.access_log_one_in;
  options.zone = arguments.zone;
  options.threads =
      arguments.threads > 0 ? arguments.threads : std::max(1U, std::thread::hardware_concurrency());
  options.name = arguments.name.empty() ? Environment("HOSTNAME") : arguments.name;
  if (options.name.empty()) options.name = "router";
  return options;
}

Result<std::unique_ptr<kube::KubeApi>> ConnectKubernetes(const Arguments& arguments,
                                                         const Clock& clock) {
  const Result<kube::ApiAccess> access =
      arguments.kubeconfig.empty()
          ? kube::InClusterAccess({.host = Environment("KUBERNETES_SERVICE_HOST"),
                                   .port = Environment("KUBERNETES_SERVICE_PORT")})
          : kube::ReadKubeconfig(arguments.kubeconfig);
  if (!access) return access.error();
  return kube::MakeRestApi({.access = *access, .clock = clock});
}

int Fail(const Error& error) {
  log::Error("cannot_start", {{"error", error.message}});
  return 1;
}

int Main(const Arguments& arguments) {
  // One thread waits for the signals; no handler interrupts anything.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const SystemClock clock;
  const Result<ServiceOptions> options = ToOptions(arguments);
  if (!options) return Fail(options.error());
  Service service(clock, *options);
  if (const Status started = service.Start(); !started) return Fail(started.error());

  std::unique_ptr<kube::KubeApi> api;
  std::jthread feeder;
  if (arguments.kubernetes) {
    Result<std::unique_ptr<kube::KubeApi>> connected = ConnectKubernetes(arguments, clock);
    if (!connected) return Fail(connected.error());
    api = std::move(*connected);
    feeder = std::jthread([&](std::stop_token stop) {
      KubeTableFeed feed(*api, service.feed(), clock,
                         {.name_space = service.config().name_space,
                          .name = service.config().shard_set,
                          .key_space = service.config().tables.key_space});
      Random random(SeedFromSystem());
      feed.Run(stop, random);
    });
  }
  std::jthread waiter([&](std::stop_token stop) {
    const timespec slice{.tv_sec = 0, .tv_nsec = 200'000'000};
    while (!stop.stop_requested()) {
      if (sigtimedwait(&signals, nullptr, &slice) > 0) service.Drain();
    }
  });
  service.Run();
  return 0;
}

}  // namespace
}  // namespace foreshard::router

int main(int argc, char** argv) {
  CLI::App app{"foreshard-router: PostgreSQL clients to the shards that own their keys"};
  app.set_version_flag("--version", foreshard::VersionLine("foreshard-router"));
  foreshard::router::Arguments arguments;
  foreshard::router::Declare(&app, &arguments);
  CLI11_PARSE(app, argc, argv);
  return foreshard::router::Main(arguments);
}
