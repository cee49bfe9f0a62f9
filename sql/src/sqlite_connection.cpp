#include "sqlite_connection.hpp"

#include <cstddef>
#include <utility>

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>

namespace sg::sql {
namespace {

// Every statement of the service fits; filters made at run time come and go at the end.
constexpr std::size_t kStatements = 256;

constexpr int kBusyMs = 5'000;

class SqliteRow final : public Row {
  public:
    explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}

    bool is_null(int column) const override {
        return sqlite3_column_type(statement_, column) == SQLITE_NULL;
    }
    std::int64_t integer(int column) const override {
        return sqlite3_column_int64(statement_, column);
    }
    double real(int column) const override { return sqlite3_column_double(statement_, column); }
    std::string_view text(int column) const override {
        const auto* text = sqlite3_column_text(statement_, column);
        if (text == nullptr) return {};
        return {reinterpret_cast<const char*>(text),
                static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    std::span<const std::byte> blob(int column) const override {
        const auto* bytes = sqlite3_column_blob(statement_, column);
        if (bytes == nullptr) return {};
        return {static_cast<const std::byte*>(bytes),
                static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }

  private:
    sqlite3_stmt* statement_;
};

int bind(sqlite3_stmt* statement, int index, const Param& param) {
    switch (param.kind()) {
        case Param::Kind::kNull:
            return sqlite3_bind_null(statement, index);
        case Param::Kind::kInteger:
            return sqlite3_bind_int64(statement, index, param.integer());
        case Param::Kind::kReal:
            return sqlite3_bind_double(statement, index, param.real());
        case Param::Kind::kText: {
            // A null pointer would be NULL, and an empty text is not.
            const auto text = param.text();
            return sqlite3_bind_text64(statement,
                                       index,
                                       text.empty() ? "" : text.data(),
                                       text.size(),
                                       SQLITE_STATIC,
                                       SQLITE_UTF8);
        }
        case Param::Kind::kBlob: {
            const auto blob = param.blob();
            if (blob.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
            return sqlite3_bind_blob64(statement, index, blob.data(), blob.size(), SQLITE_STATIC);
        }
    }
    return SQLITE_MISUSE;
}

}  // namespace

Errc errc_of(int code) noexcept {
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
            return Errc::kMismatch;
        case SQLITE_FULL:
            return Errc::kNoSpace;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Errc::kTimeout;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Errc::kBadData;
        case SQLITE_TOOBIG:
        case SQLITE_NOMEM:
            return Errc::kLimit;
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH:
            return Errc::kPermission;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
            return Errc::kIo;
        case SQLITE_INTERRUPT:
            return Errc::kCancelled;
        default:
            return Errc::kInternal;
    }
}

/// A compiled statement for one execution: the kept one, or one of its own when a query below on
/// the stack is still reading from that.
class SqliteConnection::Use {
  public:
    static Result<Use> of(SqliteConnection& connection, std::string_view sql) {
        auto& kept = connection.statements_;
        auto& by_text = connection.by_text_;
        if (const auto found = by_text.find(sql); found != by_text.end()) {
            if (found->second->in_use) {
                SG_TRY_ASSIGN(auto* own, connection.compile(sql, 0));
                return Use(own, nullptr);
            }
            kept.splice(kept.begin(), kept, found->second);
            return Use(kept.front().compiled, &kept.front());
        }
        SG_TRY_ASSIGN(auto* compiled, connection.compile(sql, SQLITE_PREPARE_PERSISTENT));
        kept.push_front({std::string(sql), compiled, false});
        by_text.emplace(kept.front().sql, kept.begin());
        if (kept.size() > kStatements && !kept.back().in_use) {
            sqlite3_finalize(kept.back().compiled);
            by_text.erase(kept.back().sql);
            kept.pop_back();
        }
        return Use(compiled, &kept.front());
    }
    Use(Use&& other) noexcept
        : compiled_(std::exchange(other.compiled_, nullptr)), kept_(other.kept_) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
        if (compiled_ == nullptr) return;
        if (kept_ == nullptr) {
            sqlite3_finalize(compiled_);
            return;
        }
        sqlite3_reset(compiled_);
        sqlite3_clear_bindings(compiled_);
        kept_->in_use = false;
    }
    [[nodiscard]] sqlite3_stmt* get() const { return compiled_; }

  private:
    Use(sqlite3_stmt* compiled, Statement* kept) : compiled_(compiled), kept_(kept) {
        if (kept_ != nullptr) kept_->in_use = true;
    }
    sqlite3_stmt* compiled_;
    Statement* kept_;
};

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::filesystem::path& path,
                                                                 Mode mode) {
    // By us, since SQLite would let everybody read it; its log takes the same rights.
    if (mode == Mode::kCreate) SG_TRY(open_file(path, O_RDWR | O_CREAT, 0600));
    sqlite3* handle = nullptr;
    // One thread at a time has a connection: no mutex of SQLite's own.
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |=
        mode == Mode::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    if (handle == nullptr) return Error{Errc::kLimit, "open database: out of memory"};
    std::unique_ptr<SqliteConnection> connection(new SqliteConnection(handle, path.string()));
    if (code != SQLITE_OK) return connection->error_of(code, "open database " + connection->name_);
    SG_TRY(connection->configure(mode));
    return connection;
}

Status SqliteConnection::configure(Mode mode) {
    sqlite3_busy_timeout(handle_, kBusyMs);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    // No quietly empty strings for a misspelt "column".
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
    if (mode == Mode::kCreate) {
        // Counts only before the first table: free pages can be given back a few at a time.
        SG_TRY(script("PRAGMA auto_vacuum=INCREMENTAL"));
        // Readers never wait for the writer, and a commit is one append with one sync.
        std::string mode_set;
        SG_TRY(query("PRAGMA journal_mode=WAL", {}, [&](const Row& row) -> Status {
            mode_set = row.text(0);
            return {};
        }));
        if (mode_set != "wal")
            return Error{Errc::kUnsupported,
                         fmt::format("open database {}: its file system cannot share memory "
                                     "between connections (WAL); choose a local disk",
                                     name_)};
        // The sync comes before a commit returns; NORMAL would lose the last ones with the power.
        SG_TRY(script("PRAGMA synchronous=FULL"));
        SG_TRY(script("PRAGMA foreign_keys=ON"));
        // The writer's thread checkpoints by itself, after it has answered the batch.
        SG_TRY(script("PRAGMA wal_autocheckpoint=0"));
        // A burst's log does not stay on the disk for ever.
        SG_TRY(script("PRAGMA journal_size_limit=67108864"));
    }
    // 16 MiB of pages a connection: inner pages of every index stay at hand, the rest is in the
    // kernel's cache. No mmap: a read error would be a SIGBUS instead of an error code.
    SG_TRY(script("PRAGMA cache_size=-16384; PRAGMA mmap_size=0"));
    // Sorts of a page of results are small.
    SG_TRY(script("PRAGMA temp_store=MEMORY"));
    // Reads the header and the schema: what is no database is seen here.
    return script("SELECT count(*) FROM sqlite_schema");
}

SqliteConnection::~SqliteConnection() {
    for (const auto& statement : statements_) sqlite3_finalize(statement.compiled);
    sqlite3_close_v2(handle_);
}

Error SqliteConnection::error_of(int code, std::string_view attempted) const {
    auto errc = errc_of(code);
    // A value that is there already is the caller's doing; NULL where there must be one is ours.
    if (errc == Errc::kMismatch) {
        const int why = sqlite3_extended_errcode(handle_);
        const bool twice = why == SQLITE_CONSTRAINT_UNIQUE || why == SQLITE_CONSTRAINT_PRIMARYKEY ||
                           why == SQLITE_CONSTRAINT_ROWID;
        if (!twice) errc = Errc::kInternal;
    }
    std::string message = fmt::format("{}: {}", attempted, sqlite3_errmsg(handle_));
    if (errc == Errc::kBadData)
        message += "; the file is damaged or no database: put back a copy, or move it away";
    if (errc == Errc::kNoSpace) message += "; free some space";
    return Error{errc, std::move(message)};
}

Result<sqlite3_stmt*> SqliteConnection::compile(std::string_view sql, unsigned flags) const {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(
        handle_, sql.data(), static_cast<int>(sql.size()), flags, &statement, nullptr);
    if (code != SQLITE_OK) return error_of(code, fmt::format("prepare \"{}\"", sql.substr(0, 80)));
    if (statement == nullptr) return Error{Errc::kInternal, "prepare an empty statement"};
    return statement;
}

Result<std::int64_t> SqliteConnection::execute(std::string_view sql,
                                               std::span<const Param> params,
                                               const OnRow* on_row) {
    SG_TRY_ASSIGN(const auto use, Use::of(*this, sql));
    auto* statement = use.get();
    if (sqlite3_bind_parameter_count(statement) != static_cast<int>(params.size()))
        return Error{Errc::kInternal,
                     fmt::format("{} values for {} placeholders of \"{}\"",
                                 params.size(),
                                 sqlite3_bind_parameter_count(statement),
                                 sql.substr(0, 80))};
    for (std::size_t i = 0; i < params.size(); ++i)
        if (const int code = bind(statement, static_cast<int>(i) + 1, params[i]); code != SQLITE_OK)
            return error_of(code, "write a value to the database");
    const bool writes = sqlite3_stmt_readonly(statement) == 0;
    std::int64_t rows = 0;
    for (;;) {
        const int code = sqlite3_step(statement);
        if (code == SQLITE_DONE) break;
        if (code != SQLITE_ROW)
            return error_of(
                code,
                // Without its path: this is told to clients.
                writes || on_row == nullptr ? "write to the database" : "read the database");
        ++rows;
        if (on_row != nullptr) SG_TRY((*on_row)(SqliteRow(statement)));
    }
    if (on_row != nullptr) return rows;
    return writes ? sqlite3_changes64(handle_) : 0;
}

Result<std::int64_t> SqliteConnection::run_span(std::string_view sql,
                                                std::span<const Param> params) {
    return execute(sql, params, nullptr);
}

Result<std::int64_t> SqliteConnection::query_span(std::string_view sql,
                                                  std::span<const Param> params,
                                                  const OnRow& on_row) {
    return execute(sql, params, &on_row);
}

Status SqliteConnection::script(const std::string& sql) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        return error_of(code, fmt::format("run \"{}\" in database {}", sql.substr(0, 60), name_));
    return {};
}

bool SqliteConnection::in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

}  // namespace sg::sql
