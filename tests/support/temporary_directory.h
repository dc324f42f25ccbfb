#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace foreshard::support {

// A folder of its own under the system's temporary folder, removed with everything in it by the
// destructor.
class TemporaryDirectory {
 public:
  // The folder's name begins with foreshard-`label`-. A failure to make one ends the test (CHECK).
  explicit TemporaryDirectory(std::string_view label = "test");
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string File(std::string_view name) const { return (path_ / name).string(); }

  // Writes a file below the folder and returns its path.
  std::string Write(std::string_view name, std::string_view text) const;

  // For looking at what a failed test left.
  void Keep() { keep_ = true; }

 private:
  std::filesystem::path path_;
  bool keep_ = false;
};

// Replaces the file through a temporary name, as Kubernetes and editors do. CHECKs that it worked.
void WriteFile(const std::filesystem::path& path, std::string_view text);

// The whole text; an absent file is an empty one.
std::string ReadFile(const std::filesystem::path& path);

}  // namespace foreshard::support
