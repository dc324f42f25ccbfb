#include "kube/rest_api.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "kube/kinds.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait.h"
#include "tests/unit/kube/scripted_server.h"

namespace foreshard::kube {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using support::Seen;
using support::WaitFor;

constexpr char kObject[] =
    R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop",)"
    R"("resourceVersion":"5"}})";

class Rest : public testing::Test {
 protected:
  // The API of a server that answers like this.
  KubeApi& Serve(ScriptedServer::Answer answer, ApiAccess access = {.server = ""}) {
    server_ = std::make_unique<ScriptedServer>(std::move(answer));
    access.server = server_->url();
    return Connect(access);
  }
  KubeApi& Connect(const ApiAccess& access) {
    Result<std::unique_ptr<KubeApi>> api =
        MakeRestApi({.access = access,
                     .clock = clock_,
                     .on_request = [this](int code, std::string_view method) {
                       counted_ += fmt::format("{} {};", method, code);
                     }});
    CHECK(api.ok(), "no API");
    api_ = *std::move(api);
    return *api_;
  }
  Deadline In(std::chrono::milliseconds time) { return Deadline::After(clock_, time); }

  SystemClock clock_;
  ObjectRef ref_{"shop", "a"};
  std::string counted_;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<KubeApi> api_;
};

TEST_F(Rest, SendsWhatTheServerExpects) {
  KubeApi& api = Serve([](int socket, const std::string&) { return Reply(socket, 200, kObject); },
                       {.server = "", .token = "abc"});
  const Result<Object> applied =
      api.Apply(kStatefulSets, ref_, "{}", {.force = false, .dry_run = true}, In(5s));
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(applied->metadata.resource_version, "5");
  const std::string sent = server_->requests().at(0);
  EXPECT_TRUE(
      sent.starts_with("PATCH /apis/apps/v1/namespaces/shop/statefulsets/a"
                       "?fieldManager=foreshard-operator&force=false&dryRun=All HTTP/1.1\r\n"))
      << sent;
  EXPECT_NE(sent.find("Authorization:Bearer abc\r\n"), std::string::npos) << sent;
  EXPECT_NE(sent.find("Content-Type:application/apply-patch+yaml"), std::string::npos) << sent;

  ASSERT_TRUE(api.Patch(kShardSets, ref_, "{}", {.subresource = "status"}, In(5s)));
  const std::string patch = server_->requests().at(1);
  EXPECT_TRUE(
      patch.starts_with("PATCH /apis/foreshard.dev/v1alpha1/namespaces/shop/shardsets/a/status?"))
      << patch;
  EXPECT_NE(patch.find("Content-Type:application/merge-patch+json"), std::string::npos) << patch;

  ASSERT_TRUE(api.Delete(kPods, ref_,
                         {.uid = "u", .resource_version = "7", .grace_period_seconds = 0}, In(5s)));
  const std::string deletion = server_->requests().at(2);
  EXPECT_NE(deletion.find(R"("preconditions":{"resourceVersion":"7","uid":"u"})"),
            std::string::npos)
      << deletion;
  EXPECT_NE(deletion.find(R"("gracePeriodSeconds":0)"), std::string::npos) << deletion;
  EXPECT_EQ(counted_, "PATCH 200;PATCH 200;DELETE 200;");
}

TEST_F(Rest, ARefusedConnectionChangedNothing) {
  std::string url;
  {
    const ScriptedServer gone([](int, const std::string&) { return false; });
    url = gone.url();
  }
  KubeApi& api = Connect({.server = url});
  EXPECT_EQ(api.Get(kConfigMaps, ref_, In(5s)).error().kind, Error::Kind::kRetry);
  EXPECT_EQ(api.Apply(kConfigMaps, ref_, "{}", {}, In(5s)).error().kind, Error::Kind::kRetry);
  EXPECT_EQ(counted_, "GET 0;PATCH 0;");
}

TEST_F(Rest, ALostAnswerMayHaveHappened) {
  KubeApi& api = Serve([](int, const std::string&) { return false; });
  EXPECT_EQ(api.Apply(kConfigMaps, ref_, "{}", {}, In(5s)).error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(api.Get(kConfigMaps, ref_, In(5s)).error().kind, Error::Kind::kRetry);
}

TEST_F(Rest, NoAnswerEndsAtTheDeadline) {
  KubeApi& api = Serve([](int, const std::string&) { return true; });
  const Result<Object> write = api.Apply(kConfigMaps, ref_, "{}", {}, In(200ms));
  ASSERT_FALSE(write);
  EXPECT_EQ(write.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(api.Get(kConfigMaps, ref_, In(200ms)).error().kind, Error::Kind::kRetry);
}

TEST_F(Rest, NothingIsSentAfterTheDeadline) {
  KubeApi& api = Serve([](int socket, const std::string&) { return Reply(socket, 200, kObject); });
  EXPECT_EQ(api.Apply(kConfigMaps, ref_, "{}", {}, In(0ms)).error().kind, Error::Kind::kRetry);
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(Rest, ARefusedTokenIsReadAgain) {
  const support::TemporaryDirectory directory("token");
  directory.Write("token", "old");
  const auto written = std::filesystem::last_write_time(directory.File("token"));
  KubeApi& api = Serve(
      [](int socket, const std::string& request) {
        return request.find("Bearer new") != std::string::npos ? Reply(socket, 200, kObject)
                                                               : Reply(socket, 401, "{}");
      },
      {.server = "", .token_file = directory.File("token")});
  ASSERT_FALSE(api.Get(kConfigMaps, ref_, In(5s)));
  directory.Write("token", "new");
  std::filesystem::last_write_time(directory.File("token"),
                                   written);  // As if within the clock's grain.
  EXPECT_TRUE(api.Get(kConfigMaps, ref_, In(5s)));
}

TEST_F(Rest, NotFoundIsAnAnswerOfAReadAndADelete) {
  KubeApi& api = Serve(
      [](int socket, const std::string&) { return Reply(socket, 404, R"({"kind":"Status"})"); });
  const auto found = api.Get(kConfigMaps, ref_, In(5s));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->has_value());
  EXPECT_TRUE(api.Delete(kConfigMaps, ref_, {}, In(5s)));
  EXPECT_EQ(api.Patch(kConfigMaps, ref_, "{}", {}, In(5s)).error().code, "404");
}

TEST_F(Rest, AListFollowsItsPages) {
  KubeApi& api = Serve([](int socket, const std::string& request) {
    if (request.find("continue=next%2B1") != std::string::npos) {
      return Reply(socket, 200,
                   R"({"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"b"}}]})");
    }
    return Reply(socket, 200,
                 R"({"metadata":{"resourceVersion":"9","continue":"next+1"},)"
                 R"("items":[{"metadata":{"name":"a"}}]})");
  });
  const auto list = api.List(kConfigMaps, {.name_space = "shop"}, In(5s));
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(list->items[1].metadata.name, "b");
}

TEST_F(Rest, APageThatExpiredMeansLookAgain) {
  KubeApi& api = Serve([](int socket, const std::string& request) {
    if (request.find("continue=") != std::string::npos)
      return Reply(socket, 410, R"({"kind":"Status","code":410})");
    return Reply(socket, 200, R"({"metadata":{"continue":"next"},"items":[]})");
  });
  const auto list = api.List(kConfigMaps, {.name_space = "shop"}, In(5s));
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(list.error().code, "410");
}

TEST_F(Rest, AnAnswerThatIsNoObjectIsRefused) {
  KubeApi& api = Serve([](int socket, const std::string&) { return Reply(socket, 200, "<html>"); });
  EXPECT_EQ(api.Get(kConfigMaps, ref_, In(5s)).error().reason, "InvalidAnswer");
}

std::string Line(const std::string& type, const std::string& name, const std::string& data = "") {
  return fmt::format(R"({{"type":"{}","object":{{"metadata":{{"name":"{}","resourceVersion":"7"}},)"
                     R"("data":"{}"}}}})",
                     type, name, data) +
         "\n";
}

TEST_F(Rest, AWatchReadsLinesHoweverTheyAreCut) {
  const std::string big(1'000'000, 'x');
  KubeApi& api = Serve([&](int socket, const std::string&) {
    const std::string text = Line("ADDED", "a") + Line("MODIFIED", "b", big) + Line("DELETED", "c");
    Write(socket, kStreamHead + Chunk(text.substr(0, 5)) + Chunk(text.substr(5, 100)) +
                      Chunk(text.substr(105)) + Chunk("\n") + "0\r\n\r\n");
    return true;
  });
  std::string seen;
  const Status ended =
      api.Watch(kConfigMaps, {.name_space = "shop", .resource_version = "5", .timeout = 9s},
                [&](const WatchEvent& event) {
                  seen += event.object.metadata.name;
                  if (event.type == WatchEventType::kModified) {
                    EXPECT_GT(event.object.json.size(), big.size());
                  }
                  return true;
                },
                {});
  EXPECT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(seen, "abc");
  EXPECT_TRUE(server_->requests().at(0).starts_with(
      "GET "
      "/api/v1/namespaces/shop/"
      "configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=9"))
      << server_->requests().at(0);
}

// What had arrived and was not read yet may be lost with the stream: the next watch begins after
// the last event seen.
TEST_F(Rest, ABrokenWatchIsNoEnd) {
  KubeApi& api = Serve([&](int socket, const std::string&) {
    Write(socket, kStreamHead + Chunk(Line("ADDED", "a")) + "ffff\r\n{\"type\":");
    return true;
  });
  std::string seen;
  const Status ended = api.Watch(kConfigMaps, {.name_space = "shop"},
                                 [&](const WatchEvent& event) {
                                   seen += event.object.metadata.name;
                                   server_->Break();
                                   return true;
                                 },
                                 {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(ended.error().code, "");
  EXPECT_EQ(seen, "a");
}

TEST_F(Rest, AnOldVersionIsSaidByStatusOrByEvent) {
  KubeApi& api = Serve([&](int socket, const std::string& request) {
    if (request.find("resourceVersion=1&") != std::string::npos)
      return Reply(socket, 410, R"({"kind":"Status"})");
    Write(socket,
          std::string(kStreamHead) +
              Chunk("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n") +
              "0\r\n\r\n");
    return true;
  });
  for (const char* version : {"1", "2"}) {
    const Status ended = api.Watch(kConfigMaps, {.name_space = "shop", .resource_version = version},
                                   [](const WatchEvent&) { return true; }, {});
    ASSERT_FALSE(ended) << version;
    EXPECT_EQ(ended.error().kind, Error::Kind::kReobserve) << version;
    EXPECT_EQ(ended.error().code, "410") << version;
  }
}

TEST_F(Rest, AStopEndsASilentWatch) {
  KubeApi& api = Serve([&](int socket, const std::string&) {
    Write(socket, kStreamHead + Chunk(Line("ADDED", "a")));
    return true;  // and then nothing
  });
  std::stop_source stop;
  std::atomic<bool> seen = false;
  std::atomic<bool> over = false;
  Status ended;
  std::jthread watching([&] {
    ended = api.Watch(
        kConfigMaps, {.name_space = "shop"},
        [&](const WatchEvent&) {
          seen = true;
          return true;
        },
        stop.get_token());
    over = true;
  });
  EXPECT_TRUE(WaitFor("the first event", 10s, [&] { return Seen(seen.load()); }));
  stop.request_stop();
  EXPECT_TRUE(WaitFor("the end of the watch", 10s, [&] { return Seen(over.load()); }));
  watching.join();
  EXPECT_TRUE(ended) << ended.error().message;
}

TEST_F(Rest, AStopEndsAWatchThatIsNotAnswered) {
  KubeApi& api = Serve([](int, const std::string&) { return true; });
  std::stop_source stop;
  std::atomic<bool> over = false;
  std::jthread watching([&] {
    EXPECT_TRUE(api.Watch(
        kConfigMaps, {.name_space = "shop"}, [](const WatchEvent&) { return true; },
        stop.get_token()));
    over = true;
  });
  EXPECT_TRUE(WaitFor("the request", 10s, [&] { return Seen(!server_->requests().empty()); }));
  stop.request_stop();
  EXPECT_TRUE(WaitFor("the end of the watch", 10s, [&] { return Seen(over.load()); }));
}

TEST_F(Rest, AWatchEndsWhenItsReaderHasEnough) {
  KubeApi& api = Serve([&](int socket, const std::string&) {
    Write(socket, kStreamHead + Chunk(Line("ADDED", "a") + Line("ADDED", "b")));
    return true;
  });
  int events = 0;
  EXPECT_TRUE(api.Watch(kConfigMaps, {.name_space = "shop"},
                        [&](const WatchEvent&) { return ++events < 1; }, {}));
  EXPECT_EQ(events, 1);
}

TEST(MakeRestApi, RefusesWhatIsNoCertificate) {
  const SystemClock clock;
  const auto why = [&](const ApiAccess& access) {
    const auto api = MakeRestApi({.access = access, .clock = clock});
    EXPECT_FALSE(api);
    return api ? std::string() : api.error().message;
  };
  EXPECT_NE(
      why({.server = "https://127.0.0.1:1", .ca_pem = "no PEM"}).find("certificate authority"),
      std::string::npos);
  EXPECT_NE(why({.server = "https://127.0.0.1:1",
                 .client_certificate_pem = "no PEM",
                 .client_key_pem = "no PEM"})
                .find("client certificate"),
            std::string::npos);
  EXPECT_NE(why({.server = "no address"}).find("address"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::kube
