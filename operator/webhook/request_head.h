#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// The little of HTTP/1.1 that the API server speaks to a webhook.

namespace foreshard::op {

inline constexpr std::size_t kRequestHeadMax = 8 << 10;
// A review holds the old object and the new one; etcd takes no object over 1.5 MiB.
inline constexpr std::size_t kRequestBodyMax = 4 << 20;
inline constexpr std::string_view kReviewPath = "/validate";

struct RequestHead {
  std::size_t head_bytes = 0;  // with the empty line that ends it
  std::size_t body_bytes = 0;
};

// The head at the front of what came; nothing: more has to come. Only POST /validate with a
// Content-Length is one. Errors: kGiveUp for people; the code is the HTTP status to answer with.
Result<std::optional<RequestHead>> ReadRequestHead(std::string_view bytes);

// A whole answer, after which the connection is closed.
std::string HttpAnswer(int status, std::string_view type, std::string_view body);

}  // namespace foreshard::op
