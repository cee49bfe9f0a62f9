#include "watch_table.hpp"

#include <jobs/watch_folder.hpp>

namespace sg::jobs {

std::vector<sql::Migration> watch_migrations() {
    return {{"jobs.watch",
             1,
             "CREATE TABLE watch_files ("
             "  rule TEXT NOT NULL,"
             "  path TEXT NOT NULL,"
             "  inode BIGINT NOT NULL,"
             "  size BIGINT NOT NULL,"
             "  mtime_ns BIGINT NOT NULL,"
             "  job TEXT NOT NULL UNIQUE,"
             "  submitted BIGINT NOT NULL,"
             "  PRIMARY KEY (rule, inode, size, mtime_ns)"
             ");"}};
}

Status insert_watched(sql::Connection& db, const WatchedFile& file) {
    const auto done = db.run(
        "INSERT INTO watch_files (rule, path, inode, size, mtime_ns, job, submitted)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        {file.rule,
         file.path,
         static_cast<std::int64_t>(file.identity.inode),
         file.identity.size,
         file.identity.mtime_ns,
         file.job,
         file.submitted});
    if (!done) return done.error();
    return {};
}

Status remove_watched(sql::Connection& db, std::string_view job) {
    const auto done = db.run("DELETE FROM watch_files WHERE job = $1", {job});
    if (!done) return done.error();
    return {};
}

Result<std::vector<WatchedFile>> watched_files(sql::Connection& db) {
    std::vector<WatchedFile> files;
    const auto done = db.query(
        "SELECT rule, path, inode, size, mtime_ns, job, submitted FROM watch_files",
        {},
        [&](const sql::Row& row) -> Status {
            files.push_back(
                {std::string(row.text(0)),
                 std::string(row.text(1)),
                 {static_cast<std::uint64_t>(row.integer(2)), row.integer(3), row.integer(4)},
                 std::string(row.text(5)),
                 row.integer(6)});
            return {};
        });
    if (!done) return done.error();
    return files;
}

}  // namespace sg::jobs
