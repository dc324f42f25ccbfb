#include "operator/controllers/shardset_act.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"
#include "operator/builders/secrets.h"
#include "operator/random_secret.h"
#include "operator/scram_verifier.h"

namespace foreshard::op {
namespace {

constexpr std::size_t kPasswordLength = 32;
using Data = std::map<std::string, std::string>;

template <typename T>
Status Dropped(const Result<T>& result) {
  if (!result) return result.error();
  return Ok();
}

kube::ObjectRef RefOf(const ShardSetObservation& seen, const std::string& name) {
  return {seen.set.name_space, name};
}

std::string TextOf(const std::map<std::string, std::string>& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() ? found->second : std::string();
}

// An object that a person or another program made keeps its name: the set does without, until the
// object is offered to it. The offered one; null where the name is free or ours.
Result<Value> Offered(const ShardSetHands& hands, const ShardSetObservation& seen,
                      const kube::ResourceKind& kind, const std::string& name, Deadline deadline) {
  const auto there = hands.kube.Get(kind, RefOf(seen, name), deadline);
  if (!there) return there.error();
  if (!*there) return Value();
  const kube::Metadata& metadata = (*there)->metadata;
  bool of_another = false;
  for (const kube::OwnerReference& owner : metadata.owners) {
    of_another = of_another || (owner.controller && owner.uid != seen.set.uid);
  }
  const bool ours = TextOf(metadata.labels, kManagedByLabel) == kManagedBy &&
                    TextOf(metadata.labels, kSetLabel) == seen.set.name;
  if (ours && !of_another) return Value();
  if (!of_another && TextOf(metadata.annotations, kAdoptAnnotation) == seen.set.name) {
    return ParseJson((*there)->json);
  }
  return Error::GiveUp(
      fmt::format("it is there already and does not belong to this ShardSet; rename or delete it, "
                  "or let it be taken over: kubectl -n {} annotate {} {} {}={}",
                  seen.set.name_space, kind.plural, name, kAdoptAnnotation, seen.set.name),
      "NameTaken");
}

// Its labels and annotations stay, and what the server put there; the rest becomes ours: half of a
// foreign selector would send nobody anywhere. A merge patch replaces lists; keys of maps must be
// taken away by name.
Status TakeOver(const ShardSetHands& hands, const ShardSetObservation& seen,
                const kube::ResourceKind& kind, const Value& offered, Value wanted,
                Deadline deadline) {
  const auto forget = [](const Value& before, Value& now) {
    for (const auto& [name, item] : before.Fields())
      if (now[name].is_null()) now.Set(name, Value());
  };
  forget(offered["data"], wanted.Member("data"));
  if (wanted["data"].Fields().empty()) wanted.Remove("data");
  if (!wanted["spec"]["selector"].is_null())
    forget(offered["spec"]["selector"], wanted.Member("spec").Member("selector"));
  const std::string name = wanted["metadata"]["name"].Text();
  wanted.Member("metadata").Set("resourceVersion", offered["metadata"]["resourceVersion"]);
  log::Info("object_taken_over", {{"set", seen.set.name}, {"kind", kind.kind}, {"name", name}});
  return Dropped(hands.kube.Patch(kind, RefOf(seen, name), ToJson(wanted), {}, deadline));
}

// A Secret that is not there is created, so that two who both found it missing cannot overwrite
// each other.
Status WriteSecret(const ShardSetHands& hands, const ShardSetObservation& seen,
                   const Effect& effect, Component component, const Data& data, Deadline deadline) {
  const Value secret = BuildSecret(NameOf(seen.set), effect.name, component, data);
  const kube::ObjectRef ref = RefOf(seen, effect.name);
  if (FindChild(seen.children, "Secret", effect.name) == nullptr) {
    const auto offered = Offered(hands, seen, kube::kSecrets, effect.name, deadline);
    if (!offered) return offered.error();
    if (!offered->is_null())
      return TakeOver(hands, seen, kube::kSecrets, *offered, secret, deadline);
    return Dropped(hands.kube.Create(kube::kSecrets, ref, ToJson(secret), deadline));
  }
  return Dropped(hands.kube.Apply(kube::kSecrets, ref, ToJson(secret), {}, deadline));
}

Status MakePasswords(const ShardSetHands& hands, const ShardSetObservation& seen,
                     const Effect& effect, Deadline deadline) {
  Data data = effect.data;
  for (const char* name :
       {"superuser", "replication", "rewind", "foreshard", "restapi", "exporter"}) {
    if (!data[name].empty()) continue;
    const Result<std::string> password = RandomSecret(kPasswordLength);
    if (!password) return password.error();
    data[name] = *password;
  }
  return WriteSecret(hands, seen, effect, Component::kShard, data, deadline);
}

Status MakeClientSecret(const ShardSetHands& hands, const ShardSetObservation& seen,
                        const Effect& effect, Deadline deadline) {
  const Result<std::string> password = RandomSecret(kPasswordLength);
  if (!password) return password.error();
  return WriteSecret(hands, seen, effect, Component::kRouter,
                     ClientData(NameOf(seen.set), seen.set.spec, *password), deadline);
}

Status MakeUsers(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
                 Deadline deadline) {
  const Result<std::string> verifier = NewScramVerifier(effect.data.at("password"));
  if (!verifier) return verifier.error();
  return WriteSecret(hands, seen, effect, Component::kRouter,
                     {{"users", fmt::format("app {}\n", *verifier)}}, deadline);
}

Status MakeSetAuthority(const ShardSetHands& hands, const ShardSetObservation& seen,
                        const Effect& effect, Deadline deadline) {
  const Result<KeyPair> authority = MakeAuthority(AuthorityName(NameOf(seen.set)), seen.now);
  if (!authority) return authority.error();
  return WriteSecret(hands, seen, effect, Component::kShard,
                     {{"ca.crt", authority->certificate_pem + effect.data.at("ca.crt")},
                      {"ca.key", authority->key_pem}},
                     deadline);
}

Status Issue(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
             Deadline deadline) {
  const std::string& authority = effect.data.at("ca.crt");  // the first of them signs
  const KeyPair signer{authority, effect.data.at("ca.key")};
  if (!BelongTogether(signer)) {
    return Error::GiveUp(
        fmt::format("Secret {}: ca.key is not the key of the first certificate in ca.crt; write "
                    "the right one, or delete the Secret to have the operator make an authority",
                    AuthoritySecret(NameOf(seen.set))),
        "CertificateError");
  }
  const Result<KeyPair> pair = IssueCertificate(signer, effect.certificate, seen.now);
  if (!pair) return pair.error();
  return WriteSecret(
      hands, seen, effect, effect.component,
      {{"tls.crt", pair->certificate_pem}, {"tls.key", pair->key_pem}, {"ca.crt", authority}},
      deadline);
}

Status SetUpShard(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
                  Deadline deadline) {
  const std::optional<ShardLogin> login = LoginOf(seen, effect.shard);
  const std::optional<ShardSetup> setup = SetupOf(seen);
  if (!login || !setup) return Error::Reobserve("the shard's leader or a Secret went away");
  return hands.admin.SetUp(*login, *setup, deadline);
}

// For people, in the record and in the condition.
std::string Said(const RestoreEnded& ended) {
  std::string text = fmt::format(
      "transactions over shards: {} committed, {} rolled back; migrations ended: {}, rows of theirs "
      "deleted: {}",
      ended.committed, ended.rolled_back, ended.migrations, ended.stray_rows);
  if (!ended.left.empty()) text += fmt::format("; prepared by others: {}", fmt::join(ended.left, ", "));
  return text;
}

Status EndRestore(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
                  Deadline deadline) {
  const backup::Point& point = seen.restore.record->point;
  const auto table = RestoredTable(NameOf(seen.set), seen.set.spec.sharding.key_space, point);
  if (!table) return table.error();
  RestoreEnding ending{.shards = {},
                       .database = seen.set.spec.postgres.database,
                       .table = *table,
                       .tables = seen.set.spec.sharding.tables,
                       .number_max = point.state.number_max};
  for (const backup::ShardPoint& shard : point.shards) {
    const std::optional<ShardLogin> login = LoginOf(seen, shard.shard);
    if (!login) return Error::Reobserve("a shard's leader or a Secret went away");
    ending.shards.push_back({shard.shard, *login, shard.system_identifier});
  }
  const auto ended = hands.admin.EndRestore(ending, deadline);
  if (!ended) return ended.error();
  log::Info("restored", {{"set", seen.set.name},
                         {"namespace", seen.set.name_space},
                         {"from", seen.restore.record->from},
                         {"number", point.number.value},
                         {"committed", ended->committed},
                         {"rolled_back", ended->rolled_back},
                         {"migrations", ended->migrations},
                         {"stray_rows", ended->stray_rows}});
  return Dropped(hands.kube.Patch(kube::kConfigMaps, RefOf(seen, effect.name),
                                  ToJson(RestoreEndedPatch(Said(*ended))), {}, deadline));
}

// Never over what is there: two who both found nothing may mean different things.
Status CreateOnce(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
                  Deadline deadline) {
  const auto offered = Offered(hands, seen, effect.resource, effect.name, deadline);
  if (!offered) return offered.error();
  const auto created =
      hands.kube.Create(effect.resource, RefOf(seen, effect.name), ToJson(effect.object), deadline);
  if (!created && created.error().code == "409") return Ok();  // the next look sees it
  if (!created) return created.error();
  if (effect.event) {  // a courtesy, as below
    static_cast<void>(hands.kube.Create(
        kube::kEvents, RefOf(seen, EventName(*effect.event)),
        ToJson(BuildEvent(seen.set.name_space, *effect.event, seen.now)), deadline));
  }
  return Ok();
}

Status TellStatus(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
                  Deadline deadline) {
  kube::ApplyOptions options;
  options.field_manager = kFleetManager;
  options.subresource = "status";
  const Result<kube::Object> told =
      hands.kube.Apply(kube::kShardSets, RefOf(seen, seen.set.name),
                       ToJson(FleetStatusApply(seen.set, effect.status)), options, deadline);
  if (!told) return told.error();
  if (!effect.event) return Ok();
  log::Info("shardset_ready", {{"namespace", seen.set.name_space},
                               {"name", seen.set.name},
                               {"reason", effect.event->reason},
                               {"message", effect.event->message}});
  // Dropped on purpose: an event is a courtesy, and one with the same words may be there already.
  static_cast<void>(hands.kube.Create(
      kube::kEvents, RefOf(seen, EventName(*effect.event)),
      ToJson(BuildEvent(seen.set.name_space, *effect.event, seen.now)), deadline));
  return Ok();
}

// A list that somebody else changed by its key (a port's number) cannot be put right by an apply:
// the server keeps both items and refuses them. A merge patch replaces the list.
Status Apply(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
             Deadline deadline) {
  const std::string json = ToJson(effect.object);
  const Child* child = FindChild(seen.children, effect.resource.kind, effect.name);
  if (child == nullptr || !IsOurs(seen, *child)) {
    const auto offered = Offered(hands, seen, effect.resource, effect.name, deadline);
    if (!offered) return offered.error();
    if (!offered->is_null())
      return TakeOver(hands, seen, effect.resource, *offered, effect.object, deadline);
  }
  const Result<kube::Object> applied =
      hands.kube.Apply(effect.resource, RefOf(seen, effect.name), json, {}, deadline);
  const bool refused = !applied && applied.error().code == "422";
  if (!refused || child == nullptr) return Dropped(applied);
  return Dropped(hands.kube.Patch(effect.resource, RefOf(seen, effect.name), json, {}, deadline));
}

Status Patch(const ShardSetHands& hands, const ShardSetObservation& seen, const Effect& effect,
             Deadline deadline) {
  return Dropped(hands.kube.Patch(effect.resource, RefOf(seen, effect.name), ToJson(effect.object),
                                  {}, deadline));
}

}  // namespace

Status ActOnShardSet(const ShardSetHands& hands, const ShardSetObservation& seen,
                     const Effect& effect, Deadline deadline) {
  switch (effect.kind) {
    case EffectKind::kApply:
    case EffectKind::kSwitchOver:
      return Apply(hands, seen, effect, deadline);
    case EffectKind::kCreate:
      return CreateOnce(hands, seen, effect, deadline);
    case EffectKind::kPatch:
      return Patch(hands, seen, effect, deadline);
    case EffectKind::kDelete:
      return hands.kube.Delete(effect.resource, RefOf(seen, effect.name),
                               {.uid = effect.uid,
                                .resource_version = {},
                                .propagation = effect.propagation,
                                .grace_period_seconds = std::nullopt},
                               deadline);
    case EffectKind::kEvict:
      return hands.kube.Evict(RefOf(seen, effect.name), deadline);
    case EffectKind::kMakePasswords:
      return MakePasswords(hands, seen, effect, deadline);
    case EffectKind::kMakeClientSecret:
      return MakeClientSecret(hands, seen, effect, deadline);
    case EffectKind::kMakeUsers:
      return MakeUsers(hands, seen, effect, deadline);
    case EffectKind::kMakeAuthority:
      return MakeSetAuthority(hands, seen, effect, deadline);
    case EffectKind::kIssueCertificate:
      return Issue(hands, seen, effect, deadline);
    case EffectKind::kSetUpShard:
      return SetUpShard(hands, seen, effect, deadline);
    case EffectKind::kEndRestore:
      return EndRestore(hands, seen, effect, deadline);
    case EffectKind::kTellStatus:
      return TellStatus(hands, seen, effect, deadline);
  }
  Unreachable(effect.kind);
}

}  // namespace foreshard::op
