#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "router/admin.h"
#include "router/http.h"
#include "router/state.h"
#include "router/table_feed.h"
#include "router/worker.h"

// The whole router: workers, the control loop with the admin and metrics ports, and the files it
// watches.

namespace foreshard::router {

struct ServiceOptions {
  std::string config_file;
  std::string users_file;
  std::string tls_directory;  // empty: no TLS and no admin port
  std::string table_file;     // empty: somebody else feeds the table
  HostPort listen;
  HostPort admin;
  HostPort metrics;
  std::size_t threads = 1;
  std::string name = "router";
  TlsMode shard_tls = TlsMode::kPrefer;
  bool heat = true;
  bool trust_shards = false;  // that ask for no password
  std::string zone;
  std::int64_t access_log_one_in = 0;  // unless the configuration says
};

class Service {
 public:
  Service(const Clock& clock, ServiceOptions options);
  ~Service();

  // Reads files and opens ports. Errors: kGiveUp naming the file or the address.
  Status Start();
  // Blocks until Drain() or StopNow() have taken effect.
  void Run();
  // Any thread, also a signal's watcher: finish what is in flight, then stop.
  void Drain();

  TableFeed& feed() { return feed_; }
  RouterState& state() { return *state_; }
  const RouterConfig& config() const { return *config_; }
  // Tells the loops that the feed has something new. Any thread.
  void TableChanged();

 private:
  Status Load(bool first);
  bool Changed(const std::string& path, std::string* text);
  Status LoadConfig();
  Status LoadUsers();
  Status LoadTls();
  Status LoadTable();
  void LookAtFiles();
  void AnswerMetrics(HttpRequest request, HttpServer::Respond respond);
  void DrainTick();

  const Clock& clock_;
  ServiceOptions options_;
  TableFeed feed_;
  std::unique_ptr<RouterState> state_;
  std::unique_ptr<RouterConfig> config_;
  std::map<std::string, std::string> seen_;  // file -> text, to notice a change
  std::int64_t table_generation_ = 0;        // of the file
  std::shared_ptr<const TlsContext> admin_tls_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Loop> control_;
  std::unique_ptr<HttpServer> admin_server_;
  std::unique_ptr<HttpServer> metrics_server_;
  std::unique_ptr<Admin> admin_;
  std::vector<std::jthread> threads_;
  MonotonicTime drain_until_{};
  MonotonicTime listen_until_{};
  bool drain_started_ = false;
  bool listening_ended_ = false;
};

}  // namespace foreshard::router
