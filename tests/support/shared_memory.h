#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace foreshard::support {

// The System V segment that a PostgreSQL makes beside its real memory, to see whether anybody still
// uses its folder: what `postmaster.pid` says of it.
struct ServerSegment {
  pid_t creator = 0;
  key_t key = 0;
  int id = 0;
};

// Nothing where there is no such file: the server never came so far, or ended by itself.
std::optional<ServerSegment> SegmentOf(const std::string& data_directory);

// Whether it is still there. Another one that has the same number now does not count.
bool Exists(const ServerSegment& segment);

// A killed server leaves its segment, and the machine has 4,096: removes it once nobody is
// attached, for which the killed processes get some seconds. Another's segment, and one in use,
// stay.
//
// REQUIRES: the folder's server is not started again.
void RemoveSegment(const std::string& data_directory);

}  // namespace foreshard::support
