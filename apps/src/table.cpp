#include "table.hpp"

#include <algorithm>

#include "text_width.hpp"

namespace sg::apps {

std::string Table::text(std::size_t indent) const {
    std::vector<std::size_t> widths(columns_.size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            widths[c] = std::max(widths[c], text_width(row[c]));
        }
    }
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        if (widths[c] > 0) widths[c] = std::max(widths[c], text_width(columns_[c].title));
    }

    std::string out;
    const auto add_line = [&](const auto& cell_of) {
        std::string line(indent, ' ');
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            if (widths[c] == 0) continue;
            const std::string& cell = cell_of(c);
            const std::string padding(widths[c] - text_width(cell), ' ');
            line += columns_[c].align == Align::kRight ? padding + cell : cell + padding;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    };
    add_line([&](std::size_t c) -> const std::string& { return columns_[c].title; });
    for (const auto& row : rows_) {
        add_line([&](std::size_t c) -> const std::string& { return row[c]; });
    }
    return out;
}

}  // namespace sg::apps
