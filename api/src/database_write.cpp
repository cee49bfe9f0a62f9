#include "database_write.hpp"

#include <memory>
#include <utility>

#include <api/api_router.hpp>
#include <api/audit_log.hpp>
#include <boost/asio/post.hpp>

#include "audit_entry.hpp"

namespace sg::api {

server::Task<Status> plain_write(boost::asio::io_context& context,
                                 sql::Database& database,
                                 sql::Database::Work work) {
    // Not awaited as a temporary: gcc 12.
    auto done = boost::asio::async_initiate<const boost::asio::use_awaitable_t<server::Executor>,
                                            void(Status)>(
        [&context, &database, work = std::move(work)](auto handler) mutable {
            // Done is copied; the handler is not.
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            database.write(std::move(work), [shared, &context](Status status) {
                boost::asio::post(context, [shared, status = std::move(status)]() mutable {
                    std::move (*shared)(std::move(status));
                });
            });
        },
        server::kAwait);
    auto status = co_await std::move(done);
    co_return status;
}

server::Task<Status> write(Call& call, sql::Database& database, sql::Database::Work work) {
    const bool audited = call.audit_log != nullptr && call.operation != nullptr &&
                         call.operation->audited && !call.audit.written;
    if (audited) {
        // The coroutine waits meanwhile: the writer's thread may read the call.
        work = [&call, work = std::move(work)](sql::Connection& connection) -> Status {
            SG_TRY(work(connection));
            if (call.audit.skip) return {};
            return call.audit_log->append(connection, audit_entry_of(call, "succeeded"));
        };
    }
    auto status = co_await plain_write(call.exchange.context(), database, std::move(work));
    if (audited && status && !call.audit.skip) call.audit.written = true;
    co_return status;
}

}  // namespace sg::api
