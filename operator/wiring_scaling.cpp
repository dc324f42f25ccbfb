#include <algorithm>
#include <cmath>

#include "operator/controllers/scaling_controller.h"
#include "operator/metrics/prometheus_http.h"
#include "operator/routers/https_heat_source.h"
#include "operator/wiring.h"

// The scaling controller meets the rest of the operator here: Prometheus, the routers' heat, the
// exporter.

namespace foreshard::op {

namespace {

constexpr std::size_t kScalingWorkers = 2;

struct Lead {
  const char* name;  // part of the horizon
  double part;
};
constexpr Lead kLeads[] = {{"0.25", 0.25}, {"0.5", 0.5}, {"1", 1.0}};
struct Level {
  const char* name;
  double level;
};
constexpr Level kShownLevels[] = {{"0.5", 0.5}, {"0.95", 0.95}};

void ShowShard(Exporter& exporter, const Exporter::ShardKey& key, const ShardLoad& load,
               int plan_quantile_percent) {
  exporter.SetDemand(key, load.statements);
  const std::size_t steps = load.statements_ahead.size();
  if (steps == 0) return;
  for (const Lead& lead : kLeads) {
    const auto step = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::lround(lead.part * static_cast<double>(steps))));
    for (const Level& shown : kShownLevels) {
      exporter.SetForecast(key, shown.name, lead.name,
                           model::Quantile(load.statements_ahead[step - 1], shown.level));
    }
  }
  double peak = 0;
  for (const model::Quantiles& step : load.fan.steps)
    peak = std::max(peak, model::Quantile(step, plan_quantile_percent / 100.0));
  exporter.SetHeadroom(key, 100 * (1 - peak));
}

void Show(Exporter& exporter, const ScalingReport& report) {
  if (!report.decision->has_plan || !report.memory->loads) return;
  const model::ShardSet& set = report.seen->set;
  exporter.OnPlan(ToString(report.decision->plan.decision), report.plan_seconds);
  double errors = 0;
  double naive = 0;
  double coverage = 0;
  double scored = 0;
  bool trusted = !report.memory->loads->loads().empty();
  for (const auto& [shard, load] : report.memory->loads->loads()) {
    ShowShard(exporter, {set.name_space, set.name, shard.value}, load,
              set.spec.scaling.plan_quantile_percent);
    trusted = trusted && load.trust.Value() >= model::kTrustToActFully;
    for (const forecast::StepReport& step : report.memory->loads->Report(shard)) {
      if (step.scored == 0) continue;
      errors += step.ensemble_error;
      naive += step.best_naive_error;
      coverage += step.coverage90;
      ++scored;
    }
  }
  // Relative to the better naive forecast: below 1 the ensemble earns its keep.
  const double error = naive > 0 ? errors / naive : 0;
  exporter.SetForecastQuality(set.name_space, set.name, error, scored > 0 ? coverage / scored : 0,
                              trusted);
}

}  // namespace

void Wiring::AddScaling() {
  auto heat = std::make_shared<HttpsHeatSource>(cached_, clock_, ca_files_);
  helpers_.push_back(heat);
  scaling_ = &Add(
      "scaling",
      std::make_unique<ScalingController>(ScalingControllerOptions{
          .kube = cached_,
          .heat = *heat,
          .clock = clock_,
          .default_prometheus_url = options_.prometheus_url,
          .open_metrics = [this](const std::string& url) -> Result<std::unique_ptr<Metrics>> {
            Result<std::unique_ptr<PrometheusHttp>> opened = PrometheusHttp::Create(url, clock_);
            if (!opened) return opened.error();
            return std::unique_ptr<Metrics>(*std::move(opened));
          },
          .on_pass = [this](const ScalingReport& report) { Show(exporter_, report); }}),
      kScalingWorkers);
}

}  // namespace foreshard::op
