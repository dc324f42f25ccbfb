#pragma once

#include <cstdint>

namespace foreshard::router {

// How the kernel schedules the thread of an event loop.
//
// As long as a poll brings an event or two, the thread preempts whoever runs when it is woken (SCHED_OTHER): latency counts.
// Where polls bring several, the machine is busy with this very load: the servers and clients of the same node want the CPU
// that the preemption takes from them, and each wake-up that is saved makes the next poll bring more. Then the thread waits
// for its turn (SCHED_BATCH, sched(7)); an idle CPU still takes it at once.
class LoopPace {
 public:
  // Called on the loop's thread with what each poll brought, one or more events.
  void Polled(int events) {
    average_ += (events * kOne - average_) / kSmoothing;
    if (batch_ ? average_ < kBatchUntil : average_ > kBatchFrom) Turn();
  }

  bool batch() const { return batch_; }

 private:
  static constexpr int kOne = 1024;  // an event, in fixed point
  static constexpr int kSmoothing = 64;
  static constexpr int kBatchFrom = 3 * kOne;
  static constexpr int kBatchUntil = 2 * kOne;

  // Asks the kernel. A refusal costs speed, not correctness: it is not asked again before the average has moved.
  void Turn();

  int average_ = kOne;
  bool batch_ = false;
};

}  // namespace foreshard::router
