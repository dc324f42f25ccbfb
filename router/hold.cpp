#include "router/hold.h"

#include <algorithm>

#include "base/check.h"

namespace foreshard::router {

namespace {

Key KeyOfBound(const model::KeySpace& space, const std::string& bound) {
  if (space.strategy == model::Strategy::kRange) {
    const Result<Key> key = ParseKey(space, bound);
    CHECK(key.ok(), "a bound that is not canonical", bound);
    return *key;
  }
  Key key;
  key.position = *model::ParsePosition(bound);
  return key;
}

bool SameKey(model::KeyType type, const Key& a, const Key& b) {
  switch (type) {
    case model::KeyType::kBigint:
      return a.number == b.number;
    case model::KeyType::kText:
      return a.text == b.text;
    case model::KeyType::kUuid:
      return a.uuid == b.uuid;
  }
  Unreachable(type);
}

}  // namespace

Hold::Work& Hold::work(Slot slot) {
  if (slot >= work_.size()) work_.resize(slot + 1);
  return work_[slot];
}

HoldState Hold::Begin(const HoldRequest& request, MonotonicTime now) {
  Active active;
  active.request = request;
  active.deadline = now + request.expires_in;
  for (const model::KeyRange& range : request.ranges) {
    Key from;
    if (!range.from.empty()) from = KeyOfBound(space_, range.from);
    std::optional<Key> to;
    if (!range.to.empty()) to = KeyOfBound(space_, range.to);
    active.ranges.push_back({std::move(from), std::move(to)});
  }
  for (const std::string& text : request.keys) {
    const Result<Key> key = ParseKey(space_, text);
    CHECK(key.ok(), "a key that is not canonical", text);
    active.keys.push_back(*key);
  }
  const auto same = std::find_if(holds_.begin(), holds_.end(), [&](const Active& hold) {
    return hold.request.number == request.number;
  });
  if (same == holds_.end()) {
    holds_.push_back(std::move(active));
    return StateOf(holds_.back());
  }
  *same = std::move(active);
  MarkReady();  // the new scope may be smaller
  return StateOf(*same);
}

Result<HoldState> Hold::State(model::MigrationNumber number) const {
  for (const Active& hold : holds_) {
    if (hold.request.number == number) return StateOf(hold);
  }
  return Error::GiveUp("no hold of this migration");
}

bool Hold::Covers(const Active& hold, const Footprint& footprint) const {
  if (footprint.scatter) return true;
  for (std::size_t i = 0; i < footprint.keys.size(); ++i) {
    const Key& key = footprint.keys[i];
    for (const Key& held : hold.keys) {
      if (SameKey(space_.key_type, held, key)) return true;
    }
    if (i < footprint.pinned.size() && footprint.pinned[i] != 0) continue;
    for (const auto& [from, to] : hold.ranges) {
      if (ComparePlaces(space_, from, key) <= 0 && (!to || ComparePlaces(space_, key, *to) < 0))
        return true;
    }
  }
  return false;
}

bool Hold::Waits(const Footprint& footprint) const {
  return std::any_of(holds_.begin(), holds_.end(),
                     [&](const Active& hold) { return Covers(hold, footprint); });
}

HoldState Hold::StateOf(const Active& hold) const {
  HoldState state;
  for (const Work& work : work_) {
    if (work.in_flight && Covers(hold, work.touched)) ++state.in_flight;
  }
  for (const Parked& parked : parked_) {
    if (!parked.ready && !parked.epoch && Covers(hold, parked.footprint)) ++state.parked;
  }
  state.drained = state.in_flight == 0;
  return state;
}

std::int64_t Hold::Release(model::MigrationNumber number) {
  const std::size_t erased =
      std::erase_if(holds_, [&](const Active& hold) { return hold.request.number == number; });
  if (erased == 0) return 0;
  const auto ready = [this] {
    return std::count_if(parked_.begin(), parked_.end(),
                         [](const Parked& parked) { return parked.ready; });
  };
  const auto before = ready();
  MarkReady();
  return ready() - before;
}

void Hold::MarkReady() {
  for (Parked& parked : parked_) {
    if (parked.ready) continue;
    parked.ready = parked.epoch ? *parked.epoch <= epoch_ : !Waits(parked.footprint);
  }
}

void Hold::Launch(Slot slot, const Footprint& footprint, bool transaction_open) {
  Work& started = work(slot);
  if (!transaction_open || !started.in_flight) {
    started.touched.scatter = false;
    started.touched.keys.clear();
    started.touched.pinned.clear();
  }
  started.in_flight = true;
  started.touched.scatter = started.touched.scatter || footprint.scatter;
  for (std::size_t i = 0; i < footprint.keys.size(); ++i) {
    started.touched.keys.push_back(footprint.keys[i]);
    started.touched.pinned.push_back(i < footprint.pinned.size() ? footprint.pinned[i] : 0);
  }
}

Admission Hold::Admit(Slot slot, const Footprint& footprint, std::size_t bytes,
                      bool transaction_open, MonotonicTime now) {
  bool parks = false;
  const Active* full = nullptr;
  for (const Active& hold : holds_) {
    if (!Covers(hold, footprint)) continue;
    // A transaction that was in the range before the barrier came down may leave it.
    const bool inside =
        transaction_open && work(slot).in_flight && Covers(hold, work(slot).touched);
    if (inside || work(slot).passes) continue;
    parks = true;
    const bool too_many = parked() >= hold.request.parked_statements_max;
    const bool too_large =
        parked_bytes_ + static_cast<std::int64_t>(bytes) > hold.request.parked_bytes_max;
    if (too_many || too_large) full = &hold;
  }
  if (!parks) {
    Launch(slot, footprint, transaction_open);
    return Admission::kGo;
  }
  if (full != nullptr) return Admission::kFull;
  Answered(slot);
  const auto limit = transaction_open ? limits_.transaction_park_max : limits_.park_max;
  parked_.push_back(
      {slot, footprint, bytes, now, now + limit, std::nullopt, false, transaction_open});
  parked_bytes_ += static_cast<std::int64_t>(bytes);
  return Admission::kParked;
}

Admission Hold::ParkForEpoch(Slot slot, model::Epoch epoch, std::size_t bytes, MonotonicTime now) {
  const HoldRequest bounds;
  if (parked() >= bounds.parked_statements_max ||
      parked_bytes_ + static_cast<std::int64_t>(bytes) > bounds.parked_bytes_max) {
    return Admission::kFull;
  }
  Answered(slot);
  parked_.push_back({slot, {}, bytes, now, now + limits_.park_max, epoch, epoch <= epoch_, false});
  parked_bytes_ += static_cast<std::int64_t>(bytes);
  return Admission::kParked;
}

void Hold::TableChanged(model::Epoch epoch) {
  epoch_ = std::max(epoch_, epoch);
  MarkReady();
}

void Hold::Finish(Slot slot) {
  Answered(slot);
  Work& ended = work(slot);
  ended.in_flight = false;
  ended.passes = false;
  ended.touched.scatter = false;
  ended.touched.keys.clear();
  ended.touched.pinned.clear();
  const auto at = std::find_if(parked_.begin(), parked_.end(),
                               [slot](const Parked& parked) { return parked.slot == slot; });
  if (at == parked_.end()) return;
  parked_bytes_ -= static_cast<std::int64_t>(at->bytes);
  parked_.erase(at);
}

const Footprint* Hold::Touched(Slot slot) const {
  return slot < work_.size() && work_[slot].in_flight ? &work_[slot].touched : nullptr;
}

void Hold::Answered(Slot slot) {
  Work& answered = work(slot);
  if (answered.released) --released_in_flight_;
  answered.released = false;
}

std::optional<Slot> Hold::Next(MonotonicTime now) {
  if (released_in_flight_ >= limits_.released_at_once) return std::nullopt;
  const auto at = std::find_if(parked_.begin(), parked_.end(),
                               [](const Parked& parked) { return parked.ready; });
  if (at == parked_.end()) return std::nullopt;
  const Slot slot = at->slot;
  parked_for_.Add(std::chrono::duration<double>(now - at->since).count());
  parked_bytes_ -= static_cast<std::int64_t>(at->bytes);
  parked_.erase(at);
  Work& next = work(slot);
  if (!next.released) ++released_in_flight_;
  next.released = true;
  return slot;
}

std::vector<Slot> Hold::Expire(MonotonicTime now) {
  const std::size_t ended =
      std::erase_if(holds_, [now](const Active& hold) { return hold.deadline <= now; });
  expired_total_ += ended;
  if (ended > 0) MarkReady();
  std::vector<Slot> too_long;
  for (auto at = parked_.begin(); at != parked_.end();) {
    if (at->ready || at->give_up > now) {
      ++at;
      continue;
    }
    if (at->in_transaction) {
      work(at->slot).passes = true;
      at->ready = true;
      ++at;
      continue;
    }
    too_long.push_back(at->slot);
    parked_for_.Add(std::chrono::duration<double>(now - at->since).count());
    parked_bytes_ -= static_cast<std::int64_t>(at->bytes);
    at = parked_.erase(at);
  }
  return too_long;
}

std::optional<MonotonicTime> Hold::NextDeadline() const {
  std::optional<MonotonicTime> next;
  const auto earlier = [&next](MonotonicTime time) {
    if (!next || time < *next) next = time;
  };
  for (const Active& hold : holds_) earlier(hold.deadline);
  for (const Parked& parked : parked_) {
    if (!parked.ready) earlier(parked.give_up);
  }
  return next;
}

std::vector<HoldRequest> Hold::held() const {
  std::vector<HoldRequest> requests;
  for (const Active& hold : holds_) requests.push_back(hold.request);
  return requests;
}

}  // namespace foreshard::router
