#include "tests/support/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "tests/support/await.h"

namespace foreshard::support {
namespace {

constexpr std::size_t kErrorOutputShown = 2000;

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

Result<std::optional<User>> FindUser(const std::string& name) {
  if (name.empty() || geteuid() != 0) return std::optional<User>();
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  if (getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found) != 0 || found == nullptr) {
    return Error::GiveUp(fmt::format("there is no user '{}' on this machine", name));
  }
  return std::optional<User>({.uid = entry.pw_uid, .gid = entry.pw_gid});
}

// "NAME=value" for each variable of ours that is not replaced, then the added ones.
std::vector<std::string> EnvironmentOf(const ProcessOptions& options) {
  std::vector<std::string> lines;
  for (char** line = environ; *line != nullptr; ++line) {
    const std::string text = *line;
    bool replaced = false;
    for (const auto& [name, value] : options.environment) {
      replaced = replaced || text.compare(0, name.size() + 1, name + "=") == 0;
    }
    if (!replaced) lines.push_back(text);
  }
  for (const auto& [name, value] : options.environment) lines.push_back(name + "=" + value);
  return lines;
}

std::vector<char*> Pointers(std::vector<std::string>& lines) {
  std::vector<char*> pointers;
  for (std::string& line : lines) pointers.push_back(line.data());
  pointers.push_back(nullptr);
  return pointers;
}

// All that the child needs between fork and exec, where nothing may be allocated.
struct Prepared {
  std::vector<char*> command;
  std::vector<char*> environment;
  const char* directory = nullptr;
  std::optional<User> user;
  int input = -1;
  int output = -1;
  int error_output = -1;
  int failure = -1;  // the child writes errno here if it cannot become the program
  pid_t parent = 0;
};

void TakeStandardStreams(const Prepared& prepared) {
  dup2(prepared.input, STDIN_FILENO);
  dup2(prepared.output, STDOUT_FILENO);
  dup2(prepared.error_output, STDERR_FILENO);
}

bool BecomeUser(const User& user) {
  return setgroups(0, nullptr) == 0 && setgid(user.gid) == 0 && setuid(user.uid) == 0;
}

[[noreturn]] void BecomeProgram(const Prepared& prepared) {
  setpgid(0, 0);
  TakeStandardStreams(prepared);
  bool good = !prepared.user.has_value() || BecomeUser(*prepared.user);
  // After the change of user, which would clear it.
  good = good && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
  if (getppid() != prepared.parent) _exit(127);  // The parent ended before the line above.
  good = good && (prepared.directory == nullptr || chdir(prepared.directory) == 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (good) execvpe(prepared.command[0], prepared.command.data(), prepared.environment.data());
  const int error = errno;
  if (write(prepared.failure, &error, sizeof(error)) < 0) _exit(126);
  _exit(127);
}

// 0, or the errno with which the child failed before it became the program.
int WaitForExec(int read_end) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(read_end, &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  close(read_end);
  return got == static_cast<ssize_t>(sizeof(error)) ? error : 0;
}

std::string End(const std::string& text) {
  if (text.size() <= kErrorOutputShown) return text;
  return "..." + text.substr(text.size() - kErrorOutputShown);
}

// Whether a thread of the process can still run; "T" is stopped, "Z" and "X" have ended
// (proc_pid_stat(5), the field after the name).
bool AnyThreadRuns(pid_t pid) {
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
    const std::string stat = ReadFile(task.path() / "stat");
    const std::size_t name_end = stat.rfind(") ");
    if (name_end == std::string::npos) continue;  // It ended meanwhile.
    if (std::string_view("TZX").find(stat[name_end + 2]) == std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

void FreezeProcess(pid_t pid) {
  if (kill(pid, SIGSTOP) != 0) return;
  const Status frozen = Await(fmt::format("process {} to stand", pid), std::chrono::seconds(30),
                              [pid] { return Seen(!AnyThreadRuns(pid), "a thread runs"); });
  CHECK(frozen.ok(), "a process does not stop", pid);
}

std::string ToString(const ExitStatus& status) {
  if (status.signal != 0) return fmt::format("ended by signal {}", status.signal);
  return fmt::format("exit status {}", status.code);
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(const ProcessOptions& options) {
  CHECK(!options.command.empty(), "no program named");
  Result<std::optional<User>> user = FindUser(options.user);
  if (!user) return user.error();

  std::unique_ptr<ChildProcess> process(new ChildProcess());
  process->name_ = options.command[0];
  const std::string input = process->files_.Write("stdin", options.input);
  std::vector<std::string> command = options.command;
  std::vector<std::string> environment = EnvironmentOf(options);
  std::array<int, 2> failure{};
  CHECK(pipe2(failure.data(), O_CLOEXEC) == 0, "no pipe");

  const int write_flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
  Prepared prepared{.command = Pointers(command),
                    .environment = Pointers(environment),
                    .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
                    .user = *user,
                    .input = open(input.c_str(), O_RDONLY | O_CLOEXEC),
                    .output = open(process->files_.File("stdout").c_str(), write_flags, 0600),
                    .error_output = open(process->files_.File("stderr").c_str(), write_flags, 0600),
                    .failure = failure[1],
                    .parent = getpid()};
  process->pid_ = fork();
  if (process->pid_ == 0) BecomeProgram(prepared);
  for (const int fd : {prepared.input, prepared.output, prepared.error_output, failure[1]})
    close(fd);
  CHECK(process->pid_ > 0, "cannot fork", std::strerror(errno));

  if (const int error = WaitForExec(failure[0]); error != 0) {
    waitpid(process->pid_, nullptr, 0);
    process->ended_ = true;
    return Error::GiveUp(
        fmt::format("cannot run '{}': {}", options.command[0], std::strerror(error)));
  }
  return process;
}

ChildProcess::~ChildProcess() {
  if (Running()) {
    SignalGroup(SIGKILL);
    waitpid(pid_, nullptr, 0);
    ended_ = true;
  }
}

bool ChildProcess::Running() {
  if (ended_ || pid_ <= 0) return false;
  int raw = 0;
  if (waitpid(pid_, &raw, WNOHANG) != pid_) return true;
  ended_ = true;
  if (WIFEXITED(raw)) status_ = {.code = WEXITSTATUS(raw), .signal = 0};
  if (WIFSIGNALED(raw)) status_ = {.code = -1, .signal = WTERMSIG(raw)};
  return false;
}

void ChildProcess::Signal(int signal) {
  if (Running()) kill(pid_, signal);
}

void ChildProcess::SignalGroup(int signal) {
  if (Running()) kill(-pid_, signal);
}

Result<ExitStatus> ChildProcess::Wait(std::chrono::milliseconds limit) {
  const Status ended = Await(fmt::format("the end of {}", name_), limit,
                             [this] { return Seen(!Running(), "it still runs"); });
  if (ended.ok()) return status_;
  return Error::GiveUp(fmt::format("{}; it wrote: {}", ended.error().message, End(ErrorOutput())));
}

Result<ExitStatus> ChildProcess::Stop(std::chrono::milliseconds limit, int signal) {
  Signal(signal);
  Result<ExitStatus> ended = Wait(limit);
  if (!ended) {
    SignalGroup(SIGKILL);
    waitpid(pid_, nullptr, 0);
    ended_ = true;
  }
  return ended;
}

Result<Finished> RunProgram(const ProcessOptions& options, std::chrono::milliseconds limit) {
  Result<std::unique_ptr<ChildProcess>> process = ChildProcess::Start(options);
  if (!process) return process.error();
  const Result<ExitStatus> status = (*process)->Wait(limit);
  if (!status) return status.error();
  return Finished{
      .status = *status, .output = (*process)->Output(), .error_output = (*process)->ErrorOutput()};
}

Result<std::string> RunOrError(const ProcessOptions& options, std::chrono::milliseconds limit) {
  Result<Finished> finished = RunProgram(options, limit);
  if (!finished) return finished.error();
  if (!finished->status.ok()) {
    return Error::GiveUp(fmt::format("{}: {}; it wrote: {}", options.command[0],
                                     ToString(finished->status), End(finished->error_output)));
  }
  return std::move(finished->output);
}

}  // namespace foreshard::support
