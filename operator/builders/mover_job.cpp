#include "operator/builders/mover_job.h"

#include <fmt/format.h>

#include "migration/spec_json.h"
#include "operator/builders/pod_parts.h"

namespace foreshard::op {
namespace {

constexpr const char* kPasswordDirectory = "/etc/foreshard/password";
constexpr const char* kTlsDirectory = "/etc/foreshard/tls";
// A mover resumes; only the controller ends it. Beyond this the Job counts as failed and is made
// again.
constexpr int kRestartsMax = 1'000;

Value OneKey(std::string_view name, const std::string& secret, std::string_view key) {
  return Value::Object(
      {{"name", name},
       {"secret",
        Value::Object({{"secretName", secret},
                       {"defaultMode", 0440},
                       {"items", Value::Array({Value::Object({{"key", key}, {"path", key}})})}})}});
}

Value MoverContainer(std::string_view command, const SetName& set,
                     const migration::MigrationSpec& spec, const Images& images) {
  const Value arguments =
      Value::Array({command, "--spec", migration::ToJson(spec), "--source-conninfo",
                    MoverConninfo(set, spec.source, spec.database), "--destination-conninfo",
                    MoverConninfo(set, spec.destination, spec.database), "--password-file",
                    fmt::format("{}/foreshard", kPasswordDirectory)});
  Value container = Value::Object(
      {{"name", command == "run" ? "mover" : command},
       {"image", images.mover},
       {"imagePullPolicy", images.pull_policy},
       {"args", arguments},
       {"terminationMessagePath", "/dev/termination-log"},
       {"terminationMessagePolicy", "File"},
       {"securityContext", ContainerSecurity()},
       {"volumeMounts", Value::Array({Mount("password", kPasswordDirectory, true),
                                      Mount("tls", kTlsDirectory, true), Mount("tmp", "/tmp")})}});
  if (command == "run") {
    // By this port's name Prometheus finds it (operator/scrape_targets.h).
    container.Set(
        "ports",
        Value::Array({Value::Object({{"name", "metrics"}, {"containerPort", kMoverMetricsPort}})}));
  }
  return container;
}

}  // namespace

std::string MoverConninfo(const SetName& set, const model::ShardId& shard,
                          const std::string& database) {
  return fmt::format(
      "host={}.{}.svc port={} dbname={} user=foreshard sslmode=verify-ca sslrootcert={}/ca.crt",
      ShardName(set, shard), set.name_space, kPostgresPort, database, kTlsDirectory);
}

Value BuildMoverJob(const SetName& set, const model::ShardMigration& migration,
                    const migration::MigrationSpec& spec, const Images& images) {
  Value pod = Value::Object(
      {{"restartPolicy", "OnFailure"},
       {"automountServiceAccountToken", false},
       {"terminationGracePeriodSeconds", 5},
       {"securityContext", PodSecurity(images.program_uid, images.program_uid)},
       {"initContainers", Value::Array({MoverContainer("preflight", set, spec, images)})},
       {"containers", Value::Array({MoverContainer("run", set, spec, images)})},
       {"volumes", Value::Array({OneKey("password", InternalSecret(set), "foreshard"),
                                 OneKey("tls", ShardTlsSecret(set), "ca.crt"), EmptyDir("tmp")})}});
  Value labels = Labels(set, Component::kMover, {});
  labels.Set("foreshard.dev/migration", migration.name);
  Value object = NewObject(set, {.api_version = "batch/v1",
                                 .kind = "Job",
                                 .name = migration.name + "-mover",
                                 .component = Component::kMover,
                                 .shard = {}});
  Value& metadata = object.Member("metadata");
  metadata.Member("labels").Set("foreshard.dev/migration", migration.name);
  metadata.Set("ownerReferences",
               Value::Array({Value::Object({{"apiVersion", "foreshard.dev/v1alpha1"},
                                            {"kind", "ShardMigration"},
                                            {"name", migration.name},
                                            {"uid", migration.uid},
                                            {"controller", true},
                                            {"blockOwnerDeletion", false}})}));
  object.Set(
      "spec",
      Value::Object({{"backoffLimit", kRestartsMax},
                     {"completions", 1},
                     {"parallelism", 1},
                     {"template", Value::Object({{"metadata", Value::Object({{"labels", labels}})},
                                                 {"spec", std::move(pod)}})}}));
  return object;
}

}  // namespace foreshard::op
