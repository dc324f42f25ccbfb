#include "kube/http_error.h"

#include <fmt/format.h>

#include "kube/object_json.h"

namespace foreshard::kube {
namespace {

constexpr std::size_t kShownBytesMax = 2'000;

Error::Kind KindOfStatus(int status) {
  switch (status) {
    case 404:
    case 408:
    case 409:
    case 410:
    case 504:
      return Error::Kind::kReobserve;
    case 401:
    case 429:
      return Error::Kind::kRetry;
    default:
      return status >= 500 ? Error::Kind::kRetry : Error::Kind::kGiveUp;
  }
}

}  // namespace

Error HttpError(int status, std::string_view what, std::string_view body) {
  CHECK(status < 200 || status > 299, "an error of a good status", status);
  const StatusText said = ParseStatus(body);
  const std::string_view shown = said.message.empty()
                                     ? body.substr(0, kShownBytesMax)
                                     : std::string_view(said.message).substr(0, kShownBytesMax);
  Error error;
  error.kind = KindOfStatus(status);
  error.message =
      fmt::format("{}: {} (HTTP {})", what, shown.empty() ? "no message" : shown, status);
  error.reason = said.reason;
  error.code = std::to_string(status);
  return error;
}

Error ConnectionError(bool sent, std::string_view what, std::string_view detail) {
  if (sent)
    return Error::Reobserve(fmt::format("{}: the answer was lost: {}", what, detail),
                            "ConnectionLost");
  return Error::Retry(fmt::format("{}: cannot reach the API server: {}", what, detail),
                      "ConnectionRefused");
}

}  // namespace foreshard::kube
