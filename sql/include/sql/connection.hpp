#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::sql {

/// A value for a placeholder. Borrows text and bytes: for the length of a call.
class Param {
  public:
    enum class Kind { kNull, kInteger, kReal, kText, kBlob };

    Param(std::nullptr_t) {}                                               // NOLINT implicit
    Param(std::int64_t value) : kind_(Kind::kInteger), integer_(value) {}  // NOLINT implicit
    Param(int value) : kind_(Kind::kInteger), integer_(value) {}           // NOLINT implicit
    Param(bool value) : kind_(Kind::kInteger), integer_(value ? 1 : 0) {}  // NOLINT implicit
    Param(double value) : kind_(Kind::kReal), real_(value) {}              // NOLINT implicit
    Param(std::string_view text) : kind_(Kind::kText), text_(text) {}      // NOLINT implicit
    Param(const std::string& text) : kind_(Kind::kText), text_(text) {}    // NOLINT implicit
    Param(const char* text) : kind_(Kind::kText), text_(text) {}           // NOLINT implicit
    Param(std::span<const std::byte> bytes)
        : kind_(Kind::kBlob), blob_(bytes) {}  // NOLINT implicit

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] std::int64_t integer() const noexcept { return integer_; }
    [[nodiscard]] double real() const noexcept { return real_; }
    [[nodiscard]] std::string_view text() const noexcept { return text_; }
    [[nodiscard]] std::span<const std::byte> blob() const noexcept { return blob_; }

  private:
    Kind kind_ = Kind::kNull;
    std::int64_t integer_ = 0;
    double real_ = 0;
    std::string_view text_;
    std::span<const std::byte> blob_;
};

/// The current row of a query. Columns count from 0; text and blobs live until the next row.
class Row {
  public:
    virtual ~Row() = default;
    [[nodiscard]] virtual bool is_null(int column) const = 0;
    [[nodiscard]] virtual std::int64_t integer(int column) const = 0;   ///< 0 for NULL
    [[nodiscard]] virtual double real(int column) const = 0;            ///< 0 for NULL
    [[nodiscard]] virtual std::string_view text(int column) const = 0;  ///< empty for NULL
    [[nodiscard]] virtual std::span<const std::byte> blob(int column) const = 0;
};

using OnRow = std::function<Status(const Row&)>;

/// One connection to a database, used by one thread at a time. Statements are written in the SQL
/// that SQLite 3.40 and PostgreSQL 15 share, with placeholders $1...$n numbered in the order of
/// first use; compiled ones are kept. Times are integers, milliseconds since 1970; documents are
/// JSON in TEXT. Errors: kMismatch for a broken constraint (UNIQUE, CHECK, foreign key), kNoSpace,
/// kTimeout (busy for longer than the limit), kBadData (the file is damaged or no database), kIo.
class Connection {
  public:
    virtual ~Connection() = default;

    /// One statement without rows. Gives the number of rows it changed.
    [[nodiscard]] Result<std::int64_t> run(std::string_view sql,
                                           std::initializer_list<Param> params = {}) {
        return run_span(sql, std::span(params.begin(), params.size()));
    }
    /// Calls `on_row` for each row; its error ends the query and is returned. Also for statements
    /// with RETURNING. Gives the number of rows.
    [[nodiscard]] Result<std::int64_t> query(std::string_view sql,
                                             std::initializer_list<Param> params,
                                             const OnRow& on_row) {
        return query_span(sql, std::span(params.begin(), params.size()), on_row);
    }
    /// The one number that a query gives; 0 when it gives no row.
    [[nodiscard]] Result<std::int64_t> number(std::string_view sql,
                                              std::initializer_list<Param> params = {});
    /// For statements made at run time, such as filters.
    [[nodiscard]] virtual Result<std::int64_t> run_span(std::string_view sql,
                                                        std::span<const Param> params) = 0;
    [[nodiscard]] virtual Result<std::int64_t> query_span(std::string_view sql,
                                                          std::span<const Param> params,
                                                          const OnRow& on_row) = 0;
    /// Several statements separated by semicolons, without placeholders: migrations.
    [[nodiscard]] virtual Status script(const std::string& sql) = 0;
};

}  // namespace sg::sql
