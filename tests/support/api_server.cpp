#include "tests/support/api_server.h"

#include <fmt/format.h>

#include <filesystem>
#include <regex>

#include "tests/support/await.h"
#include "tests/support/needs.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""s;

constexpr int kTries = 3;  // Somebody else may take a port between the choice and the use.

// ctest and a person run test programs in the repository or below it.
std::string SmallTier() {
  for (std::filesystem::path folder = std::filesystem::current_path();;
       folder = folder.parent_path()) {
    const std::filesystem::path script = folder / "deploy/local/small";
    if (std::filesystem::exists(script)) return script.string();
    CHECK(folder != folder.root_path(), "run this inside the repository: deploy/local/small");
  }
}

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::Create(const std::vector<std::string>& arguments) {
  std::unique_ptr<ApiServer> server(new ApiServer(arguments));
  for (int attempt = 1;; ++attempt) {
    const Status started = server->Start();
    if (started.ok()) return server;
    if (attempt == kTries) return started.error();
  }
}

Status ApiServer::Start() {
  std::string arguments;
  for (const std::string& argument : arguments_) arguments += argument + " ";
  ProcessOptions options{.command = {SmallTier(), directory_.path().string()},
                         .environment = {{"APISERVER_ARGUMENTS", arguments}}};
  if (port_ != 0) options.environment.emplace_back("PORT", std::to_string(port_));
  Result<std::unique_ptr<ChildProcess>> started = ChildProcess::Start(options);
  if (!started) return started.error();
  process_ = std::move(*started);
  const Status waited = Await("the API server answers", 130s, [this] {
    return Seen(!process_->Running() || process_->Output().find('\n') != std::string::npos, Log());
  });
  if (!waited) return waited;
  static const std::regex kReady("\"port\":([0-9]+),.*\"apiserver\":([0-9]+)");
  const std::string line = process_->Output();
  std::smatch found;
  if (!std::regex_search(line, found, kReady)) {
    return Error::GiveUp("the API server did not start: " + process_->ErrorOutput() + Log());
  }
  port_ = std::stoi(found[1]);
  apiserver_ = static_cast<pid_t>(std::stol(found[2]));
  return Ok();
}

std::string ApiServer::url() const { return fmt::format("https://127.0.0.1:{}", port_); }

Result<std::string> ApiServer::Kubectl(std::vector<std::string> arguments,
                                       std::string input) const {
  const std::string program = FindProgram("kubectl");
  std::vector<std::string> command = {program.empty() ? "kubectl" : program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunOrError(
      {.command = command,
       .environment = {{"KUBECONFIG", kubeconfig_file()}, {"HOME", directory_.path().string()}},
       .input = std::move(input)},
      60s);
}

void ApiServer::Crash() {
  process_->SignalGroup(SIGKILL);
  const Result<ExitStatus> ended = process_->Wait(10s);
  CHECK(ended.ok(), "a killed API server does not end");
}

void ApiServer::Freeze() { FreezeProcess(apiserver_); }
void ApiServer::Thaw() { kill(apiserver_, SIGCONT); }

std::string ApiServer::Log() const {
  const std::string log = ReadFile(directory_.path() / "log/apiserver.log");
  constexpr std::size_t kShown = 2000;
  return log.size() <= kShown ? log : log.substr(log.size() - kShown);
}

}  // namespace foreshard::support
