#include "router/loop_pace.h"

#include <sched.h>

namespace foreshard::router {

void LoopPace::Turn() {
  batch_ = !batch_;
  const sched_param none{};
  ::sched_setscheduler(0, batch_ ? SCHED_BATCH : SCHED_OTHER, &none);
}

}  // namespace foreshard::router
