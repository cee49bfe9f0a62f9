#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <base/unique_fd.hpp>

// What the origin serves. A channel publishes an immutable view by atomic swap; servers read it
// from any thread and are told once when a newer one stands (DESIGN 7).

namespace sg::live {

/// A stored file, open for reading. Closed when nobody refers to it any more.
struct StoredFile {
    UniqueFd fd;
    std::uint64_t bytes = 0;
};

/// Immutable bytes in memory, or a range of a stored file.
struct MediaBytes {
    std::shared_ptr<const std::vector<std::byte>> memory;
    std::shared_ptr<const StoredFile> file;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

enum class ResourceKind { kPlaylist, kManifest, kInit, kSegment, kPart };

/// One answer: its body is the pieces, one after the other.
struct Resource {
    ResourceKind kind = ResourceKind::kSegment;
    std::string_view content_type;  ///< of static storage
    std::vector<MediaBytes> pieces;
    /// A segment that is still being made has false: pieces are appended in later views until it is
    /// true. Served with chunked transfer coding as it grows (LL-DASH).
    bool complete = true;
    std::string etag;  ///< strong validator without quotes; empty while not complete
    /// How long a cache may keep it; media objects never change under their name.
    std::chrono::seconds max_age{0};
};

/// Query parameters of a media playlist request, RFC 8216bis §6.2.5.
struct PlaylistDirectives {
    std::optional<std::uint64_t> msn;   ///< _HLS_msn
    std::optional<std::uint64_t> part;  ///< _HLS_part
    bool skip = false;                  ///< _HLS_skip=YES or v2
};

struct Lookup {
    enum class Outcome {
        kFound,
        kWait,        ///< it will exist soon: ask again when a newer view stands
        kBadRequest,  ///< directives that RFC 8216bis §6.2.5.2 tells a server to refuse with 400
        kNotFound,
    };
    Outcome outcome = Outcome::kNotFound;
    Resource resource;
    /// The longest that a kWait request is held, RFC 8216bis: three target durations.
    std::chrono::milliseconds wait_limit{0};
};

/// One state of a channel. Immutable; any thread.
class ChannelView {
  public:
    virtual ~ChannelView() = default;
    /// `path` below the channel: "index.m3u8", "manifest.mpd", "1080p/index.m3u8",
    /// "1080p/init-0123abcd.mp4", "1080p/k3x-17.m4s", "1080p/k3x-17.2.m4s". Hostile text.
    [[nodiscard]] virtual Lookup find(std::string_view path,
                                      const PlaylistDirectives& directives) const = 0;
    /// No media will come any more.
    [[nodiscard]] virtual bool ended() const = 0;
};

/// A channel as the origin sees it. Any thread.
class PlaybackChannel {
  public:
    virtual ~PlaybackChannel() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Never null; before the first media its view finds nothing but waits.
    [[nodiscard]] virtual std::shared_ptr<const ChannelView> view() const = 0;
    /// `wake` is called, on the channel's thread, after each new view: once, then it is forgotten.
    /// It must only post. Returns false, and forgets it at once, when the view is no longer
    /// `seen`: look again.
    [[nodiscard]] virtual bool notify_once(const ChannelView* seen, std::function<void()> wake) = 0;
    /// Counts for metrics: bytes of bodies sent, and a viewer's session seen.
    virtual void count_sent(std::uint64_t bytes) = 0;
    virtual void count_viewer(std::uint64_t client_hash) = 0;
};

/// All channels. Any thread.
class PlaybackDirectory {
  public:
    virtual ~PlaybackDirectory() = default;
    /// `name` is two path segments, "live/NAME": application and stream. Null when there is none.
    [[nodiscard]] virtual std::shared_ptr<PlaybackChannel> find(std::string_view name) const = 0;
    [[nodiscard]] virtual std::vector<std::shared_ptr<PlaybackChannel>> list() const = 0;
};

}  // namespace sg::live
