#include "pull_hls.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <base/log.hpp>

#include "hls_feed.hpp"

namespace sg::live {
namespace {

namespace m3u8 = formats::m3u8;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kPlaylistBytes = std::size_t{4} << 20;
/// Ids of a second playlist's tracks: PIDs and MP4 track ids are below.
constexpr int kSecondTracks = 1 << 16;
constexpr auto kLongestStandstill = seconds(20);

const m3u8::Variant* best_variant(const m3u8::Multivariant& playlist, std::uint64_t most) {
    const m3u8::Variant* best = nullptr;
    const m3u8::Variant* lowest = nullptr;
    for (const auto& each : playlist.variants) {
        if (lowest == nullptr || each.bandwidth < lowest->bandwidth) lowest = &each;
        if (most > 0 && each.bandwidth > most) continue;
        if (best == nullptr || each.bandwidth > best->bandwidth) best = &each;
    }
    return best != nullptr ? best : lowest;
}

/// The default, else the first; null when the sound is with the pictures.
const m3u8::Rendition* audio_of(const m3u8::Multivariant& playlist, const m3u8::Variant& variant) {
    const m3u8::Rendition* chosen = nullptr;
    for (const auto& each : playlist.renditions) {
        if (each.type != m3u8::MediaType::kAudio || each.group_id != variant.audio ||
            variant.audio.empty())
            continue;
        if (chosen == nullptr || (each.is_default && !chosen->is_default)) chosen = &each;
    }
    return chosen != nullptr && !chosen->uri.empty() ? chosen : nullptr;
}

/// Units go on by their times, whatever order they came in: what is told before the first of a
/// track goes before all of them, so that tracks begin together.
void announce_first(std::vector<PacedUnit>& units) {
    std::map<std::uint64_t, PacedUnit*> first;
    for (auto& unit : units) {
        auto*& earliest = first[unit.epoch];
        if (earliest == nullptr || unit.unit.dts < earliest->unit.dts) earliest = &unit;
    }
    std::set<std::pair<std::uint64_t, int>> begun;
    for (auto& unit : units) {
        auto* const earliest = first[unit.epoch];
        if (!begun.insert({unit.epoch, unit.unit.track}).second || &unit == earliest) continue;
        std::ranges::move(std::exchange(unit.ended, {}), std::back_inserter(earliest->ended));
        std::ranges::move(std::exchange(unit.tracks, {}), std::back_inserter(earliest->tracks));
    }
}

milliseconds target_of(const m3u8::Media& playlist) {
    return seconds(std::clamp<std::int64_t>(playlist.target_seconds, 1, 60));
}

}  // namespace

std::string resolve_reference(const std::string& base, const std::string& reference) {
    if (reference.find("://") != std::string::npos) return reference;
    const auto scheme = base.find("://");
    if (scheme == std::string::npos) return reference;
    const auto plain = base.substr(0, base.find_first_of("?#"));
    if (reference.starts_with("//")) return base.substr(0, scheme + 1) + reference;
    const auto path = plain.find('/', scheme + 3);
    const auto origin = plain.substr(0, path);
    if (reference.starts_with("/")) return origin + reference;
    if (reference.empty()) return plain;
    if (path == std::string::npos) return origin + "/" + reference;
    if (reference.front() == '?') return plain + reference;
    auto folder = plain.substr(path, plain.rfind('/') + 1 - path);
    auto rest = reference;
    while (true) {
        if (rest.starts_with("./")) {
            rest.erase(0, 2);
        } else if (rest.starts_with("../")) {
            rest.erase(0, 3);
            if (folder.size() > 1) folder.erase(folder.rfind('/', folder.size() - 2) + 1);
        } else {
            break;
        }
    }
    return origin + folder + rest;
}

HlsFollower::HlsFollower(Options options, HlsFetch fetch)
    : options_(std::move(options)), fetch_(std::move(fetch)) {}

HlsFollower::~HlsFollower() = default;

Status HlsFollower::choose() {
    SG_TRY_ASSIGN(const auto object, fetch_(options_.url, std::nullopt, kPlaylistBytes));
    auto parsed = m3u8::parse(object.body, m3u8::Reading::kLenient);
    if (!parsed) return Error{parsed.error().code, "read a playlist: " + parsed.error().message};
    const auto* all = std::get_if<m3u8::Multivariant>(&*parsed);
    if (all == nullptr) {
        add_feed(object.url, 0);
        return {};
    }
    const auto* variant = best_variant(*all, options_.max_bandwidth);
    if (variant == nullptr) return Error{Errc::kBadData, "read a playlist: it lists no variant"};
    add_feed(resolve_reference(object.url, variant->uri), 0);
    if (const auto* audio = audio_of(*all, *variant))
        add_feed(resolve_reference(object.url, audio->uri), kSecondTracks);
    log::info("hls_pull_variant bandwidth={} codecs=\"{}\" playlists={}",
              variant->bandwidth,
              variant->codecs,
              feeds_.size());
    return {};
}

void HlsFollower::add_feed(std::string url, int first_track) {
    HlsPosition::Playlist left;
    if (feeds_.size() < options_.left.playlists.size())
        left = options_.left.playlists[feeds_.size()];
    feeds_.push_back(std::make_unique<Feed>(std::move(url), first_track, std::move(left)));
}

HlsPosition HlsFollower::position() const {
    HlsPosition position;
    for (const auto& feed : feeds_) position.playlists.push_back(feed->left());
    return position;
}

Result<HlsFollower::Round> HlsFollower::next(std::chrono::steady_clock::time_point now) {
    if (feeds_.empty()) SG_TRY(choose());
    return follow(now);
}

Result<HlsFollower::Round> HlsFollower::follow(std::chrono::steady_clock::time_point now) {
    Round round;
    round.ended = true;
    std::optional<milliseconds> wait;
    for (auto& feed : feeds_) {
        auto target = target_of(feed->playlist);
        // Half the target duration when nothing was new (RFC 8216 section 6.3.4).
        const auto pause = feed->changed ? target : target / 2;
        const bool may_load =
            !feed->loaded || (!feed->playlist.ended && now - feed->loaded_at >= pause);
        if (!feed->has_next() && may_load) {
            SG_TRY(feed->load(fetch_, now));
            target = target_of(feed->playlist);
        }
        if (feed->has_next()) {
            const auto status = feed->take(fetch_, options_.segment_bytes);
            if (!status) {
                if (status.error().code == Errc::kCancelled ||
                    status.error().code == Errc::kUnsupported)
                    return status.error();
                ++skipped_;
                log::warn("hls_pull_segment_skipped error=\"{}\"", status.error().message);
            }
            auto units = std::exchange(feed->units, {});
            round.units.insert(round.units.end(),
                               std::make_move_iterator(units.begin()),
                               std::make_move_iterator(units.end()));
        }
        if (!feed->has_next() && feed->playlist.ended) continue;
        round.ended = false;
        if (now - feed->changed_at > std::max<milliseconds>(target * 3, kLongestStandstill))
            return Error{Errc::kTimeout, "follow a playlist: nothing new has come for a long time"};
        const auto mine = feed->has_next()
                              ? milliseconds(0)
                              : std::chrono::ceil<milliseconds>(
                                    feed->loaded_at + (feed->changed ? target : target / 2) - now);
        wait = wait ? std::min(*wait, mine) : mine;
    }
    announce_first(round.units);
    round.wait = std::clamp(wait.value_or(milliseconds(0)), milliseconds(0), milliseconds(60'000));
    return round;
}

}  // namespace sg::live
