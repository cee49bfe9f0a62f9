#include <algorithm>
#include <string_view>
#include <vector>

#include <ingest/timed_reader.hpp>
#include <media_av/libav.hpp>

namespace sg::ingest {
namespace {

using media::kNoTime;
using media::MediaType;

/// A run without an IDR is settled after so many pictures, to bound memory.
constexpr std::size_t kLongestGop = 600;
/// ISO/IEC 14496-10 section A.3.1: at most 16 frames are kept back.
constexpr std::int64_t kDeepestReorder = 16;
constexpr std::size_t kLongestRun = 32;
constexpr std::size_t kLongestGopBytes = std::size_t{96} << 20;
/// No picture is shown so long after, or before, it is decoded: one of its times is damaged.
constexpr std::int64_t kFarFromDecodingSeconds = 10;

bool far_apart(std::int64_t pts,
               std::int64_t dts,
               media::Timebase timebase,
               std::int64_t frame_ticks) {
    const media::Int128 apart = static_cast<media::Int128>(pts) - dts;
    const media::Int128 most = std::max<std::int64_t>(
        media::rescale(kFarFromDecodingSeconds, {1, 1}, timebase, media::Rounding::kUp),
        2 * kDeepestReorder * frame_ticks);
    return apart > most || apart < -most;
}

}  // namespace

TimedReader::Stream::Stream(const StreamFacts& facts, bool all)
    : type(facts.type),
      timebase(facts.timebase),
      h264(facts.codec == media::CodecId::kH264),
      reorders(facts.codec_detail == "mpeg1video" || facts.codec_detail == "mpeg2video" ||
               facts.codec_detail == "mpeg4"),
      every_picture(all && (h264 || reorders)),
      parser(*facts.info) {
    media::Rational rate =
        facts.video.average_rate.positive() ? facts.video.average_rate : facts.video.declared_rate;
    if (!rate.positive()) rate = {25, 1};
    frame_ticks = std::max<std::int64_t>(
        1, media::rescale(1, rate.inverse(), timebase, media::Rounding::kNearest));
    if (facts.audio.sample_rate > 0)
        audio_ticks = media::rescale(std::max(facts.audio.frame_samples, 1),
                                     {1, facts.audio.sample_rate},
                                     timebase,
                                     media::Rounding::kNearest);
}

TimedReader::TimedReader(MediaInput& input) : input_(input) {
    // Of these, each packet is a whole picture with its own time.
    const std::string_view demuxer = input.facts().demuxer;
    const bool complete = demuxer.starts_with("mov,") || demuxer.starts_with("matroska");
    streams_.reserve(input.facts().streams.size());
    for (const auto& stream : input.facts().streams) streams_.emplace_back(stream, !complete);
}

bool TimedReader::counted(int stream) const {
    return stream >= 0 && stream < std::ssize(streams_) &&
           streams_[static_cast<std::size_t>(stream)].counted;
}

Status TimedReader::seek(const pipeline::SeekPoint& point,
                         pipeline::SeekMethod method,
                         int stream) {
    ready_.clear();
    at_end_ = false;
    for (auto& s : streams_) {
        s.gop.clear();
        s.next = 0;
        s.half_picture = false;
        s.last_pts = kNoTime;
        s.parser.reset();
    }
    return input_.seek(point, method, stream);
}

Result<TimedReader::TimedPacket> TimedReader::read() {
    for (;;) {
        if (!ready_.empty()) {
            TimedPacket next = std::move(ready_.front());
            ready_.pop_front();
            return next;
        }
        if (at_end_)
            return Error{Errc::kEndOfStream, "read " + input_.facts().name + ": end of file"};
        auto packet = input_.read_packet();
        if (!packet) {
            if (packet.error().code != Errc::kEndOfStream) return std::move(packet).error();
            at_end_ = true;
            for (auto& s : streams_) settle(s);
            continue;
        }
        const auto index = static_cast<std::size_t>(packet->stream());
        take(streams_[index], std::move(*packet));
    }
}

void TimedReader::fill_audio(Stream& s, TimedPacket& timed) {
    auto* native = timed.packet.native();
    if (native->pts == kNoTime) {
        timed.filled = true;
        if (native->dts == kNoTime && s.last_pts == kNoTime) s.counted = true;
        native->pts = native->dts != kNoTime ? native->dts : s.next;
    }
    s.last_pts = native->pts;
    s.next = native->pts + (native->duration > 0 ? native->duration : s.audio_ticks);
}

void TimedReader::take(Stream& s, media::Packet packet) {
    TimedPacket timed;
    timed.packet = std::move(packet);
    auto* native = timed.packet.native();
    if (s.type != MediaType::kVideo) {
        if (s.type == MediaType::kAudio) fill_audio(s, timed);
        ready_.push_back(std::move(timed));
        return;
    }

    PictureParser::Picture picture;
    if (s.every_picture || timed.packet.key()) picture = s.parser.parse(timed.packet);
    timed.idr = picture.idr;
    timed.second_field = picture.field && s.half_picture;
    s.half_picture = picture.field && !timed.second_field;

    if (native->pts != kNoTime && native->dts != kNoTime &&
        far_apart(native->pts, native->dts, s.timebase, s.frame_ticks))
        native->pts = kNoTime;

    const bool reference = s.reorders && picture.order_known && picture.shown_later;
    if (reference && !s.gop.empty()) settle_reference(s, native->dts);
    if (native->pts != kNoTime) {
        if (!s.reorders) settle(s);
        s.last_pts = native->pts;
        s.next = native->pts + (native->duration > 0 ? native->duration : s.frame_ticks);
        if (s.gop.empty())
            ready_.push_back(std::move(timed));
        else
            s.gop.push_back({std::move(timed), 0});
        return;
    }
    timed.filled = true;
    if (timed.second_field && s.gop.empty() && s.last_pts != kNoTime) {
        native->pts = s.last_pts + s.frame_ticks / 2;
        ready_.push_back(std::move(timed));
        return;
    }
    if (reference && native->dts != kNoTime) {
        s.gop.push_back({std::move(timed), 0});
        return;
    }
    if (!s.h264 || !picture.order_known) {
        if (!s.reorders) settle(s);
        give_dts(s, std::move(timed));
        return;
    }
    std::size_t bytes = 0;
    for (const auto& w : s.gop) bytes += w.packet.packet.bytes();
    if ((timed.idr && !timed.second_field) || s.gop.size() >= kLongestGop ||
        bytes > kLongestGopBytes)
        settle(s);
    s.gop.push_back({std::move(timed), picture.order});
}

/// A picture that is shown when it is decoded.
void TimedReader::give_dts(Stream& s, TimedPacket timed) {
    auto* native = timed.packet.native();
    if (native->dts == kNoTime) s.counted = true;
    native->pts = native->dts != kNoTime ? native->dts : s.next;
    s.last_pts = native->pts;
    s.next = native->pts + (native->duration > 0 ? native->duration : s.frame_ticks);
    if (s.gop.empty())
        ready_.push_back(std::move(timed));
    else
        s.gop.push_back({std::move(timed), 0});
    // Without another reference picture for so long, the one that waits is given what it would get
    // at the end.
    if (s.gop.size() > kLongestRun) settle(s);
}

void TimedReader::settle(Stream& s) {
    if (s.reorders)
        settle_reference(s, kNoTime);
    else
        settle_gop(s);
}

/// The first in line waits for its time; the pictures behind it have theirs.
void TimedReader::settle_reference(Stream& s, std::int64_t next_dts) {
    if (s.gop.empty()) return;
    auto* native = s.gop.front().packet.packet.native();
    if (next_dts == kNoTime) next_dts = native->dts + std::ssize(s.gop) * s.frame_ticks;
    native->pts = next_dts;
    for (auto& w : s.gop) ready_.push_back(std::move(w.packet));
    s.gop.clear();
}

/// Pictures of a closed run are shown in their order, one frame after the other, from the decoding
/// time of the first on.
void TimedReader::settle_gop(Stream& s) {
    if (s.gop.empty()) return;
    std::vector<std::size_t> pictures;
    for (std::size_t i = 0; i < s.gop.size(); ++i) {
        if (!s.gop[i].packet.second_field) pictures.push_back(i);
    }
    std::stable_sort(pictures.begin(), pictures.end(), [&](std::size_t a, std::size_t b) {
        return s.gop[a].order < s.gop[b].order;
    });
    const auto* first = s.gop.front().packet.packet.native();
    std::int64_t base = first->dts;
    if (base == kNoTime) {
        s.counted = true;
        base = s.next;
    }
    for (std::size_t rank = 0; rank < pictures.size(); ++rank)
        s.gop[pictures[rank]].packet.packet.native()->pts =
            base + static_cast<std::int64_t>(rank) * s.frame_ticks;
    s.next = base + static_cast<std::int64_t>(pictures.size()) * s.frame_ticks;
    std::int64_t decoding = 0;
    for (auto& w : s.gop) {
        auto* native = w.packet.packet.native();
        if (w.packet.second_field) native->pts = s.last_pts + s.frame_ticks / 2;
        if (native->duration <= 0) native->duration = s.frame_ticks;
        // Early enough for any reordering, so that no picture is decoded after it is shown.
        if (w.packet.filled && !w.packet.second_field)
            native->dts = base + (decoding - kDeepestReorder) * s.frame_ticks;
        if (!w.packet.second_field) ++decoding;
        s.last_pts = native->pts;
        ready_.push_back(std::move(w.packet));
    }
    s.gop.clear();
}

}  // namespace sg::ingest
