#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sg::apps {

/// Text in columns, as wide as their contents.
class Table {
  public:
    enum class Align { kLeft, kRight };
    struct Column {
        std::string title;
        Align align = Align::kLeft;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// As many cells as there are columns; printable text.
    void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    /// Columns that are empty in all rows are left out. Ends with a line feed.
    [[nodiscard]] std::string text(std::size_t indent) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace sg::apps
