#include "kube/token_source.h"

#include <system_error>
#include <utility>

namespace foreshard::kube {

TokenSource::TokenSource(const ApiAccess& access)
    : fixed_(access.token), file_(access.token_file) {}

std::string TokenSource::Current() {
  if (file_.empty()) return fixed_;
  const std::scoped_lock lock(mutex_);
  std::error_code failed;
  // Follows the links that kubelet swaps.
  const auto written = std::filesystem::last_write_time(file_, failed);
  if (failed || written_ == written) return token_;
  Result<std::string> text = ReadFile(file_);
  if (!text) return token_;
  token_ = *std::move(text);
  while (!token_.empty() &&
         (token_.back() == '\n' || token_.back() == '\r' || token_.back() == ' '))
    token_.pop_back();
  written_ = written;
  return token_;
}

void TokenSource::Forget() {
  const std::scoped_lock lock(mutex_);
  written_.reset();
}

}  // namespace foreshard::kube
