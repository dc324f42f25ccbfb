#include "forecast/models/global_lstm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

constexpr int kSliceSamples = 16;
constexpr int kSlices = 4;
constexpr int kTargets = 16;  // horizons of a window that are trained on
constexpr double kRate = 4e-3;
constexpr double kFineRate = 4e-4;
constexpr double kClip = 8;
constexpr std::int64_t kJudgeEvery = 50;
constexpr std::int64_t kPasses = 8;  // of all places in the data, at most
constexpr int kPatience = 6;
constexpr int kJudgedSlices = 24;
constexpr double kNewestShare = 0.1;
constexpr int kContext = 12;
constexpr int kBesides = 7;  // inputs of a step that are not its bins
constexpr double kUnitShare = 0.01;
constexpr std::uint32_t kMagic = 0x534c4c47;  // "GLLS"

// One series around one origin, in the network's units.
class Lens {
 public:
  Lens(const Past& past, const GlobalLstmOptions& options) : past_(past), options_(options) {
    const int n = past.size();
    const int span = std::min(n, options.week > 0 ? options.week : 7 * options.day);
    double mean = 0;
    for (int i = n - span; i < n; ++i) mean += past[i] / span;
    unit_ = kUnitShare * mean + 1e-300;
    for (int i = n - span; i < n; ++i) center_ += Log(i) / span;
    for (int i = n - span; i < n; ++i) spread_ += std::abs(Log(i) - center_) / span;
    spread_ += 1e-6;
    day_known_ = n > options.day;
    week_known_ = options.week > 0 && n > options.week + options.day;
    two_known_ = options.week > 0 && n > 2 * options.week + options.day;
    hour_over_day_ = Above(past.hour(), options.day, day_known_);
    hour_over_week_ = Above(past.hour(), options.week, week_known_);
    day_over_week_ = Above(options.day, options.week, week_known_);
    day_over_day_ = Above(options.day, options.day, n > 2 * options.day);
  }

  double Z(int i) const { return std::clamp((Log(i) - center_) / spread_, -kClip, kClip); }
  double ToZ(double y) const {
    return std::clamp((std::log1p(std::max(0.0, y) / unit_) - center_) / spread_, -kClip, kClip);
  }
  double FromZ(double z) const { return unit_ * std::expm1(center_ + spread_ * z); }

  // z of the bin h ahead, whole seasons before.
  double Back(int h, int season, int times) const {
    int index = past_.size() - 1 + h - times * season;
    while (index >= past_.size()) index -= season;
    return Z(std::max(0, index));
  }
  double Base(int h) const { return Back(h, week_known_ ? options_.week : options_.day, 1); }

  template <typename Column>
  void Step(int t, Column&& column) const {
    const int end = past_.size() - (options_.patches - 1 - t) * options_.patch;
    double known = 0;
    for (int k = 0; k < options_.patch; ++k) {
      const int i = end - options_.patch + k;
      column(k) = i >= 0 ? static_cast<float>(Z(i)) : 0.0F;
      known += i >= 0 && past_.usable_at(i) ? 1.0 / options_.patch : 0;
    }
    int at = options_.patch;
    column(at++) = MeanZ(end - options_.day);
    column(at++) = options_.week > 0 ? MeanZ(end - options_.week) : 0;
    column(at++) = static_cast<float>(known);
    Places(end - 1 - (past_.size() - 1), column, at);
  }
  bool StepKnown(int t) const {
    return past_.size() - (options_.patches - 1 - t) * options_.patch > 0;
  }

  template <typename Column>
  void Context(int h, Column&& column) const {
    const double base = Base(h);
    int at = 0;
    column(at++) = static_cast<float>(Back(h, options_.day, 1) - base);
    column(at++) = two_known_ ? static_cast<float>(Back(h, options_.week, 2) - base) : 0;
    column(at++) = static_cast<float>(hour_over_day_);
    column(at++) = static_cast<float>(hour_over_week_);
    column(at++) = static_cast<float>(day_over_day_);
    column(at++) = static_cast<float>(day_over_week_);
    column(at++) = static_cast<float>(static_cast<double>(h) / options_.horizon);
    column(at++) = week_known_ ? 1 : 0;
    Places(h, column, at);
  }

 private:
  double Log(int i) const { return std::log1p(std::max(0.0, past_[i]) / unit_); }
  // Mean of the last `bins` above the mean of the same bins a season before, in z.
  double Above(int bins, int season, bool known) const {
    if (!known || past_.size() <= season + bins) return 0;
    double above = 0;
    for (int i = past_.size() - bins; i < past_.size(); ++i) above += (Z(i) - Z(i - season)) / bins;
    return above;
  }
  float MeanZ(int end) const {
    if (end - options_.patch < 0) return 0;
    double mean = 0;
    for (int i = end - options_.patch; i < end; ++i) mean += Z(i) / options_.patch;
    return static_cast<float>(mean);
  }
  template <typename Column>
  void Places(int ahead, Column&& column, int at) const {
    for (const int season : {options_.day, options_.week}) {
      const model::BinIndex place = past_.last + ahead;
      const double angle =
          season > 0 ? 2 * std::numbers::pi * static_cast<double>(place % season) / season : 0;
      column(at++) = season > 0 ? static_cast<float>(std::sin(angle)) : 0;
      column(at++) = season > 0 ? static_cast<float>(std::cos(angle)) : 0;
    }
  }

  const Past& past_;
  const GlobalLstmOptions& options_;
  double unit_ = 1;
  double center_ = 0;
  double spread_ = 0;
  bool day_known_ = false;
  bool week_known_ = false;
  bool two_known_ = false;
  double hour_over_day_ = 0;
  double hour_over_week_ = 0;
  double day_over_week_ = 0;
  double day_over_day_ = 0;
};

LstmShape ShapeFor(const GlobalLstmOptions& options) {
  return {.inputs = options.patch + kBesides,
          .context = kContext,
          .cells = options.cells,
          .layers = options.layers,
          .hidden = 16};
}

LstmBatch<float> EmptyBatch(const GlobalLstmOptions& options, Eigen::Index horizons,
                            Eigen::Index samples) {
  LstmBatch<float> batch;
  batch.inputs.assign(static_cast<std::size_t>(options.patches),
                      Eigen::MatrixXf::Zero(options.patch + kBesides, samples));
  batch.known = Eigen::MatrixXf::Zero(options.patches, samples);
  batch.context = Eigen::MatrixXf::Zero(kContext, horizons * samples);
  batch.target =
      Eigen::MatrixXf::Constant(horizons, samples, std::numeric_limits<float>::quiet_NaN());
  return batch;
}

void Look(const Lens& lens, const GlobalLstmOptions& options, std::span<const int> steps,
          Eigen::Index sample, LstmBatch<float>& batch) {
  for (int t = 0; t < options.patches; ++t) {
    if (!lens.StepKnown(t)) continue;
    batch.known(t, sample) = 1;
    lens.Step(t, batch.inputs[static_cast<std::size_t>(t)].col(sample));
  }
  const auto count = static_cast<Eigen::Index>(steps.size());
  for (Eigen::Index k = 0; k < count; ++k) {
    lens.Context(steps[static_cast<std::size_t>(k)], batch.context.col(sample * count + k));
  }
}

Result<GlobalLstm> TrainToTheEnd(LstmTrainer trainer, const Executor& run, const StopAsked& stop) {
  while (!trainer.done()) {
    if (stop()) return Error::GiveUp("training was stopped", "Stopped");
    const Status step = trainer.Step(run);
    if (!step) return step.error();
  }
  return trainer.Take();
}

// The series as it was known at an index.
Past Until(const Past& past, int origin) { return past.Before(past.size() - 1 - origin); }

}  // namespace

GlobalLstmOptions LstmOptionsFor(int day, int week, int horizon) {
  GlobalLstmOptions options{.day = day, .week = week, .horizon = horizon};
  const bool days_ahead = horizon > day;
  options.patch = days_ahead ? std::max(1, day / 2) : std::max(1, day / 48);
  options.patches = days_ahead ? 28 : 24;
  return options;
}

GlobalLstm::GlobalLstm(const GlobalLstmOptions& options)
    : options_(options), network_([&options] {
        Random random(options.seed);
        return Lstm<float>(ShapeFor(options), random);
      }()) {}

Result<GlobalLstm> GlobalLstm::Fit(std::span<const Past> series, const GlobalLstmOptions& options,
                                   const Executor& run, const StopAsked& stop) {
  return TrainToTheEnd(LstmTrainer(series, GlobalLstm(options), options.windows, kRate), run, stop);
}

Result<GlobalLstm> GlobalLstm::FineTuned(std::span<const Past> series, std::int64_t windows,
                                         const Executor& run, const StopAsked& stop) const {
  return TrainToTheEnd(LstmTrainer(series, *this, windows, kFineRate), run, stop);
}

bool GlobalLstm::CanSee(const Past& past) const {
  return past.size() > options_.day + options_.patch;
}

void GlobalLstm::Forecast(const Past& past, std::span<const int> steps,
                          std::span<std::array<double, kLstmQuantiles>> quantiles) const {
  LstmBatch<float> batch = EmptyBatch(options_, static_cast<Eigen::Index>(steps.size()), 1);
  const Lens lens(past, options_);
  Look(lens, options_, steps, 0, batch);
  const Eigen::MatrixXf said = network_.Quantiles(batch);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double base = lens.Base(steps[i]);
    for (std::size_t q = 0; q < kLstmQuantiles; ++q) {
      const double off = said(static_cast<Eigen::Index>(q), static_cast<Eigen::Index>(i));
      quantiles[i][q] = std::max(0.0, lens.FromZ(std::clamp(base + off, -kClip, kClip)));
    }
  }
}

void GlobalLstm::Forecast(const Past& past, std::span<const int> steps,
                          std::span<double> out) const {
  std::vector<std::array<double, kLstmQuantiles>> quantiles(steps.size());
  Forecast(past, steps, quantiles);
  for (std::size_t i = 0; i < steps.size(); ++i) out[i] = quantiles[i][kLstmMedian];
}

std::string GlobalLstm::Serialize() const {
  ByteWriter head;
  head.Put(kMagic);
  for (const int value : {options_.day, options_.week, options_.horizon, options_.patch,
                          options_.patches, options_.cells, options_.layers}) {
    head.Put(static_cast<std::int32_t>(value));
  }
  head.Put(static_cast<std::uint8_t>(fitted_ ? 1 : 0));
  const std::string options = head.Take();
  ByteWriter check;
  check.Put(Checksum(options));
  return options + check.Take() + network_.Serialize();
}

Result<GlobalLstm> GlobalLstm::Parse(std::string_view bytes) {
  constexpr std::size_t kHeadBytes = 4 + 7 * 4 + 1;
  constexpr int kSizeMost = 100'000;
  const auto damaged = [](const char* what) {
    return Error::GiveUp(std::string("weights are damaged: ") + what, "BadState");
  };
  ByteReader head(bytes);
  if (head.Get<std::uint32_t>() != kMagic) return damaged("not a global network");
  GlobalLstmOptions options;
  for (int* value : {&options.day, &options.week, &options.horizon, &options.patch,
                     &options.patches, &options.cells, &options.layers}) {
    *value = head.Get<std::int32_t>();
    if (*value < 0 || *value > kSizeMost) return damaged("options");
  }
  const bool fitted = head.Get<std::uint8_t>() != 0;
  const auto checksum = head.Get<std::uint64_t>();
  if (!head.good() || Checksum(bytes.substr(0, kHeadBytes)) != checksum) return damaged("checksum");
  Result<Lstm<float>> network = Lstm<float>::Parse(bytes.substr(kHeadBytes + 8));
  if (!network) return network.error();
  if (options.day < 2 || options.horizon < 1 || options.patch < 1 ||
      !(network->shape() == ShapeFor(options))) {
    return damaged("options and network differ");
  }
  GlobalLstm model(options);
  model.network_ = *std::move(network);
  model.fitted_ = fitted;
  return model;
}

LstmTrainer::LstmTrainer(std::span<const Past> series, GlobalLstm start, std::int64_t windows,
                         double rate)
    : series_(series.begin(), series.end()),
      model_(std::move(start)),
      batches_most_(windows / (kSliceSamples * kSlices)),
      rate_(rate),
      random_(model_.options_.seed) {
  std::vector<Place> newest;
  for (std::size_t s = 0; s < series_.size(); ++s) {
    const int first = model_.options_.day + model_.options_.patch;
    const int end = series_[s].size() - model_.options_.horizon;
    const int border = end - std::max(1, static_cast<int>(kNewestShare * end));
    for (int origin = first; origin < end; ++origin) {
      (origin < border - model_.options_.horizon ? old_ : newest).push_back({s, origin});
    }
  }
  if (old_.empty() || newest.empty()) {
    batches_most_ = 0;
    return;
  }
  const auto places = static_cast<std::int64_t>(old_.size());
  batches_most_ = std::min(batches_most_, kPasses * places / (kSliceSamples * kSlices) + 1);
  for (int k = 0; k < kJudgedSlices; ++k) newest_.push_back(Draw(newest, kSliceSamples));
  best_loss_ = HUGE_VAL;
  if (model_.fitted_) Judge();
}

LstmBatch<float> LstmTrainer::Draw(const std::vector<Place>& from, int samples) {
  const GlobalLstmOptions& options = model_.options_;
  const int targets = std::min(kTargets, options.horizon);
  LstmBatch<float> batch = EmptyBatch(options, targets, samples);
  std::vector<int> steps(static_cast<std::size_t>(targets));
  for (Eigen::Index s = 0; s < samples; ++s) {
    const Place place = from[random_.Below(from.size())];
    const Past past = Until(series_[place.series], place.origin);
    // One horizon of each equal part, so that all are trained on.
    for (int k = 0; k < targets; ++k) {
      const int low = options.horizon * k / targets + 1;
      const int high = options.horizon * (k + 1) / targets;
      steps[static_cast<std::size_t>(k)] = static_cast<int>(random_.Between(low, high));
    }
    const Lens lens(past, options);
    Look(lens, options, steps, s, batch);
    for (int k = 0; k < targets; ++k) {
      const int h = steps[static_cast<std::size_t>(k)];
      const int at = place.origin + h;
      if (!series_[place.series].usable_at(at)) continue;
      batch.target(k, s) = static_cast<float>(lens.ToZ(series_[place.series][at]) - lens.Base(h));
    }
  }
  return batch;
}

bool LstmTrainer::done() const { return batch_ >= batches_most_ || since_best_ >= kPatience; }

void LstmTrainer::Judge() {
  double loss = 0;
  for (const LstmBatch<float>& slice : newest_) {
    loss += static_cast<double>(model_.network_.Loss(slice)) / static_cast<double>(newest_.size());
  }
  ++since_best_;
  if (!(loss < best_loss_)) return;
  best_loss_ = loss;
  best_ = model_.network_.parameters();
  since_best_ = 0;
}

Status LstmTrainer::Step(const Executor& run) {
  std::vector<LstmBatch<float>> slices;
  for (int k = 0; k < kSlices; ++k) slices.push_back(Draw(old_, kSliceSamples));
  // From the full rate down to nothing, along a cosine.
  const double done = static_cast<double>(batch_) / static_cast<double>(batches_most_);
  training_.rate = rate_ * 0.5 * (1 + std::cos(std::numbers::pi * done));
  const Result<double> loss = TrainStep<float>(model_.network_, training_, slices, run);
  if (!loss) return loss.error();
  ++batch_;
  if (batch_ % kJudgeEvery == 0 || batch_ == batches_most_) Judge();
  return Ok();
}

GlobalLstm LstmTrainer::Take() {
  if (best_.size() > 0) {
    model_.network_.parameters() = best_;
    model_.fitted_ = true;
  }
  return std::move(model_);
}

}  // namespace foreshard::forecast
