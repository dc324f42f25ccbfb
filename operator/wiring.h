#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "kube/leader_lease.h"
#include "operator/builders/images.h"
#include "operator/cached_api.h"
#include "operator/certificate_meter.h"
#include "operator/event_filter.h"
#include "operator/exporter.h"
#include "operator/limits.h"
#include "operator/migration_meter.h"
#include "operator/reconciler.h"
#include "operator/shards/ca_files.h"
#include "operator/status/load_board.h"
#include "operator/work_queue.h"

namespace foreshard::op {

class ReviewServer;
class WebhookWatch;

// The admission webhook; null: none. `name` is that of its Service and Secret, which are beside the
// Lease, and of its ValidatingWebhookConfiguration.
struct WebhookOptions {
  ReviewServer* server = nullptr;  // outlives the wiring
  std::string name = "foreshard-webhook";
};

struct OperatorOptions {
  Images images;
  std::string name_space;      // watched; "": all
  std::string prometheus_url;  // for sets that name none
  std::string temporary_directory = "/tmp/foreshard-operator";
  std::size_t rolling_sets_max = kRollingSetsMax;
  std::chrono::milliseconds authority_settles = kAuthoritySettles;
  std::chrono::milliseconds audit_interval = std::chrono::hours(24);  // 0: only when asked
  kube::LeaderLeaseOptions lease;
  WebhookOptions webhook = {};
  std::uint64_t seed = 1;  // of the back-off's jitter
};

// The parts of the operator, put together: one API with local copies, one queue for each
// controller, the lease that says who works. The only place where controllers meet.
//
// Owner: main(). Threads: Run() from one.
class Wiring {
 public:
  Wiring(kube::KubeApi& api, const Clock& clock, OperatorOptions options, Exporter& exporter);
  ~Wiring();

  // Until stopped; then every pass has ended and the lease is given back.
  void Run(std::stop_token stop);

  // The first lists are complete (also while somebody else leads).
  bool Synced() const { return cached_.Synced(); }

  // What Prometheus should scrape (operator/scrape_targets.h), from the copies: also while somebody
  // else leads.
  std::optional<std::string> Targets(const std::string& path);

  // The page for people at `path` (operator/status/page.h), from the copies; nothing for a path
  // that is none.
  std::optional<std::string> Page(const std::string& path);

 private:
  struct Part {
    std::unique_ptr<Reconciler> controller;
    std::unique_ptr<WorkQueue> queue;
    std::size_t workers = 1;
  };

  WorkQueue& Add(const std::string& name, std::unique_ptr<Reconciler> controller,
                 std::size_t workers);
  void AddShardSets();
  void AddMigrations();
  void AddScaling();
  void AddAudits();
  void AddBackups();
  void AddWebhook();
  void FollowWebhook(std::stop_token stop);
  void OnChange(const kube::ResourceKind& kind, const kube::Object& object);
  void OnPass(const PassReport& report);
  void FollowLease(std::stop_token stop);
  // False: the process is to end.
  bool Pause(std::chrono::milliseconds duration);

  const Clock& clock_;
  OperatorOptions options_;
  Exporter& exporter_;
  kube::LeaderLease lease_;
  EventFilter filter_;
  MigrationMeter meter_;
  LoadBoard loads_;
  CertificateMeter certificates_;  // also while somebody else leads: each has its own copies
  CachedApi cached_;
  CachedApi direct_;  // no copies: what a migration decides on is read from the server
  CaFiles ca_files_;
  std::mutex bucket_mutex_;
  TokenBucket bucket_;
  std::stop_source ending_;                     // told to what waits inside a pass
  std::vector<std::shared_ptr<void>> helpers_;  // what controllers borrow; outlives them
  std::vector<std::unique_ptr<Part>> parts_;
  std::shared_ptr<WebhookWatch> webhook_;  // also while somebody else leads: all replicas serve
  WorkQueue* shard_sets_ = nullptr;
  WorkQueue* migrations_ = nullptr;
  WorkQueue* scaling_ = nullptr;
  WorkQueue* audits_ = nullptr;
  WorkQueue* backups_ = nullptr;
  WorkQueue* points_ = nullptr;
};

}  // namespace foreshard::op
