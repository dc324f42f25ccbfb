#pragma once

#include <string>
#include <vector>

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

// Until it is killed.
int RunOperatorProcess(const OperatorProcessOptions& options);

}  // namespace foreshard::bench
