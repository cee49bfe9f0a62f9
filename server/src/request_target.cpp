#include "request_target.hpp"

namespace sg::server {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool ends_bad_segment(std::string_view path, bool last) {
    const auto segment = path.substr(path.rfind('/') + 1);
    return segment == "." || segment == ".." || (segment.empty() && !last);
}

}  // namespace

std::optional<RequestTarget> parse_target(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (target.starts_with(scheme)) {
            const auto slash = target.find('/', scheme.size());
            target = slash == std::string_view::npos ? "/" : target.substr(slash);
            break;
        }
    }
    if (!target.starts_with('/')) return std::nullopt;
    RequestTarget out;
    const auto mark = target.find_first_of("?#");
    if (mark != std::string_view::npos) {
        if (target[mark] == '#') return std::nullopt;
        out.query = target.substr(mark + 1);
        target = target.substr(0, mark);
    }
    for (std::size_t i = 0; i < target.size(); ++i) {
        char c = target[i];
        bool escaped = false;
        if (c == '%') {
            if (i + 2 >= target.size()) return std::nullopt;
            const int high = hex_digit(target[i + 1]);
            const int low = hex_digit(target[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            escaped = true;
            i += 2;
        }
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') return std::nullopt;
        if (c == '/') {
            if (escaped) return std::nullopt;
            if (!out.path.empty() && ends_bad_segment(out.path, false)) return std::nullopt;
        }
        out.path.push_back(c);
    }
    if (ends_bad_segment(out.path, true)) return std::nullopt;
    return out;
}

std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto item = query.substr(0, end);
        const auto equals = item.find('=');
        if (item.substr(0, equals) == name) {
            return equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
        }
        query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    }
    return std::nullopt;
}

}  // namespace sg::server
