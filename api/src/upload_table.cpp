#include "upload_table.hpp"

#include <utility>

#include <api/uploads.hpp>
#include <fmt/format.h>
#include <jobs/event_log.hpp>

#include "json_writer.hpp"

namespace sg::api {
namespace {

constexpr const char* kUploads = R"sql(
CREATE TABLE uploads(
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,                -- -1: not known yet
  whole INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  created INTEGER NOT NULL,
  finished INTEGER NOT NULL
);
-- list_uploads, upload_totals
CREATE INDEX uploads_by_owner ON uploads(owner, id);
-- open_uploads
CREATE INDEX uploads_open ON uploads(created) WHERE whole = 0;
-- finished_before
CREATE INDEX uploads_finished ON uploads(finished) WHERE whole = 1;
)sql";

#define SG_UPLOAD_COLUMNS                                                                  \
    "SELECT id, owner, kind, name, content_type, size, whole, metadata, sha256, created, " \
    "finished "                                                                            \
    "FROM uploads "

Upload upload_of(const sql::Row& row) {
    Upload out;
    out.id = row.text(0);
    out.owner = row.text(1);
    out.kind = row.text(2);
    out.name = row.text(3);
    out.content_type = row.text(4);
    out.size = row.integer(5);
    out.whole = row.integer(6) != 0;
    out.metadata = row.text(7);
    out.sha256 = row.text(8);
    out.created = row.integer(9);
    out.finished = row.integer(10);
    return out;
}

Result<std::vector<Upload>> read(sql::Connection& db,
                                 std::string_view sql,
                                 std::initializer_list<sql::Param> params) {
    std::vector<Upload> out;
    SG_TRY(db.query(sql, params, [&](const sql::Row& row) -> Status {
        out.push_back(upload_of(row));
        return {};
    }));
    return out;
}

/// Greater than every id.
constexpr std::string_view kAfterAll = "upl_~";

}  // namespace

std::vector<sql::Migration> upload_migrations() {
    return {{"api.uploads", 1, kUploads}};
}

Status insert_upload(sql::Connection& db, const Upload& upload) {
    SG_TRY(
        db.run("INSERT INTO uploads(id, owner, kind, name, content_type, size, whole, metadata, "
               "sha256, created, finished) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, 0)",
               {upload.id,
                upload.owner,
                upload.kind,
                upload.name,
                upload.content_type,
                upload.size,
                upload.metadata,
                upload.sha256,
                upload.created}));
    return {};
}

Result<Upload> find_upload(sql::Connection& db, std::string_view id, std::string_view owner) {
    SG_TRY_ASSIGN(auto found, read(db, SG_UPLOAD_COLUMNS "WHERE id = $1", {id}));
    if (found.empty() || (!owner.empty() && found.front().owner != owner)) {
        return Error{Errc::kNotFound, fmt::format("there is no upload {}", id)};
    }
    return std::move(found.front());
}

Result<std::vector<Upload>> list_uploads(sql::Connection& db,
                                         std::string_view owner,
                                         std::string_view before,
                                         std::int64_t limit) {
    const auto below = before.empty() ? kAfterAll : before;
    if (owner.empty()) {
        return read(
            db, SG_UPLOAD_COLUMNS "WHERE id < $1 ORDER BY id DESC LIMIT $2", {below, limit});
    }
    return read(db,
                SG_UPLOAD_COLUMNS "WHERE owner = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                {owner, below, limit});
}

Result<std::vector<Upload>> open_uploads(sql::Connection& db) {
    return read(db, SG_UPLOAD_COLUMNS "WHERE whole = 0 ORDER BY created", {});
}

Result<std::vector<Upload>> finished_before(sql::Connection& db, Millis time) {
    return read(db,
                SG_UPLOAD_COLUMNS "WHERE whole = 1 AND finished < $1 ORDER BY finished LIMIT 1000",
                {time});
}

Status set_upload_size(sql::Connection& db, std::string_view id, std::int64_t size) {
    SG_TRY(db.run("UPDATE uploads SET size = $1 WHERE id = $2 AND whole = 0", {size, id}));
    return {};
}

Status finish_upload(sql::Connection& db,
                     std::string_view id,
                     std::int64_t size,
                     std::string_view sha256,
                     Millis now) {
    SG_TRY_ASSIGN(const auto upload, find_upload(db, id, ""));
    if (upload.whole) return {};
    SG_TRY(
        db.run("UPDATE uploads SET whole = 1, size = $1, sha256 = $2, finished = $3 WHERE id = "
               "$4",
               {size, sha256, now, id}));
    jobs::Event event;
    event.time = now;
    event.type = "upload.finished";
    event.subject = id;
    event.owner = upload.owner;
    JsonWriter data;
    data.begin_object().member("name", upload.name).member("bytes", size).end_object();
    event.data = data.take();
    return jobs::append_event(db, std::move(event));
}

Status remove_upload(sql::Connection& db, std::string_view id) {
    SG_TRY(db.run("DELETE FROM uploads WHERE id = $1", {id}));
    return {};
}

Result<UploadTotals> upload_totals(sql::Connection& db, std::string_view owner) {
    UploadTotals totals;
    SG_TRY(
        db.query("SELECT coalesce(sum(1 - whole), 0), coalesce(sum(CASE WHEN size > 0 THEN size "
                 "ELSE 0 END), 0), coalesce(sum(CASE WHEN size < 0 THEN 1 ELSE 0 END), 0) "
                 "FROM uploads WHERE owner = $1",
                 {owner},
                 [&](const sql::Row& row) -> Status {
                     totals.open = row.integer(0);
                     totals.bytes = row.integer(1);
                     totals.unknown = row.integer(2);
                     return {};
                 }));
    return totals;
}

}  // namespace sg::api
