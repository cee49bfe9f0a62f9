#include "resource_path.hpp"

#include <charconv>

namespace sg::live {
namespace {

/// Plain digits without leading zeros, so that an object has one name.
template <class T>
bool take_number(std::string_view text, T& out) {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
    if (text.find_first_not_of("0123456789") != std::string_view::npos) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

bool media_name(std::string_view stem, bool part_allowed, ResourcePath& out) {
    const auto dash = stem.rfind('-');
    if (dash == std::string_view::npos || dash == 0) return false;
    out.epoch = stem.substr(0, dash);
    std::string_view rest = stem.substr(dash + 1);
    const auto dot = rest.find('.');
    if (dot != std::string_view::npos) {
        if (!part_allowed || !take_number(rest.substr(dot + 1), out.part)) return false;
        out.kind = ResourcePath::Kind::kPart;
        rest = rest.substr(0, dot);
    }
    return take_number(rest, out.number);
}

}  // namespace

std::optional<ResourcePath> parse_resource_path(std::string_view path) {
    ResourcePath out;
    using Kind = ResourcePath::Kind;
    out.file = path;
    if (path == "index.m3u8") return out;
    if (path == "ts.m3u8") {
        out.kind = Kind::kTsMultivariant;
        return out;
    }
    if (path == "manifest.mpd") {
        out.kind = Kind::kManifest;
        return out;
    }
    const auto slash = path.find('/');
    if (slash == std::string_view::npos || slash == 0) return std::nullopt;
    out.rendition = path.substr(0, slash);
    out.file = path.substr(slash + 1);
    if (out.file == "index.m3u8") {
        out.kind = Kind::kPlaylist;
        return out;
    }
    if (out.file == "ts.m3u8") {
        out.kind = Kind::kTsPlaylist;
        return out;
    }
    if (out.file.starts_with("init-") && out.file.ends_with(".mp4")) {
        out.kind = Kind::kInit;
        return out;
    }
    if (out.file.ends_with(".m4s")) {
        out.kind = Kind::kSegment;
        if (media_name(out.file.substr(0, out.file.size() - 4), true, out)) return out;
    } else if (out.file.ends_with(".ts")) {
        out.kind = Kind::kTsSegment;
        if (media_name(out.file.substr(0, out.file.size() - 3), false, out)) return out;
    }
    return std::nullopt;
}

}  // namespace sg::live
