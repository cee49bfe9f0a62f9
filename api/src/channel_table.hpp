#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>
#include <sql/database.hpp>

#include <base/result.hpp>

// Channels that were made by API. All functions work inside the caller's transaction.

namespace sg::api {

struct ChannelRow {
    std::string name;
    std::string sealed;  ///< its document, by SecretBox with its name
    bool enabled = true;
    std::int64_t version = 1;
    jobs::Millis created = 0;
    jobs::Millis changed = 0;
};

[[nodiscard]] std::vector<sql::Migration> channel_migrations();
[[nodiscard]] Result<std::vector<ChannelRow>> channel_rows(sql::Connection& db);
[[nodiscard]] Result<std::optional<ChannelRow>> channel_row(sql::Connection& db,
                                                            std::string_view name);
/// kMismatch when there is one of this name.
[[nodiscard]] Status insert_channel(sql::Connection& db, const ChannelRow& row);
/// With the next version; kMismatch when it is not row.version any more.
[[nodiscard]] Status update_channel(sql::Connection& db, const ChannelRow& row);
[[nodiscard]] Status delete_channel(sql::Connection& db,
                                    std::string_view name,
                                    std::int64_t version);

}  // namespace sg::api
