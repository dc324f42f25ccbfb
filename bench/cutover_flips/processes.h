#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/cutover_flips/fleet.h"
#include "bench/cutover_flips/records.h"

// The kubelet of a bench that kills: it runs the operator and the mover as processes, starts them
// again when they are gone, and brings the routing table to the routers, to the deaf ones late.
//
// Owner: main's thread; the processes end with it.

namespace foreshard::bench {

class Processes {
 public:
  // `program`: the bench's own subcommand that is the operator.
  Processes(Fleet& fleet, Records& records, std::string program = "operator")
      : fleet_(fleet), records_(records), program_(std::move(program)) {}

  Status StartOperator();
  // SIGKILL. False: it did not run.
  bool KillOperator();
  bool KillMover();
  bool MoverRuns() const { return mover_ != nullptr && mover_->Running(); }

  // One look after the mover and the tables; call it often. Errors: a program cannot be started.
  Status Tick();

  // What operator and mover have said of this migration, for the reader of a failure.
  std::string Logs() const;
  void ForgetLogs();
  // From now on all that they say is kept in a file, too: one JSON object a line, each process's
  // lines when it has ended. Sorted they are a story.
  void KeepLogs(std::filesystem::path file) { file_ = std::move(file); }
  ~Processes();

 private:
  struct LateTable {
    MonotonicTime due;
    model::RoutingTable table;
  };

  void Keep(const support::ChildProcess& process, std::string_view what);
  Status StartMover(const std::string& spec);
  Status TickMover();
  void TickTables();

  Fleet& fleet_;
  Records& records_;
  std::string program_;
  std::unique_ptr<support::ChildProcess> operator_;
  std::unique_ptr<support::ChildProcess> mover_;
  bool preflight_ = false;  // that is what `mover_` does
  bool finished_ = false;
  int leader_ = 0;
  std::string table_;  // that the routers were given
  std::vector<LateTable> late_;
  std::string logs_;
  std::filesystem::path file_;  // empty: none
};

}  // namespace foreshard::bench
