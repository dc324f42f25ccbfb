#include "cli/plugin/run.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <regex>

namespace foreshard::plugin {

namespace {

constexpr int kNoProgram = 127;

[[noreturn]] void Become(const std::vector<std::string>& command, const Environment& environment) {
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(kNoProgram);
}

int Await(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Error NoProgram(const std::string& name) {
  return Error::GiveUp(fmt::format("there is no program {} in PATH", name), "NoProgram");
}

struct Started {
  pid_t pid = -1;
  int output = -1;  // both of its outputs
};

Result<Started> StartForOutput(const std::vector<std::string>& command, int input) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return Error::GiveUp("no pipe");
  const pid_t pid = ::fork();
  if (pid < 0) return Error::GiveUp("no process");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(input, STDIN_FILENO);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    Become(command, {});
  }
  ::close(pipe[1]);
  return Started{.pid = pid, .output = pipe[0]};
}

}  // namespace

Result<int> RunHere(const std::vector<std::string>& command, const Environment& environment) {
  const pid_t pid = ::fork();
  if (pid < 0) return Error::GiveUp("no process");
  if (pid == 0) Become(command, environment);
  // Ctrl-C is for the program (psql cancels a statement); we wait for its end.
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &ignore, &before);
  const int status = Await(pid);
  ::sigaction(SIGINT, &before, nullptr);
  if (status == kNoProgram) return NoProgram(command.front());
  return status;
}

Result<std::string> RunForOutput(const std::vector<std::string>& command, std::size_t bytes_max,
                                 int input) {
  const Result<Started> started = StartForOutput(command, input);
  if (!started) return started.error();
  std::string output;
  std::array<char, 65'536> buffer{};
  for (;;) {
    const ssize_t got = ::read(started->output, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (output.size() < bytes_max) output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(started->output);
  const int status = Await(started->pid);
  if (status == kNoProgram) return NoProgram(command.front());
  if (status != 0) return Error::GiveUp(output, "Failed");
  return output;
}

Result<std::unique_ptr<PortForward>> PortForward::Open(std::vector<std::string> kubectl,
                                                       const std::string& target, int port,
                                                       std::chrono::milliseconds patience) {
  kubectl.insert(kubectl.end(),
                 {"port-forward", "--address=127.0.0.1", target, fmt::format(":{}", port)});
  const Result<Started> started = StartForOutput(kubectl, STDIN_FILENO);
  if (!started) return started.error();
  std::unique_ptr<PortForward> forward(new PortForward(started->pid, started->output, 0));
  static const std::regex kSaid(R"(Forwarding from 127\.0\.0\.1:([0-9]+))");
  std::string said;
  std::array<char, 4096> buffer{};
  // It says one line when it is ready; silence for that long means that it will not be.
  for (;;) {
    pollfd entry{.fd = started->output, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(patience.count()));
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t got = ready > 0 ? ::read(started->output, buffer.data(), buffer.size()) : 0;
    if (got <= 0) {
      if (said.empty()) said = ready == 0 ? "it says nothing" : "it ended; is kubectl in PATH?";
      return Error::GiveUp(fmt::format("kubectl port-forward {}: {}", target, said), "NoForward");
    }
    said.append(buffer.data(), static_cast<std::size_t>(got));
    std::smatch parts;
    if (std::regex_search(said, parts, kSaid)) {
      forward->port_ = std::stoi(parts[1]);
      return forward;
    }
  }
}

PortForward::~PortForward() {
  ::kill(pid_, SIGTERM);
  ::close(output_);
  Await(pid_);
}

}  // namespace foreshard::plugin
