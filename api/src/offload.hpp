#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <server/exchange.hpp>

namespace sg::api {

/// Does `work` on a thread of the pool and resumes on the exchange's context with what it gave.
/// `work` owns what it uses: the coroutine may be gone before it ends. It throws nothing.
template <class F>
[[nodiscard]] server::Task<std::invoke_result_t<F&>> offload(server::Exchange& exchange,
                                                             boost::asio::thread_pool& pool,
                                                             F work) {
    namespace asio = boost::asio;
    auto given = std::make_shared<std::optional<std::invoke_result_t<F&>>>();
    auto start = [&pool, given, &context = exchange.context()](auto handler, F task) {
        asio::post(pool,
                   [given,
                    task = std::move(task),
                    handler = std::move(handler),
                    guard = asio::make_work_guard(context)]() mutable {
                       given->emplace(task());
                       asio::post(guard.get_executor(), std::move(handler));
                   });
    };
    co_await asio::async_initiate<decltype(server::kAwait), void()>(
        std::move(start), server::kAwait, std::move(work));
    co_return std::move(**given);
}

}  // namespace sg::api
