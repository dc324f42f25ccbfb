#pragma once

#include <string_view>

#include "base/result.h"

namespace foreshard::kube {

// The one place where an HTTP status of the API server becomes a kind of error.
//
// `what` says which call failed, for people ("apply statefulsets shop/orders-s-4kq7"). `body` is
// what the server sent; of a Status object its message and reason are kept. The error's code is the
// status ("409").
//
//   404, 409, 410            kReobserve  the world is not as we saw it
//   408, 504                 kReobserve  the call may have had its effect
//   401, 429, 500, 502, 503  kRetry      (401: a token that is being rotated)
//   the rest                 kGiveUp     400, 403, 405, 413, 415, 422: the request itself is wrong
//
// REQUIRES: status is not 2xx.
Error HttpError(int status, std::string_view what, std::string_view body);

// No answer at all. Before anything was sent nothing can have happened: kRetry. Afterwards we
// cannot know: kReobserve.
Error ConnectionError(bool sent, std::string_view what, std::string_view detail);

}  // namespace foreshard::kube
