#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include <ingest/fragment_depacketizer.hpp>
#include <ingest/ts_depacketizer.hpp>

#include "pull_hls.hpp"

namespace sg::live {

/// One media playlist that is followed.
struct HlsFollower::Feed final : public ingest::LiveSink {
    /// `left`: where it was followed to before.
    Feed(std::string address, int first_track, HlsPosition::Playlist left)
        : url(std::move(address)), track_base(first_track), left_(std::move(left)) {}

    /// kBadData, kUnsupported: encryption.
    [[nodiscard]] Status load(const HlsFetch& fetch, std::chrono::steady_clock::time_point now);
    [[nodiscard]] bool has_next() const;
    [[nodiscard]] const HlsPosition::Playlist& left() const { return left_; }
    /// Reads the next segment; what it holds comes to `units`.
    [[nodiscard]] Status take(const HlsFetch& fetch, std::size_t most);

    void on_track(const ingest::LiveTrack& track) override;
    void on_unit(ingest::LiveUnit unit) override;
    void on_marker(ingest::LiveMarker) override {}
    void on_track_end(int track) override;
    void on_left_out(std::string_view what) override;

    std::string url;
    int track_base;
    std::vector<PacedUnit> units;
    formats::m3u8::Media playlist;
    bool loaded = false;
    std::chrono::steady_clock::time_point loaded_at{};
    std::chrono::steady_clock::time_point changed_at{};
    bool changed = false;  ///< with the last load

  private:
    [[nodiscard]] Status use_map(const HlsFetch& fetch, const formats::m3u8::Segment& segment);
    [[nodiscard]] std::uint64_t end() const {
        return playlist.media_sequence + playlist.segments.size();
    }
    void enter();
    void enter_epoch(std::uint64_t number);

    std::uint64_t next_ = 0;  ///< media sequence number
    std::uint64_t restarts_ = 0;
    std::uint64_t epoch_ = 0;
    std::optional<ingest::TsDepacketizer> ts_;
    std::optional<ingest::FragmentDepacketizer> fragments_;
    std::optional<formats::m3u8::Map> map_;
    bool transport_stream_ = false;  ///< of the segment at hand
    HlsPosition::Playlist left_;
    std::vector<int> ended_;
    std::map<int, ingest::LiveTrack> announced_;
    std::set<std::string, std::less<>> left_out_;
    std::optional<std::int64_t> last_dts_;  ///< unwrapped
};

}  // namespace sg::live
