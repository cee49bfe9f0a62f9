#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/m3u8.hpp>

#include "pull_pacer.hpp"

namespace sg::live {

/// Reads one object, or a part of it; gives its bytes and where it was found.
struct HlsObject {
    std::string body;
    std::string url;
};
using HlsFetch =
    std::function<Result<HlsObject>(const std::string& url,
                                    const std::optional<formats::m3u8::ByteRange>& range,
                                    std::size_t most)>;

/// Where a presentation was left, so that the next attempt to follow it repeats nothing.
struct HlsPosition {
    struct Playlist {
        std::uint64_t number = 0;  ///< of the last segment that was taken
        std::string uri;           ///< as listed; empty: none was
    };
    std::vector<Playlist> playlists;
};

/// Follows a live HLS presentation (RFC 8216 section 6.3): the best variant, with the rendition of
/// sound that belongs to it, in segments of TS or fragmented MP4. One thread; `fetch` may block it.
class HlsFollower {
  public:
    struct Options {
        std::string url;
        std::uint64_t max_bandwidth = 0;  ///< bits per second of the variant taken; 0: the best
        std::size_t segment_bytes = std::size_t{64} << 20;
        HlsPosition left{};
    };
    HlsFollower(Options options, HlsFetch fetch);
    ~HlsFollower();
    HlsFollower(const HlsFollower&) = delete;
    HlsFollower& operator=(const HlsFollower&) = delete;

    struct Round {
        std::vector<PacedUnit> units;
        std::chrono::milliseconds wait{0};  ///< before the next
        bool ended = false;                 ///< nothing follows
    };
    /// The next segment of each playlist, or an attempt to find one. An Error when there is no
    /// going on: kTimeout when the playlists have stood still.
    [[nodiscard]] Result<Round> next(std::chrono::steady_clock::time_point now);

    [[nodiscard]] HlsPosition position() const;

    /// Segments that could not be had.
    [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

  private:
    struct Feed;

    [[nodiscard]] Status choose();
    void add_feed(std::string url, int first_track);
    [[nodiscard]] Result<Round> follow(std::chrono::steady_clock::time_point now);

    Options options_;
    HlsFetch fetch_;
    std::vector<std::unique_ptr<Feed>> feeds_;  ///< pictures first, then sound of its own
    std::uint64_t skipped_ = 0;
};

/// What a reference in a playlist means (RFC 3986 section 5).
[[nodiscard]] std::string resolve_reference(const std::string& base, const std::string& reference);

}  // namespace sg::live
