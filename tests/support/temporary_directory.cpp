#include "tests/support/temporary_directory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace foreshard::support {

TemporaryDirectory::TemporaryDirectory(std::string_view label) {
  const auto parent = std::filesystem::temp_directory_path();
  std::string pattern = (parent / fmt::format("foreshard-{}-XXXXXX", label)).string();
  const char* made = mkdtemp(pattern.data());
  CHECK(made != nullptr, "no temporary folder", pattern, std::strerror(errno));
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (keep_) return;
  std::error_code ignored;  // Nothing can be done about it here, and the next boot cleans.
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::Write(std::string_view name, std::string_view text) const {
  const auto file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  WriteFile(file, text);
  return file.string();
}

void WriteFile(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path next = path.string() + ".next";
  {
    std::ofstream out(next, std::ios::binary | std::ios::trunc);
    out << text;
    CHECK(out.good(), "cannot write", next.string());
  }
  std::error_code error;
  std::filesystem::rename(next, path, error);
  CHECK(!error, "cannot rename", next.string(), error.message());
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace foreshard::support
