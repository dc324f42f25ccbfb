#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "migration/mover_work.h"

namespace foreshard::migration {

// The mover's metrics over HTTP: GET /metrics; everything else is 404, and /healthz says ok.
//
// Threads: one of its own, until the object ends.
class MetricsServer {
 public:
  // `address`: "0.0.0.0:9187"; port 0 takes any. Errors: kGiveUp naming the address.
  static Result<std::unique_ptr<MetricsServer>> Start(std::string_view address, const Board& board);
  virtual ~MetricsServer() = default;

  virtual int port() const = 0;
};

// The text exposition format of what the board knows.
std::string MetricsText(const Board& board);

}  // namespace foreshard::migration
