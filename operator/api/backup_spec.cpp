#include <algorithm>

#include "backup/choose_point.h"
#include "operator/api/backup_json.h"
#include "operator/calendar/occurrences.h"

// `spec.backup` and `spec.restoreFrom`: what is accepted.

namespace foreshard::op {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds kPointsNoMoreOften = seconds(30);
constexpr milliseconds kPointsNoLessOften = hours(24);
constexpr const char* kVerifyWeekly = "0 5 * * 0";  // the default of the schema

// pgBackRest reads these as lines of a file: what ends a line would be another option.
std::string OneLine(const Fields& fields, std::string_view name, std::string_view what,
                    bool required) {
  const std::string text = required ? fields.RequiredText(name) : fields.Text(name);
  const bool good = std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!good) fields.problems().Add(fields.PathOf(name), text, what);
  return text;
}

model::S3Repository ReadS3(const Fields& fields) {
  model::S3Repository s3{
      .endpoint = OneLine(fields, "endpoint", "a host, for example s3.eu-1.example.com", true),
      .bucket = OneLine(fields, "bucket", "the name of a bucket", true),
      .region = OneLine(fields, "region", "a region, for example eu-1", true),
      .path = OneLine(fields, "path", "a path that begins with /", false),
      .credentials_secret_name = fields.RequiredText("credentialsSecretName"),
      .ca_secret_name = fields.Text("caSecretName"),
      .path_style = fields.Text("uriStyle", "Host") == "Path"};
  const std::string style = fields.Text("uriStyle", "Host");
  if (style != "Host" && style != "Path")
    fields.problems().Add(fields.PathOf("uriStyle"), style, "one of Host, Path");
  if (s3.endpoint.find("://") != std::string::npos) {
    fields.problems().Add(fields.PathOf("endpoint"), s3.endpoint,
                          "a host and perhaps a port, without https://");
  }
  if (!s3.path.empty() && !s3.path.starts_with("/"))
    fields.problems().Add(fields.PathOf("path"), s3.path, "a path that begins with /");
  return s3;
}

void ReadRepository(const Fields& fields, model::BackupSpec& backup) {
  const Fields repository = fields.Object("repository");
  const bool volume = repository.Has("volume");
  const bool s3 = repository.Has("s3");
  if (volume == s3) {
    fields.problems().Add(fields.PathOf("repository"), volume ? "volume and s3" : "{}",
                          "exactly one of volume and s3");
    return;
  }
  if (volume) backup.claim_name = repository.Object("volume").RequiredText("claimName");
  if (s3) backup.s3 = ReadS3(repository.Object("s3"));
}

std::string ReadSchedule(const Fields& fields, std::string_view name, std::string otherwise,
                         const std::string& time_zone) {
  const std::string schedule = fields.Text(name, otherwise);
  const Status good = CheckWindow(
      {.name = "", .schedule = schedule, .duration = minutes(1), .time_zone = time_zone});
  if (good || good.error().message.starts_with("timeZone")) return schedule;
  fields.problems().Add(fields.PathOf(name), schedule,
                        "five cron fields that happen (" + good.error().message + ")");
  return schedule;
}

void CheckTimeZone(const Fields& fields, const std::string& time_zone) {
  const Status good = CheckWindow(
      {.name = "", .schedule = "0 1 * * *", .duration = minutes(1), .time_zone = time_zone});
  if (good) return;
  fields.problems().Add(fields.PathOf("timeZone"), time_zone,
                        "a name of the time zone database, as Europe/Berlin");
}

}  // namespace

model::BackupSpec ReadBackupSpec(const Fields& fields) {
  model::BackupSpec backup;
  ReadRepository(fields, backup);
  backup.encryption_secret_name = fields.Text("encryptionSecretName");
  const Fields schedule = fields.Object("schedule");
  backup.time_zone = schedule.Text("timeZone", "UTC");
  CheckTimeZone(schedule, backup.time_zone);
  backup.full_schedule = ReadSchedule(schedule, "full", backup.full_schedule, backup.time_zone);
  backup.incremental_schedule =
      ReadSchedule(schedule, "incremental", backup.incremental_schedule, backup.time_zone);
  backup.retain_full =
      fields.Object("retention").Small("full", backup.retain_full, {.least = 1, .most = 1000});
  const Fields points = fields.Object("points");
  backup.point_interval = points.Duration("interval", backup.point_interval);
  if (backup.point_interval < kPointsNoMoreOften || backup.point_interval > kPointsNoLessOften) {
    points.problems().Add(points.PathOf("interval"), points.Text("interval"), "from 30s to 24h");
  }
  if (fields.Has("verification")) {
    backup.verification_schedule =
        ReadSchedule(fields.Object("verification"), "schedule", kVerifyWeekly, backup.time_zone);
  }
  return backup;
}

model::RestoreSpec ReadRestoreSpec(const Fields& fields,
                                   const std::optional<model::BackupSpec>& backup) {
  model::RestoreSpec restore;
  restore.set = OneLine(fields, "set", "the name of a ShardSet", true);
  if (restore.set.find('/') != std::string::npos)
    fields.problems().Add(fields.PathOf("set"), restore.set,
                          "the name of a ShardSet of the same namespace");
  restore.point = fields.RequiredText("point");
  if (!restore.point.empty() && !backup::ParsePointWish(restore.point))
    fields.problems().Add(fields.PathOf("point"), restore.point, backup::kPointForms);
  if (fields.Has("repository")) {
    ReadRepository(fields, restore.repository);
    restore.repository.encryption_secret_name = fields.Text("encryptionSecretName");
  } else if (backup) {
    restore.repository = *backup;
    if (fields.Has("encryptionSecretName")) {
      fields.problems().Add(fields.PathOf("encryptionSecretName"),
                            fields.Text("encryptionSecretName"), "a repository beside it");
    }
  } else {
    fields.problems().Add(fields.PathOf("repository"), "{}",
                          "exactly one of volume and s3, or spec.backup");
  }
  return restore;
}

std::optional<SharedPlace> SharesItsPlace(const model::ShardSet& set) {
  if (!set.spec.restore_from || !set.spec.backup || set.spec.restore_from->set == set.name)
    return std::nullopt;
  const std::optional<model::S3Repository>& from = set.spec.restore_from->repository.s3;
  const std::optional<model::S3Repository>& to = set.spec.backup->s3;
  const bool shared = from && to && !to->path.empty() && from->path == to->path &&
                      from->endpoint == to->endpoint && from->bucket == to->bucket;
  if (!shared) return std::nullopt;
  return SharedPlace{"spec.backup.repository.s3.path",
                     "another path than that of " + set.spec.restore_from->set +
                         ", from which it is restored: two sets in one place would mix their WAL"};
}

}  // namespace foreshard::op
