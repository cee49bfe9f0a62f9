#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <packagers/segment.hpp>

namespace sg::packagers {

/// Of the first in a list: "aac", "ac3", "eac3", "opus", "flac", "mp3"; else the four-character
/// code.
[[nodiscard]] std::string audio_codec_name(std::string_view codecs);

/// A choice in a player's audio menu: one track of the source in one language.
struct AudioMember {
    std::string name;      ///< unique among the members
    std::string language;  ///< empty when unknown
    bool is_default = false;
    bool autoselect = false;
    bool describes_video = false;
};

/// Every group holds every member, in the same order (RFC 8216 §4.3.4.1.1). A member that was not
/// encoded in a group's codec and channels stands in it with the nearest rendition there is.
struct AudioGroup {
    std::string id;  ///< "aac-2", "aac-2-64k"
    std::string codec;
    std::uint32_t channels = 0;
    std::size_t quality = 0;                ///< 0 is the best of this codec and channels
    std::size_t qualities = 1;              ///< groups with this codec and channels
    std::vector<const TrackIndex*> tracks;  ///< one for each member
    std::vector<bool> own;  ///< beside `tracks`: false where another format stands in
};

struct AudioGroups {
    std::vector<AudioMember> members;
    /// Most widely playable first: stereo AAC, then other codecs and channels; better quality
    /// first.
    std::vector<AudioGroup> groups;
};

/// Borrows from `tracks`. Exactly one member is the default.
[[nodiscard]] AudioGroups audio_groups(std::span<const TrackIndex> tracks);

}  // namespace sg::packagers
