#include <algorithm>
#include <set>

#include "base/check.h"
#include "router/limits.h"
#include "router/session.h"

// A statement on several shards: what each of them is told.

namespace foreshard::router {
namespace {

constexpr std::string_view kProofPortal = "foreshard_proof";

}  // namespace

// Every part's shard, in order of their numbers: sessions that need the same servers ask for them
// in the same order.
std::vector<std::uint32_t> Session::ShardsOfDecision() {
  std::vector<std::uint32_t> shards;
  if (scratch_->decision.parts.size() == 1) return {TargetOf(scratch_->decision.parts[0])};
  for (const RoutePart& part : scratch_->decision.parts)
    shards.push_back(host_.ShardNumber(part.shard));
  if (scratch_->decision.parts.empty()) {
    for (std::uint32_t i = 0; i < host_.table()->shards(); ++i)
      shards.push_back(host_.ShardNumber(i));
  }
  return shards;
}

// Fills proofs_. True: the read must run in one snapshot with them. Otherwise they are said before
// the statement, in its transaction. Writes too: one that matches no row fires no trigger, and
// would say "UPDATE 0" of a row that has moved.
bool Session::NeedsProof(const Statement& statement) {
  proofs_.clear();
  if (!IsPlain(statement.kind)) return false;
  host_.ProofsFor(scratch_->decision.scatter, scratch_->decision.keys, proofs_);
  ProveNamedOwner();
  const bool reads = statement.kind == StatementKind::kRead && !statement.writes;
  return reads && tx_ == Tx::kIdle && !proofs_.empty();
}

// A shard that is asked against the table, because another one named it: that one may have known no
// better, and this one may have lost the keys and been emptied since. It fires no trigger then. It
// must own the keys by the refusal's migration, and have lost them by no other one that is known.
void Session::ProveNamedOwner() {
  if (!GoesByRefusal() || scratch_->decision.parts.size() != 1) return;
  const std::uint32_t shard = named_owner_->shard;
  if (shard == host_.ShardNumber(scratch_->decision.parts[0].shard)) return;
  const std::string id = host_.ShardId(shard);
  std::set<std::int64_t> others;
  for (const Proof& proof : proofs_) others.insert(proof.migration);
  others.erase(named_owner_->migration);
  proofs_.clear();
  proofs_.push_back(MakeNamedProof(shard, id, named_owner_->migration));
  for (const std::int64_t migration : others) proofs_.push_back(MakeProof(shard, id, migration));
}

Session::Outcome Session::RunSeveral(const Statement& statement, std::string_view text, bool simple,
                                     Portal* portal) {
  const std::vector<std::uint32_t> shards = ShardsOfDecision();
  const bool of_schema =
      statement.kind == StatementKind::kDdl || statement.kind == StatementKind::kMaintenance;
  if (shards.size() > 1 && IsSerializable() && !of_schema)
    return Fail(kNotSerializable), Outcome::kDone;
  std::vector<std::uint32_t> ordered = shards;
  std::sort(ordered.begin(), ordered.end());
  for (const std::uint32_t shard : ordered) {
    if (Need(shard) == nullptr) return Outcome::kAgain;
  }
  const bool writes = scratch_->decision.two_phase || statement.writes ||
                      statement.writes_reference || statement.kind == StatementKind::kDdl ||
                      statement.kind == StatementKind::kTruncate;
  learned_columns_ = statement.names_columns.has_value();
  fanout_ = std::make_unique<Fanout>();
  fanout_->simple = simple;
  fanout_->purpose = statement.no_transaction ? Fanout::Purpose::kEach
                     : writes                 ? Fanout::Purpose::kWrite
                                              : Fanout::Purpose::kRead;
  fanout_->alike = statement.writes_reference;
  fanout_->schema_changes = statement.kind == StatementKind::kDdl;
  const bool proven = NeedsProof(statement) && !writes;
  if ((proven || (writes && !statement.no_transaction)) && tx_ == Tx::kIdle) {
    fanout_->own_block = true;
    tx_ = Tx::kOpen;
    implicit_ = true;
    begin_ = !proven                ? "BEGIN"
             : statement.locks_rows ? "BEGIN ISOLATION LEVEL REPEATABLE READ"
                                    : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    settings_at_begin_ = settings_;
  }
  if (scratch_->decision.rows_in_order) {
    std::vector<std::vector<std::uint32_t>> rows;
    for (const RoutePart& part : scratch_->decision.parts) rows.push_back(part.rows);
    fanout_->in_order = std::make_unique<RowInterleaver>(std::move(rows));
  } else if (scratch_->decision.moves_rows) {
    StartMove(*statement.key_change);
  } else {
    fanout_->merger = std::make_unique<Merger>(
        scratch_->decision.merge, MergeOptions{.shards = fanout_->alike ? 1 : shards.size(),
                                               .limit = scratch_->decision.limit,
                                               .offset = scratch_->decision.offset,
                                               .text_orders_as_bytes = host_.text_orders_as_bytes(),
                                               .bytes_max = kScatterBytesMax,
                                               .send_row_description = simple});
  }
  writes_now_ = writes;
  fanout_->work = NewWork(shards.front(), statement, scratch_->decision, text);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    ServerLink* link = Attached(shards[i]);
    fanout_->parts.push_back({.link = link,
                              .ready_to_skip = BeginOn(*link),
                              .done = false,
                              .prepared = false,
                              .lost = false,
                              .rolled_back = false,
                              .error = {},
                              .tag = {}});
    link->wrote = link->wrote || writes;
    has_written_ = has_written_ || writes;
    link->used = true;
    link->unnamed = 0;
    AppendPart(&link->out(),
               scratch_->decision.parts.empty() ? nullptr : &scratch_->decision.parts[i], text,
               portal);
  }
  wait_ = Wait::kFanout;
  return Outcome::kDone;
}

// The statement for one shard: as a Query, or as Parse to Sync with the values of the client's
// Bind.
void Session::AppendPart(std::string* out, const RoutePart* part, std::string_view text,
                         const Portal* portal) {
  const std::string_view sql =
      part != nullptr && !part->text.empty() ? std::string_view(part->text) : text;
  if (portal == nullptr) {
    pg::AppendQuery(out, sql);
    return;
  }
  const std::optional<pg::BindMessage> bind = pg::DecodeBind(portal->bind);
  CHECK(bind.has_value(), "a Bind that was good before");
  pg::WireWriter message(out, 'P');
  message.String("").String(sql);
  const std::vector<std::uint32_t>& declared = portal->statement->types;
  std::vector<std::int16_t> formats;
  for (std::size_t i = 0; i < bind->result_format_count; ++i)
    formats.push_back(
        static_cast<std::int16_t>(pg::LoadUint16(bind->result_formats.data() + 2 * i)));
  // One for each column must be one for each hidden column too.
  if (formats.size() > 1) formats = ShardFormats(scratch_->decision.merge, std::move(formats));
  if (part == nullptr || !part->renumbered) {
    message.Int16(static_cast<std::int16_t>(declared.size()));
    for (const std::uint32_t type : declared) message.Int32(static_cast<std::int32_t>(type));
    message.End();
    pg::WireWriter same(out, 'B');
    same.String("").String("").Int16(static_cast<std::int16_t>(bind->format_count));
    same.Bytes(bind->formats).Int16(static_cast<std::int16_t>(bind->value_count));
    same.Bytes(bind->values).Int16(static_cast<std::int16_t>(formats.size()));
    for (const std::int16_t format : formats) same.Int16(format);
    same.End();
  } else {
    std::vector<std::optional<std::string_view>> all;
    for (pg::BindValues values(*bind); !values.Done();) all.push_back(values.Next());
    message.Int16(static_cast<std::int16_t>(part->parameters.size()));
    for (const std::uint32_t number : part->parameters) {
      message.Int32(number <= declared.size() ? static_cast<std::int32_t>(declared[number - 1])
                                              : 0);
    }
    message.End();
    pg::WireWriter renumbered(out, 'B');
    renumbered.String("").String("").Int16(static_cast<std::int16_t>(part->parameters.size()));
    for (const std::uint32_t number : part->parameters) renumbered.Int16(bind->Format(number - 1));
    renumbered.Int16(static_cast<std::int16_t>(part->parameters.size()));
    for (const std::uint32_t number : part->parameters) {
      const std::optional<std::string_view> value =
          number <= all.size() ? all[number - 1] : std::nullopt;
      renumbered.Int32(value ? static_cast<std::int32_t>(value->size()) : -1)
          .Bytes(value.value_or(std::string_view()));
    }
    renumbered.Int16(static_cast<std::int16_t>(formats.size()));
    for (const std::int16_t format : formats) renumbered.Int16(format);
    renumbered.End();
  }
  pg::AppendDescribe(out, 'P', "");
  pg::WireWriter(out, 'E').String("").Int32(0).End();
  pg::AppendEmpty(out, 'S');
}

// What the client's portal over several shards will return: as one shard describes the client's own
// text. It is kept until rows come, so that the cycle can still be said again.
Session::Outcome Session::DescribeFanout(Portal& portal) {
  if (!portal.statement->statement->returns_rows) {
    std::string answer;
    pg::AppendEmpty(&answer, 'n');
    Say(answer);
    return Outcome::kDone;
  }
  if (!described_.empty()) {
    Say(std::exchange(described_, {}));
    return Outcome::kDone;
  }
  if (MustDrain()) {
    DrainUnsynced();
    return Outcome::kAgain;
  }
  ServerLink* link = Need(attached_.empty() ? portal.describe_on : AnyShard());
  if (link == nullptr) return Outcome::kAgain;
  const std::optional<pg::BindMessage> bind = pg::DecodeBind(portal.bind);
  const std::vector<std::int32_t> types(portal.statement->types.begin(),
                                        portal.statement->types.end());
  std::string question;
  pg::AppendParse(&question, "", portal.statement->sql, types);
  pg::WireWriter(&question, 'B').String("").String("").Bytes(bind->after_names).End();
  pg::AppendDescribe(&question, 'P', "");
  pg::AppendEmpty(&question, 'S');
  AskInMessages(*link, question);
  aside_->describes = true;
  return Outcome::kAgain;
}

bool Session::MustProve(const ServerLink& link) const {
  return tx_ != Tx::kIdle &&
         std::any_of(proofs_.begin(), proofs_.end(), [&link](const Proof& proof) {
           return proof.shard == link.shard && std::find(link.proven.begin(), link.proven.end(),
                                                         proof.migration) == link.proven.end();
         });
}

// Brings the server into the client's transaction if it is not there yet, and lets it prove that it
// owns what is read next. Returns how many ReadyForQuery that will give.
int Session::BeginOn(ServerLink& link) {
  if (tx_ == Tx::kIdle || (link.began && !MustProve(link))) return 0;
  std::string script;
  const auto add = [&script](std::string_view statement) {
    if (!script.empty()) script.append("\n;");
    script.append(statement);
  };
  if (!link.began) {
    add(begin_);
    for (const std::string& statement : replay_) add(statement);
    link.settings_at_begin = link.settings;
  }
  const bool one_snapshot =
      fanout_ && fanout_->own_block && fanout_->purpose == Fanout::Purpose::kRead;
  for (const Proof& proof : proofs_) {
    if (proof.shard != link.shard) continue;
    if (!one_snapshot) add(proof.lock);
    add(proof.sql);
    link.proven.push_back(proof.migration);
  }
  if (!link.began && attached_.size() > 1 &&
      !settings_.Find("lock_timeout")) {  // See BoundWaits().
    add("SET LOCAL lock_timeout = '");
    script.append(kSpanningLockTimeout).append("'");
    link.bounded = true;
  }
  pg::AppendQuery(&link.out(), script);
  link.began = true;
  link.unnamed = 0;
  return 1;
}

void Session::BeginBefore(ServerLink& link) {
  if (BeginOn(link) == 0) return;
  Expect expect;
  expect.swallow = true;
  Push(expect);
}

// Outside of a block the proofs and the client's text are one Query, and so one transaction.
std::string Session::ProofText(const ServerLink& link, Expect* expect) const {
  std::string text;
  if (tx_ != Tx::kIdle) return text;
  for (const Proof& proof : proofs_) {
    if (proof.shard != link.shard) continue;
    text.append(proof.lock).append(";").append(proof.sql).append(";");
    expect->hidden += 2;
  }
  expect->shift = static_cast<std::uint32_t>(text.size());
  return text;
}

// In the extended protocol they are messages before the client's Bind: what comes up to Sync is one
// transaction.
void Session::ProveBefore(ServerLink& link) {
  if (tx_ != Tx::kIdle) return;
  const auto await = [this](Expect::Kind kind) {
    Expect expect;
    expect.kind = kind;
    expect.swallow = true;
    Push(expect);
  };
  for (const Proof& proof : proofs_) {
    if (proof.shard != link.shard) continue;
    for (const std::string* sql : {&proof.lock, &proof.sql}) {
      std::string& out = link.out();
      pg::AppendParse(&out, "", *sql, {});
      // A portal of our own: the client's unnamed one stays.
      pg::WireWriter(&out, 'B').String(kProofPortal).String("").Int16(0).Int16(0).Int16(0).End();
      pg::WireWriter(&out, 'E').String(kProofPortal).Int32(0).End();
      pg::WireWriter(&out, 'C').Byte('P').String(kProofPortal).End();
      await(Expect::Kind::kParse);
      await(Expect::Kind::kBind);
      await(Expect::Kind::kExecute);
      await(Expect::Kind::kClose);
    }
    link.unnamed = 0;
    link.unsynced = true;
  }
}

}  // namespace foreshard::router
