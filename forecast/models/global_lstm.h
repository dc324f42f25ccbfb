#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "forecast/bytes.h"
#include "forecast/models/lstm.h"
#include "forecast/models/lstm_training.h"
#include "forecast/past.h"

// One recurrent network for all series of a set: quantiles of a series from its last days and what
// all others have shown.
//
//   z        log(1 + y / c), minus its mean b, over its mean distance s from it; b and s of the
//   last
//            week (or what there is), c = 1 % of that week's mean
//   step     a patch of bins: their z, the mean z a day and a week before, sine and cosine of the
//            day and the week, the share of bins that were measured (none: masked)
//   context  of a target: z a day and two weeks before against the base, how far the last hour and
//            the last day lie above the same a day and a week before, place in day and week, h
//   target   z of the target minus its base, which is z a week before (a day, before a week is
//   known)
//
// A patch instead of a bin makes the recurrence short: 28 steps see two weeks of hours. Trained on
// windows drawn at random from all series, with early stop on the newest tenth of their time.
// Source: Salinas et al., DeepAR, IJF 36(3), 2020, for one network over scaled series; Nie et al.,
// ICLR 2023, for patches. Cost: 0.1 ms a forecast; training 500 series of four weeks 8 s
// (bench/forecast).

namespace foreshard::forecast {

struct GlobalLstmOptions {
  int day = 24;
  int week = 168;  // 0: none
  int horizon = 48;
  int patch = 12;    // bins of a step
  int patches = 28;  // steps of a window
  int cells = 32;
  int layers = 1;
  std::int64_t windows = 60'000;  // drawn for training, at most
  std::uint64_t seed = 1;
};

// Two weeks by half days for hours ahead, half a day by quarters of an hour for minutes ahead.
GlobalLstmOptions LstmOptionsFor(int day, int week, int horizon);

class GlobalLstm {
 public:
  explicit GlobalLstm(const GlobalLstmOptions& options);

  // Each past ends where training must end. With too little for a window the network stays
  // unfitted. Errors: kGiveUp when training exploded or was stopped.
  static Result<GlobalLstm> Fit(std::span<const Past> series, const GlobalLstmOptions& options,
                                const Executor& run = OneByOne, const StopAsked& stop = NeverStop);
  // Goes on from these weights with newer data and `windows` more windows, at a tenth of the rate.
  Result<GlobalLstm> FineTuned(std::span<const Past> series, std::int64_t windows,
                               const Executor& run = OneByOne,
                               const StopAsked& stop = NeverStop) const;

  bool fitted() const { return fitted_; }
  // Whether there is enough history to be asked: a day and a patch.
  bool CanSee(const Past& past) const;
  // Medians: out[i] is the forecast for steps[i] ahead. REQUIRES: fitted() and CanSee(past).
  void Forecast(const Past& past, std::span<const int> steps, std::span<double> out) const;
  // quantiles[i] are those of steps[i] at kLstmLevels.
  void Forecast(const Past& past, std::span<const int> steps,
                std::span<std::array<double, kLstmQuantiles>> quantiles) const;

  // The network's own bytes, with its version and checksum. Parse refuses any damage.
  std::string Serialize() const;
  static Result<GlobalLstm> Parse(std::string_view bytes);

 private:
  friend class LstmTrainer;

  GlobalLstmOptions options_;
  Lstm<float> network_;
  bool fitted_ = false;
};

// Training as a value that advances, for a background that must be able to stop.
class LstmTrainer {
 public:
  // Views must live as long as the trainer.
  LstmTrainer(std::span<const Past> series, GlobalLstm start, std::int64_t windows, double rate);

  // A batch. Errors: kGiveUp when training exploded.
  Status Step(const Executor& run);
  bool done() const;
  std::int64_t batches() const { return batch_; }
  double best_loss() const { return best_loss_; }  // on the newest tenth
  // The best network so far by the newest tenth of time.
  GlobalLstm Take();

 private:
  struct Place {
    std::size_t series = 0;
    int origin = 0;  // index of the newest bin seen
  };
  LstmBatch<float> Draw(const std::vector<Place>& from, int samples);
  void Judge();

  std::vector<Past> series_;
  GlobalLstm model_;
  std::int64_t batches_most_ = 0;
  double rate_ = 0;
  Random random_;
  LstmTraining training_;
  std::vector<Place> old_;
  std::vector<LstmBatch<float>> newest_;
  Eigen::VectorXf best_;
  double best_loss_ = 0;
  int since_best_ = 0;
  std::int64_t batch_ = 0;
};

}  // namespace foreshard::forecast
