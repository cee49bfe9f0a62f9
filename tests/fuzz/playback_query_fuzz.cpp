#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <server/playback_signature.hpp>

#include "playlist_directives.hpp"
#include "signed_uris.hpp"

/// No query is a valid token without the key, and carrying a token into a playlist keeps its lines.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::server;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto directives = parse_directives(text);
    if (directives && directives->part && !directives->msn) std::abort();
    if (PlaybackSignature({"a key"}).verify("/live/a/", text, 0)) std::abort();
    const auto token = PlaybackSignature::token_of(text);
    if (!token.empty() && PlaybackSignature::token_of(token) != token) std::abort();
    const auto lines = [](std::string_view all) {
        std::size_t count = 0;
        for (const char c : all) count += c == '\n' ? 1 : 0;
        return count;
    };
    if (lines(sign_playlist_uris(text, "exp=1&sig=2")) != lines(text)) std::abort();
    if (lines(sign_manifest_uris(text, "exp=1&sig=2")) != lines(text)) std::abort();
    return 0;
}
