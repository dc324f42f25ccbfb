#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/kinds.h"
#include "kube/kube_api.h"
#include "model/migration.h"
#include "model/routing_table.h"
#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/certificates.h"
#include "operator/controllers/restore_record.h"
#include "operator/shards/shard_admin.h"

namespace foreshard::op {

// One object of the set as the API has it.
struct Child {
  kube::ResourceKind resource;
  std::string uid;
  std::string resource_version;
  bool deleting = false;
  Value json;
};

// (kind, name) -> object: everything that carries the set's label.
using Children = std::map<std::pair<std::string, std::string>, Child>;

// Null where there is none.
const Child* FindChild(const Children& children, const std::string& kind, const std::string& name);

// What was last read inside one shard. Unknown is not the same as "no".
struct DatabaseSeen {
  bool known = false;
  ShardDatabaseSeen seen;
  std::string problem;  // of the last attempt; "" if it went well
};

// Where spec.restoreFrom is given: what was decided, and while nothing was, what there is.
struct RestoreSeen {
  std::optional<RestoreRecord> record;
  bool book = false;                  // the set it names has points, or had
  std::vector<backup::Point> points;  // of that book
  std::string problem;                // why it cannot be read
  std::string secret_problem;         // what is missing to open the repository
};

// Everything the decision may look at, read again on every pass.
struct ShardSetObservation {
  WallTime now{};
  model::ShardSet set;           // of an invalid one only name, generation, finalizers, status
  std::optional<Error> invalid;  // what is wrong with the spec
  bool paused = false;           // asked for by an annotation: nothing is changed meanwhile
  bool may_roll = true;          // the fleet has room for one more set that takes on a template
  std::chrono::milliseconds authority_settles{0};  // until everybody has read a list of authorities
  Children children;
  std::optional<model::RoutingTable> table;
  std::vector<model::ShardMigration> migrations;  // of this set, by name
  std::map<model::ShardId, DatabaseSeen> databases;
  // Files of <set>-backup; nothing where no backup is wanted, or while a Secret that the spec names
  // is missing.
  std::optional<std::map<std::string, std::string>> backup_files;
  RestoreSeen restore;
  // Files of the Secret <set>-restore, as those of <set>-backup.
  std::optional<std::map<std::string, std::string>> restore_files;
  bool password_matches = false;  // the verifier that routers have is of the client's password
  // How long what was seen inside the shards counts: then it is time for another look, if nothing
  // happens before.
  std::chrono::milliseconds inspection_age{60'000};
  bool believed = false;  // of some shards only the status is known: there is more to look at soon
  // Secret -> what its certificate says, where the set's own authority signed it.
  std::map<std::string, CertificateFacts> certificates;
};

// Whether the set may remove it: the operator, Kubernetes' controllers or Patroni made it for this
// set. What a person made and only labelled like it is not.
bool IsOurs(const ShardSetObservation& seen, const Child& child);

// Pod that Patroni's leader lock names; "" for none.
std::string LeaderOf(const ShardSetObservation& seen, const model::ShardId& shard);
bool IsPodReady(const Value& pod);

// How to log in as superuser, from what was observed; nothing while a Secret or the leader is
// missing.
std::optional<ShardLogin> LoginOf(const ShardSetObservation& seen, const model::ShardId& shard);
std::optional<ShardSetup> SetupOf(const ShardSetObservation& seen);

// Shards that have an object, by their label.
std::set<model::ShardId> ShardsThatExist(const ShardSetObservation& seen);

// How long what was seen inside a shard counts, for an operator with so many shards: a minute, and
// longer where that would be more than a hundred logins a minute. What our own writes change, or
// another primary, is asked at once however long this is.
std::chrono::milliseconds InspectionAge(std::size_t shards);

// Owner: the controller. Threads: any; keys of one set come from one worker at a time.
class ShardSetObserver {
 public:
  ShardSetObserver(kube::KubeApi& kube, ShardAdmin& admin, const Clock& clock)
      : kube_(kube), admin_(admin), clock_(clock) {}

  // Nothing: the object is gone.
  Result<std::optional<ShardSetObservation>> Observe(const kube::ObjectRef& ref, Deadline deadline);

  // After a set-up of a shard, good or not: look again, at once or a little later.
  void Forget(const kube::ObjectRef& set, const model::ShardId& shard);
  void NoteProblem(const kube::ObjectRef& set, const model::ShardId& shard,
                   const std::string& problem);

 private:
  struct Looked {
    DatabaseSeen database;
    std::string question;  // leader and fingerprint: another one makes the answer void
    MonotonicTime at{};
    bool well = false;  // answered
  };
  using Key = std::pair<kube::ObjectRef, model::ShardId>;

  Status ListChildren(ShardSetObservation& seen, Deadline deadline);
  Status ReadMigrations(ShardSetObservation& seen, Deadline deadline);
  void LookInside(ShardSetObservation& seen, Deadline deadline);
  struct Question {  // about the shards of one set
    ShardSetup setup;
    std::string fingerprint;          // of the setup
    std::vector<std::string> tables;  // the sharded ones
  };
  // Of an orphan the answer decides whether it is removed: it is asked anew, and about rows, which
  // takes a second login.
  DatabaseSeen Inspect(const ShardSetObservation& seen, const model::ShardId& shard,
                       const Question& asked, bool orphan, Deadline deadline);
  bool IsFresh(const Looked& looked, bool orphan) const;
  Status ReadBackupSecrets(ShardSetObservation& seen, Deadline deadline);
  Status ReadRestore(ShardSetObservation& seen, Deadline deadline);
  bool HasLooked(const ShardSetObservation& seen, const model::ShardId& shard);
  bool MatchesPassword(const ShardSetObservation& seen);
  std::map<std::string, CertificateFacts> ReadCertificates(const ShardSetObservation& seen);

  kube::KubeApi& kube_;
  ShardAdmin& admin_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<Key, Looked> looked_;
  std::map<std::string, bool>
      matches_;  // digest of (password, verifier): PBKDF2 is slow on purpose
  std::map<std::string, std::optional<CertificateFacts>>
      signed_;  // digest of (certificate, authority): a signature is as slow to check
};

}  // namespace foreshard::op
