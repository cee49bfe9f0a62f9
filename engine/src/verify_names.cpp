#include "verify_names.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace sg::engine {
namespace {

Error refuse(std::string_view uri, std::string_view why) {
    return Error{Errc::kInvalidArgument, fmt::format("\"{}\" {}", uri.substr(0, 200), why)};
}

bool has_scheme(std::string_view uri) {
    const auto colon = uri.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        std::isalpha(static_cast<unsigned char>(uri[0])) == 0)
        return false;
    return std::all_of(
        uri.begin(), uri.begin() + static_cast<std::ptrdiff_t>(colon), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
        });
}

/// RFC 3986 section 5.2.4 on a relative path; nothing when it climbs above its start.
std::optional<std::string> without_dots(std::string_view path) {
    std::vector<std::string_view> parts;
    bool folder = false;
    while (true) {
        const auto slash = path.find('/');
        const auto part = path.substr(0, slash);
        folder = part.empty() || part == "." || part == "..";
        if (part == "..") {
            if (parts.empty()) return std::nullopt;
            parts.pop_back();
        } else if (!folder) {
            parts.push_back(part);
        }
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    std::string out;
    for (const auto part : parts) out += (out.empty() ? "" : "/") + std::string(part);
    if (folder && !out.empty()) out += '/';
    return out;
}

std::string_view path_part(std::string_view uri) {
    return uri.substr(0, uri.find_first_of("?#"));
}

/// Its name below `root` when it lies there.
std::string below(const std::string& root, std::string url) {
    if (url.starts_with(root)) url.erase(0, root.size());
    return url;
}

Result<std::string> resolve_url(const std::string& root,
                                std::string_view document,
                                std::string_view uri) {
    const auto base = has_scheme(document) ? std::string(document) : root + std::string(document);
    const auto origin = origin_of(base);
    std::string path;
    std::string_view query;
    if (has_scheme(uri) || uri.starts_with("//")) {
        std::string whole(uri);
        if (uri.starts_with("//")) whole = base.substr(0, base.find(':') + 1) + whole;
        if (origin_of(whole) != origin)
            return refuse(uri, "is on another server, which verify does not follow");
        path = whole.substr(origin.size());
    } else if (uri.starts_with('/')) {
        path = uri;
    } else if (uri.empty()) {
        return below(root, base);
    } else {
        const auto at = path_part(base);
        path = std::string(at.substr(origin.size(), at.rfind('/') + 1 - origin.size())) +
               std::string(uri);
    }
    if (const auto hash = path.find('#'); hash != std::string::npos) path.erase(hash);
    const auto mark = std::min(path.find('?'), path.size());
    query = std::string_view(path).substr(mark);
    auto clean = without_dots(std::string_view(path).substr(std::min<std::size_t>(1, mark),
                                                            mark - std::min<std::size_t>(1, mark)));
    if (!clean) return refuse(uri, "climbs above the server's root");
    return below(root, origin + "/" + *clean + std::string(query));
}

}  // namespace

std::string origin_of(std::string_view url) {
    const auto after = url.starts_with("http://") ? 7U : url.starts_with("https://") ? 8U : 0U;
    if (after == 0) return {};
    return std::string(url.substr(0, url.find_first_of("/?#", after)));
}

Result<std::string> resolve_name(const std::string& root,
                                 std::string_view document,
                                 std::string_view uri) {
    if (uri.size() > 4096) return refuse(uri, "is too long for a URI");
    if (!root.empty()) return resolve_url(root, document, uri);
    if (has_scheme(uri) || uri.starts_with("//"))
        return refuse(uri, "is a URL, which verify of a folder does not follow");
    if (uri.starts_with('/'))
        return refuse(uri, "is an absolute path, which no server would serve from this folder");
    if (uri.empty()) return std::string(document);
    const auto folder = document.substr(0, document.rfind('/') + 1);
    SG_TRY_ASSIGN(const auto decoded, percent_decoded(path_part(uri)));
    auto clean = without_dots(std::string(folder) + decoded);
    if (!clean) return refuse(uri, "leads out of the folder");
    return *clean;
}

Result<std::string> percent_decoded(std::string_view text) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const int high = text.size() - i > 2 ? digit(text[i + 1]) : -1;
        const int low = text.size() - i > 2 ? digit(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            return Error{Errc::kBadData,
                         fmt::format("\"{}\" has a broken percent escape", text.substr(0, 200))};
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    if (out.find('\0') != std::string::npos) return Error{Errc::kBadData, "a URI with a zero byte"};
    return out;
}

std::string folder_of(std::string_view name) {
    const auto slash = name.rfind('/');
    return slash == std::string_view::npos ? std::string() : std::string(name.substr(0, slash));
}

}  // namespace sg::engine
