#include "hls_feed.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <base/log.hpp>
#include <media/timestamp.hpp>

namespace sg::live {
namespace {

namespace m3u8 = formats::m3u8;

constexpr std::size_t kPlaylistBytes = std::size_t{4} << 20;
constexpr std::size_t kInitBytes = std::size_t{1} << 20;
/// Where a live playlist is entered: so far from its end (RFC 8216 section 6.3.3).
constexpr std::int64_t kTargetsFromEnd = 3;
constexpr std::int64_t kWrap = std::int64_t{1} << 33;

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

/// First segment of a playlist to be played.
std::uint64_t entry_of(const m3u8::Media& playlist) {
    const auto count = playlist.segments.size();
    if (playlist.ended) return playlist.media_sequence;
    std::int64_t from_end_us = 0;
    std::size_t first = count;
    while (first > 0 && from_end_us < kTargetsFromEnd * playlist.target_seconds * 1'000'000)
        from_end_us += playlist.segments[--first].duration_us;
    return playlist.media_sequence + first;
}

std::int64_t nanoseconds(std::int64_t ticks) {
    return media::mul_div(ticks, 100'000, 9, media::Rounding::kNearest);
}

}  // namespace

Status HlsFollower::Feed::load(const HlsFetch& fetch, std::chrono::steady_clock::time_point now) {
    SG_TRY_ASSIGN(auto object, fetch(url, std::nullopt, kPlaylistBytes));
    auto parsed = m3u8::parse(object.body, m3u8::Reading::kLenient);
    if (!parsed) return Error{parsed.error().code, "read a playlist: " + parsed.error().message};
    auto* media = std::get_if<m3u8::Media>(&*parsed);
    if (media == nullptr)
        return Error{Errc::kBadData,
                     "read a playlist: it lists variants where segments were expected"};
    if (media->encrypted)
        return Error{Errc::kUnsupported, "read a playlist: its segments are encrypted"};
    const auto before = end();
    const bool was_loaded = std::exchange(loaded, true);
    loaded_at = now;
    changed = !was_loaded || media->media_sequence + media->segments.size() != before ||
              media->ended != playlist.ended;
    if (changed) changed_at = now;
    playlist = std::move(*media);
    url = object.url;
    if (!was_loaded) {
        enter();
    } else if (end() < before) {
        // The server counts anew.
        ++restarts_;
        next_ = entry_of(playlist);
    } else if (next_ < playlist.media_sequence) {
        next_ = playlist.media_sequence;
    }
    return {};
}

/// An attempt before this one may have seen some of it.
void HlsFollower::Feed::enter() {
    next_ = entry_of(playlist);
    if (left_.uri.empty() || left_.number < playlist.media_sequence || left_.number >= end())
        return;
    const auto& same = playlist.segments[left_.number - playlist.media_sequence];
    if (same.uri == left_.uri) next_ = left_.number + 1;
}

bool HlsFollower::Feed::has_next() const {
    return loaded && next_ < end();
}

/// Both playlists of a presentation count their discontinuities alike (RFC 8216 section 6.2.4).
void HlsFollower::Feed::enter_epoch(std::uint64_t number) {
    epoch_ = restarts_ << 32U | (number & 0xffffffffU);
}

Status HlsFollower::Feed::take(const HlsFetch& fetch, std::size_t most) {
    const std::size_t index = next_ - playlist.media_sequence;
    const auto& segment = playlist.segments[index];
    left_ = {next_++, segment.uri};
    if (segment.gap) return {};
    const auto breaks =
        std::count_if(playlist.segments.begin(),
                      playlist.segments.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                      [](const auto& each) { return each.discontinuity; });
    enter_epoch(playlist.discontinuity_sequence + static_cast<std::uint64_t>(breaks));
    SG_TRY_ASSIGN(const auto object,
                  fetch(resolve_reference(url, segment.uri), segment.range, most));
    const auto bytes = bytes_of(object.body);
    if (segment.map) {
        SG_TRY(use_map(fetch, segment));
        transport_stream_ = false;
        return fragments_->segment(bytes);
    }
    // TS packets begin so; packed audio begins with ID3 or a frame's sync word.
    if (bytes.empty() || bytes.front() != std::byte{0x47})
        return Error{Errc::kUnsupported,
                     "read a segment: it is neither a transport stream nor fragmented MP4"};
    transport_stream_ = true;
    if (!ts_) ts_.emplace(*this);
    ts_->push(bytes);
    ts_->flush();
    return {};
}

Status HlsFollower::Feed::use_map(const HlsFetch& fetch, const m3u8::Segment& segment) {
    const auto& map = playlist.maps[*segment.map];
    if (fragments_ && map_ == map) return {};
    map_.reset();
    SG_TRY_ASSIGN(const auto object, fetch(resolve_reference(url, map.uri), map.range, kInitBytes));
    if (!fragments_) fragments_.emplace(*this);
    SG_TRY(fragments_->init(bytes_of(object.body)));
    map_ = map;
    return {};
}

void HlsFollower::Feed::on_track(const ingest::LiveTrack& track) {
    const int id = track.id + track_base;
    announced_[id] = track;
    announced_[id].id = id;
}

/// Each segment may begin with tables of its own.
void HlsFollower::Feed::on_left_out(std::string_view what) {
    if (left_out_.contains(what)) return;
    left_out_.emplace(what);
    log::info("live_left_out what=\"{}\"", what);
}

void HlsFollower::Feed::on_track_end(int track) {
    announced_.erase(track + track_base);
    ended_.push_back(track + track_base);
}

void HlsFollower::Feed::on_unit(ingest::LiveUnit unit) {
    if (transport_stream_) {
        // 33-bit times in nanoseconds that never wrap, near those before.
        const auto composition = ((unit.pts - unit.dts) % kWrap + kWrap) % kWrap;
        auto dts = unit.dts;
        if (last_dts_) {
            auto step = ((dts - *last_dts_) % kWrap + kWrap) % kWrap;
            if (step >= kWrap / 2) step -= kWrap;
            dts = *last_dts_ + step;
        }
        last_dts_ = dts;
        unit.dts = nanoseconds(dts);
        unit.pts = nanoseconds(dts + (composition < kWrap / 2 ? composition : 0));
    }
    PacedUnit paced;
    paced.epoch = epoch_;
    paced.ended = std::exchange(ended_, {});
    unit.track += track_base;
    if (auto news = announced_.extract(unit.track))
        paced.tracks.push_back(std::move(news.mapped()));
    paced.unit = std::move(unit);
    units.push_back(std::move(paced));
}

}  // namespace sg::live
