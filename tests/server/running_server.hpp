#pragma once

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <server/http_server.hpp>
#include <server/playback_routes.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <support/catch.hpp>

#include "fake_directory.hpp"
#include "test_client.hpp"

namespace sg::server::test {

/// A server on two contexts with the playback routes of a fake directory.
class RunningServer {
  public:
    explicit RunningServer(HttpServerOptions options = {},
                           PlaybackOptions playback = {},
                           const std::function<void(Router&)>& more = {})
        : routes_(directory, contexts_.size(), std::move(playback), clock_, metrics_) {
        options.port = 0;
        routes_.add_to(router_);
        if (more) more(router_);
        std::vector<boost::asio::io_context*> contexts;
        for (auto& context : contexts_) contexts.push_back(&context);
        auto started = HttpServer::start(contexts, router_, std::move(options), metrics_);
        REQUIRE(started);
        server = std::move(started).value();
        for (auto& context : contexts_) {
            guards_.push_back(boost::asio::make_work_guard(context));
            threads_.emplace_back([&context] { context.run(); });
        }
    }
    ~RunningServer() {
        stop(std::chrono::milliseconds(0));
        guards_.clear();
        for (auto& context : contexts_) context.stop();
        threads_.clear();
        server.reset();
    }
    void stop(std::chrono::milliseconds grace) {
        if (stopped_) return;
        stopped_ = true;
        std::promise<void> done;
        server->stop(grace, [&] { done.set_value(); });
        done.get_future().wait();
    }
    [[nodiscard]] std::uint16_t port() const { return server->port(); }
    [[nodiscard]] FakeChannel& channel() const { return directory.first(); }

    FakeDirectory directory;
    std::unique_ptr<HttpServer> server;

  private:
    SystemClock clock_;
    NullMetrics metrics_;
    std::vector<boost::asio::io_context> contexts_{2};
    Router router_;
    PlaybackRoutes routes_;
    bool stopped_ = false;
    std::vector<boost::asio::executor_work_guard<Executor>> guards_;
    std::vector<std::jthread> threads_;
};

/// Polls until it holds; false after a generous deadline.
template <class Condition>
bool eventually(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::yield();
    }
    return true;
}

}  // namespace sg::server::test
