#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace foreshard::op {

// CA certificates as files, since libpq reads no other. One file for each text, named by its hash,
// never changed.
//
// Owner: main(). Threads: any.
class CaFiles {
 public:
  explicit CaFiles(std::string directory) : directory_(std::move(directory)) {}

  // The path of a file with this text. Errors: kRetry if it cannot be written.
  Result<std::string> PathOf(std::string_view pem);

 private:
  std::mutex mutex_;
  std::string directory_;
};

}  // namespace foreshard::op
