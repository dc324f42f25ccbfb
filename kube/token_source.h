#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "kube/api_access.h"

namespace foreshard::kube {

// The bearer token to send now. A token of a service account lives about an hour; kubelet writes
// the next one into the same file. So the file is looked at for each request and read when it was
// written since.
//
// Threads: any.
class TokenSource {
 public:
  explicit TokenSource(const ApiAccess& access);

  // "" if there is none. A file that cannot be read now leaves the last token.
  std::string Current();

  // The server refused the token: read the file again even if it looks unchanged.
  void Forget();

 private:
  const std::string fixed_;
  const std::string file_;
  std::mutex mutex_;
  std::string token_;
  std::optional<std::filesystem::file_time_type> written_;
};

}  // namespace foreshard::kube
