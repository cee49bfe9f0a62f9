#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sg::live {

/// A path below a channel, taken apart. Views into the text that was parsed.
struct ResourcePath {
    enum class Kind {
        kMultivariant,    ///< index.m3u8
        kTsMultivariant,  ///< ts.m3u8
        kManifest,        ///< manifest.mpd
        kPlaylist,        ///< R/index.m3u8
        kTsPlaylist,      ///< R/ts.m3u8
        kInit,            ///< R/init-0123abcd.mp4
        kSegment,         ///< R/E-17.m4s
        kPart,            ///< R/E-17.2.m4s
        kTsSegment,       ///< R/E-17.ts
    };
    Kind kind = Kind::kMultivariant;
    std::string_view rendition;
    std::string_view file;
    std::string_view epoch;
    std::int64_t number = 0;
    std::uint32_t part = 0;
};

/// Takes hostile text; nothing for what no channel has.
[[nodiscard]] std::optional<ResourcePath> parse_resource_path(std::string_view path);

}  // namespace sg::live
