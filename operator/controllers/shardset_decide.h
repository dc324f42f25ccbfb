#pragma once

#include <map>
#include <optional>
#include <string>

#include "operator/builders/events.h"
#include "operator/certificates.h"
#include "operator/controllers/shardset_fleet.h"
#include "operator/reconciler.h"

namespace foreshard::op {

enum class EffectKind {
  kApply,             // server-side apply of `object`
  kPatch,             // merge patch
  kCreate,            // of `object`; one that is there already stays as it is
  kDelete,            // with the uid as precondition
  kMakePasswords,     // what is missing in <set>-internal
  kMakeClientSecret,  // <set>-app with a new password
  kMakeUsers,         // the verifier of the client's password
  kMakeAuthority,
  kIssueCertificate,
  kEvict,       // a pod, within its budget
  kSwitchOver,  // asks Patroni, by `object`
  kSetUpShard,  // SQL
  kEndRestore,  // SQL on all shards, then the record says so
  kTellStatus,
};

// One change. Values that must be random (keys, passwords) are made by the act; everything else is
// here.
struct Effect {
  EffectKind kind = EffectKind::kTellStatus;
  kube::ResourceKind resource;
  std::string name;
  Value object;
  std::string uid;
  std::string propagation = "Background";
  std::map<std::string, std::string> data;  // of the Secret as it is; of kMakeAuthority `ca.crt`:
                                            // the authorities that stay beside the new one
  CertificateRequest certificate;
  Component component = Component::kShard;
  model::ShardId shard;
  model::ShardSetStatus status;
  std::optional<EventText> event;
};

struct ShardSetDecision {
  std::optional<Effect> effect;  // at most one; afterwards look again at once
  Outcome settled;               // where there is none
  bool whole = false;            // nothing to do, every member is there and has the newest template
};

// Pure. What to change next in the set, in the order of dependence: secrets, access, shards,
// routers, what is inside the shards, the table, what is no longer wanted, and last what is told.
ShardSetDecision DecideShardSet(const ShardSetObservation& seen, const Images& images);

// The parts, in files of their own.
std::optional<Effect> DecideSecrets(const ShardSetObservation& seen);
std::optional<Effect> DecideCertificates(const ShardSetObservation& seen);
std::optional<Effect> DecideObjects(const ShardSetObservation& seen, const Images& images);
std::optional<Effect> DecideInside(const ShardSetObservation& seen);
// How far a restore is; where spec.restoreFrom is not given there is none.
struct RestoreStep {
  bool go_on = false;  // shards may be made, or the set serves as it is
  bool restored = false;
  std::string reason;  // of the condition Restored
  std::string message;
  std::optional<backup::Point> choose;  // to be written down now
};
RestoreStep JudgeRestore(const ShardSetObservation& seen);
std::optional<Effect> BeginRestore(const ShardSetObservation& seen, const RestoreStep& step);
// What was under way inside the shards; nothing: it was ended. REQUIRES: all are set up.
std::optional<Effect> EndRestore(const ShardSetObservation& seen);
std::optional<Effect> DecideOrphans(const ShardSetObservation& seen);
// How a new template goes on: a pod to evict, or the primary to hand over before it. Whether the
// fleet has room for it is another question.
struct RollingStep {
  std::optional<Effect> effect;  // none: nobody needs to go, or nobody may now
  bool wanted = false;           // somebody needs to go
};
RollingStep DecideRolling(const ShardSetObservation& seen);
// What the condition RolledOut says.
inline constexpr const char* kRolledOutCondition = "RolledOut";
struct RolledOut {
  bool holds = false;  // every pod has the newest template
  std::string reason;
  std::string message;
};
RolledOut JudgeRolling(const ShardSetObservation& seen);
// Last of all: a storage class that cannot grow must not hold up the rest.
std::optional<Effect> DecideGrowth(const ShardSetObservation& seen);
// While it is being deleted: the next object to go, or the reason why it waits.
struct DeletionStep {
  std::optional<Effect> effect;
  std::string waiting_for;
};
DeletionStep DecideDeletion(const ShardSetObservation& seen);

// A status to tell if it differs from what stands there, with an event where Ready changed.
std::optional<Effect> TellStatus(const ShardSetObservation& seen, model::ShardSetStatus status);

}  // namespace foreshard::op
