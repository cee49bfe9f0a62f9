#include "signed_uris.hpp"

#include <array>

namespace sg::server {
namespace {

bool relative(std::string_view uri) {
    return !uri.empty() && uri.front() != '/' && uri.find("://") == std::string_view::npos &&
           !uri.starts_with("data:");
}

void append_signed(std::string& out,
                   std::string_view uri,
                   std::string_view token,
                   std::string_view joint) {
    out.append(uri);
    if (!relative(uri)) return;
    out.append(uri.find('?') == std::string_view::npos ? "?" : joint).append(token);
}

/// Copies `text`, signing what stands in quotes after each occurrence of `attribute` (with its
/// opening quote).
std::string sign_attribute(std::string_view text,
                           std::string_view attribute,
                           std::string_view token,
                           std::string_view joint) {
    std::string out;
    out.reserve(text.size() + 256);
    for (;;) {
        const auto at = text.find(attribute);
        const auto begin = at + attribute.size();
        const auto end =
            at == std::string_view::npos ? std::string_view::npos : text.find('"', begin);
        if (end == std::string_view::npos) break;
        out.append(text.substr(0, begin));
        append_signed(out, text.substr(begin, end - begin), token, joint);
        text.remove_prefix(end);
    }
    return out.append(text);
}

}  // namespace

std::string sign_playlist_uris(std::string_view playlist, std::string_view token) {
    std::string out;
    out.reserve(playlist.size() * 2);
    while (!playlist.empty()) {
        const auto end = playlist.find('\n');
        const auto line = playlist.substr(0, end);
        if (line.starts_with("#EXT")) {
            out.append(sign_attribute(line, "URI=\"", token, "&"));
        } else if (line.empty() || line.front() == '#' || line == "\r") {
            out.append(line);
        } else {
            const bool cr = line.back() == '\r';
            append_signed(out, line.substr(0, line.size() - (cr ? 1 : 0)), token, "&");
            if (cr) out.push_back('\r');
        }
        if (end == std::string_view::npos) break;
        out.push_back('\n');
        playlist.remove_prefix(end + 1);
    }
    return out;
}

std::string sign_manifest_uris(std::string_view mpd, std::string_view token) {
    std::string escaped;
    for (const char c : token) {
        if (c == '&') {
            escaped += "&amp;";
        } else {
            escaped.push_back(c);
        }
    }
    std::string out(mpd);
    constexpr std::array<std::string_view, 4> kAttributes{
        " media=\"", " initialization=\"", " sourceURL=\"", " mediaURL=\""};
    for (const auto attribute : kAttributes) {
        out = sign_attribute(out, attribute, escaped, "&amp;");
    }
    return out;
}

}  // namespace sg::server
