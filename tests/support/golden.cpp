#include "tests/support/golden.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/support/temporary_directory.h"

namespace foreshard::support {
namespace {

testing::AssertionResult FirstDifference(const std::string& name, const std::string& expected,
                                         const std::string& actual) {
  std::istringstream wanted(expected);
  std::istringstream got(actual);
  for (int line = 1;; ++line) {
    std::string wanted_line;
    std::string got_line;
    const bool more_wanted = static_cast<bool>(std::getline(wanted, wanted_line));
    const bool more_got = static_cast<bool>(std::getline(got, got_line));
    if (wanted_line == got_line && more_wanted && more_got) continue;
    return testing::AssertionFailure() << "tests/golden/" << name << ", line " << line
                                       << "\n  reviewed: " << (more_wanted ? wanted_line : "(end)")
                                       << "\n  now:      " << (more_got ? got_line : "(end)")
                                       << "\nIf the change is right: make golden";
  }
}

}  // namespace

testing::AssertionResult IsGolden(std::string_view name, std::string_view text) {
  // ctest runs test programs in the repository's root.
  const std::filesystem::path file = std::filesystem::path("tests/golden") / name;
  if (std::getenv("FORESHARD_REWRITE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(file.parent_path());
    WriteFile(file, text);
    return testing::AssertionSuccess();
  }
  if (!std::filesystem::exists(file)) {
    return testing::AssertionFailure() << file.string() << " does not exist; make golden writes it";
  }
  const std::string reviewed = ReadFile(file);
  if (reviewed == text) return testing::AssertionSuccess();
  return FirstDifference(std::string(name), reviewed, std::string(text));
}

}  // namespace foreshard::support
