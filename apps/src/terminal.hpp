#pragma once

#include <cstddef>
#include <string_view>

#include <base/result.hpp>

namespace sg::apps {

struct TerminalSize {
    std::size_t columns = 80;
    std::size_t rows = 24;
};

/// A terminal that can move its cursor (not TERM=dumb).
[[nodiscard]] bool is_terminal(int fd);
[[nodiscard]] TerminalSize terminal_size(int fd);
/// Whether the environment allows colour (https://no-color.org).
[[nodiscard]] bool colour_allowed();
/// Whether the environment's locale is a UTF-8 one, so that block characters can be shown.
[[nodiscard]] bool locale_is_utf8();

/// All of it, in as few system calls as possible; goes on after EINTR.
[[nodiscard]] Status write_text(int fd, std::string_view text);

}  // namespace sg::apps
