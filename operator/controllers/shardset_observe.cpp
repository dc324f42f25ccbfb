#include "operator/controllers/shardset_observe.h"

#include <algorithm>
#include <array>

#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"
#include "operator/builders/backup.h"
#include "operator/builders/names.h"
#include "operator/builders/secrets.h"
#include "operator/controllers/shardset_fleet.h"
#include "operator/scram_verifier.h"

namespace foreshard::op {
namespace {

// An inspection costs a login, 3 ms of a core with TLS and SCRAM; in between, watches tell what
// happens.
constexpr std::chrono::milliseconds kInspectAgain{60'000};
constexpr std::chrono::milliseconds kBetweenInspections{600};
constexpr std::chrono::seconds kInspectSoon{2};
constexpr std::chrono::seconds kInspectLimit{10};
constexpr std::size_t kMatchesMax = 10'000;

const std::vector<kube::ResourceKind>& ChildKinds() {
  static const std::vector<kube::ResourceKind> kinds = {kube::kStatefulSets,
                                                        kube::kDeployments,
                                                        kube::kServices,
                                                        kube::kEndpoints,
                                                        kube::kSecrets,
                                                        kube::kConfigMaps,
                                                        kube::kPodDisruptionBudgets,
                                                        kube::kPods,
                                                        kube::kServiceAccounts,
                                                        kube::kRoles,
                                                        kube::kRoleBindings,
                                                        kube::kPersistentVolumeClaims,
                                                        kube::kJobs};
  return kinds;
}

std::string SecretText(const ShardSetObservation& seen, const std::string& secret,
                       const std::string& key) {
  const Child* child = FindChild(seen.children, "Secret", secret);
  if (child == nullptr) return {};
  return DecodeBase64(child->json["data"][key].Text());
}

const model::ShardStatus* ToldReady(const ShardSetObservation& seen, const model::ShardId& shard) {
  for (const model::ShardStatus& told : seen.set.status.shard_statuses) {
    if (told.id == shard) return told.ready ? &told : nullptr;
  }
  return nullptr;
}

std::string VerifierOfApp(const std::string& users) {
  constexpr std::string_view kApp = "app ";
  std::size_t start = 0;
  while (start < users.size()) {
    const std::size_t end = std::min(users.find('\n', start), users.size());
    const std::string_view line = std::string_view(users).substr(start, end - start);
    if (line.starts_with(kApp)) return std::string(line.substr(kApp.size()));
    start = end + 1;
  }
  return {};
}

}  // namespace

const Child* FindChild(const Children& children, const std::string& kind, const std::string& name) {
  const auto found = children.find({kind, name});
  return found != children.end() ? &found->second : nullptr;
}

bool IsOurs(const ShardSetObservation& seen, const Child& child) {
  const Value& metadata = child.json["metadata"];
  for (const Value& owner : metadata["ownerReferences"].Items()) {
    if (owner["uid"].Text() == seen.set.uid) return true;
    if (owner["kind"].Text() == "ShardSet") return false;  // an earlier one of this name
  }
  if (metadata["labels"][kManagedByLabel].Text() == kManagedBy) return true;
  // What Patroni makes has fewer labels: Endpoints, and the Service that protects -config.
  const std::string shard = metadata["labels"][kShardLabel].Text();
  if (shard.empty()) return false;
  return child.resource == kube::kEndpoints ||
         (child.resource == kube::kServices &&
          metadata["name"].Text() == ShardName(NameOf(seen.set), {shard}) + "-config");
}

std::string LeaderOf(const ShardSetObservation& seen, const model::ShardId& shard) {
  const Child* endpoints =
      FindChild(seen.children, "Endpoints", ShardName(NameOf(seen.set), shard));
  if (endpoints == nullptr) return {};
  return endpoints->json["metadata"]["annotations"]["leader"].Text();
}

bool IsPodReady(const Value& pod) {
  if (!pod["metadata"]["deletionTimestamp"].is_null()) return false;
  for (const Value& condition : pod.At("status.conditions").Items()) {
    if (condition["type"].Text() == "Ready") return condition["status"].Text() == "True";
  }
  return false;
}

std::optional<ShardLogin> LoginOf(const ShardSetObservation& seen, const model::ShardId& shard) {
  const SetName set = NameOf(seen.set);
  const Child* leader = FindChild(seen.children, "Pod", LeaderOf(seen, shard));
  if (leader == nullptr || !IsPodReady(leader->json)) return std::nullopt;
  ShardLogin login{.host = ServiceDnsNames(set, ShardName(set, shard))[2],
                   .address = leader->json.At("status.podIP").Text(),
                   .port = kPostgresPort,
                   .password = SecretText(seen, InternalSecret(set), "superuser"),
                   .authority_pem = SecretText(seen, AuthoritySecret(set), "ca.crt")};
  if (login.address.empty() || login.password.empty() || login.authority_pem.empty())
    return std::nullopt;
  return login;
}

std::optional<ShardSetup> SetupOf(const ShardSetObservation& seen) {
  const SetName set = NameOf(seen.set);
  ShardSetup setup{.database = seen.set.spec.postgres.database,
                   .app_verifier = VerifierOfApp(SecretText(seen, UsersSecret(set), "users")),
                   .foreshard_password = SecretText(seen, InternalSecret(set), "foreshard"),
                   .exporter_password = SecretText(seen, InternalSecret(set), "exporter"),
                   // Before its table is there: later a database that is missing is made anew.
                   .restored = seen.restore.record && seen.restore.record->ended.empty()};
  if (setup.app_verifier.empty() || setup.foreshard_password.empty() ||
      setup.exporter_password.empty()) {
    return std::nullopt;
  }
  return setup;
}

std::set<model::ShardId> ShardsThatExist(const ShardSetObservation& seen) {
  std::set<model::ShardId> shards;
  for (const auto& [key, child] : seen.children) {
    const std::string shard = child.json["metadata"]["labels"][kShardLabel].Text();
    if (!shard.empty()) shards.insert({shard});
  }
  return shards;
}

Result<std::optional<ShardSetObservation>> ShardSetObserver::Observe(const kube::ObjectRef& ref,
                                                                     Deadline deadline) {
  const Result<std::optional<kube::Object>> object = kube_.Get(kube::kShardSets, ref, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<ShardSetObservation>();
  ShardSetObservation seen;
  seen.now = clock_.Wall();
  Result<model::ShardSet> set = ParseShardSet((*object)->json);
  if (!set) {
    seen.invalid = set.error();
    set = ParseShardSetFrame((*object)->json);
    if (!set) return set.error();
  }
  seen.set = *set;
  const auto pause = (*object)->metadata.annotations.find(kPauseAnnotation);
  seen.paused = pause != (*object)->metadata.annotations.end() && pause->second == "true";
  Status done = ListChildren(seen, deadline);
  if (done) done = ReadMigrations(seen, deadline);
  if (done) done = ReadBackupSecrets(seen, deadline);
  if (done) done = ReadRestore(seen, deadline);
  if (!done) return done.error();
  const Result<std::optional<kube::Object>> table = kube_.Get(kube::kRoutingTables, ref, deadline);
  if (!table) return table.error();
  if (*table) {
    const Result<model::RoutingTable> parsed =
        ParseRoutingTable((*table)->json, seen.set.spec.sharding.key_space);
    if (!parsed) return parsed.error();
    seen.table = *parsed;
  }
  seen.password_matches = MatchesPassword(seen);
  seen.certificates = ReadCertificates(seen);
  if (!seen.invalid && !seen.set.deleting) LookInside(seen, deadline);
  return std::optional<ShardSetObservation>(std::move(seen));
}

Status ShardSetObserver::ListChildren(ShardSetObservation& seen, Deadline deadline) {
  const kube::ListOptions options{.name_space = seen.set.name_space,
                                  .label_selector = SetSelector(NameOf(seen.set)),
                                  .field_selector = {}};
  for (const kube::ResourceKind& kind : ChildKinds()) {
    const Result<kube::ObjectList> list = kube_.List(kind, options, deadline);
    if (!list) return list.error();
    for (const kube::Object& object : list->items) {
      Result<Value> json = ParseJson(object.json);
      if (!json) return json.error();
      seen.children.emplace(std::pair(kind.kind, object.metadata.name),
                            Child{.resource = kind,
                                  .uid = object.metadata.uid,
                                  .resource_version = object.metadata.resource_version,
                                  .deleting = object.metadata.deletion_timestamp.has_value(),
                                  .json = std::move(*json)});
    }
  }
  return Ok();
}

Status ShardSetObserver::ReadMigrations(ShardSetObservation& seen, Deadline deadline) {
  const Result<kube::ObjectList> list = kube_.List(
      kube::kShardMigrations,
      {.name_space = seen.set.name_space, .label_selector = {}, .field_selector = {}}, deadline);
  if (!list) return list.error();
  for (const kube::Object& object : list->items) {
    const Result<model::ShardMigration> migration = ParseShardMigrationFrame(object.json);
    if (!migration) return migration.error();
    if (migration->spec.shard_set_name == seen.set.name) seen.migrations.push_back(*migration);
  }
  return Ok();
}

void ShardSetObserver::LookInside(ShardSetObservation& seen, Deadline deadline) {
  const std::vector<model::ShardId> wanted = WantedShards(seen);
  const std::optional<ShardSetup> setup = SetupOf(seen);
  if (!setup) return;
  Question asked{.setup = *setup, .fingerprint = FingerprintOf(*setup), .tables = {}};
  for (const model::ShardedTable& table : seen.set.spec.sharding.tables)
    asked.tables.push_back(table.name);
  // A new leader would log in to every shard before it did anything. What its predecessor told is
  // believed until there was time to look: one such shard a pass.
  bool looked = false;
  for (const model::ShardId& shard : ShardsThatExist(seen)) {
    const bool orphan = std::ranges::find(wanted, shard) == wanted.end();
    const model::ShardStatus* told = orphan ? nullptr : ToldReady(seen, shard);
    const bool is_new = told != nullptr && !HasLooked(seen, shard);
    if (is_new && looked) {
      seen.databases[shard].known = true;
      seen.databases[shard].seen = {.set_up = true, .size_bytes = told->size_bytes};
      seen.believed = true;
      continue;
    }
    seen.databases[shard] = Inspect(seen, shard, asked, orphan, deadline);
    looked = looked || (is_new && HasLooked(seen, shard));
  }
  const std::scoped_lock lock(mutex_);
  seen.inspection_age = InspectionAge(looked_.size());
}

std::chrono::milliseconds InspectionAge(std::size_t shards) {
  return std::max(kInspectAgain, kBetweenInspections * static_cast<std::int64_t>(shards));
}

bool ShardSetObserver::HasLooked(const ShardSetObservation& seen, const model::ShardId& shard) {
  const std::scoped_lock lock(mutex_);
  return looked_.contains({{seen.set.name_space, seen.set.name}, shard});
}

// REQUIRES: the lock.
bool ShardSetObserver::IsFresh(const Looked& looked, bool orphan) const {
  const std::chrono::milliseconds age =
      looked.well && !orphan ? InspectionAge(looked_.size()) : kInspectSoon;
  return clock_.Monotonic() < looked.at + age;
}

DatabaseSeen ShardSetObserver::Inspect(const ShardSetObservation& seen, const model::ShardId& shard,
                                       const Question& asked, bool orphan, Deadline deadline) {
  const std::optional<ShardLogin> login = LoginOf(seen, shard);
  if (!login) return {};
  const Key key{{seen.set.name_space, seen.set.name}, shard};
  const std::string question =
      login->address + " " + asked.fingerprint + (orphan ? " and its rows" : "");
  {
    const std::scoped_lock lock(mutex_);
    const auto found = looked_.find(key);
    if (found != looked_.end() && found->second.question == question &&
        IsFresh(found->second, orphan)) {
      return found->second.database;
    }
  }
  const Result<ShardDatabaseSeen> answer =
      admin_.Inspect(*login, asked.setup, orphan ? asked.tables : std::vector<std::string>(),
                     deadline.Within(clock_, kInspectLimit));
  const std::scoped_lock lock(mutex_);
  Looked& looked = looked_[key];
  if (looked.question != question) looked.database = {};
  looked.question = question;
  if (answer) {
    looked.database = {.known = true, .seen = *answer, .problem = {}};
  } else {
    // What was known stays known: one lost answer makes no shard unready. Its pod's own readiness
    // tells the rest.
    looked.database.problem = answer.error().message;
  }
  looked.at = clock_.Monotonic();
  // What is not set up yet we set up ourselves, and then it is forgotten: asked again meanwhile,
  // ten new shards of a set would be looked into fifty times.
  looked.well = answer.ok();
  return looked.database;
}

void ShardSetObserver::Forget(const kube::ObjectRef& set, const model::ShardId& shard) {
  const std::scoped_lock lock(mutex_);
  looked_.erase({set, shard});
}

void ShardSetObserver::NoteProblem(const kube::ObjectRef& set, const model::ShardId& shard,
                                   const std::string& problem) {
  const std::scoped_lock lock(mutex_);
  const auto found = looked_.find({set, shard});
  if (found == looked_.end()) return;
  found->second.database.problem = problem;
  found->second.at = clock_.Monotonic();
  found->second.well = false;
}

bool ShardSetObserver::MatchesPassword(const ShardSetObservation& seen) {
  const SetName set = NameOf(seen.set);
  const std::string password = SecretText(seen, ClientSecret(set), "password");
  const std::string verifier = VerifierOfApp(SecretText(seen, UsersSecret(set), "users"));
  if (password.empty() || verifier.empty()) return false;
  const std::string digest = Sha256Hex(password + "\n" + verifier);
  {
    const std::scoped_lock lock(mutex_);
    const auto found = matches_.find(digest);
    if (found != matches_.end()) return found->second;
  }
  const bool matches = MatchesScramVerifier(password, verifier);
  const std::scoped_lock lock(mutex_);
  if (matches_.size() >= kMatchesMax) matches_.clear();
  matches_.emplace(digest, matches);
  return matches;
}

std::map<std::string, CertificateFacts> ShardSetObserver::ReadCertificates(
    const ShardSetObservation& seen) {
  const SetName set = NameOf(seen.set);
  const std::string authority = SecretText(seen, AuthoritySecret(set), "ca.crt");
  std::map<std::string, CertificateFacts> read;
  for (const std::string& secret :
       {ShardTlsSecret(set), RouterTlsSecret(set), OperatorTlsSecret(set), BackupTlsSecret(set)}) {
    const std::string certificate = SecretText(seen, secret, "tls.crt");
    if (certificate.empty() || authority.empty()) continue;
    const std::string digest = Sha256Hex(certificate + "\n" + authority);
    std::unique_lock lock(mutex_);
    auto found = signed_.find(digest);
    if (found == signed_.end()) {
      lock.unlock();
      std::optional<CertificateFacts> facts = ReadSigned(certificate, authority);
      lock.lock();
      if (signed_.size() >= kMatchesMax) signed_.clear();
      found = signed_.emplace(digest, std::move(facts)).first;
    }
    if (found->second) read.emplace(secret, *found->second);
  }
  return read;
}

}  // namespace foreshard::op
