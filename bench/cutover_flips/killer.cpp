#include "bench/cutover_flips/killer.h"

namespace foreshard::bench {

void Killer::Run(const std::stop_token& stop) {
  while (migration::Pause(stop, std::chrono::milliseconds(random_.Between(300, 1'500)))) {
    const std::int64_t draw = random_.Between(0, 99);
    Status done = Ok();
    if (draw < 50) {
      ++kills_["operator"];
      flips_.KillOperator();
    } else if (draw < 80) {
      ++kills_["router"];
      done = fleet_.KillRouter(draw < 65 ? 1 : 2);
    } else {
      // Which of the two gives keys away now, nobody knows for sure: the names are those of the
      // next flip.
      const bool source = draw < 90;
      ++kills_[source ? "source" : "destination"];
      done = fleet_.KillServer(source == flips_.forward());
    }
    if (!done) {
      failure_ = done.error().message;
      return;
    }
  }
}

}  // namespace foreshard::bench
