#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "operator/routers/https_client.h"
#include "operator/routers/router_control.h"

namespace foreshard::op {

struct RouterEndpoint {
  std::string name;  // the pod's
  std::string host;
  int port = 8443;
  std::string server_name;  // of its certificate: "<set>-router"
};

// RouterControl over HTTPS, as docs/router-control.md says. One connection a router, kept open
// between calls.
class HttpsRouterControl final : public RouterControl {
 public:
  HttpsRouterControl(std::shared_ptr<const TlsContext> context, const Clock& clock);
  ~HttpsRouterControl() override;

  // Who is asked from now on. Connections to endpoints that stay are kept.
  void SetRouters(const std::vector<RouterEndpoint>& routers);
  // After a rotation of certificates: connections made from now on use it.
  void SetContext(std::shared_ptr<const TlsContext> context);

  std::vector<std::string> Routers() const override;
  RouterReplies<HoldAnswer> Hold(const std::vector<std::string>& routers,
                                 const HoldRequest& request, Deadline deadline) override;
  RouterReplies<ReleaseAnswer> Release(const std::vector<std::string>& routers,
                                       const ReleaseRequest& request, Deadline deadline) override;
  RouterReplies<Acknowledged> Lease(const std::vector<std::string>& routers,
                                    const LeaseRequest& request, Deadline deadline) override;
  RouterReplies<TableAnswer> ReadTable(const std::vector<std::string>& routers,
                                       Deadline deadline) override;

  // Any request to one router, for what has no method of its own (heat).
  Result<std::string> Ask(const std::string& router, std::string_view method, std::string_view path,
                          const std::string& body, Deadline deadline);

 private:
  struct Entry {
    RouterEndpoint endpoint;
    std::unique_ptr<HttpsClient> client;
  };

  RouterReplies<std::string> AskAll(const std::vector<std::string>& routers,
                                    std::string_view method, std::string_view path,
                                    const std::string& body, Deadline deadline);

  std::shared_ptr<const TlsContext> context_;
  const Clock& clock_;
  std::map<std::string, Entry> entries_;
};

}  // namespace foreshard::op
