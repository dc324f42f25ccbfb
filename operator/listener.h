#pragma once

#include <string>

#include "base/result.h"

namespace foreshard::op {

// Binds and listens at "host:port", numbers only; no host: everywhere; port 0: the kernel chooses.
// The socket is the caller's to close. Errors: kGiveUp with the address.
Result<int> ListenAt(const std::string& address, int backlog);

// 0 for what is no listening socket.
int PortOf(int listener);

}  // namespace foreshard::op
