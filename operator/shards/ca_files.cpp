#include "operator/shards/ca_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "operator/scram_verifier.h"

namespace foreshard::op {

Result<std::string> CaFiles::PathOf(std::string_view pem) {
  const std::scoped_lock lock(mutex_);
  const std::string path = fmt::format("{}/{}.crt", directory_, Sha256Hex(pem));
  std::error_code error;
  if (std::filesystem::exists(path, error)) return path;
  std::filesystem::create_directories(directory_, error);
  // Written beside and renamed: a reader never sees half a file.
  const std::string beside = path + ".new";
  {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    file << pem;
    file.flush();
    if (!file) return Error::Retry(fmt::format("cannot write {}", beside), "NoSpace");
  }
  std::filesystem::rename(beside, path, error);
  if (error)
    return Error::Retry(fmt::format("cannot write {}: {}", path, error.message()), "NoSpace");
  return path;
}

}  // namespace foreshard::op
