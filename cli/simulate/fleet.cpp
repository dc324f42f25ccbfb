#include "cli/simulate/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace foreshard::simulate {

namespace {

constexpr double kNewShardSeconds = 60;
constexpr double kAroundCopySeconds = 43;  // catch-up, ready, cutover
constexpr double kBytesPerSecond = 40e6 / 3;
constexpr double kDurationSd = 0.2;

bool Inside(const Piece& piece, model::Position from, model::Position to) {
  return piece.from >= from && piece.to - 1 <= to - 1;  // an end of 0 is the end of the space
}

}  // namespace

Fleet::Fleet(const World& world, const Options& options, std::size_t shards, std::uint64_t seed)
    : world_(world), options_(options), random_(seed) {
  for (std::size_t i = 0; i < shards; ++i) shards_.push_back({.id = {"s-" + RandomId(random_, 4)}});
  double before = 0;
  for (std::size_t unit = 0; unit < world.units(); ++unit) {
    const double middle = before + world.bytes[unit] / 2;
    before += world.bytes[unit];
    const auto shard = std::min(shards - 1, static_cast<std::size_t>(middle / world.bytes_total *
                                                                     static_cast<double>(shards)));
    pieces_.push_back(
        {.unit = unit, .from = world.StartOf(unit), .to = world.StartOf(unit + 1), .shard = shard});
  }
}

std::size_t Fleet::alive() const {
  return static_cast<std::size_t>(std::count_if(
      shards_.begin(), shards_.end(), [](const FleetShard& shard) { return shard.alive; }));
}

double Fleet::BytesOf(const Piece& piece) const {
  const double width =
      static_cast<double>(world_.StartOf(piece.unit + 1) - world_.StartOf(piece.unit) - 1) + 1;
  return world_.bytes[piece.unit] * (static_cast<double>(piece.to - piece.from - 1) + 1) / width;
}

double Fleet::MovedBytesSince(std::size_t bin) const {
  double bytes = 0;
  for (const auto& [at, moved] : moved_) bytes += at >= bin ? moved : 0;
  return bytes;
}

bool Fleet::Leaves(const Transfer& transfer, const Piece& piece) const {
  if (piece.shard != transfer.order.source) return false;
  if (transfer.order.type == model::ActionType::kMerge) return true;
  return Inside(piece, transfer.order.from, transfer.order.to);
}

bool Fleet::Start(const Order& order) {
  const auto running_moves = static_cast<int>(transfers_.size());
  if (running_moves >= options_.concurrent_moves || order.source >= shards_.size()) return false;
  FleetShard& source = shards_[order.source];
  if (!source.alive || !source.ready || source.sending) return false;
  if (order.destination) {
    const FleetShard& other = shards_[*order.destination];
    if (*order.destination == order.source || !other.alive || !other.ready || other.receiving)
      return false;
    // What is being emptied takes nothing in, and what takes something in is not emptied.
    if (order.type == model::ActionType::kMerge && source.receiving) return false;
  } else if (alive() >= static_cast<std::size_t>(options_.shards_max)) {
    return false;
  }
  for (const Transfer& running : transfers_) {
    if (order.destination && running.order.type == model::ActionType::kMerge &&
        running.order.source == *order.destination)
      return false;
  }
  if (order.type != model::ActionType::kMerge) {
    SplitAt(order.from);
    SplitAt(order.to);
  }
  Transfer transfer{.order = order};
  for (const Piece& piece : pieces_) transfer.bytes += Leaves(transfer, piece) ? BytesOf(piece) : 0;
  if (transfer.bytes <= 0 && order.type != model::ActionType::kMerge) return false;
  if (order.destination) {
    transfer.destination = *order.destination;
  } else {
    transfer.destination = shards_.size();
    shards_.push_back({.id = {"s-" + RandomId(random_, 4)}, .ready = false});
  }
  shards_[order.source].sending = true;
  shards_[transfer.destination].receiving = true;
  transfer.started = now_ + 1;
  transfer.seconds = ((order.destination ? 0 : kNewShardSeconds) + kAroundCopySeconds +
                      transfer.bytes / (kBytesPerSecond * world_.speed)) *
                     std::exp(kDurationSd * random_.Normal());
  transfer.fails = random_.Chance(world_.move_failure);
  if (transfer.fails) transfer.seconds *= random_.Unit();
  transfer.ends =
      transfer.started +
      static_cast<std::size_t>(
          std::max(1.0, std::ceil(transfer.seconds / static_cast<double>(options_.bin.count()))));
  moved_.emplace_back(now_, transfer.bytes);
  ++started_[static_cast<std::size_t>(order.type)];
  transfers_.push_back(transfer);
  return true;
}

void Fleet::Enter(std::size_t bin) {
  now_ = bin;
  finished_.clear();
  std::vector<Transfer> running;
  for (const Transfer& transfer : transfers_) {
    if (transfer.ends > bin) {
      running.push_back(transfer);
      continue;
    }
    CutOver(transfer);
    finished_.push_back({.transfer = transfer, .succeeded = !transfer.fails});
  }
  transfers_ = std::move(running);
  if (!finished_.empty()) {
    Join();
    RemoveEmpty();
  }
  Count();
}

void Fleet::CutOver(const Transfer& transfer) {
  FleetShard& source = shards_[transfer.order.source];
  FleetShard& destination = shards_[transfer.destination];
  source.sending = false;
  destination.receiving = false;
  destination.ready = true;
  source.last_action = now_;
  destination.last_action = now_;
  if (transfer.fails) return;
  if (transfer.order.type != model::ActionType::kMerge) {
    SplitAt(transfer.order.from);  // joined again meanwhile
    SplitAt(transfer.order.to);
  }
  for (Piece& piece : pieces_) {
    if (!Leaves(transfer, piece)) continue;
    piece.shard = transfer.destination;
    piece.moved = now_;
  }
}

void Fleet::SplitAt(model::Position at) {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (at <= pieces_[i].from || at - 1 >= pieces_[i].to - 1) continue;
    Piece right = pieces_[i];
    right.from = at;
    pieces_[i].to = at;
    pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(i) + 1, right);
    return;
  }
}

// Neighbours of one unit with one owner are one range again.
void Fleet::Join() {
  std::vector<Piece> joined;
  for (const Piece& piece : pieces_) {
    if (!joined.empty() && joined.back().unit == piece.unit && joined.back().shard == piece.shard) {
      joined.back().to = piece.to;
      if (!joined.back().moved || piece.moved > joined.back().moved)
        joined.back().moved = piece.moved;
    } else {
      joined.push_back(piece);
    }
  }
  pieces_ = std::move(joined);
}

void Fleet::RemoveEmpty() {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const bool owns = std::any_of(pieces_.begin(), pieces_.end(),
                                  [i](const Piece& piece) { return piece.shard == i; });
    if (!owns && !shards_[i].receiving) shards_[i].alive = false;
  }
}

void Fleet::Count() {
  load_.assign(shards_.size(), 0);
  for (const Piece& piece : pieces_) {
    load_[piece.shard] += world_.demand[piece.unit][now_] *
                          world_.ShareOf(piece.unit, piece.from, piece.to, now_) / world_.capacity;
  }
  clients_ = load_;
  for (const Transfer& transfer : transfers_) {
    load_[transfer.order.source] += kSourceDip;
    load_[transfer.destination] += kDestinationDip;
  }
  loads_.push_back(load_);
}

}  // namespace foreshard::simulate
