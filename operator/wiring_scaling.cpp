#include "operator/controllers/scaling_controller.h"
#include "operator/load_meter.h"
#include "operator/metrics/prometheus_http.h"
#include "operator/routers/https_heat_source.h"
#include "operator/wiring.h"

// The scaling controller meets the rest of the operator here: Prometheus, the routers' heat, the
// exporter.

namespace foreshard::op {

namespace {

constexpr std::size_t kScalingWorkers = 2;

}  // namespace

void Wiring::AddScaling() {
  auto heat = std::make_shared<HttpsHeatSource>(cached_, clock_, ca_files_);
  helpers_.push_back(heat);
  auto meter = std::make_shared<LoadMeter>(exporter_);
  auto learner = std::make_shared<BackgroundLearner>(clock_);
  helpers_.push_back(learner);
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
          .on_pass =
              [this, meter](const ScalingReport& report) {
                meter->Look(report);
                loads_.Look(report);
              },
          .on_gone =
              [this, meter](const kube::ObjectRef& set) {
                meter->Forget(set);
                loads_.Forget(set);
              },
          .learner = learner.get()}),
      kScalingWorkers);
}

}  // namespace foreshard::op
