#include <algorithm>

#include <fmt/format.h>

#include <protocols/srt_stream_id.hpp>

namespace sg::protocols {
namespace {

constexpr std::string_view kStandard = "#!::";
constexpr std::string_view kNested = "#!:{";
constexpr std::size_t kMaxOthers = 16;

Error bad(const char* why) {
    return Error{Errc::kBadData, std::string("read SRT stream id: ") + why};
}

bool set_mode(std::string_view text, SrtMode& mode) {
    if (text == "publish") {
        mode = SrtMode::kPublish;
    } else if (text == "request" || text == "read" || text == "play") {
        mode = SrtMode::kRequest;
    } else if (text == "bidirectional") {
        mode = SrtMode::kBidirectional;
    } else {
        return false;
    }
    return true;
}

void set_resource(std::string_view text, SrtStreamId& id) {
    while (!text.empty() && text.front() == '/') text.remove_prefix(1);
    id.resource = text;
}

Status set_other(std::string_view key, std::string_view value, SrtStreamId& id) {
    if (id.others.size() == kMaxOthers) return bad("it has too many keys");
    id.others.emplace(key, value);
    return {};
}

Status set_key(std::string_view key, std::string_view value, SrtStreamId& id) {
    if (key == "r") {
        set_resource(value, id);
    } else if (key == "m") {
        if (!set_mode(value, id.mode))
            return bad("m= is none of publish, request and bidirectional");
    } else if (key == "u") {
        id.user = value;
    } else if (key == "s") {
        id.session = value;
    } else if (key == "h") {
        id.host = value;
    } else if (key == "t") {
        id.type = value;
    } else {
        return set_other(key, value, id);
    }
    return {};
}

/// Calls `each` with the parts of key=value pairs.
template <class Each>
Status split_pairs(std::string_view text, char separator, Each&& each) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        if (equals == 0 || equals == std::string_view::npos) return bad("expected key=value pairs");
        SG_TRY(each(pair.substr(0, equals), pair.substr(equals + 1)));
    }
    return {};
}

Status parse_plain(std::string_view text, SrtStreamId& id) {
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && set_mode(text.substr(0, colon), id.mode))
        text.remove_prefix(colon + 1);
    const std::size_t query = text.find('?');
    set_resource(text.substr(0, query), id);
    if (query == std::string_view::npos) return {};
    return split_pairs(text.substr(query + 1), '&', [&](auto key, auto value) -> Status {
        if (key == "m" || key == "mode") {
            if (!set_mode(value, id.mode)) return bad("the mode is neither publish nor request");
            return {};
        }
        return set_other(key, value, id);
    });
}

/// What cannot be taken for another field of a log line.
std::string printable(std::string_view text) {
    constexpr std::size_t kMostShown = 80;
    std::string shown(text.substr(0, kMostShown));
    for (char& c : shown) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') ||
                           std::string_view("/._-+@:").find(c) != std::string_view::npos;
        if (!plain) c = '?';
    }
    return shown;
}

}  // namespace

Result<SrtStreamId> parse_srt_stream_id(std::string_view text) {
    if (text.size() > kMaxSrtStreamId) return bad("it is longer than 512 bytes");
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(text.begin(), text.end(), control)) return bad("it has control characters");
    SrtStreamId id;
    if (text.starts_with(kStandard)) {
        SG_TRY(split_pairs(text.substr(kStandard.size()), ',', [&](auto key, auto value) {
            return set_key(key, value, id);
        }));
    } else if (text.starts_with(kNested)) {
        return bad("the nested form #!:{...} is not supported; use #!::r=NAME,m=publish");
    } else {
        SG_TRY(parse_plain(text, id));
    }
    return id;
}

std::string SrtStreamId::shown() const {
    const char* word = mode == SrtMode::kPublish         ? "publish"
                       : mode == SrtMode::kRequest       ? "request"
                       : mode == SrtMode::kBidirectional ? "bidirectional"
                                                         : "unsaid";
    std::string text = fmt::format("resource={} mode={}", printable(resource), word);
    if (!user.empty()) text += fmt::format(" user={}", printable(user));
    return text;
}

}  // namespace sg::protocols
