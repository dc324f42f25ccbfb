#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "forecast/bytes.h"
#include "forecast/forecaster.h"
#include "forecast/global_models.h"
#include "forecast/models/autoregression.h"
#include "forecast/models/ridge.h"
#include "forecast/models/spar.h"
#include "forecast/models/sparse_ar.h"
#include "forecast/past.h"

// The models of the fine pool, fitted, behind one table. The regressions are fitted at a few
// horizons only (anchors) and interpolated between: a fit for each of 24 steps would cost five
// times as much.

namespace foreshard::forecast {

inline constexpr std::size_t kFineModels = 12;
inline constexpr std::array<std::string_view, kFineModels> kFineModelNames = {
    "last", "day-1", "week-1", "day-ratio", "week-ratio", "spar-daily",
    "ar",   "ridge", "trend",  "sparse-ar", "lstm",       "prior"};
using ModelRow = std::array<double, kFineModels>;  // one forecast by each model

inline constexpr int kHorizonMax = 512;
inline constexpr std::size_t kAnchorsMax = 5;

// 1, H/8, H/4, H/2, H without repetitions.
class Anchors {
 public:
  explicit Anchors(int horizon);
  std::size_t size() const { return count_; }
  int operator[](std::size_t i) const { return steps_[i]; }
  std::span<const int> steps() const { return {steps_.data(), count_}; }

  // Between which anchors a step lies: value = (1 - share) * v[low] + share * v[high].
  struct Place {
    std::size_t low = 0;
    std::size_t high = 0;
    double share = 0;
  };
  Place PlaceOf(int step) const;

 private:
  std::array<int, kAnchorsMax> steps_{};
  std::size_t count_ = 0;
};

// A path of forecasts by every model, without allocation.
struct ModelPath {
  std::array<ModelRow, kHorizonMax> step;
};

class FineModels {
 public:
  FineModels(const Options& options, const Anchors& anchors);

  // New coefficients from what is known. Models that need more history keep falling back.
  void Fit(const Past& past);

  // The network of the set and the days it knows; none: they have no vote.
  void set_lstm(std::shared_ptr<const GlobalLstm> lstm) { lstm_ = std::move(lstm); }
  void set_profiles(std::shared_ptr<const PriorProfiles> profiles) {
    profiles_ = std::move(profiles);
  }

  // Which models may have weight with this much history (design: short history).
  std::array<bool, kFineModels> Eligible(const Past& past) const;

  bool CanAskLstm(const Past& past) const;
  bool CanAskProfiles(const Past& past) const;  // only before there is a day of its own
  // rows[a] is the forecast for anchors[a] ahead.
  void AtAnchors(const Past& past, std::span<ModelRow> rows) const;
  // path.step[h - 1] for h = 1..bins.
  void Along(const Past& past, int bins, ModelPath& path) const;

  void Save(ByteWriter& out) const;
  bool Load(ByteReader& in);

 private:
  Options options_;
  Anchors anchors_;
  std::array<bool, kFineModels> wanted_{};
  std::vector<Spar> spar_;
  std::vector<Autoregression> ar_;
  std::vector<Ridge> ridge_;
  SparseAr sparse_ar_;
  std::shared_ptr<const GlobalLstm> lstm_;
  std::shared_ptr<const PriorProfiles> profiles_;
};

}  // namespace foreshard::forecast
