#include <algorithm>

#include "base/check.h"
#include "router/session.h"

// Query: one text with any number of statements.

namespace foreshard::router {
namespace {

bool IsTransactionControl(StatementKind kind) {
  return kind == StatementKind::kBegin || kind == StatementKind::kCommit ||
         kind == StatementKind::kRollback;
}

// Without the semicolon, so that conditions can be added at the end.
std::string_view WithoutEnd(std::string_view text) {
  while (!text.empty() &&
         (text.back() == ';' || text.back() == ' ' || text.back() == '\n' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

void Session::RefreshPlanContext() {
  const Catalogue& catalogue = host_.catalogue();
  search_path_ =
      ParseSearchPath(settings_.Find("search_path").value_or("\"$user\", public"), user_);
  plan_context_ = PlanContextOf(catalogue, search_path_);
  plan_catalogue_ = catalogue.fingerprint();
  facts_.shard_key = settings_.Find("foreshard.shard_key");
  const std::optional<std::string> reads = settings_.Find(kConsistencySetting);
  consistency_ = reads ? ParseConsistency(*reads) : std::nullopt;
  facts_.cross_shard_writes =
      settings_.Find("foreshard.cross_shard_writes").value_or("on") != "off";
}

const PlanContext& Session::CurrentPlanContext() {
  const Catalogue& catalogue = host_.catalogue();
  if (plan_catalogue_ != catalogue.fingerprint()) RefreshPlanContext();
  plan_context_.catalogue = &catalogue;
  plan_context_.search_path = &search_path_;
  return plan_context_;
}

std::shared_ptr<const Statement> Session::Meaning(std::string_view text, Normalized& normalized) {
  if (normalized.recalled) Normalize(text, normalized);
  return context_.plans.Get(text, normalized, CurrentPlanContext());
}

Session::Outcome Session::OnQuery(const pg::WireFrame& frame) {
  std::optional<std::string_view> text = pg::DecodeQuery(frame.body);
  if (!text) {
    FailProtocol("invalid Query message");
    return Outcome::kDone;
  }
  if (!nothing_expected() ||
      (current_ != nullptr && current_->unsynced)) {  // Query without a Sync before it.
    AnswerPendingParses();
    DrainUnsynced();
    if (wait_ != Wait::kNone) return Outcome::kAgain;
  }
  extended_ = false;
  unnamed_dropped_ = true;
  *text = WithoutEnd(*text);
  if (const std::shared_ptr<const Statement> known =
          context_.plans.Recall(*text, CurrentPlanContext(), scratch_->normalized)) {
    return RunMeant(known, *text, frame.whole);
  }
  Normalize(*text, scratch_->normalized);
  if (scratch_->normalized.statements == 0 && scratch_->normalized.complete) {
    std::string empty;
    pg::AppendEmpty(&empty, 'I');
    Say(empty);
    SendReady();
    return Outcome::kDone;
  }
  if (scratch_->normalized.statements <= 1) return RunText(*text, frame.whole);
  for (const std::string_view part : SplitStatements(*text)) parts_.emplace_back(part);
  std::uint32_t shard = 0;
  if (AllOnOneShard(&shard)) {
    parts_.clear();
    return ForwardQuery(shard, *text, frame.whole, nullptr);
  }
  if (wait_ != Wait::kNone) {
    parts_.clear();
    return Outcome::kAgain;
  }
  in_parts_ = true;
  part_ = 0;
  return Outcome::kDone;
}

// Several statements that all go to the same shard travel as they came. Leaves the decision of the
// last one in scratch_->decision.
bool Session::AllOnOneShard(std::uint32_t* shard) {
  std::optional<std::uint32_t> common;
  if (tx_ == Tx::kFailed || host_.table() == nullptr) return false;
  bool writes = false;
  Footprint all;
  std::vector<Proof> proofs;
  for (const std::string& part : parts_) {
    Normalize(part, scratch_->normalized);
    const std::shared_ptr<const Statement> statement = Meaning(part, scratch_->normalized);
    if (!IsPlain(statement->kind) || MayLearn(*statement) || !statement->set_configs.empty())
      return false;
    if (!RouteStatement(*statement, part, scratch_->normalized)) return false;
    if (scratch_->decision.kind != RouteKind::kOneShard ||
        !scratch_->decision.parts[0].text.empty() || NeedsProof(*statement))
      return false;
    for (const Proof& proof : proofs_) {
      const bool known = std::any_of(proofs.begin(), proofs.end(), [&proof](const Proof& other) {
        return other.migration == proof.migration && other.shard == proof.shard;
      });
      if (!known) proofs.push_back(proof);
    }
    const std::uint32_t number = host_.ShardNumber(scratch_->decision.parts[0].shard);
    if (common && *common != number) return false;
    common = number;
    writes = writes || statement->writes;
    for (std::size_t i = 0; i < scratch_->decision.keys.size(); ++i) {
      all.keys.push_back(scratch_->decision.keys[i]);
      all.pinned.push_back(scratch_->decision.owners[i].pinned ? 1 : 0);
    }
  }
  if (!common) return false;
  scratch_->footprint = std::move(all);
  const Admission admission = host_.Admit(scratch_->footprint, 0, tx_ != Tx::kIdle);
  if (admission == Admission::kParked) wait_ = Wait::kParked;
  if (admission != Admission::kGo) return false;
  proofs_ = std::move(proofs);
  writes_now_ = writes;
  *shard = *common;
  return true;
}

// The next statement of a Query with several. They are one implicit transaction unless the text
// says otherwise.
Session::Outcome Session::NextPart() {
  if (part_ >= parts_.size()) {
    if (implicit_ && tx_ == Tx::kOpen) return CommitAll(true);
    in_parts_ = false;
    SendReady();
    return Outcome::kDone;
  }
  const std::string& text = parts_[part_];
  Normalize(text, scratch_->normalized);
  const std::shared_ptr<const Statement> statement = Meaning(text, scratch_->normalized);
  if (tx_ == Tx::kIdle && !IsTransactionControl(statement->kind)) {
    tx_ = Tx::kOpen;
    implicit_ = true;
    begin_ = "BEGIN";
    settings_at_begin_ = settings_;
  }
  ++part_;
  const Outcome outcome = RunText(text, {});
  if (outcome == Outcome::kAgain) --part_;
  return outcome;
}

// One statement as text. `frame`: the client's message if it holds nothing else.
Session::Outcome Session::RunText(std::string_view text, std::string_view frame) {
  return RunMeant(Meaning(text, scratch_->normalized), text, frame);
}

Session::Outcome Session::RunMeant(const std::shared_ptr<const Statement>& statement,
                                   std::string_view text, std::string_view frame) {
  proofs_.clear();
  Refusal why;
  const bool may_learn = MayLearn(*statement);
  if (!may_learn && Refused(*statement, &why) != nullptr) {
    Fail(why);
    return Outcome::kDone;
  }
  if (host_.table() == nullptr) {
    Fail({.sqlstate = "57P03",
          .message = "the router has no routing table yet",
          .hint = "Retry in a moment."});
    return Outcome::kDone;
  }
  if (may_learn) return Learn(*statement);
  if (IsLocal(*statement)) return RunLocal(statement, text, frame, true);
  if (!RouteStatement(*statement, text, scratch_->normalized)) return Outcome::kDone;
  return RunRouted(*statement, text, frame);
}

// What can be said before anything is routed. Null: nothing against it.
const Statement* Session::Refused(const Statement& statement, Refusal* why) const {
  if (statement.kind == StatementKind::kRefused) {
    *why = statement.refusal;
    return &statement;
  }
  const bool ends = statement.kind == StatementKind::kCommit ||
                    statement.kind == StatementKind::kRollback ||
                    statement.kind == StatementKind::kRollbackToSavepoint;
  if (tx_ == Tx::kFailed && !ends) {
    *why = {.sqlstate = "25P02",
            .message =
                "current transaction is aborted, commands ignored until end of transaction block",
            .hint = {}};
    return &statement;
  }
  return nullptr;
}

// Fills scratch_->decision. False: the client was told why not.
bool Session::RouteStatement(const Statement& statement, std::string_view text,
                             const Normalized& normalized) {
  const CompiledTable* table = host_.table();
  if (table == nullptr) {
    Fail({.sqlstate = "57P03",
          .message = "the router has no routing table yet",
          .hint = "Retry in a moment."});
    return false;
  }
  routed_by_ = table;
  Route({.statement = statement,
         .text = text,
         .normalized = normalized,
         .parameters = scratch_->parameters,
         .catalogue = host_.catalogue(),
         .table = *table,
         .facts = facts_},
        scratch_->decision);
  if (scratch_->decision.kind != RouteKind::kRefused) return ReadConfigs(statement);
  if (!in_parts_ && !parts_.empty())
    return false;  // Only tried (AllOnOneShard); the part says so when its turn comes.
  Fail(scratch_->decision.refusal);
  return false;
}

// Asks the hold. A value: the statement does not start now.
std::optional<Session::Outcome> Session::AdmitWork(const Statement&, std::size_t bytes) {
  if (scratch_->decision.keys.empty() && !scratch_->decision.scatter) return std::nullopt;
  scratch_->footprint.scatter = scratch_->decision.scatter;
  scratch_->footprint.pinned.clear();
  for (const Owner& owner : scratch_->decision.owners)
    scratch_->footprint.pinned.push_back(owner.pinned ? 1 : 0);
  scratch_->footprint.keys.swap(
      scratch_->decision.keys);  // Not a copy: this is every statement's way.
  const Admission admission = host_.Admit(scratch_->footprint, bytes, tx_ != Tx::kIdle);
  scratch_->footprint.keys.swap(scratch_->decision.keys);
  switch (admission) {
    case Admission::kGo:
      return std::nullopt;
    case Admission::kParked:
      return Block(Wait::kParked);
    case Admission::kFull:
      Fail({.sqlstate = "57P03",
            .message = "too many statements wait for a range that is being moved",
            .hint = "Retry the statement."});
      return Outcome::kDone;
  }
  Unreachable(Admission::kFull);
}

Session::Outcome Session::RunRouted(const Statement& statement, std::string_view text,
                                    std::string_view frame) {
  if (const std::optional<Outcome> later = AdmitWork(statement, text.size())) return *later;
  writes_now_ = statement.writes || statement.writes_reference || statement.locks_rows ||
                statement.runs_unseen;
  switch (scratch_->decision.kind) {
    case RouteKind::kOneShard: {
      if (NeedsProof(statement) && !in_parts_) return RunSeveral(statement, text, true, nullptr);
      const RoutePart& part = scratch_->decision.parts[0];
      const std::uint32_t shard = ReaderOf(TargetOf(part), statement);
      learned_columns_ = statement.names_columns.has_value();
      const Outcome sent = part.text.empty() ? ForwardQuery(shard, text, frame, nullptr)
                                             : ForwardQuery(shard, part.text, {}, nullptr);
      if (sent == Outcome::kDone && statement.kind == StatementKind::kInsert)
        works_[works_used_ - 1].insert = true;  // Heat tells append-only keys by it.
      return sent;
    }
    case RouteKind::kAnyShard:
      return ForwardQuery(AnyShard(), text, frame, nullptr);
    case RouteKind::kSeveralShards:
    case RouteKind::kAllShards:
      return RunSeveral(statement, text, true, nullptr);
    case RouteKind::kCopyIn:
      return StartCopyIn(statement, text);
    case RouteKind::kLocal:
    case RouteKind::kRefused:
      Fail({.sqlstate = "0A000",
            .message = "this statement does not go through the router yet",
            .hint = {}});
      return Outcome::kDone;
  }
  Unreachable(scratch_->decision.kind);
}

Session::Outcome Session::ForwardQuery(std::uint32_t shard, std::string_view text,
                                       std::string_view frame,
                                       std::shared_ptr<const Statement> effect) {
  LetGoUnused(shard);
  ServerLink* link = Need(shard);
  if (link == nullptr) return Outcome::kAgain;
  current_ = link;
  BeginBefore(*link);
  static const Statement kNone;
  const std::uint32_t work = NewWork(shard, kNone, scratch_->decision, text);
  works_[work].write = writes_now_;
  if (effect) works_[work].text = std::string(text);
  link->used = link->used || effect == nullptr;
  works_[work].effect = std::move(effect);
  Expect expect;
  expect.work = work;
  const std::string ours = proofs_.empty() ? std::string() : ProofText(*link, &expect);
  if (!ours.empty()) {
    pg::AppendQuery(&link->out(), ours + std::string(text));
  } else {
    frame.empty() ? pg::AppendQuery(&link->out(), text) : void(link->out().append(frame));
  }
  link->unnamed = 0;  // A Query drops the unnamed statement.
  link->wrote = link->wrote || writes_now_;
  has_written_ = has_written_ || writes_now_;
  Push(expect);
  wait_ = Wait::kReady;
  return Outcome::kDone;
}

}  // namespace foreshard::router
