#pragma once

#include <type_traits>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <server/exchange.hpp>

namespace sg::api {

/// Runs what blocks on a thread of the pool and comes back to the exchange's context. What `work`
/// refers to must live until then; it throws nothing.
template <class Work>
[[nodiscard]] server::Task<std::invoke_result_t<Work>> on_pool(boost::asio::thread_pool& pool,
                                                               server::Exchange& exchange,
                                                               Work work) {
    using Value = std::invoke_result_t<Work>;
    auto* context = &exchange.context();
    auto done = boost::asio::async_initiate<const boost::asio::use_awaitable_t<server::Executor>,
                                            void(Value)>(
        [&pool, context, work = std::move(work)](auto handler) mutable {
            boost::asio::post(
                pool, [context, work = std::move(work), handler = std::move(handler)]() mutable {
                    auto value = work();
                    boost::asio::post(
                        *context,
                        [value = std::move(value), handler = std::move(handler)]() mutable {
                            std::move(handler)(std::move(value));
                        });
                });
        },
        server::kAwait);
    auto value = co_await std::move(done);
    co_return std::move(value);
}

}  // namespace sg::api
