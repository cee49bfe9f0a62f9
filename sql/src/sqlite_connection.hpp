#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sql/connection.hpp>

#include <base/result.hpp>

#include <sqlite3.h>

namespace sg::sql {

class SqliteConnection final : public Connection {
  public:
    enum class Mode { kCreate, kRead };

    [[nodiscard]] static Result<std::unique_ptr<SqliteConnection>> open(
        const std::filesystem::path& path, Mode mode);
    ~SqliteConnection() override;
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    [[nodiscard]] Result<std::int64_t> run_span(std::string_view sql,
                                                std::span<const Param> params) override;
    [[nodiscard]] Result<std::int64_t> query_span(std::string_view sql,
                                                  std::span<const Param> params,
                                                  const OnRow& on_row) override;
    [[nodiscard]] Status script(const std::string& sql) override;

    /// False again when an error made SQLite undo the whole transaction (a full disk).
    [[nodiscard]] bool in_transaction() const;

    /// Of what was just done on the raw handle.
    [[nodiscard]] Error error_of(int code, std::string_view attempted) const;
    [[nodiscard]] sqlite3* handle() const { return handle_; }

  private:
    struct Statement {
        std::string sql;
        sqlite3_stmt* compiled = nullptr;
        bool in_use = false;
    };
    class Use;

    explicit SqliteConnection(sqlite3* handle, std::string name)
        : handle_(handle), name_(std::move(name)) {}
    [[nodiscard]] Status configure(Mode mode);
    [[nodiscard]] Result<sqlite3_stmt*> compile(std::string_view sql, unsigned flags) const;
    [[nodiscard]] Result<std::int64_t> execute(std::string_view sql,
                                               std::span<const Param> params,
                                               const OnRow* on_row);

    sqlite3* handle_;
    std::string name_;
    std::list<Statement> statements_;  // the one used last in front
    std::unordered_map<std::string_view, std::list<Statement>::iterator> by_text_;
};

/// What a result code of SQLite means to a caller.
[[nodiscard]] Errc errc_of(int sqlite_code) noexcept;

}  // namespace sg::sql
