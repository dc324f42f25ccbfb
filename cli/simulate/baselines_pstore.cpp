#include <algorithm>
#include <cmath>

#include "cli/simulate/baselines.h"
#include "planner/shard_count.h"

namespace foreshard::simulate {

namespace {

// Mean load of the last day, so that a spread is even over the day and not only now.
std::vector<double> DayMeans(const Past& past, const Fleet& fleet, const Options& options) {
  std::vector<double> means;
  const auto day = static_cast<std::size_t>(options.DayBins());
  std::vector<double> unit_mean(past.units(), 0);
  for (std::size_t unit = 0; unit < past.units(); ++unit) {
    for (std::size_t bin = past.now() + 1 - day; bin <= past.now(); ++bin)
      unit_mean[unit] += past.Demand(unit, bin) / static_cast<double>(day);
  }
  for (const Piece& piece : fleet.pieces())
    means.push_back(unit_mean[piece.unit] * past.ShareOf(piece) / past.capacity());
  return means;
}

}  // namespace

SparPath::SparPath(int day_bins, int steps, std::size_t train_bins)
    : day_bins_(day_bins), steps_(steps), train_bins_(train_bins) {}

std::vector<double> SparPath::Ahead(std::span<const double> known,
                                    std::span<const model::BinState> states) {
  constexpr std::size_t kSparIndex = 3;
  if (models_.empty() || known.size() >= fitted_at_ + static_cast<std::size_t>(day_bins_)) {
    models_.clear();
    for (int step = 1; step <= steps_; ++step) {
      models_.push_back(std::make_unique<forecast::Baseline>(
          forecast::BaselineOptions{.day_bins = day_bins_,
                                    .week_bins = 7 * day_bins_,
                                    .step = step,
                                    .train_bins = static_cast<int>(train_bins_)}));
    }
    fitted_at_ = known.size();
  }
  std::vector<double> ahead;
  for (const std::unique_ptr<forecast::Baseline>& model : models_)
    ahead.push_back(model->Forecast(known, states)[kSparIndex].value);
  return ahead;
}

PStore::PStore(const World& world, const Options& options)
    : options_(options), spar_(options.DayBins(), options.HorizonBins(), world.scored) {}

std::vector<double> PStore::Ahead(const Past& past) {
  constexpr double kOnTop = 1.15;
  while (known_.size() <= past.now()) {
    const std::size_t bin = known_.size();
    known_.push_back(past.Gap(bin) ? 0 : past.Total(bin));
    states_.push_back(past.Gap(bin) ? model::BinState::kMissing : model::BinState::kGood);
  }
  const double target = options_.target_percent / 100.0 * past.capacity();
  std::vector<double> ahead = spar_.Ahead(known_, states_);
  for (double& value : ahead) value *= kOnTop / target;
  return ahead;
}

void PStore::Decide(const Past& past, Fleet& fleet) {
  const std::vector<double> ahead = Ahead(past);
  const int alive = static_cast<int>(fleet.alive());
  if (wanted_ == 0) wanted_ = fleet.alive();
  if (!spreading_) {
    const double slots = options_.move_minutes * 60 / static_cast<double>(options_.bin.count());
    const planner::CountPlan plan =
        planner::PlanShardCount(ahead, {.shards = alive,
                                        .min_shards = 2,
                                        .max_shards = options_.shards_max,
                                        .full_move_slots = slots,
                                        .streams_per_shard = 1,
                                        .concurrent_streams_max = options_.concurrent_moves,
                                        .price_per_change = 0});
    const bool due = plan.first_slot == 0 && plan.first_count != alive;
    const bool fewer = due && plan.first_count < alive;
    confirmed_ = fewer ? confirmed_ + 1 : 0;
    if (due && (!fewer || confirmed_ >= 3)) {
      wanted_ = static_cast<std::size_t>(plan.first_count);
      spreading_ = true;
      moves_left_ = 3 * plan.first_count;
      confirmed_ = 0;
    }
  }
  if (spreading_) Spread(past, fleet);
}

// One step towards an even spread over the wanted number of shards: from the fullest to a new or
// the emptiest one; what is too many gives all it has.
void PStore::Spread(const Past& past, Fleet& fleet) {
  for (int round = 0; round < options_.concurrent_moves; ++round) {
    const std::vector<double> means = DayMeans(past, fleet, options_);
    std::vector<double> load(fleet.shards().size(), 0);
    double total = 0;
    for (std::size_t i = 0; i < means.size(); ++i) {
      load[fleet.pieces()[i].shard] += means[i];
      total += means[i];
    }
    // What is on its way counts where it goes.
    for (const Transfer& transfer : fleet.transfers()) {
      for (std::size_t i = 0; i < means.size(); ++i) {
        const Piece& piece = fleet.pieces()[i];
        if (piece.shard != transfer.order.source) continue;
        if (transfer.order.type != model::ActionType::kMerge &&
            (piece.from < transfer.order.from || piece.to - 1 > transfer.order.to - 1))
          continue;
        load[transfer.destination] += means[i];
        load[piece.shard] -= means[i];
      }
    }
    if (!SpreadOnce(fleet, means, load, total)) break;
  }
}

bool PStore::SpreadOnce(Fleet& fleet, const std::vector<double>& means,
                        const std::vector<double>& load, double total) {
  const double even = total / static_cast<double>(wanted_);
  const bool grow = fleet.alive() < wanted_;
  const bool shrink = fleet.alive() > wanted_;
  if (!grow && !shrink && moves_left_ <= 0) {
    spreading_ = !fleet.transfers().empty();
    return false;
  }
  // What is too many: the emptiest ones; they only become emptier, so they stay the same ones.
  std::vector<std::size_t> by_load;
  for (std::size_t shard = 0; shard < load.size(); ++shard) {
    if (fleet.shards()[shard].alive) by_load.push_back(shard);
  }
  std::stable_sort(by_load.begin(), by_load.end(),
                   [&load](std::size_t a, std::size_t b) { return load[a] < load[b]; });
  const std::size_t doomed = shrink ? by_load.size() - wanted_ : 0;
  std::optional<std::size_t> source;
  std::optional<std::size_t> destination;
  for (std::size_t i = 0; i < by_load.size(); ++i) {
    const FleetShard& state = fleet.shards()[by_load[i]];
    if (!state.ready) continue;
    if (!state.sending && (i < doomed || !shrink)) source = by_load[i];  // the fullest of them
    if (!state.receiving && i >= doomed && !destination && !grow) destination = by_load[i];
  }
  if (source == destination) destination.reset();
  if (!source || (!grow && !destination)) return false;
  const double room = grow ? even : std::max(0.0, even - load[*destination]);
  const double excess = shrink ? load[*source] : std::max(0.0, load[*source] - even);
  const double wish = std::min(room, excess);
  if (!shrink && !grow && wish < 0.15 * even) {
    spreading_ = !fleet.transfers().empty();
    return false;
  }
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < means.size(); ++i) {
    if (fleet.pieces()[i].shard != *source) continue;
    const bool closer = !best || std::abs(means[i] - wish) < std::abs(means[*best] - wish);
    if (shrink ? !best || means[i] > means[*best] : closer) best = i;
  }
  if (!best) return false;
  const Piece piece = fleet.pieces()[*best];
  Order order{.type = model::ActionType::kMove,
              .source = *source,
              .destination = destination,
              .from = piece.from,
              .to = piece.to};
  if (!shrink && means[*best] > 1.5 * wish && wish > 0) {  // only a part of it
    const double width = static_cast<double>(piece.to - piece.from - 1) + 1;
    const double part = std::clamp(wish / means[*best], 0.1, 0.9);
    order.type = model::ActionType::kSplit;
    order.from = piece.from + static_cast<model::Position>((1 - part) * width);
  }
  --moves_left_;
  return fleet.Start(order);
}

}  // namespace foreshard::simulate
