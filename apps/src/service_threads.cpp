#include "service_threads.hpp"

#include <algorithm>
#include <system_error>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

#include <base/log.hpp>

namespace sg::apps {

namespace asio = boost::asio;

namespace {

/// What nobody else caught: mostly a thread or a descriptor that the system does not have, for one
/// who asked for it. The others on this thread go on. Anything else is a fault of ours, and ends
/// the process.
void run_all(asio::io_context& context) noexcept {
    for (;;) {
        try {
            context.run();
            return;
        } catch (const std::system_error& error) {
            log::error("service_out_of_resources error=\"{}\"", error.what());
        } catch (const boost::system::system_error& error) {
            log::error("service_out_of_resources error=\"{}\"", error.what());
        }
    }
}

}  // namespace

struct ServiceThreads::Context {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
};

ServiceThreads::ServiceThreads(std::size_t count) {
    if (count == 0) count = std::max<std::size_t>(1, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < count; ++i) {
        owned_.push_back(std::make_unique<Context>());
        contexts_.push_back(&owned_.back()->context);
    }
}

ServiceThreads::~ServiceThreads() = default;

const std::vector<asio::io_context*>& ServiceThreads::contexts() const {
    return contexts_;
}

asio::io_context& ServiceThreads::first() const {
    return *contexts_.front();
}

void ServiceThreads::run() {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < contexts_.size(); ++i)
        threads.emplace_back([context = contexts_[i]] { run_all(*context); });
    run_all(*contexts_.front());
}

void ServiceThreads::stop() {
    for (auto& each : owned_) each->guard.reset();
    for (auto* context : contexts_) context->stop();
}

}  // namespace sg::apps
