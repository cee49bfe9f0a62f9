#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <jobs/job.hpp>
#include <sql/connection.hpp>

#include <base/result.hpp>

// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): a request that comes again within
// 24 hours gets the answer of the first. All functions work inside the caller's transaction.

namespace sg::jobs {

struct IdempotentRequest {
    std::string owner;
    std::string key;
    std::string digest;  ///< SHA-256 of what was asked: method, path and body
};

struct StoredAnswer {
    int status = 0;
    std::string job;  ///< id of what was made, empty when none was
    std::string body;
};

/// Nothing: it is the first and counts as running from now on. An answer: give that one. kMismatch
/// (422): the key was used for another request. kAgain (409): the first is still being worked on;
/// one that has not been answered for a minute is taken for lost.
[[nodiscard]] Result<std::optional<StoredAnswer>> begin_request(sql::Connection& db,
                                                                const IdempotentRequest& request,
                                                                Millis now);
/// In the same transaction as what the request changes, so that both are durable or none.
[[nodiscard]] Status finish_request(sql::Connection& db,
                                    const IdempotentRequest& request,
                                    const StoredAnswer& answer,
                                    Millis now);
/// The request failed in a way that may be tried again with the same key.
[[nodiscard]] Status forget_request(sql::Connection& db, const IdempotentRequest& request);

/// Removes keys older than 24 hours, at most `limit`. Gives how many.
[[nodiscard]] Result<std::int64_t> purge_requests(sql::Connection& db,
                                                  Millis now,
                                                  std::int64_t limit);

}  // namespace sg::jobs
