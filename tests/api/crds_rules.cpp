#include "tests/api/crds_rules.h"

#include "kube/kinds.h"

namespace foreshard::api_tests {
namespace {

constexpr char kShardSet[] = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet","spec":{
  "sharding":{"tables":[{"name":"public.customers","column":"id"}],
      "referenceTables":["public.countries"]},
  "shardTemplate":{"members":1,"storage":{"size":"1Gi","maxSize":"2Gi"}}}})";

constexpr char kMigration[] =
    R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration","spec":{
  "shardSetName":"orders","type":"Split","source":"s-4kq7","range":{"from":"40","to":"80"}}})";

constexpr char kTable[] = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable","spec":{
  "shardSetName":"orders","epoch":5,"ranges":[{"from":"","to":"","shard":"s-4kq7"}],
  "shards":[{"id":"s-4kq7","primaryService":"orders-s-4kq7"}]}})";

constexpr char kEvent[] = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"LoadEvent","spec":{
  "shardSetName":"orders","class":"Campaign","start":"2026-11-27T06:00:00Z","duration":"18h"}})";

std::string Scaling(const std::string& fields) {
  return R"({"spec":{"scaling":{)" + fields + "}}}";
}
std::string Sharding(const std::string& fields) {
  return R"({"spec":{"sharding":{)" + fields + "}}}";
}
std::string Storage(const std::string& fields) {
  return R"({"spec":{"shardTemplate":{"storage":{)" + fields + "}}}}";
}
std::string Parameter(const std::string& name) {
  return R"({"spec":{"postgres":{"parameters":[{"name":")" + name + R"(","value":"1"}]}}})";
}
std::string Tables(const std::string& more) {
  return Sharding(R"("tables":[{"name":"public.customers","column":"id"})" + more + "]");
}
std::string Window(const std::string& schedule) {
  return Scaling(R"("freezeWindows":[{"name":"payroll","duration":"4h","schedule":")" + schedule +
                 R"("}])");
}
std::string Backup(const std::string& repository, const std::string& more = "") {
  return R"({"spec":{"backup":{"repository":{)" + repository + "}" + more + "}}}";
}
constexpr char kVolume[] = R"("volume":{"claimName":"backups"})";
std::string Store(const std::string& more) {
  return R"("s3":{"endpoint":"s3:9000","bucket":"b","region":"r","credentialsSecretName":"c")" +
         more + "}";
}
std::string From(const std::string& point, const std::string& more = "") {
  return R"({"spec":{"restoreFrom":{"set":"old","point":")" + point + R"(")" + more + "}}}";
}
constexpr char kFromVolume[] = R"(,"repository":{"volume":{"claimName":"backups"}})";
std::string Spec(const std::string& fields) { return R"({"spec":{)" + fields + "}}"; }
std::string Status(const std::string& fields) { return R"({"status":{)" + fields + "}}"; }

// `count` items, each `item` with # replaced by its number.
std::string Items(int count, const std::string& item) {
  std::string items;
  for (int i = 0; i < count; ++i) {
    std::string one = item;
    if (const std::size_t at = one.find('#'); at != std::string::npos)
      one.replace(at, 1, std::to_string(i));
    items += (items.empty() ? "" : ",") + one;
  }
  return "[" + items + "]";
}

constexpr char kFieldNotGiven[] = "{}";

std::vector<SchemaRule> ShardSetChanges() {
  return {
      {"TheRepositoryIsImmutable", "spec.backup.repository",
       "repository is immutable: remove backup, then give it anew; backups in the old repository "
       "stay there",
       Backup(kVolume), Backup(kVolume, R"(,"retention":{"full":7})"),
       Backup(R"("volume":{"claimName":"others"})")},
      {"TheRepositoryKeepsItsKind", "spec.backup.repository",
       "repository is immutable: remove backup, then give it anew; backups in the old repository "
       "stay there",
       Backup(kVolume), R"({"spec":{"backup":null}})", Backup(R"("volume":null,)" + Store(""))},
      {"ThePassphraseIsImmutable", "spec.backup.encryptionSecretName",
       "encryptionSecretName is immutable: what is in the repository was written with its "
       "passphrase",
       Backup(kVolume, R"(,"encryptionSecretName":"a")"),
       Backup(kVolume, R"(,"encryptionSecretName":"a")"),
       Backup(kVolume, R"(,"encryptionSecretName":"b")")},
      {"EncryptionStays", "spec.backup.encryptionSecretName",
       "encryptionSecretName is immutable: what is in the repository was written with its "
       "passphrase",
       Backup(kVolume), Backup(kVolume, R"(,"points":{"interval":"1m"})"),
       Backup(kVolume, R"(,"encryptionSecretName":"b")")},
      {"WhereItBeganStays", "spec.restoreFrom", "restoreFrom is immutable", From("17", kFromVolume),
       From("17", kFromVolume), From("18", kFromVolume)},
      {"WhereItBeganIsNotForgotten", "spec.restoreFrom",
       "restoreFrom is accepted only in a new ShardSet, and stays: it says where the set began",
       From("17", kFromVolume), From("17", kFromVolume), R"({"spec":{"restoreFrom":null}})"},
      {"ASetThatIsThereIsNotRestored", "spec.restoreFrom",
       "restoreFrom is accepted only in a new ShardSet, and stays: it says where the set began", "{}",
       Backup(kVolume), From("17", kFromVolume)},
      {"DatabaseIsImmutable", "spec.postgres.database", "database is immutable", "{}",
       R"({"spec":{"postgres":{"database":"app"}}})",
       R"({"spec":{"postgres":{"database":"other"}}})"},
      {"StrategyIsImmutable", "spec.sharding.strategy", "strategy is immutable", "{}",
       Sharding(R"("strategy":"Hash")"), Sharding(R"("strategy":"Range")")},
      {"KeyTypeIsImmutable", "spec.sharding.keyType", "keyType is immutable", "{}",
       Sharding(R"("keyType":"Bigint")"), Sharding(R"("keyType":"Text")")},
      {"InitialShardsAreImmutable", "spec.sharding.initialShards",
       "initialShards is used once, at creation, and is immutable", "{}",
       Sharding(R"("initialShards":2)"), Sharding(R"("initialShards":3)")},
      {"TablesGrow", "spec.sharding.tables",
       "tables can only be appended; a table that is listed cannot be changed or removed", "{}",
       Tables(R"(,{"name":"public.orders","column":"customer_id"})"),
       Sharding(R"("tables":[{"name":"public.orders","column":"customer_id"}])")},
      {"AListedTableKeepsItsColumn", "spec.sharding.tables",
       "tables can only be appended; a table that is listed cannot be changed or removed", "{}",
       Tables(""), Sharding(R"("tables":[{"name":"public.customers","column":"other"}])")},
      {"ReferenceTablesGrow", "spec.sharding.referenceTables",
       "referenceTables can only be appended; a table that is listed cannot be removed", "{}",
       Sharding(R"("referenceTables":["public.more","public.countries"])"),
       Sharding(R"("referenceTables":null)")},
      {"StorageDoesNotShrink", "spec.shardTemplate.storage.size",
       "storage cannot shrink; keep or raise the size", "{}", Storage(R"("size":"1536Mi")"),
       Storage(R"("size":"1023Mi")")},
  };
}

std::vector<SchemaRule> ShardSetObjects() {
  return {
      {"AReferenceTableIsNotSharded", "spec.sharding.referenceTables",
       "a table is either sharded or a reference table, it cannot stand in tables and in "
       "referenceTables",
       "", Sharding(R"("referenceTables":["public.other"])"),
       Sharding(R"("referenceTables":["public.customers"])")},
      {"ATableIsListedOnce", "spec.sharding.tables[1]", "Duplicate value", "",
       Tables(R"(,{"name":"public.orders","column":"id"})"),
       Tables(R"(,{"name":"public.customers","column":"id"})")},
      {"AReferenceTableIsListedOnce", "spec.sharding.referenceTables[1]", "Duplicate value", "",
       Sharding(R"("referenceTables":["public.a","public.b"])"),
       Sharding(R"("referenceTables":["public.a","public.a"])")},
      {"ATableHasASchema", "spec.sharding.tables[1].name",
       "must be schema.table, for example public.orders", "",
       Tables(R"(,{"name":"shop.orders","column":"id"})"),
       Tables(R"(,{"name":"orders","column":"id"})")},
      {"ATableIsNoSystemTable", "spec.sharding.tables[1].name",
       "a table of a system schema cannot be sharded", "",
       Tables(R"(,{"name":"pages.a","column":"id"})"),
       Tables(R"(,{"name":"pg_catalog.a","column":"id"})")},
      {"AReferenceTableHasASchema", "spec.sharding.referenceTables[0]",
       "must be schema.table, for example public.countries", "",
       Sharding(R"("referenceTables":["shop.a"])"), Sharding(R"("referenceTables":["a.b.c"])")},
      {"AReferenceTableIsNoSystemTable", "spec.sharding.referenceTables[0]",
       "a table of a system schema cannot be a reference table", "",
       Sharding(R"("referenceTables":["shop.a"])"),
       Sharding(R"("referenceTables":["foreshard.gate"])")},
      {"TheDatabaseIsOurs", "spec.postgres.database",
       "postgres, template0 and template1 are taken; choose another name", "",
       R"({"spec":{"postgres":{"database":"shop"}}})",
       R"({"spec":{"postgres":{"database":"template1"}}})"},
      {"ReservedParameters", "spec.postgres.parameters[0].name",
       "is set by the operator and cannot be changed here", "", Parameter("shared_buffers"),
       Parameter("wal_level")},
      {"ReservedParametersOfSlots", "spec.postgres.parameters[0].name",
       "is set by the operator and cannot be changed here", "", Parameter("work_mem"),
       Parameter("max_replication_slots")},
      {"MaxSizeHoldsTheSize", "spec.shardTemplate.storage.maxSize",
       "maxSize must not be less than size", "", Storage(R"("size":"1Gi","maxSize":"1024Mi")"),
       Storage(R"("size":"1Gi","maxSize":"1023Mi")")},
  };
}

std::vector<SchemaRule> ShardSetPolicies() {
  return {
      {"MembersFitTheirLimit", "spec.shardTemplate.members",
       "members must not exceed scaling.maxMembers", "",
       R"({"spec":{"shardTemplate":{"members":5}}})",
       R"({"spec":{"shardTemplate":{"members":6}}})"},
      {"MinShardsFitMaxShards", "spec.scaling.minShards", "minShards must not exceed maxShards", "",
       Scaling(R"("minShards":4,"maxShards":4)"), Scaling(R"("minShards":5,"maxShards":4)")},
      {"TheLimitIsAboveTheTarget", "spec.scaling.limitCpuPercent",
       "limitCpuPercent must be above targetCpuPercent", "",
       Scaling(R"("targetCpuPercent":50,"limitCpuPercent":51)"),
       Scaling(R"("targetCpuPercent":50,"limitCpuPercent":50)")},
      {"TheQuantileIsAtLeastTheMedian", "spec.scaling.planQuantilePercent",
       "should be greater than or equal to 50", "", Scaling(R"("planQuantilePercent":50)"),
       Scaling(R"("planQuantilePercent":49)")},
      {"TheQuantileIsNotCertainty", "spec.scaling.planQuantilePercent",
       "should be less than or equal to 99", "", Scaling(R"("planQuantilePercent":99)"),
       Scaling(R"("planQuantilePercent":100)")},
      {"AFreezeWindowHasFiveFields", "spec.scaling.freezeWindows[0].schedule",
       "must be five cron fields: minute, hour, day of month, month, day of week", "",
       Window("0 8 28 * *"), Window("0 8 28 *")},
      {"ARepositoryIsGiven", "spec.backup.repository", "give exactly one of volume and s3", "",
       Backup(kVolume), Backup("")},
      {"ThereIsOneRepository", "spec.backup.repository", "give exactly one of volume and s3", "",
       Backup(Store("")), Backup(std::string(kVolume) + "," + Store(""))},
      {"AStoreIsAHost", "spec.backup.repository.s3.endpoint", "should match", "", Backup(Store("")),
       Backup(Store(R"(,"endpoint":"https://s3")"))},
      {"AStoreHasAPath", "spec.backup.repository.s3.path", "should match", "",
       Backup(Store(R"(,"path":"/shop")")), Backup(Store(R"(,"path":"shop")"))},
      {"ABackupHasFiveFields", "spec.backup.schedule.full",
       "must be five cron fields: minute, hour, day of month, month, day of week", "",
       Backup(kVolume, R"(,"schedule":{"full":"0 2 * * 6"})"),
       Backup(kVolume, R"(,"schedule":{"full":"0 2 * *"})")},
      {"AnIncrementalBackupHasFiveFields", "spec.backup.schedule.incremental",
       "must be five cron fields: minute, hour, day of month, month, day of week", "",
       Backup(kVolume, R"(,"schedule":{"incremental":"0 2 * * 6"})"),
       Backup(kVolume, R"(,"schedule":{"incremental":"daily"})")},
      {"AVerificationHasFiveFields", "spec.backup.verification.schedule",
       "must be five cron fields: minute, hour, day of month, month, day of week", "",
       Backup(kVolume, R"(,"verification":{"schedule":"0 5 * * 6"})"),
       Backup(kVolume, R"(,"verification":{"schedule":"weekly"})")},
      {"OneBackupIsKept", "spec.backup.retention.full", "should be greater than or equal to 1", "",
       Backup(kVolume, R"(,"retention":{"full":1})"),
       Backup(kVolume, R"(,"retention":{"full":0})")},
      {"ARestoreHasARepository", "spec.restoreFrom", "restoreFrom needs a repository, or that of backup",
       "", From("17", kFromVolume), From("17")},
      {"APointIsNamed", "spec.restoreFrom.point", "should match", "",
       From("foreshard/0f3c-1/17", kFromVolume), From("newest", kFromVolume)},
      {"APointIsATime", "spec.restoreFrom.point", "should match", "",
       From("2026-05-01T09:10:00Z", kFromVolume), From("2026-05-01", kFromVolume)},
      {"APassphraseIsThatOfItsRepository", "spec.restoreFrom",
       "restoreFrom.encryptionSecretName needs a repository beside it", "",
       From("17", std::string(kFromVolume) + R"(,"encryptionSecretName":"a")"),
       R"({"spec":{"backup":{"repository":{"volume":{"claimName":"b"}}},
 "restoreFrom":{"set":"old","point":"17","encryptionSecretName":"a"}}})"},
      {"PrometheusHasAnAddress", "spec.metrics.prometheusURL",
       "must be empty or begin with http:// or https://", "",
       R"({"spec":{"metrics":{"prometheusURL":"http://p:9090"}}})",
       R"({"spec":{"metrics":{"prometheusURL":"p:9090"}}})"},
      {"TheNameFitsItsServices", "metadata.name",
       "metadata.name must be at most 40 lower-case letters, digits and dashes and begin with a "
       "letter: it begins the "
       "names of Services and pods",
       "", kFieldNotGiven, R"({"metadata":{"name":"a.name.with.dots"}})"},
      {"ADurationHasAUnit", "spec.scaling.horizon", "should match", "",
       Scaling(R"("horizon":"1h30m")"), Scaling(R"("horizon":"90")")},
      {"ASizeIsAQuantity", "spec.shardTemplate.storage.size", "should match", "",
       Storage(R"("size":"1.5Gi")"), Storage(R"("size":"1.5GB")")},
  };
}

std::vector<SchemaRule> MigrationChanges() {
  const std::string keys = Spec(R"("type":"Isolate","range":null,"keys":["1"])");
  return {
      {"TheSetIsImmutable", "spec.shardSetName", "shardSetName is immutable", "{}",
       Spec(R"("approved":false)"), Spec(R"("shardSetName":"other")")},
      {"TheTypeIsImmutable", "spec.type", "type is immutable", "{}", Spec(R"("paused":true)"),
       Spec(R"("type":"Move")")},
      {"TheSourceIsImmutable", "spec.source", "source is immutable", "{}", Spec(R"("abort":true)"),
       Spec(R"("source":"s-9x2d")")},
      {"TheDestinationIsImmutable", "spec.destination", "destination is immutable", "{}",
       Spec(R"("rollback":true)"), Spec(R"("destination":"s-9x2d")")},
      {"TheRangeIsImmutable", "spec.range", "range is immutable", "{}", Spec(R"("approved":false)"),
       Spec(R"("range":{"from":"40","to":"a0"})")},
      {"TheKeysAreImmutable", "spec.keys", "keys is immutable", keys, keys,
       Spec(R"("type":"Isolate","range":null,"keys":["1","2"])")},
      {"TheDeadlineIsImmutable", "spec.deadline", "deadline is immutable", "{}",
       Spec(R"("deadline":"6h")"), Spec(R"("deadline":"7h")")},
      {"TheSoakIsImmutable", "spec.soak", "soak is immutable", "{}", Spec(R"("soak":"10m")"),
       Spec(R"("soak":"1m")")},
      {"ADryRunStaysOne", "spec.dryRun", "dryRun is immutable", "{}", Spec(R"("dryRun":false)"),
       Spec(R"("dryRun":true)")},
      {"ARehearsalStaysOne", "spec.rehearse", "rehearse is immutable", "{}",
       Spec(R"("rehearse":false)"), Spec(R"("rehearse":true)")},
  };
}

std::vector<SchemaRule> MigrationObjects() {
  return {
      {"TheDestinationIsAnotherShard", "spec.destination",
       "destination must be another shard than source", "", Spec(R"("destination":"s-9x2d")"),
       Spec(R"("destination":"s-4kq7")")},
      {"MergeNeedsADestination", "spec.destination", "Merge needs the shard that takes everything",
       "", Spec(R"("type":"Merge","range":null,"destination":"s-9x2d")"),
       Spec(R"("type":"Merge","range":null)")},
      {"MoveNeedsARange", "spec.range", "Split and Move need the range that leaves the source", "",
       Spec(R"("type":"Move")"), Spec(R"("type":"Move","range":null)")},
      {"KeysHaveNoRange", "spec.range",
       "only Split and Move take a range: Merge takes everything, Isolate and MoveKeys take keys",
       "", Spec(R"("type":"MoveKeys","range":{"from":"","to":""},"keys":["1"])"),
       Spec(R"("type":"MoveKeys","keys":["1"])")},
      {"IsolateNeedsKeys", "spec.keys", "Isolate and MoveKeys need at least one key", "",
       Spec(R"("type":"Isolate","range":null,"keys":["1"])"),
       Spec(R"("type":"Isolate","range":null)")},
      {"SplitTakesNoKeys", "spec.keys", "only Isolate and MoveKeys take keys", "", "{}",
       Spec(R"("keys":["1"])")},
      {"ADryRunIsNoRehearsal", "spec.rehearse",
       "dryRun writes nothing and rehearse copies; choose one", "", Spec(R"("dryRun":true)"),
       Spec(R"("dryRun":true,"rehearse":true)")},
      {"ARangeIsNotEmpty", "spec.range.to", "the range is empty; to must lie behind from", "",
       Spec(R"("range":{"from":"","to":""})"), Spec(R"("range":{"from":"40","to":"40"})")},
      {"AThousandKeys", "spec.keys", "Too many", "",
       Spec(R"("type":"Isolate","range":null,"keys":)" + Items(1'000, R"("#")")),
       Spec(R"("type":"Isolate","range":null,"keys":)" + Items(1'001, R"("#")"))},
      {"TheNameFitsItsJob", "metadata.name",
       "metadata.name must be at most 57 lower-case letters, digits and dashes and begin with a "
       "letter: it begins the "
       "name of a Job",
       "", kFieldNotGiven, R"({"metadata":{"name":")" + std::string(58, 'a') + R"("}})"},
  };
}

std::vector<SchemaRule> MigrationStatus() {
  return {
      {"TheNumberNeverChanges", "status.number", "number never changes", Status(R"("number":7)"),
       Status(R"("number":7)"), Status(R"("number":8)")},
      {"TheRangeNeverChanges", "status.range", "range never changes",
       Status(R"("range":{"from":"40","to":"80"})"), Status(R"("range":{"from":"40","to":"80"})"),
       Status(R"("range":{"from":"40","to":"c0"})")},
      {"TheRecordOnlyGrows", "status.record", "record only grows", Status(R"("record":12)"),
       Status(R"("record":13)"), Status(R"("record":11)")},
      {"TheAttemptOnlyGrows", "status.attempt", "attempt only grows", Status(R"("attempt":2)"),
       Status(R"("attempt":3)"), Status(R"("attempt":1)")},
  };
}

std::vector<SchemaRule> TableRules() {
  const std::string range = R"({"from":"","to":"","shard":"s-4kq7"})";
  return {
      {"TheSetOfATableIsImmutable", "spec.shardSetName", "shardSetName is immutable", "{}",
       Spec(R"("epoch":6)"), Spec(R"("epoch":6,"shardSetName":"other")")},
      {"TheEpochOnlyGrows", "spec.epoch", "epoch only grows", "{}", Spec(R"("epoch":5)"),
       Spec(R"("epoch":4)")},
      {"TheFirstRangeBeginsAtTheLowest", "spec.ranges", "the first range must begin at \"\"", "",
       "{}", Spec(R"("ranges":[{"from":"40","to":"","shard":"s-4kq7"}])")},
      {"TheLastRangeEndsAtTheHighest", "spec.ranges", "the last range must end at \"\"", "", "{}",
       Spec(R"("ranges":[{"from":"","to":"40","shard":"s-4kq7"}])")},
      {"TenThousandRanges", "spec.ranges", "Too many", "",
       Spec(R"("ranges":)" + Items(10'000, range)), Spec(R"("ranges":)" + Items(10'001, range))},
      {"TenThousandPins", "spec.pins", "Too many", "",
       Spec(R"("pins":)" + Items(10'000, R"({"key":"#","shard":"s-4kq7"})")),
       Spec(R"("pins":)" + Items(10'001, R"({"key":"#","shard":"s-4kq7"})"))},
      {"AShardIsListedOnce", "spec.shards[1]", "Duplicate value", "", "{}",
       Spec(R"("shards":[{"id":"a","primaryService":"a"},{"id":"a","primaryService":"b"}])")},
  };
}

std::vector<SchemaRule> EventRules() {
  return {
      {"ARecurrenceHasAFrequency", "spec.recurrence",
       "must have FREQ=HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY", "",
       Spec(R"("recurrence":"FREQ=WEEKLY;BYDAY=MO,-1FR")"), Spec(R"("recurrence":"BYDAY=MO")")},
      {"ARecurrenceHasKnownParts", "spec.recurrence",
       "parts are FREQ, INTERVAL, BYDAY, BYMONTHDAY, COUNT and UNTIL, separated by semicolons", "",
       Spec(R"("recurrence":"FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1,-1;UNTIL=20271231T000000Z")"),
       Spec(R"("recurrence":"FREQ=MONTHLY;BYSETPOS=1")")},
      {"ARecurrenceEndsOnce", "spec.recurrence", "COUNT and UNTIL exclude each other", "",
       Spec(R"("recurrence":"FREQ=DAILY;COUNT=3")"),
       Spec(R"("recurrence":"FREQ=DAILY;COUNT=3;UNTIL=20271231")")},
      {"AnEventStartsAtATime", "spec.start", "must be of type date-time", "",
       Spec(R"("start":"2026-11-27T06:00:00Z")"), Spec(R"("start":"tomorrow")")},
  };
}

std::vector<SchemaRule> Both(std::vector<SchemaRule> first, const std::vector<SchemaRule>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

const std::vector<RulesOfKind>& AllRules() {
  static const std::vector<RulesOfKind> rules = {
      {kube::kShardSets,
       kShardSet,
       Both(Both(ShardSetChanges(), ShardSetObjects()), ShardSetPolicies()),
       {}},
      {kube::kShardMigrations, kMigration, Both(MigrationChanges(), MigrationObjects()),
       MigrationStatus()},
      {kube::kRoutingTables, kTable, TableRules(), {}},
      {kube::kLoadEvents, kEvent, EventRules(), {}},
  };
  return rules;
}

}  // namespace foreshard::api_tests
