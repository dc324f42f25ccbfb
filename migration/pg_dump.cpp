#include "migration/pg_dump.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <vector>

#include "pg/conninfo.h"

extern char** environ;

namespace foreshard::migration {

namespace {

class Pipe {
 public:
  Pipe() { CHECK(::pipe2(ends_.data(), O_CLOEXEC) == 0, "no pipe"); }
  ~Pipe() {
    CloseWriter();
    ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void CloseWriter() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

std::string Find(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  for (const char* folder :
       {"/usr/bin", "/usr/local/bin", "/usr/lib/postgresql/18/bin", "/usr/lib/postgresql/17/bin",
        "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin"}) {
    const std::filesystem::path file = std::filesystem::path(folder) / program;
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored)) return file.string();
  }
  return program;
}

// The password goes through the environment: arguments can be read by everybody.
std::vector<std::string> Environment(const std::string& password) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "PG", 2) != 0) result.emplace_back(*entry);
  }
  result.push_back("PGPASSWORD=" + password);
  result.push_back("PGOPTIONS=-c statement_timeout=0 -c lock_timeout=10s");
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Reads both pipes until they close. False: the deadline passed.
bool ReadBoth(Pipe& output, Pipe& errors, std::string& out, std::string& err, const Clock& clock,
              Deadline deadline) {
  std::array<pollfd, 2> polled = {pollfd{output.reader(), POLLIN, 0},
                                  pollfd{errors.reader(), POLLIN, 0}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    if (deadline.Passed(clock)) return false;
    if (::poll(polled.data(), polled.size(),
               static_cast<int>(
                   std::min<std::int64_t>(deadline.Remaining(clock).count() + 1, 1000))) < 0)
      continue;
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      std::array<char, 65536> buffer{};
      const ssize_t got = ::read(polled[i].fd, buffer.data(), buffer.size());
      if (got > 0) (i == 0 ? out : err).append(buffer.data(), static_cast<std::size_t>(got));
      if (got <= 0 && errno != EINTR) polled[i].fd = -1;
    }
  }
  return true;
}

}  // namespace

Result<std::string> DumpSchema(const std::string& program, const std::string& conninfo,
                               const Clock& clock, Deadline deadline) {
  const Result<pg::Conninfo> settings = pg::Conninfo::Parse(conninfo);
  if (!settings) return settings.error();
  pg::Conninfo visible;
  for (const char* keyword : {"host", "port", "dbname", "user", "sslmode", "sslrootcert"}) {
    if (!settings->Get(keyword).empty()) visible = visible.With(keyword, settings->Get(keyword));
  }
  std::vector<std::string> arguments = {Find(program),
                                        "--schema-only",
                                        "--section=pre-data",
                                        "--exclude-schema=foreshard",
                                        "--no-publications",
                                        "--no-subscriptions",
                                        "--no-tablespaces",
                                        "--no-password",
                                        "--dbname=" + visible.text()};
  std::vector<std::string> environment = Environment(std::string(settings->Get("password")));
  Pipe output;
  Pipe errors;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output.writer(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.writer(), STDERR_FILENO);
  pid_t child = -1;
  const int failed = posix_spawnp(&child, arguments[0].c_str(), &actions, nullptr,
                                  Pointers(arguments).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return Error::GiveUp(fmt::format("{} cannot be run: {}", arguments[0], std::strerror(failed)),
                         "SchemaDump");
  output.CloseWriter();
  errors.CloseWriter();
  std::string text;
  std::string words;
  const bool in_time = ReadBoth(output, errors, text, words, clock, deadline);
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return Error::Retry("pg_dump took too long", "SchemaDump");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error::GiveUp("pg_dump: " + words, "SchemaDump");
  return WithoutMetaCommands(std::move(text));
}

std::string WithoutMetaCommands(std::string text) {
  // pg_dump writes them around everything, so they are the first and the last line that is no
  // comment; a line of a function's body that looks alike carries another token.
  const std::size_t begin = text.find("\n\\restrict ");
  if (begin == std::string::npos) return text;
  const std::size_t end = text.find('\n', begin + 1);
  const std::string token = text.substr(begin + 11, end - begin - 11);
  text.erase(begin, end - begin);
  const std::size_t last = text.rfind("\n\\unrestrict " + token);
  if (last != std::string::npos) text.erase(last);
  return text;
}

}  // namespace foreshard::migration
