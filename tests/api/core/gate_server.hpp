#pragma once

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <api/api_keys.hpp>
#include <api/api_router.hpp>
#include <api/audit_log.hpp>
#include <api/audit_routes.hpp>
#include <api/gate.hpp>
#include <api/key_routes.hpp>
#include <api/rate_limit.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <server/http_server.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "../../server/test_client.hpp"

namespace sg::api::test {

using server::test::Answer;
using server::test::TestClient;

struct GateSettings {
    bool authentication = true;
    RateLimitOptions limits{{0, 0}, {0, 0}, {0, 0}};
    server::HttpServerOptions http;
    JwtVerifier* jwt = nullptr;
};

/// The whole gate over HTTP: keys, limits, audit log, and what a test adds.
class GateServer {
  public:
    explicit GateServer(GateSettings settings = {},
                        const std::function<void(ApiRouter&, GateServer&)>& more = {})
        : limits(settings.limits, clock) {
        sql::DatabaseOptions options;
        options.path = folder / "service.db";
        options.migrations = ApiKeys::migrations();
        for (auto& step : AuditLog::migrations()) options.migrations.push_back(std::move(step));
        auto opened = sql::Database::open(std::move(options), metrics);
        REQUIRE(opened);
        database = std::move(*opened);
        auto made = ApiKeys::open(*database, clock);
        REQUIRE(made);
        keys = std::move(*made);
        auto log = AuditLog::open(*database, folder.path(), clock);
        REQUIRE(log);
        audit = std::move(*log);
        auto gate = std::make_shared<ApiRouter::Gate>(ApiRouter::Gate{metrics, clock});
        gate->authentication = settings.authentication;
        gate->keys = keys.get();
        gate->limits = &limits;
        gate->audit = audit.get();
        gate->jwt = settings.jwt;
        router = std::make_unique<ApiRouter>(std::move(gate));
        add_key_routes(*router, *keys, *database, clock);
        add_audit_routes(*router, *audit);
        add_problem_routes(*router);
        if (more) more(*router, *this);
        router->mount(routes_);
        settings.http.port = 0;
        auto started =
            server::HttpServer::start({&context_}, routes_, std::move(settings.http), metrics);
        REQUIRE(started);
        server_ = std::move(*started);
        guard_ = std::make_unique<Guard>(boost::asio::make_work_guard(context_));
        thread_ = std::jthread([this] { context_.run(); });
    }
    ~GateServer() {
        std::promise<void> done;
        server_->stop(std::chrono::milliseconds(0), [&] { done.set_value(); });
        done.get_future().wait();
        guard_.reset();
        context_.stop();
        thread_ = std::jthread();
        server_.reset();
        router.reset();
        audit.reset();
        keys.reset();
        database.reset();
    }

    /// "Authorization: Bearer ..." of a new key.
    std::string as(Role role,
                   const std::string& owner = "acme",
                   std::set<std::string> scopes = {}) {
        ApiKey wanted;
        wanted.name = owner;
        wanted.owner = owner;
        wanted.role = role;
        wanted.scopes = std::move(scopes);
        const auto made = keys->make(wanted);
        REQUIRE(made);
        REQUIRE(database->write_now([&](sql::Connection& db) { return keys->insert(db, *made); }));
        keys->adopt(*made);
        return bearer(made->secret);
    }
    static std::string bearer(const std::string& secret) {
        return "Authorization: Bearer " + secret + "\r\n";
    }

    [[nodiscard]] TestClient connect() const { return TestClient(server_->port()); }
    /// Sends bytes as they are and reads one answer.
    [[nodiscard]] Answer raw(std::string_view bytes) const {
        auto client = connect();
        client.send(bytes);
        return client.read();
    }
    [[nodiscard]] Answer ask(std::string_view method,
                             std::string_view path,
                             const std::string& lines = {},
                             const std::string& body = {}) const {
        auto text = std::string(method) + " " + std::string(path) +
                    " HTTP/1.1\r\nHost: localhost\r\n" + lines;
        if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
        auto client = connect();
        client.send(text + "\r\n" + body);
        return client.read(method == "HEAD");
    }
    [[nodiscard]] Answer ask_json(std::string_view method,
                                  std::string_view path,
                                  const std::string& lines,
                                  const std::string& body) const {
        return ask(method, path, lines + "Content-Type: application/json\r\n", body);
    }
    [[nodiscard]] std::size_t connections() const { return server_->connections(); }

    sg::test::TempFolder folder;
    SystemClock clock;
    NullMetrics metrics;
    RateLimits limits;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<ApiKeys> keys;
    std::unique_ptr<AuditLog> audit;
    std::unique_ptr<ApiRouter> router;

  private:
    using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
    boost::asio::io_context context_;
    server::Router routes_;
    std::unique_ptr<server::HttpServer> server_;
    std::unique_ptr<Guard> guard_;
    std::jthread thread_;
};

/// Time that a test moves. Thread-safe.
class ManualClock final : public Clock {
  public:
    [[nodiscard]] Monotonic now() const override {
        return Monotonic(std::chrono::milliseconds(1'000'000 + ms_.load()));
    }
    [[nodiscard]] Wall wall() const override {
        return Wall(std::chrono::milliseconds(1'800'000'000'000 + ms_.load()));
    }
    void advance(std::chrono::milliseconds by) { ms_ += by.count(); }

  private:
    std::atomic<std::int64_t> ms_{0};
};

}  // namespace sg::api::test
