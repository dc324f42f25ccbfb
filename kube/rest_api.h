#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "kube/api_access.h"
#include "kube/kube_api.h"

// The real body of KubeApi: HTTP/1.1 with keep-alive over TLS, by cpprestsdk, which no other file
// of this folder includes.
//
// Requests and watches use separate connections: a watch may be silent for longer than any request
// may take. A watch that says nothing for 90 s, not even a bookmark, is taken for broken. No answer
// by the deadline is kReobserve for a write, which may have happened, and kRetry for a read.

namespace foreshard::kube {

struct RestApiOptions {
  ApiAccess access;
  const Clock& clock;
  // Called after each answer, for rest_client_requests_total{code,method}; code 0: no answer.
  // Threads: the caller's.
  std::function<void(int code, std::string_view method)> on_request = nullptr;
};

// Does not connect. Errors: kGiveUp if the address, a certificate or a key is no good.
Result<std::unique_ptr<KubeApi>> MakeRestApi(RestApiOptions options);

}  // namespace foreshard::kube
