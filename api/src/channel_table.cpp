#include "channel_table.hpp"

#include <fmt/format.h>

namespace sg::api {
namespace {

Result<std::vector<ChannelRow>> rows_where(sql::Connection& db,
                                           std::string_view tail,
                                           std::initializer_list<sql::Param> params) {
    std::vector<ChannelRow> rows;
    const auto read = db.query(
        fmt::format("SELECT name, document, enabled, version, created, changed FROM channels {}",
                    tail),
        params,
        [&rows](const sql::Row& row) -> Status {
            rows.push_back({std::string(row.text(0)),
                            std::string(row.text(1)),
                            row.integer(2) != 0,
                            row.integer(3),
                            row.integer(4),
                            row.integer(5)});
            return {};
        });
    if (!read) return read.error();
    return rows;
}

Status changed_one(const Result<std::int64_t>& rows, std::string_view name) {
    if (!rows) return rows.error();
    if (*rows == 1) return {};
    return Error{Errc::kMismatch, fmt::format("channel {}: it was changed meanwhile", name)};
}

}  // namespace

std::vector<sql::Migration> channel_migrations() {
    return {{"api.channels", 1, R"(
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
)"}};
}

Result<std::vector<ChannelRow>> channel_rows(sql::Connection& db) {
    return rows_where(db, "ORDER BY name", {});
}

Result<std::optional<ChannelRow>> channel_row(sql::Connection& db, std::string_view name) {
    SG_TRY_ASSIGN(auto rows, rows_where(db, "WHERE name = $1", {name}));
    if (rows.empty()) return std::optional<ChannelRow>();
    return std::optional<ChannelRow>(std::move(rows.front()));
}

Status insert_channel(sql::Connection& db, const ChannelRow& row) {
    const auto done = db.run(
        "INSERT INTO channels (name, document, enabled, version, created, changed) "
        "VALUES ($1, $2, $3, 1, $4, $4)",
        {row.name, row.sealed, row.enabled, row.created});
    if (!done) return done.error();
    return {};
}

Status update_channel(sql::Connection& db, const ChannelRow& row) {
    return changed_one(
        db.run("UPDATE channels SET document = $1, enabled = $2, version = version + 1, "
               "changed = $3 WHERE name = $4 AND version = $5",
               {row.sealed, row.enabled, row.changed, row.name, row.version}),
        row.name);
}

Status delete_channel(sql::Connection& db, std::string_view name, std::int64_t version) {
    return changed_one(
        db.run("DELETE FROM channels WHERE name = $1 AND version = $2", {name, version}), name);
}

}  // namespace sg::api
