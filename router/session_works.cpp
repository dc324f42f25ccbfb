#include "router/session.h"

// Statements that were sent, and what is told of them once they have ended: to heat, metrics and
// the access log.

namespace foreshard::router {
namespace {

// For the access log: a long way, that few statements go.
std::unique_ptr<AccessSample> SampleOf(std::string_view text, const std::string& user,
                                       PlanCache& plans, const PlanContext& context) {
  auto sample = std::make_unique<AccessSample>();
  sample->user = user;
  Normalized normalized;
  Normalize(text, normalized);
  if (normalized.statements > 1) {
    sample->kind = "several";
    return sample;
  }
  const std::shared_ptr<const Statement> statement = plans.Get(text, normalized, context);
  sample->kind = ToString(statement->kind);
  sample->tables = statement->tables;
  if (IsPlain(statement->kind)) sample->shape = ShapeOf(text);
  return sample;
}

}  // namespace

// Takes the keys of the decision.
std::uint32_t Session::NewWork(std::uint32_t shard, const Statement& statement,
                               RouteDecision& decision, std::string_view text) {
  if (works_used_ == works_.size()) works_.emplace_back();
  Work& work = works_[works_used_];
  work.write = statement.writes || statement.writes_reference;
  work.insert = statement.kind == StatementKind::kInsert;
  work.shard = shard;
  work.table = routed_by_;
  work.keys.swap(decision.keys);
  work.owners.swap(decision.owners);
  work.effect.reset();
  work.configs.clear();
  work.configs.swap(configs_);
  work.started = host_.Now();
  work.rows = work.bytes = 0;
  work.ended.reset();
  work.failed = false;
  work.sample.reset();
  if (context_.access.Take()) [[unlikely]]
    work.sample = SampleOf(text, user_, context_.plans, CurrentPlanContext());
  return static_cast<std::uint32_t>(works_used_++);
}

// `sqlstate`: of its error; none: it worked.
void Session::Ended(Work& work, std::string_view sqlstate) {
  if (work.ended) return;
  work.ended = host_.Now();
  work.failed = !sqlstate.empty();
  if (work.sample) work.sample->sqlstate = sqlstate;
}

// What ended in this cycle, once its answer is on its way.
void Session::RecordWorks() {
  for (std::size_t i = 0; i < works_used_; ++i) {
    const Work& work = works_[i];
    if (!work.ended) continue;
    StatementRecord record;
    record.shard = work.shard;
    record.write = work.write;
    record.insert = work.insert;
    record.error = work.failed;
    record.rows = work.rows;
    record.bytes = work.bytes;
    record.backend = *work.ended - work.started;
    record.table = work.table;
    record.scatter = work.keys.empty();
    record.keys = &work.keys;
    record.owners = &work.owners;
    record.sample = work.sample.get();
    host_.Record(record);
  }
  works_used_ = 0;
}

}  // namespace foreshard::router
