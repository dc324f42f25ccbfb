#pragma once

namespace foreshard::support {

// A TCP port of 127.0.0.1 that was free a moment ago, chosen by the kernel. Somebody else may take
// it before the caller does, so whoever can bind to port 0 itself should; others try again with
// another port.
int FreePort();

// True if something accepts connections there now.
bool PortAccepts(int port);

}  // namespace foreshard::support
