#include "tests/support/child_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "tests/support/wait.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(ChildProcess, GivesOutputErrorOutputAndExitStatus) {
  const Result<Finished> finished =
      RunProgram({.command = {"sh", "-c", "cat; echo bad >&2; exit 3"}, .input = "good"}, 10s);
  ASSERT_TRUE(Good(finished));
  EXPECT_EQ(finished->output, "good");
  EXPECT_EQ(finished->error_output, "bad\n");
  EXPECT_EQ(ToString(finished->status), "exit status 3");
}

TEST(ChildProcess, PassesEnvironmentAndDirectory) {
  const Result<std::string> output = RunOrError({.command = {"sh", "-c", "echo $COLOUR; pwd"},
                                                 .environment = {{"COLOUR", "green"}},
                                                 .directory = "/"},
                                                10s);
  ASSERT_TRUE(Good(output));
  EXPECT_EQ(*output, "green\n/\n");
}

TEST(ChildProcess, SaysWhyAProgramCannotBeRun) {
  const Result<std::unique_ptr<ChildProcess>> process =
      ChildProcess::Start({.command = {"no-such-program"}});
  ASSERT_FALSE(process.ok());
  EXPECT_EQ(process.error().message, "cannot run 'no-such-program': No such file or directory");
}

TEST(ChildProcess, AFailureBringsTheProgramsOwnWords) {
  const Result<std::string> output =
      RunOrError({.command = {"sh", "-c", "echo disk full >&2; exit 1"}}, 10s);
  ASSERT_FALSE(output.ok());
  EXPECT_NE(output.error().message.find("disk full"), std::string::npos);
}

TEST(ChildProcess, StopsWithTheSignalAskedFor) {
  Result<std::unique_ptr<ChildProcess>> process =
      ChildProcess::Start({.command = {"cat", "/dev/zero"}});
  ASSERT_TRUE(Good(process));
  const Result<ExitStatus> status = (*process)->Stop(10s);
  ASSERT_TRUE(Good(status));
  EXPECT_EQ(status->signal, SIGTERM);
}

TEST(ChildProcess, WhatDoesNotStopInTimeIsKilledAndTold) {
  Result<std::unique_ptr<ChildProcess>> process = ChildProcess::Start(
      {.command = {"sh", "-c", "trap '' TERM; echo up; while :; do read x; done"}});
  ASSERT_TRUE(Good(process));
  ASSERT_TRUE(WaitFor("the trap", 10s, [&] { return Seen((*process)->Output() == "up\n"); }));
  EXPECT_FALSE((*process)->Stop(50ms).ok());
  EXPECT_FALSE((*process)->Running());
}

TEST(ChildProcess, WhatIsFrozenDoesNothingMore) {
  Result<std::unique_ptr<ChildProcess>> process =
      ChildProcess::Start({.command = {"sh", "-c", "while :; do echo x; done"}});
  ASSERT_TRUE(Good(process));
  for (int round = 0; round < 50; ++round) {
    const std::size_t before = (*process)->Output().size();
    ASSERT_TRUE(
        WaitFor("more output", 10s, [&] { return Seen((*process)->Output().size() > before); }));
    FreezeProcess((*process)->pid());
    const std::string stat = ReadFile("/proc/" + std::to_string((*process)->pid()) + "/stat");
    ASSERT_NE(stat.find(") T "), std::string::npos) << "round " << round << ": " << stat;
    (*process)->Signal(SIGCONT);
  }
}

TEST(ChildProcess, TheDestructorEndsTheWholeGroup) {
  pid_t grandchild = 0;
  {
    Result<std::unique_ptr<ChildProcess>> process =
        ChildProcess::Start({.command = {"sh", "-c", "tail -f /dev/null & echo $!; wait"}});
    ASSERT_TRUE(Good(process));
    ASSERT_TRUE(WaitFor("its child", 10s, [&] { return Seen(!(*process)->Output().empty()); }));
    grandchild = static_cast<pid_t>(std::stol((*process)->Output()));
  }
  EXPECT_TRUE(WaitFor("the end of the grandchild", 10s, [&] {
    const std::string stat = ReadFile("/proc/" + std::to_string(grandchild) + "/stat");
    return Seen(stat.empty() || stat.find(") Z") != std::string::npos, stat);
  }));
}

TEST(ChildProcess, EndsWhenTheThreadThatStartedItEnds) {
  std::unique_ptr<ChildProcess> process;
  std::jthread starter([&process] {
    Result<std::unique_ptr<ChildProcess>> started =
        ChildProcess::Start({.command = {"tail", "-f", "/dev/null"}});
    if (started) process = std::move(*started);
  });
  starter.join();
  ASSERT_NE(process, nullptr);
  const Result<ExitStatus> status = process->Wait(10s);
  ASSERT_TRUE(Good(status));
  EXPECT_EQ(status->signal, SIGKILL);
}

}  // namespace
}  // namespace foreshard::support
