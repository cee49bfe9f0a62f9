#include "look.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <media_av/libav.hpp>

namespace sg::ingest {
namespace {

constexpr std::size_t kReorderWindow = 40;
/// Pictures left out where the look was cut short: others may belong between them.
constexpr std::size_t kUnsettled = 16;
/// ATSC A/53 caption data in an ITU-T T.35 message or MPEG-2 user data: the country, provider and
/// "GA94" with type 3.
constexpr std::array<unsigned char, 5> kCaptionMark{'G', 'A', '9', '4', 3};
constexpr std::size_t kCaptionSearchBytes = 2048;
constexpr std::int64_t kCaptionPackets = 60;
/// Further from all before than reordering or a dropped second explains.
constexpr std::int64_t kClockJump = std::int64_t{3} * 1'000'000'000;

bool has_captions(std::span<const std::byte> data) {
    const auto head = data.first(std::min(data.size(), kCaptionSearchBytes));
    const auto found = std::search(
        head.begin(),
        head.end(),
        kCaptionMark.begin(),
        kCaptionMark.end(),
        [](std::byte a, unsigned char b) { return std::to_integer<unsigned char>(a) == b; });
    return found != head.end();
}

}  // namespace

Look::Stream::Stream(const StreamFacts& facts)
    : rate(facts.timebase, {facts.video.declared_rate, facts.video.average_rate}),
      parser(*facts.info) {}

Look::Look(const SourceFacts& facts) {
    for (const auto& stream : facts.streams) {
        streams_.emplace_back(stream);
        timebases_.push_back(stream.timebase);
        is_video_.push_back(stream.is_playable_video());
    }
}

void Look::add(const media::Packet& packet) {
    const auto index = static_cast<std::size_t>(packet.stream());
    if (index >= streams_.size()) return;
    auto& s = streams_[index];
    ++s.packets;
    // Cut off by an edit list: decoded, never shown.
    const bool shown = (packet.native()->flags & AV_PKT_FLAG_DISCARD) == 0;
    if (!s.encrypted &&
        av_packet_get_side_data(packet.native(), AV_PKT_DATA_ENCRYPTION_INFO, nullptr) != nullptr)
        s.encrypted = true;
    const std::int64_t pts = packet.pts();
    const std::int64_t time = pts != media::kNoTime ? pts : packet.dts();
    if (time != media::kNoTime) {
        const auto ns =
            media::rescale(time, timebases_[index], media::kNanoseconds, media::Rounding::kNearest);
        if (s.first_ns == media::kNoTime) s.first_ns = ns;
        const auto span = ns - s.first_ns;
        // A jump of the clock is not media time.
        if (s.newest_ns != media::kNoTime &&
            (ns < s.newest_ns - kClockJump || ns > s.newest_ns + kClockJump))
            s.jumped = true;
        s.newest_ns = s.newest_ns == media::kNoTime ? ns : std::max(s.newest_ns, ns);
        if (span > span_ns_ && span < std::int64_t{600} * 1'000'000'000) span_ns_ = span;
        if (is_video_[index] && packet.key()) {
            ++s.keys;
            if (s.last_key_ns != media::kNoTime)
                s.largest_spacing_ns = std::max(s.largest_spacing_ns, ns - s.last_key_ns);
            s.last_key_ns = ns;
        }
    }
    if (!is_video_[index]) return;
    if (s.packets <= kCaptionPackets && !s.captions) s.captions = has_captions(packet.data());
    const auto picture = s.parser.parse(packet);
    const bool second_field = picture.field && s.half_picture;
    s.half_picture = picture.field && !second_field;
    if (second_field || !shown) return;
    if (pts == media::kNoTime) {
        ++s.without_pts;
        return;
    }
    if (s.last_pts != media::kNoTime && pts < s.last_pts) s.reordered = true;
    s.last_pts = pts;
    s.waiting.push(pts);
    if (s.waiting.size() > kReorderWindow) {
        s.rate.add(s.waiting.top());
        s.waiting.pop();
    }
}

void Look::finish(SourceFacts& facts, bool at_end) {
    for (auto& stream : facts.streams) {
        auto& s = streams_[static_cast<std::size_t>(stream.index)];
        stream.encrypted = stream.encrypted || s.encrypted;
        if (!stream.is_playable_video()) continue;
        auto& video = stream.video;
        video.packets_seen = s.packets;
        video.key_frames_seen = s.keys;
        video.keyframe_spacing_ns = s.largest_spacing_ns;
        video.closed_captions = s.captions;
        video.has_b_frames = video.has_b_frames || s.reordered;
        for (; s.waiting.size() > (at_end ? 0 : kUnsettled); s.waiting.pop())
            s.rate.add(s.waiting.top());
        if (s.packets <= s.without_pts * 2) continue;
        const auto verdict = s.rate.verdict();
        if (verdict.pictures < 3 || !verdict.rate.positive()) continue;
        // Only the index, which repairs both, can tell a varying rate from missing times and jumps.
        if (!verdict.constant && (s.without_pts > 0 || s.jumped)) continue;
        video.true_rate = verdict.rate;
        video.variable_rate = !verdict.constant;
    }
}

}  // namespace sg::ingest
