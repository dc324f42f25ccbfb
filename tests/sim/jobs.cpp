#include "tests/sim/jobs.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "base/check.h"

namespace foreshard::sim {
namespace {

struct Child {
  pid_t pid = -1;
  int answer = -1;
};

void WriteAll(int file, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = write(file, text.data() + at, text.size() - at);
    if (count <= 0) return;
    at += static_cast<std::size_t>(count);
  }
}

std::string ReadAll(int file) {
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(file, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

Child Start(int part, const std::function<std::string(int)>& work) {
  int ends[2];
  CHECK(pipe(ends) == 0, "no pipe");
  std::fflush(stdout);
  const pid_t pid = fork();
  CHECK(pid >= 0, "no process");
  if (pid == 0) {
    close(ends[0]);
    WriteAll(ends[1], work(part));
    std::fflush(stdout);
    _exit(0);
  }
  close(ends[1]);
  return {.pid = pid, .answer = ends[0]};
}

}  // namespace

std::vector<std::optional<std::string>> InProcesses(int parts,
                                                    const std::function<std::string(int)>& work) {
  if (parts <= 1) return {work(0)};
  std::vector<Child> children;
  for (int part = 0; part < parts; ++part) children.push_back(Start(part, work));
  std::vector<std::optional<std::string>> answers;
  for (const Child& child : children) {
    std::string answer = ReadAll(child.answer);
    close(child.answer);
    int status = 0;
    waitpid(child.pid, &status, 0);
    const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    answers.push_back(good ? std::optional(std::move(answer)) : std::nullopt);
  }
  return answers;
}

}  // namespace foreshard::sim
