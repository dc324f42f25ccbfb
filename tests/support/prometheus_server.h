#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/support/child_process.h"

namespace foreshard::support {

struct PrometheusOptions {
  // prometheus.yml; the default scrapes nothing.
  std::string configuration = "global: {scrape_interval: 1s}\n";
  // OpenMetrics text with time stamps, ending in "# EOF\n": written as history by promtool before
  // the start.
  std::string history = {};
  std::string retention = "90d";  // history older than this would be dropped at the start
  std::vector<std::string> arguments = {};
};

// A real Prometheus on 127.0.0.1 with its data in a temporary folder. Owner and threads as
// ChildProcess.
class PrometheusServer {
 public:
  // Ready to answer queries when it returns.
  static Result<std::unique_ptr<PrometheusServer>> Create(const PrometheusOptions& options = {});

  std::string url() const;
  int port() const { return port_; }
  std::string Log() const { return process_->ErrorOutput(); }

  // Stop() and Start() keep data and port.
  Status Stop();
  Status Start();
  void Freeze() { FreezeProcess(process_->pid()); }
  void Thaw() { process_->Signal(SIGCONT); }

 private:
  explicit PrometheusServer(const PrometheusOptions& options) : options_(options) {}

  Status WriteHistory();

  PrometheusOptions options_;
  TemporaryDirectory directory_{"prometheus"};
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace foreshard::support
