#include "operator/wiring.h"

#include <thread>

#include "base/log.h"
#include "base/pause.h"
#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/builders/names.h"
#include "operator/controllers/shardset_controller.h"
#include "operator/limits.h"
#include "operator/scrape_targets.h"
#include "operator/shards/pg_shard_admin.h"

namespace foreshard::op {
namespace {

std::vector<CachedApi::Kind> WatchedKinds() {
  std::vector<CachedApi::Kind> kinds = {{kube::kShardSets, ""},
                                        {kube::kShardMigrations, ""},
                                        {kube::kRoutingTables, ""},
                                        {kube::kLoadEvents, ""}};
  for (const kube::ResourceKind& kind :
       {kube::kStatefulSets, kube::kDeployments, kube::kServices, kube::kEndpoints, kube::kSecrets,
        kube::kConfigMaps, kube::kPodDisruptionBudgets, kube::kPods, kube::kServiceAccounts,
        kube::kRoles, kube::kRoleBindings, kube::kPersistentVolumeClaims, kube::kJobs}) {
    kinds.push_back({kind, kSetLabel});
  }
  return kinds;
}

}  // namespace

Wiring::Wiring(kube::KubeApi& api, const Clock& clock, OperatorOptions options, Exporter& exporter)
    : clock_(clock),
      options_(std::move(options)),
      exporter_(exporter),
      lease_(api, clock, options_.lease),
      meter_(exporter, clock),
      certificates_(exporter),
      cached_(api, clock,
              {.name_space = options_.name_space,
               .kinds = WatchedKinds(),
               .note = [this](const kube::ResourceKind& kind,
                              const kube::Object& object) { OnChange(kind, object); },
               .may_write = [this] { return lease_.Leads(); }}),
      direct_(api, clock,
              {.name_space = {},
               .kinds = {},
               .note = {},
               .may_write = [this] { return lease_.Leads(); }}),
      ca_files_(options_.temporary_directory),
      bucket_(kReconcilesPerSecond, kReconcileBurst) {
  AddShardSets();
  AddMigrations();
  AddScaling();
  AddAudits();
  AddBackups();
  AddWebhook();
}

Wiring::~Wiring() = default;

WorkQueue& Wiring::Add(const std::string& name, std::unique_ptr<Reconciler> controller,
                       std::size_t workers) {
  auto part = std::make_unique<Part>();
  part->controller = std::move(controller);
  part->workers = workers;
  part->queue = std::make_unique<WorkQueue>(
      *part->controller, bucket_, bucket_mutex_,
      WorkQueueOptions{.controller = name,
                       .clock = clock_,
                       .seed = options_.seed,
                       .on_pass = [this](const PassReport& report) { OnPass(report); },
                       .may_work = [this] { return lease_.Leads() && cached_.Synced(); }});
  WorkQueue& queue = *part->queue;
  exporter_.AddController(
      name, [&queue] { return queue.depth(); }, [&queue] { return queue.active(); });
  parts_.push_back(std::move(part));
  return queue;
}

void Wiring::AddShardSets() {
  auto admin = std::make_shared<PgShardAdmin>(clock_, ca_files_);
  helpers_.push_back(admin);
  shard_sets_ = &Add("shardset",
                     std::make_unique<ShardSetController>(
                         cached_, *admin, clock_, options_.images,
                         ShardSetOptions{.rolling_sets_max = options_.rolling_sets_max,
                                         .name_space = options_.name_space,
                                         .authority_settles = options_.authority_settles}),
                     kWorkers);
}

void Wiring::OnPass(const PassReport& report) {
  exporter_.OnPass(report);
  const Result<Outcome>& result = *report.result;
  if (!result && result.error().kind == Error::Kind::kFenced && lease_.Leads()) {
    lease_.StepDown(result.error().message);
  }
}

// An event says where to look: each kind leads to the names that it may matter to.
void Wiring::OnChange(const kube::ResourceKind& kind, const kube::Object& object) {
  const EventFilter::Verdict verdict = filter_.Look(kind, object);
  if (!verdict.changed) return;
  const kube::ObjectRef ref = object.ref();
  if (kind == kube::kShardMigrations) {
    if (migrations_ != nullptr) migrations_->Add(ref);
    const Result<model::ShardMigration> migration = ParseShardMigrationFrame(object.json);
    if (!migration) {  // it is gone
      meter_.Forget(ref);
      return;
    }
    shard_sets_->Add({ref.name_space, migration->spec.shard_set_name});
    if (lease_.Leads()) {
      meter_.Look(*migration);
    } else {
      meter_.Forget(ref);  // the leader shows it
    }
    return;
  }
  if (kind == kube::kShardSets || kind == kube::kRoutingTables) {
    // A new leader has a thousand shards to look at: what people wait for comes before.
    verdict.awaited ? shard_sets_->AddFirst(ref) : shard_sets_->Add(ref);
    if (scaling_ != nullptr && kind == kube::kShardSets) scaling_->Add(ref);
    if (audits_ != nullptr) audits_->Add(ref);
    if (backups_ != nullptr) backups_->Add(ref);
    if (points_ != nullptr) points_->Add(ref);
    return;
  }
  if (kind == kube::kSecrets) certificates_.Look(verdict.shard_set, object);
  if (!verdict.shard_set.empty()) shard_sets_->Add({ref.name_space, verdict.shard_set});
  if (backups_ != nullptr && kind == kube::kJobs && !verdict.shard_set.empty())
    backups_->Add({ref.name_space, verdict.shard_set});
  if (migrations_ != nullptr && !verdict.migration.empty())
    migrations_->Add({ref.name_space, verdict.migration});
}

std::optional<std::string> Wiring::Targets(const std::string& path) {
  const auto pods =
      cached_.List(kube::kPods, {.name_space = options_.name_space, .label_selector = kSetLabel},
                   Deadline::After(clock_, std::chrono::seconds(1)));
  return ScrapeTargets(path, pods ? pods->items : std::vector<kube::Object>());
}

void Wiring::FollowLease(std::stop_token stop) {
  bool led = false;
  while (!stop.stop_requested()) {
    const std::chrono::milliseconds pause = lease_.Step();
    const bool leads = lease_.Leads();
    exporter_.SetLeader(leads);
    if (leads != led)
      log::Info(leads ? "leading" : "following", {{"identity", options_.lease.identity}});
    led = leads;
    foreshard::Pause(stop, pause);
  }
}

bool Wiring::Pause(std::chrono::milliseconds duration) {
  return foreshard::Pause(ending_.get_token(), duration);
}

void Wiring::Run(std::stop_token stop) {
  const std::stop_callback end_pauses(stop, [this] { ending_.request_stop(); });
  // Copies end after the workers: a pass that is still running reads them.
  std::stop_source copies_stop;
  std::stop_source lease_stop;
  std::jthread copies([this, token = copies_stop.get_token()] { cached_.Run(token); });
  std::jthread webhook([this, token = copies_stop.get_token()] { FollowWebhook(token); });
  std::jthread lease([this, token = lease_stop.get_token()] { FollowLease(token); });
  {
    std::vector<std::jthread> workers;
    for (const std::unique_ptr<Part>& part : parts_) {
      for (std::size_t i = 0; i < part->workers; ++i) {
        workers.emplace_back([queue = part->queue.get(), stop] { queue->Run(stop); });
      }
    }
  }
  lease_stop.request_stop();
  lease.join();
  // Nothing of ours is in flight any more: the next leader need not wait for the lease to run out.
  lease_.Release();
  exporter_.SetLeader(false);
  copies_stop.request_stop();
}

}  // namespace foreshard::op
