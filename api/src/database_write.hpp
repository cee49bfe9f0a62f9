#pragma once

#include <boost/asio/io_context.hpp>
#include <server/exchange.hpp>
#include <sql/database.hpp>

namespace sg::api {

/// Waits for the write; resumes on `context`, which must outlive the database.
[[nodiscard]] server::Task<Status> plain_write(boost::asio::io_context& context,
                                               sql::Database& database,
                                               sql::Database::Work work);

}  // namespace sg::api
