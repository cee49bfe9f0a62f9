#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <api/api_keys.hpp>
#include <api/api_router.hpp>
#include <api/gate.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <server/http_server.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/ids.hpp>
#include <base/metric.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "../server/test_client.hpp"

namespace sg::api::test {

using server::test::Answer;
using server::test::TestClient;

/// A database with jobs, events and keys, and a server with what a test mounts. Everything can be
/// stopped and started again on the same folder, as after a crash.
class RunningApi {
  public:
    /// Makes its routes, which live until the server has stopped, and puts them into the router.
    using Mount = std::function<std::shared_ptr<void>(RunningApi&, ApiRouter&)>;

    RunningApi(std::vector<sql::Migration> more, Mount mount)
        : more_(std::move(more)), mount_(std::move(mount)) {
        start();
    }
    ~RunningApi() { stop(); }

    void start() {
        sql::DatabaseOptions options;
        options.path = folder / "service.db";
        options.migrations = jobs::migrations();
        for (auto& step : ApiKeys::migrations()) options.migrations.push_back(std::move(step));
        for (const auto& step : more_) options.migrations.push_back(step);
        auto opened = sql::Database::open(std::move(options), metrics);
        REQUIRE(opened);
        database = std::move(*opened);
        hub = std::make_unique<jobs::EventHub>(*database, clock);
        auto made = ApiKeys::open(*database, clock);
        REQUIRE(made);
        keys = std::move(*made);
        auto gate = std::make_shared<ApiRouter::Gate>(ApiRouter::Gate{metrics, clock});
        gate->keys = keys.get();
        gate->allowed_origins = {"https://upload.example"};
        router_ = std::make_unique<ApiRouter>(std::move(gate));
        routes_ = mount_(*this, *router_);
        server_routes_ = std::make_unique<server::Router>();
        router_->mount(*server_routes_);
        contexts_ = std::vector<std::unique_ptr<boost::asio::io_context>>();
        std::vector<boost::asio::io_context*> contexts;
        for (std::size_t i = 0; i < kContexts; ++i) {
            contexts_.push_back(std::make_unique<boost::asio::io_context>());
            contexts.push_back(contexts_.back().get());
        }
        server::HttpServerOptions http = http_options;
        http.port = 0;
        auto started =
            server::HttpServer::start(contexts, *server_routes_, std::move(http), metrics);
        REQUIRE(started);
        server_ = std::move(*started);
        for (auto& context : contexts_) {
            guards_.push_back(boost::asio::make_work_guard(*context));
            threads_.emplace_back([at = context.get()] { at->run(); });
        }
    }

    void stop() {
        if (!server_) return;
        std::promise<void> done;
        server_->stop(std::chrono::milliseconds(0), [&] { done.set_value(); });
        done.get_future().wait();
        guards_.clear();
        for (auto& context : contexts_) context->stop();
        threads_.clear();
        server_.reset();
        routes_.reset();
        router_.reset();
        contexts_.clear();
        keys.reset();
        hub.reset();
        database.reset();
    }

    /// "Authorization: Bearer ..." of a key of this owner, made when first asked for.
    std::string as(const std::string& owner, Role role = Role::kSubmitter) {
        auto& line = keys_[owner + name_of(role)];
        if (line.empty()) {
            ApiKey wanted;
            wanted.name = owner;
            wanted.owner = owner;
            wanted.role = role;
            const auto made = keys->make(wanted);
            REQUIRE(made);
            REQUIRE(
                database->write_now([&](sql::Connection& db) { return keys->insert(db, *made); }));
            keys->adopt(*made);
            line = "Authorization: Bearer " + made->secret + "\r\n";
        }
        return line;
    }

    [[nodiscard]] TestClient connect() const { return TestClient(server_->port()); }

    /// `lines` end in CRLF each.
    Answer ask(std::string_view method,
               std::string_view path,
               std::string_view lines,
               std::string_view body = {}) const {
        auto client = connect();
        client.send(request(method, path, lines, body));
        return client.read(method == "HEAD");
    }
    static std::string request(std::string_view method,
                               std::string_view path,
                               std::string_view lines,
                               std::string_view body = {}) {
        return fmt::format("{} {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{}{}\r\n{}",
                           method,
                           path,
                           lines,
                           body.empty() ? "" : fmt::format("Content-Length: {}\r\n", body.size()),
                           body);
    }
    Answer ask_json(std::string_view method,
                    std::string_view path,
                    const std::string& lines,
                    std::string_view body) const {
        return ask(method, path, lines + "Content-Type: application/json\r\n", body);
    }

    /// Appends durable events.
    void tell(const std::string& type,
              const std::string& subject,
              const std::string& owner,
              int count = 1) const {
        REQUIRE(database->write_now([&](sql::Connection& db) -> Status {
            for (int i = 0; i < count; ++i) {
                jobs::Event event;
                event.time = 1;
                event.type = type;
                event.subject = subject;
                event.owner = owner;
                SG_TRY(jobs::append_event(db, event));
            }
            return {};
        }));
    }

    std::string add_job(const std::string& owner, const std::string& document) const {
        jobs::Job job;
        job.id = make_id("job", clock);
        job.owner = owner;
        job.document = document;
        job.preset = "web-hd@1";
        job.created = 1;
        REQUIRE(
            database->write_now([&](sql::Connection& db) { return jobs::insert_job(db, job); }));
        return job.id;
    }

    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    /// What the mount gave.
    [[nodiscard]] void* routes() const { return routes_.get(); }

    static constexpr std::size_t kContexts = 2;
    sg::test::TempFolder folder;
    SystemClock clock;
    NullMetrics metrics;
    server::HttpServerOptions http_options;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<jobs::EventHub> hub;
    std::unique_ptr<ApiKeys> keys;

  private:
    std::vector<sql::Migration> more_;
    Mount mount_;
    std::map<std::string, std::string> keys_;
    std::unique_ptr<ApiRouter> router_;
    std::shared_ptr<void> routes_;
    std::unique_ptr<server::Router> server_routes_;
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
    std::unique_ptr<server::HttpServer> server_;
    std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
    std::vector<std::jthread> threads_;
};

/// Polls until it holds; false after a generous deadline.
template <class Condition>
bool eventually(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace sg::api::test
