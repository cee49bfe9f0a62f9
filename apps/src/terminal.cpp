#include "terminal.hpp"

#include <cstdlib>
#include <span>

#include <unistd.h>

#include <sys/ioctl.h>

#include <base/file.hpp>

namespace sg::apps {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

bool is_terminal(int fd) {
    return ::isatty(fd) == 1 && environment("TERM") != "dumb";
}

TerminalSize terminal_size(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
    return {size.ws_col, size.ws_row == 0 ? std::size_t{24} : std::size_t{size.ws_row}};
}

bool colour_allowed() {
    return environment("NO_COLOR").empty();
}

bool locale_is_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const auto value = environment(name);
        if (value.empty()) continue;
        return value.find("UTF-8") != std::string_view::npos ||
               value.find("utf8") != std::string_view::npos ||
               value.find("utf-8") != std::string_view::npos;
    }
    return false;
}

Status write_text(int fd, std::string_view text) {
    return write_all(fd,
                     std::as_bytes(std::span(text.data(), text.size())),
                     fd == STDOUT_FILENO ? "standard output" : "standard error");
}

}  // namespace sg::apps
