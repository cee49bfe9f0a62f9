#include "pull_url.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

namespace sg::live {
namespace {

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool coded =
            text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
        if (!coded) {
            out.push_back(text[i]);
            continue;
        }
        out.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
        i += 2;
    }
    return out;
}

/// "user:password@host:port" without what stands before "@", and what follows it.
std::string_view authority_of(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    auto rest = url.substr(scheme + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    const auto at = rest.rfind('@');
    return at == std::string_view::npos ? rest : rest.substr(at + 1);
}

}  // namespace

std::string PullUrl::option(std::string_view name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
}

std::string scheme_of(std::string_view url) {
    const auto end = url.find("://");
    if (end == std::string_view::npos) return {};
    std::string scheme(url.substr(0, end));
    std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return scheme;
}

std::string shown_url(std::string_view url) {
    const auto scheme = scheme_of(url);
    if (scheme.empty() || scheme == "file") return std::string(url.substr(url.rfind('/') + 1));
    return fmt::format("{}://{}", scheme, authority_of(url));
}

Result<PullUrl> parse_pull_url(std::string_view url) {
    PullUrl out;
    out.scheme = scheme_of(url);
    if (out.scheme.empty())
        return Error{Errc::kInvalidArgument,
                     "read an input's URL: it does not begin with a protocol, as srt:// does"};
    auto authority = authority_of(url);
    const auto refuse = [&](std::string_view why) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("read the input URL {}: {}", shown_url(url), why)};
    };
    auto port = std::string_view();
    if (!authority.empty() && authority.front() == '[') {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return refuse("the address has no closing bracket");
        out.host = authority.substr(1, end - 1);
        authority.remove_prefix(end + 1);
        if (!authority.empty() && authority.front() == ':') port = authority.substr(1);
    } else {
        const auto colon = authority.rfind(':');
        out.host = authority.substr(0, colon);
        if (colon != std::string_view::npos) port = authority.substr(colon + 1);
    }
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() ||
        out.port == 0)
        return refuse("it needs a port between 1 and 65535");
    const auto question = url.find('?');
    if (question == std::string_view::npos) return out;
    auto query = url.substr(question + 1);
    // SRT's stream ids in the access-control form begin with "#".
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto pair = query.substr(0, end);
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos)
            out.query[percent_decoded(pair.substr(0, equals))] =
                percent_decoded(pair.substr(equals + 1));
        if (end == std::string_view::npos) break;
        query.remove_prefix(end + 1);
    }
    return out;
}

}  // namespace sg::live
