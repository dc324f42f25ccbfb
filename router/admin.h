#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "router/http.h"
#include "router/worker.h"

// What the operator may ask of a router: docs/router-control.md. Requests come on the control loop;
// each worker is asked on its own loop and the answers are added up.
//
// Owner: main(). Threads: the control loop's.

namespace foreshard::router {

class Admin {
 public:
  Admin(RouterState& state, Loop& control, std::vector<Worker*> workers)
      : state_(state), control_(control), workers_(std::move(workers)) {}

  void Handle(HttpRequest request, HttpServer::Respond respond);

  // Asks every worker on its own thread; `done` runs on the control loop.
  template <typename T>
  void Gather(std::function<T(Worker&)> ask, std::function<void(std::vector<T>)> done) {
    auto answers = std::make_shared<std::vector<T>>();
    for (Worker* worker : workers_) {
      worker->loop().Post([this, worker, ask, done, answers] {
        T answer = ask(*worker);
        control_.Post([this, answers, done, answer = std::move(answer)]() mutable {
          answers->push_back(std::move(answer));
          if (answers->size() == workers_.size()) done(std::move(*answers));
        });
      });
    }
  }

 private:
  void Hold(const std::string& body, HttpServer::Respond respond);
  void AwaitDrain(model::MigrationNumber number, MonotonicTime until, HttpServer::Respond respond);
  void Release(const std::string& body, HttpServer::Respond respond);
  void Lease(const std::string& body, HttpServer::Respond respond);
  void Table(HttpServer::Respond respond);
  void Heat(HttpServer::Respond respond);

  RouterState& state_;
  Loop& control_;
  std::vector<Worker*> workers_;
};

}  // namespace foreshard::router
