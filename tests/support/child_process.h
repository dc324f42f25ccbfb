#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::support {

struct ProcessOptions {
  std::vector<std::string> command;  // program (looked up in PATH) and its arguments
  std::vector<std::pair<std::string, std::string>> environment = {};  // added to ours, or replacing
  std::string directory = {};  // working directory; empty: ours
  std::string user = {};       // run as that user when we are root; ignored when we are not
  std::string input = {};      // what the program reads on standard input
};

struct ExitStatus {
  int code = -1;   // of a normal end
  int signal = 0;  // that ended it, or 0

  bool ok() const { return signal == 0 && code == 0; }
};

std::string ToString(const ExitStatus& status);

// SIGSTOP, and waits until each thread stands: the signal alone returns before, and a thread on
// another processor may answer one more question. Nothing happens if the process has ended.
void FreezeProcess(pid_t pid);

// A program started by a test: it leads a process group of its own, its output goes to files, and
// it ends with us.
//
// Owner:   the test. The destructor kills the group (SIGKILL) and reaps.
// Threads: one. The kernel ends the child when the *thread* that called Start() ends, so start from
// one that stays.
class ChildProcess {
 public:
  // Errors: kGiveUp if the program cannot be executed or the user does not exist.
  static Result<std::unique_ptr<ChildProcess>> Start(const ProcessOptions& options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();

  // To the program alone: SIGTERM, SIGKILL, SIGSTOP, SIGCONT, SIGHUP. Nothing happens if it has
  // ended.
  void Signal(int signal);
  // To the program and all that it started in its group.
  void SignalGroup(int signal);

  // Errors: kGiveUp if it still runs at the end of `limit`; the message has the end of its standard
  // error.
  Result<ExitStatus> Wait(std::chrono::milliseconds limit);
  // Sends `signal`, waits; after `limit` kills the group and says so as an error.
  Result<ExitStatus> Stop(std::chrono::milliseconds limit, int signal = SIGTERM);

  std::string Output() const { return ReadFile(files_.path() / "stdout"); }
  std::string ErrorOutput() const { return ReadFile(files_.path() / "stderr"); }
  std::string name() const { return name_; }

 private:
  ChildProcess() = default;

  TemporaryDirectory files_{"process"};
  std::string name_;
  pid_t pid_ = -1;
  bool ended_ = false;
  ExitStatus status_;
};

struct Finished {
  ExitStatus status;
  std::string output;
  std::string error_output;
};

// Runs a program to its end. Errors: as Start() and Wait(); an exit status other than 0 is not an
// error here.
Result<Finished> RunProgram(const ProcessOptions& options, std::chrono::milliseconds limit);

// The same, but any end other than exit status 0 is an error with the program's own words. Returns
// its output.
Result<std::string> RunOrError(const ProcessOptions& options, std::chrono::milliseconds limit);

}  // namespace foreshard::support
