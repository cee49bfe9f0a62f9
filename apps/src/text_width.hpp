#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sg::apps {

/// Call once before threads start: character classes are those of Unicode, whatever the user's
/// locale.
void use_unicode_widths();

/// Columns that a terminal gives to UTF-8 text: two for wide characters, none for combining ones.
[[nodiscard]] std::size_t text_width(std::string_view utf8);

/// Safe to print: control characters and broken UTF-8 become U+FFFD, so a file name cannot steer
/// the terminal.
[[nodiscard]] std::string printable(std::string_view utf8);

/// The same for text of several lines.
[[nodiscard]] std::string printable_lines(std::string_view utf8);

/// Exactly `columns` wide: cut in the middle with "…" or padded with blanks at the end. For
/// printable text.
[[nodiscard]] std::string fitted(std::string_view utf8, std::size_t columns);

/// At most `columns` wide, cut at the end.
[[nodiscard]] std::string clipped(std::string_view utf8, std::size_t columns);

}  // namespace sg::apps
