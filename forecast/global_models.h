#pragma once

#include <memory>

#include "forecast/models/global_lstm.h"
#include "forecast/models/global_ridge.h"
#include "forecast/models/prior_profile.h"

namespace foreshard::forecast {

// What all series of a set share and no series may change.
struct GlobalModels {
  GlobalRidge linear;  // fitted on everything: forecasts from now
  GlobalRidge log;
  GlobalRidge old_linear;  // fitted before the earliest past origin: forecasts from past origins,
                           // for weights
  GlobalRidge old_log;
  std::shared_ptr<const GlobalLstm> lstm;  // none: not trained
  std::shared_ptr<const GlobalLstm> old_lstm;
  std::shared_ptr<const PriorProfiles> profiles;  // none: no series was long enough
};

}  // namespace foreshard::forecast
