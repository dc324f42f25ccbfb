#include "planner/draft.h"

#include <algorithm>
#include <cmath>

namespace foreshard::planner {

std::size_t CutoverStep(const Problem& problem, const Candidate& candidate) {
  return candidate.begin +
         static_cast<std::size_t>(std::ceil(candidate.time.p80_seconds / problem.bin_seconds));
}

const Matrix& Draft::Of(std::size_t shard) const {
  const auto found = changed_.find(shard);
  return found == changed_.end() ? outlook_->Of(shard) : found->second;
}

const Reading& Draft::ReadingOf(std::size_t shard) const {
  const auto found = readings_.find(shard);
  if (found != readings_.end()) return found->second;
  return readings_.emplace(shard, outlook_->Read(Of(shard), {})).first->second;
}

const Matrix& Draft::Leaving(const Candidate& candidate, Matrix& scratch) const {
  if (candidate.unit == kWholeShard) {
    scratch = outlook_->Clients(candidate.source);
    return scratch;
  }
  if (candidate.count == 1) return outlook_->OfUnit(candidate.source, candidate.unit);
  scratch = outlook_->OfUnit(candidate.source, candidate.unit);
  for (std::size_t i = 1; i < candidate.count; ++i) {
    const Matrix& next = outlook_->OfUnit(candidate.source, candidate.unit + i);
    for (std::size_t j = 0; j < scratch.size(); ++j) scratch[j] += next[j];
  }
  return scratch;
}

const Reading& Draft::Without(const Candidate& candidate, const Matrix& leaving) const {
  const std::size_t cutover = CutoverStep(problem(), candidate);
  const bool same = !kept_.by_path.empty() && without_.source == candidate.source &&
                    without_.unit == candidate.unit && without_.count == candidate.count &&
                    without_.part == candidate.part && without_.begin == candidate.begin &&
                    without_.later_copies == candidate.later_copies &&
                    CutoverStep(problem(), without_) == cutover;
  if (same) return kept_;
  const double dip = candidate.later_copies ? 0 : outlook_->options().priors.dip;
  kept_ = outlook_->Read(Of(candidate.source), {.added = &leaving,
                                                .factor = -static_cast<float>(candidate.part),
                                                .cutover = cutover,
                                                .dip = static_cast<float>(dip),
                                                .begin = candidate.begin});
  without_ = candidate;
  return kept_;
}

bool Draft::Moved(std::size_t shard, std::size_t unit) const {
  return std::any_of(actions_.begin(), actions_.end(), [&](const Candidate& action) {
    const bool inside = action.unit <= unit && unit - action.unit < action.count;
    return action.source == shard && (inside || action.unit == kWholeShard);
  });
}

void Draft::Apply(const Candidate& candidate) {
  const MovePriors& priors = outlook_->options().priors;
  Matrix scratch;
  const Matrix& leaving = Leaving(candidate, scratch);
  const auto part = static_cast<float>(candidate.part);
  const std::size_t cutover = CutoverStep(problem(), candidate);
  Matrix source = Of(candidate.source);
  outlook_->Apply(source, {.added = &leaving,
                           .factor = -part,
                           .cutover = cutover,
                           .dip = candidate.later_copies ? 0 : static_cast<float>(priors.dip),
                           .begin = candidate.begin});
  if (candidate.destination >= 0) {
    const auto index = static_cast<std::size_t>(candidate.destination);
    Matrix destination = Of(index);
    outlook_->Apply(destination,
                    {.added = &leaving,
                     .factor = part,
                     .cutover = cutover,
                     .dip = candidate.later_copies ? 0 : static_cast<float>(priors.destination_dip),
                     .begin = candidate.begin});
    changed_[index] = std::move(destination);
    readings_.erase(index);
    ++receives_[index];
  } else {
    ++shards_;
  }
  changed_[candidate.source] = std::move(source);
  readings_.erase(candidate.source);
  kept_.by_path.clear();
  ++sends_[candidate.source];
  if (candidate.type == model::ActionType::kMerge) --shards_;
  bytes_ += candidate.bytes;
  objective_ += candidate.action_cost - candidate.benefit;
  actions_.push_back(candidate);
}

}  // namespace foreshard::planner
