#pragma once

#include <memory>
#include <string>

#include "operator/routers/https_router_control.h"

// The operator of a bench that kills it: the real migration controller in a process of its own,
// with the records of records.h as its API server. All it knows after a kill is there and in the
// shards.

namespace foreshard::bench {

struct OperatorProcessOptions {
  std::string folder;    // records, and the certificates
  std::string first;     // conninfo of s-aaaa
  std::string second;    // of s-bbbb
  int router_admin = 0;  // of the router that hears
  int leader = 1;        // lease transitions: how often an operator took over
};

// Over TLS, to the one router that hears.
Result<std::unique_ptr<op::HttpsRouterControl>> MakeControl(const OperatorProcessOptions& options,
                                                            const Clock& clock);

// Until it is killed.
int RunOperatorProcess(const OperatorProcessOptions& options);

}  // namespace foreshard::bench
