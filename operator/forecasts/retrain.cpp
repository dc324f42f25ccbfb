#include "operator/forecasts/retrain.h"

namespace foreshard::op {

// A refit that is over 5 % worse keeps the old coefficients (forecast/fine/pool_refit.cpp). A new
// network is not compared: each shard gives it the weight that its forecasts earn.
Retrained Retrain(RetrainJob job, const forecast::Executor& run, const forecast::StopAsked& stop) {
  Retrained learned;
  if (!job.histories.empty()) {
    Result<forecast::Shared> trained = forecast::Shared::Train(
        job.histories, job.options, job.options.replay_days * job.options.day_bins, run, stop);
    if (trained) {
      learned.shared = std::make_shared<const forecast::Shared>(*std::move(trained));
    } else {
      learned.problem = trained.error().message;
    }
  }
  const forecast::Shared* shared = learned.shared ? learned.shared.get() : job.shared.get();
  Random random(1);
  for (auto& [shard, fitted] : job.due) {
    if (stop()) break;
    run({[&learned, &random, shared, &shard = shard, &fitted = fitted] {
      Result<forecast::Fitted> refitted = forecast::Refit(std::move(fitted), shared, random);
      if (refitted) learned.fitted.emplace(shard, *std::move(refitted));
    }});
  }
  return learned;
}

}  // namespace foreshard::op
