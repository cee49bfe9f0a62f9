#include <memory>
#include <utility>

#include <api/call.hpp>
#include <boost/asio/post.hpp>

namespace sg::api {

std::string_view Call::param(std::string_view name) const {
    const auto found = path.find(name);
    return found == path.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::string> Call::asked(std::string_view name) const {
    const auto found = query.find(name);
    if (found == query.end()) return std::nullopt;
    return found->second;
}

server::Task<Status> write(Call& call, sql::Database& database, sql::Database::Work work) {
    // Not awaited as a temporary: gcc 12.
    auto done = boost::asio::async_initiate<const boost::asio::use_awaitable_t<server::Executor>,
                                            void(Status)>(
        [&call, &database, work = std::move(work)](auto handler) mutable {
            // Done is copied; the handler is not.
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            auto* context = &call.exchange.context();
            database.write(std::move(work), [shared, context](Status status) {
                boost::asio::post(*context, [shared, status = std::move(status)]() mutable {
                    std::move (*shared)(std::move(status));
                });
            });
        },
        server::kAwait);
    auto status = co_await std::move(done);
    co_return status;
}

server::Response json_response(int status, std::string text) {
    auto response = server::Response::text(status, "application/json", std::move(text));
    response.add("Cache-Control", "no-store");
    return response;
}

}  // namespace sg::api
