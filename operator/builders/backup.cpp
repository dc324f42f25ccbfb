#include "operator/builders/backup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "operator/builders/pod_parts.h"
#include "operator/builders/verification.h"

namespace foreshard::op {
namespace {

constexpr const char* kConfigDirectory = kBackupPlaces.config;
constexpr const char* kSecretDirectory = kBackupPlaces.secret;
constexpr const char* kTlsDirectory = "/etc/foreshard/tls";
constexpr const char* kJobTlsDirectory = "/etc/foreshard/backup-tls";
constexpr const char* kRepositoryDirectory = kBackupPlaces.repository;
// A backup that takes longer has stopped making progress, or needs another way.
constexpr int kJobSecondsMax = 2 * 24 * 3600;
// As PostgreSQL's own container has it. Port: kPostgresPort.
constexpr const char* kServer =
    "pg1-path=/data/pg\npg1-port=5432\npg1-socket-path=/run/postgresql\npg1-user=postgres\n";
constexpr int kJobKeptSeconds = 24 * 3600;  // for its log

// A renewed certificate is told to the server, as to Patroni (stateful_set.cpp).
constexpr const char* kServerCommand =
    "follow() { old=$(cksum <$1); while sleep 10; do new=$(cksum <$1) || continue; "
    "[ \"$new\" = \"$old\" ] || { old=$new; kill -HUP $$ || exit 0; }; done; }; "
    "follow /etc/foreshard/tls/tls.crt & "
    "exec pgbackrest server";

// What is told of a backup, short enough for a termination message.
constexpr const char* kJobCommand =
    "pgbackrest stanza-create; "
    "pgbackrest --type=$BACKUP_TYPE backup; "
    "pgbackrest --output=json info >/tmp/info.json; "
    "python3 -c 'import json; all = json.load(open(\"/tmp/info.json\"))[0][\"backup\"]; new = "
    "all[-1]; "
    "print(json.dumps({\"type\": new[\"type\"], \"label\": new[\"label\"], "
    "\"start\": new[\"timestamp\"][\"start\"], \"stop\": new[\"timestamp\"][\"stop\"], "
    "\"size\": new[\"info\"][\"size\"], \"added\": new[\"info\"][\"repository\"][\"delta\"], "
    "\"oldest\": all[0][\"timestamp\"][\"stop\"]}))' >/dev/termination-log";

std::string ShardConfig(const SetName& set, const model::ShardId& shard,
                        const model::BackupSpec& backup) {
  return fmt::format(
      "[global]\n{}{}"
      "tls-server-address=*\ntls-server-port={}\n"
      "tls-server-ca-file={}/ca.crt\ntls-server-cert-file={}/tls.crt\ntls-server-key-file={}/"
      "tls.key\n"
      "tls-server-auth={}={}\n"
      "[{}]\n{}",
      RepositoryLines(set, backup, kBackupPlaces), CommonLines("warn"), kBackupPort, kTlsDirectory, kTlsDirectory,
      kTlsDirectory, BackupTlsSecret(set), shard, shard, kServer);
}

// Of whom it copies is in the Job's environment. What is said of that host belongs to the stanza's
// part: in the global one pgBackRest warns and leaves it out.
std::string JobConfig(const SetName& set, const model::ShardId& shard,
                      const model::BackupSpec& backup) {
  return fmt::format(
      "[global]\n{}{}repo1-retention-full={}\nstart-fast=y\n"
      "[{}]\n{}"
      "pg1-host-type=tls\npg1-host-port={}\n"
      "pg1-host-ca-file={}/ca.crt\npg1-host-cert-file={}/tls.crt\npg1-host-key-file={}/tls.key\n"
      "pg1-host-config={}/shard.conf\npg1-host-config-include-path={}\n",
      RepositoryLines(set, backup, kBackupPlaces), CommonLines("info"), backup.retain_full, shard, kServer, kBackupPort,
      kJobTlsDirectory, kJobTlsDirectory, kJobTlsDirectory, kConfigDirectory, kSecretDirectory);
}

Result<std::string> OneLine(const SecretReader& read, const std::string& secret,
                            const std::string& key) {
  const auto data = read(secret);
  if (!data) return data.error();
  const auto found = data->find(key);
  std::string text = found != data->end() ? found->second : "";
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  const bool good = !text.empty() &&
                    std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (good) return text;
  return Error::Retry(
      fmt::format("Secret {} needs a key {} with one line of letters, digits and signs, no spaces",
                  secret, key),
      "BackupSecretMissing");
}

Value Environment(const model::ShardId& shard, std::string_view config) {
  return Value::Array({EnvText("PGBACKREST_CONFIG", fmt::format("{}/{}", kConfigDirectory, config)),
                       EnvText("PGBACKREST_CONFIG_INCLUDE_PATH", kSecretDirectory),
                       EnvText("PGBACKREST_STANZA", shard.value)});
}

Value RepositoryMounts(const model::BackupSpec& backup) {
  Value mounts = Value::Array({Mount("backup-config", kConfigDirectory, true),
                               Mount("backup-secret", kSecretDirectory, true)});
  if (!backup.claim_name.empty()) mounts.Add(Mount("repository", kRepositoryDirectory));
  return mounts;
}

Value RepositoryVolumes(const SetName& set, const model::ShardId& shard,
                        const model::BackupSpec& backup) {
  Value volumes = Value::Array({ConfigVolume("backup-config", BackupConfigName(set, shard)),
                                SecretVolume("backup-secret", BackupSecret(set), 0440)});
  if (!backup.claim_name.empty()) {
    volumes.Add(Value::Object(
        {{"name", "repository"},
         {"persistentVolumeClaim", Value::Object({{"claimName", backup.claim_name}})}}));
  }
  return volumes;
}

void AddAll(const Value& items, Value& list) {
  for (const Value& item : items.Items()) list.Add(item);
}

Value Sizes(std::string_view cpu, std::string_view memory, std::string_view memory_limit) {
  return Value::Object({{"requests", Value::Object({{"cpu", cpu}, {"memory", memory}})},
                        {"limits", Value::Object({{"cpu", "1"}, {"memory", memory_limit}})}});
}

Value ServerContainer(const SetName& set, const model::ShardId& shard,
                      const model::BackupSpec& backup, const Images& images) {
  Value environment = Environment(shard, "shard.conf");
  environment.Add(EnvSecret("PGPASSWORD", InternalSecret(set), "superuser"));
  Value mounts = RepositoryMounts(backup);
  AddAll(Value::Array({Mount("data", "/data", true), Mount("run", "/run/postgresql"),
                       Mount("backup-tmp", "/tmp"), Mount("tls", kTlsDirectory, true)}),
         mounts);
  return Value::Object(
      {{"name", kBackupContainer},
       {"image", images.postgres},
       {"imagePullPolicy", images.pull_policy},
       {"command", Value::Array({"sh", "-ec", kServerCommand})},
       {"env", std::move(environment)},
       {"ports",
        Value::Array({Value::Object({{"name", "pgbackrest"}, {"containerPort", kBackupPort}})})},
       {"resources", Sizes("5m", "16Mi", "256Mi")},
       {"securityContext", ContainerSecurity()},
       {"volumeMounts", std::move(mounts)}});
}

Value JobContainer(const SetName& set, const model::BackupSpec& backup, const BackupJob& job,
                   const Images& images) {
  Value environment = Environment(job.shard, "job.conf");
  environment.Add(
      EnvText("PGBACKREST_PG1_HOST",
              fmt::format("{}.{}.{}.svc", job.primary, PodsName(set, job.shard), set.name_space)));
  environment.Add(EnvText("BACKUP_TYPE", job.type == model::BackupType::kFull ? "full" : "incr"));
  Value mounts = RepositoryMounts(backup);
  AddAll(Value::Array({Mount("tmp", "/tmp"), Mount("backup-tls", kJobTlsDirectory, true)}), mounts);
  return Value::Object({{"name", kBackupContainer},
                        {"image", images.postgres},
                        {"imagePullPolicy", images.pull_policy},
                        {"command", Value::Array({"sh", "-ec", kJobCommand})},
                        {"env", std::move(environment)},
                        {"terminationMessagePath", "/dev/termination-log"},
                        // Of a failure: the end of the log.
                        {"terminationMessagePolicy", "FallbackToLogsOnError"},
                        {"resources", Sizes("50m", "64Mi", "512Mi")},
                        {"securityContext", ContainerSecurity()},
                        {"volumeMounts", std::move(mounts)}});
}

}  // namespace

std::string RepositoryLines(const SetName& set, const model::BackupSpec& backup,
                            const BackupPlaces& places) {
  std::string text;
  if (backup.s3) {
    const model::S3Repository& s3 = *backup.s3;
    const std::string path =
        s3.path.empty() ? fmt::format("/{}/{}", set.name_space, set.name) : s3.path;
    text = fmt::format(
        "repo1-type=s3\nrepo1-path={}\nrepo1-s3-endpoint={}\nrepo1-s3-bucket={}\n"
        "repo1-s3-region={}\nrepo1-s3-uri-style={}\n",
        path, s3.endpoint, s3.bucket, s3.region, s3.path_style ? "path" : "host");
    if (!s3.ca_secret_name.empty())
      text += fmt::format("repo1-storage-ca-file={}/ca.crt\n", places.secret);
  } else {
    text = fmt::format("repo1-path={}/{}\n", places.repository, set.name);
  }
  if (!backup.encryption_secret_name.empty()) text += "repo1-cipher-type=aes-256-cbc\n";
  return text;
}

std::string CommonLines(std::string_view level) {
  return fmt::format(
      "lock-path=/tmp/pgbackrest\nlog-path=/tmp/pgbackrest\nlog-level-file=off\n"
      "log-level-console={}\ncompress-type=lz4\n",
      level);
}

std::string BackupConfigName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-backup";
}
std::string BackupJobName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-backup";
}
std::string BackupSecret(const SetName& set) { return set.name + "-backup"; }
std::string BackupTlsSecret(const SetName& set) { return set.name + "-backup-tls"; }

CertificateRequest BackupCertificate(const SetName& set) {
  return {.common_name = BackupTlsSecret(set), .dns_names = {}, .server = false, .client = true};
}

Value BuildBackupConfigMap(const SetName& set, const model::ShardId& shard,
                           const model::ShardSetSpec& spec) {
  Value object = NewObject(set, {.api_version = "v1",
                                 .kind = "ConfigMap",
                                 .name = BackupConfigName(set, shard),
                                 .component = Component::kShard,
                                 .shard = shard});
  Value data = Value::Object({{"shard.conf", ShardConfig(set, shard, *spec.backup)},
                              {"job.conf", JobConfig(set, shard, *spec.backup)}});
  if (spec.backup->verification_schedule) AddVerificationFiles(set, shard, *spec.backup, data);
  object.Set("data", std::move(data));
  return Hashed(std::move(object));
}

Result<std::map<std::string, std::string>> BackupSecretFiles(const model::BackupSpec& backup,
                                                             const SecretReader& read) {
  std::string lines = "[global]\n";
  if (!backup.encryption_secret_name.empty()) {
    const auto passphrase = OneLine(read, backup.encryption_secret_name, "passphrase");
    if (!passphrase) return passphrase.error();
    lines += fmt::format("repo1-cipher-pass={}\n", *passphrase);
  }
  if (!backup.s3) return std::map<std::string, std::string>{{"secret.conf", lines}};
  const auto key = OneLine(read, backup.s3->credentials_secret_name, "accessKeyId");
  if (!key) return key.error();
  const auto secret = OneLine(read, backup.s3->credentials_secret_name, "secretAccessKey");
  if (!secret) return secret.error();
  lines += fmt::format("repo1-s3-key={}\nrepo1-s3-key-secret={}\n", *key, *secret);
  std::map<std::string, std::string> files = {{"secret.conf", lines}};
  if (backup.s3->ca_secret_name.empty()) return files;
  const auto authority = read(backup.s3->ca_secret_name);
  if (!authority) return authority.error();
  const auto found = authority->find("ca.crt");
  if (found == authority->end() || found->second.empty()) {
    return Error::Retry(fmt::format("Secret {} needs a key ca.crt", backup.s3->ca_secret_name),
                        "BackupSecretMissing");
  }
  files.emplace("ca.crt", found->second);
  return files;
}

void AddBackupToPod(const SetName& set, const model::ShardId& shard,
                    const model::ShardSetSpec& spec, const Images& images, Value& pod) {
  const model::BackupSpec& backup = *spec.backup;
  Value containers = Value::Array();
  for (Value container : pod["containers"].Items()) {
    if (container["name"].Text() == "postgres") {
      AddAll(Environment(shard, "shard.conf"), container.Member("env"));
      AddAll(RepositoryMounts(backup), container.Member("volumeMounts"));
    }
    containers.Add(std::move(container));
  }
  containers.Add(ServerContainer(set, shard, backup, images));
  pod.Set("containers", std::move(containers));
  AddAll(RepositoryVolumes(set, shard, backup), pod.Member("volumes"));
  pod.Member("volumes").Add(EmptyDir("backup-tmp"));
}

Value BuildBackupJob(const SetName& set, const model::ShardSetSpec& spec, const BackupJob& job,
                     const Images& images) {
  Value volumes = RepositoryVolumes(set, job.shard, *spec.backup);
  AddAll(Value::Array({EmptyDir("tmp"), SecretVolume("backup-tls", BackupTlsSecret(set), 0440)}),
         volumes);
  return BuildJobBesideShards(set, spec,
                              {.name = BackupJobName(set, job.shard),
                               .component = Component::kBackup,
                               .shard = job.shard,
                               .run = job.run,
                               .container = JobContainer(set, *spec.backup, job, images),
                               .volumes = std::move(volumes),
                               .seconds_max = kJobSecondsMax,
                               .kept_seconds = kJobKeptSeconds},
                              images);
}

Value BuildJobBesideShards(const SetName& set, const model::ShardSetSpec& spec,
                           const BackupJobParts& parts, const Images& images) {
  Value pod =
      Value::Object({{"restartPolicy", "Never"},
                     {"automountServiceAccountToken", false},
                     {"terminationGracePeriodSeconds", 30},
                     {"securityContext", PodSecurity(images.postgres_uid, images.postgres_gid)},
                     {"containers", Value::Array({parts.container})},
                     {"volumes", parts.volumes}});
  // As they are told where to be; it must be able to mount what they mount.
  if (!spec.shard_template.node_selector.empty())
    pod.Set("nodeSelector", Value::OfMap(spec.shard_template.node_selector));
  if (!spec.shard_template.tolerations_json.empty()) {
    if (const Result<Value> given = ParseJson(spec.shard_template.tolerations_json))
      pod.Set("tolerations", *given);
  }
  Value object = NewObject(set, {.api_version = "batch/v1",
                                 .kind = "Job",
                                 .name = parts.name,
                                 .component = parts.component,
                                 .shard = {}});
  Value& labels = object.Member("metadata").Member("labels");
  labels.Set(kBackupShardLabel, parts.shard.value);
  labels.Set(kBackupRunLabel, parts.run);
  const Value template_metadata = Value::Object({{"labels", labels}});
  object.Set("spec", Value::Object({{"backoffLimit", 0},
                                    {"completions", 1},
                                    {"parallelism", 1},
                                    {"activeDeadlineSeconds", parts.seconds_max},
                                    {"ttlSecondsAfterFinished", parts.kept_seconds},
                                    {"template", Value::Object({{"metadata", template_metadata},
                                                                {"spec", std::move(pod)}})}}));
  return object;
}

Result<model::ShardBackup> ParseBackupResult(const model::ShardId& shard,
                                             const std::string& message) {
  const Result<Value> json = ParseJson(message);
  if (!json || (*json)["label"].Text().empty() || !(*json)["stop"].is_int())
    return Error::GiveUp("the backup ended well, but what it was is not known");
  const auto time = [&json](const char* name) {
    return FormatRfc3339(WallTime(std::chrono::seconds((*json)[name].Int())));
  };
  return model::ShardBackup{.id = shard,
                            .type = (*json)["type"].Text(),
                            .label = (*json)["label"].Text(),
                            .start_time = time("start"),
                            .time = time("stop"),
                            .size_bytes = (*json)["size"].Int(),
                            .repository_bytes = (*json)["added"].Int(),
                            .oldest_time = time("oldest")};
}

}  // namespace foreshard::op
