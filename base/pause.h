#pragma once

#include <chrono>
#include <stop_token>

namespace foreshard {

// Waits, unless the process or thread is to end. False: it is.
bool Pause(const std::stop_token& stop, std::chrono::nanoseconds duration);

}  // namespace foreshard
