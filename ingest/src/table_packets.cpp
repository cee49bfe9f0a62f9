#include "table_packets.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <base/file.hpp>
#include <media_av/libav.hpp>

namespace sg::ingest {
namespace {

using formats::Sample;
using media::Rounding;

constexpr std::size_t kWindow = std::size_t{64} << 10;
/// Larger samples are read by themselves.
constexpr std::uint32_t kSmallSample = 16U << 10;
/// Packets further apart in decoding time come in its order, nearer ones in the file's.
constexpr std::uint64_t kInterleave = 1'000'000;
constexpr media::Timebase kMicroseconds{1, 1'000'000};
constexpr std::size_t kSkipBytes = 10;

std::int64_t decoding_time(const Sample& s, const TableStream& about) {
    return s.dts + about.dts_offset;
}

bool add_skip(AVPacket* packet, std::int64_t samples) {
    auto* data = av_packet_new_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, kSkipBytes);
    if (data == nullptr) return false;
    std::memset(data, 0, kSkipBytes);
    for (int i = 0; i < 4; ++i) data[i] = static_cast<std::uint8_t>(samples >> (8 * i));
    return true;
}

}  // namespace

Result<std::unique_ptr<TablePackets>> TablePackets::open(int fd,
                                                         const SourceFacts& facts,
                                                         const std::vector<TableStream>& streams) {
    const auto mismatch = [&] {
        return Error{
            Errc::kMismatch,
            "read " + facts.name +
                ": it has not the tracks it was planned with; has the file changed since?"};
    };
    const formats::ReadAt read = [fd, name = facts.name](std::uint64_t offset,
                                                         std::span<std::byte> into) {
        return read_at(fd, offset, into, name);
    };
    SG_TRY_ASSIGN(const auto movie, formats::MovieFile::open(read, {}));
    std::unique_ptr<TablePackets> packets(new TablePackets(fd, facts.name));
    const auto& known = movie.info().tracks;
    for (const auto& about : streams) {
        const auto* stream = facts.stream(about.stream);
        const auto found = std::find_if(
            known.begin(), known.end(), [&](const auto& t) { return t.id == about.track_id; });
        if (stream == nullptr || found == known.end()) return mismatch();
        SG_TRY_ASSIGN(auto table, movie.samples(static_cast<std::size_t>(found - known.begin())));
        if (about.first >= about.end || about.end > table.samples()) return mismatch();
        const bool audio = stream->type == media::MediaType::kAudio;
        auto track = std::make_unique<Track>(about, stream->timebase, audio, std::move(table));
        track->sample_rate = stream->audio.sample_rate;
        SG_TRY(packets->go(*track, about.first));
        track->first_dts = decoding_time(track->ahead, about);
        track->skip = about.skip_samples;
        packets->tracks_.push_back(std::move(track));
    }
    // As the demuxer compares them, stream by stream.
    std::sort(packets->tracks_.begin(), packets->tracks_.end(), [](const auto& a, const auto& b) {
        return a->about.stream < b->about.stream;
    });
    return packets;
}

bool TablePackets::has(const std::vector<bool>& wanted) const {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const bool held = std::any_of(tracks_.begin(), tracks_.end(), [&](const auto& t) {
            return t->about.stream == static_cast<int>(i);
        });
        if (wanted[i] && !held) return false;
    }
    return true;
}

Status TablePackets::go(Track& track, std::uint32_t sample) {
    SG_TRY(track.cursor.seek(sample));
    step(track);
    return {};
}

void TablePackets::step(Track& track) {
    track.has_ahead = track.cursor.next(track.ahead) && track.ahead.index < track.about.end;
}

void TablePackets::rewind() {
    for (auto& t : tracks_) {
        // It was there when this was opened.
        static_cast<void>(go(*t, t->about.first));
        t->skip = t->about.skip_samples;
    }
}

Status TablePackets::seek(int stream, std::int64_t dts) {
    const auto lead = std::find_if(
        tracks_.begin(), tracks_.end(), [&](const auto& t) { return t->about.stream == stream; });
    if (lead == tracks_.end())
        return Error{Errc::kInvalidArgument,
                     "seek in " + name_ + ": there is no stream " + std::to_string(stream)};
    const auto place = [&](Track& t, std::int64_t time) -> Status {
        const auto at = t.table.sample_at(time - t.about.dts_offset);
        const auto key = at ? t.table.key_up_to(std::min(*at, t.about.end - 1)) : std::nullopt;
        SG_TRY(go(t, std::max(key.value_or(0), t.about.first)));
        t.skip = 0;
        if (t.audio && t.sample_rate > 0) {
            const auto into = media::rescale(decoding_time(t.ahead, t.about) - t.first_dts,
                                             t.timebase,
                                             {1, t.sample_rate},
                                             Rounding::kNearest);
            t.skip = std::max<std::int64_t>(0, t.about.skip_samples - into);
        }
        return {};
    };
    SG_TRY(place(**lead, dts));
    const auto from = decoding_time((*lead)->ahead, (*lead)->about);
    for (auto& t : tracks_) {
        if (t == *lead) continue;
        SG_TRY(place(*t, media::rescale(from, (*lead)->timebase, t->timebase, Rounding::kNearest)));
    }
    return {};
}

TablePackets::Track* TablePackets::earliest(const std::vector<bool>& wanted) {
    Track* best = nullptr;
    std::int64_t best_time = 0;
    for (auto& t : tracks_) {
        if (!t->has_ahead || !wanted[static_cast<std::size_t>(t->about.stream)]) continue;
        const auto time = media::rescale(
            decoding_time(t->ahead, t->about), t->timebase, kMicroseconds, Rounding::kNearest);
        const auto apart =
            best_time > time
                ? static_cast<std::uint64_t>(best_time) - static_cast<std::uint64_t>(time)
                : static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(best_time);
        const bool before =
            best == nullptr ||
            (apart <= kInterleave ? t->ahead.offset < best->ahead.offset : time < best_time);
        if (!before) continue;
        best = t.get();
        best_time = time;
    }
    return best;
}

/// False when the file ends before the sample does.
Result<bool> TablePackets::fetch(Track& t, const Sample& s, std::byte* into) {
    if (s.size > kSmallSample) {
        SG_TRY_ASSIGN(const auto got, read_at(fd_, s.offset, {into, s.size}, name_));
        return got == s.size;
    }
    if (s.offset < t.window_at || s.offset + s.size > t.window_at + t.window.size()) {
        t.window.resize(kWindow);
        SG_TRY_ASSIGN(const auto got, read_at(fd_, s.offset, t.window, name_));
        t.window.resize(got);
        t.window_at = s.offset;
        if (got < s.size) return false;
    }
    std::memcpy(into, t.window.data() + (s.offset - t.window_at), s.size);
    return true;
}

Result<media::Packet> TablePackets::packet(Track& t, DamageCounters& damage) {
    const Sample s = t.ahead;
    media::Packet packet;
    auto* native = packet.native();
    if (av_new_packet(native, static_cast<int>(s.size)) < 0)
        return Error{Errc::kLimit, "read " + name_ + ": out of memory"};
    SG_TRY_ASSIGN(const bool whole, fetch(t, s, reinterpret_cast<std::byte*>(native->data)));
    if (!whole) {
        damage.truncated = true;
        return Error{Errc::kEndOfStream, "read " + name_ + ": end of file"};
    }
    native->stream_index = t.about.stream;
    native->pos = static_cast<std::int64_t>(s.offset);
    native->dts = decoding_time(s, t.about);
    native->pts = s.dts + s.composition_offset + t.about.pts_offset;
    native->duration = s.index + 1 == t.about.end ? t.about.last_duration : s.duration;
    if (s.key) native->flags |= AV_PKT_FLAG_KEY;
    if (s.index - t.about.first < t.about.discarded) native->flags |= AV_PKT_FLAG_DISCARD;
    if (t.skip > 0) {
        if (!add_skip(native, t.skip))
            return Error{Errc::kLimit, "read " + name_ + ": out of memory"};
        t.skip = 0;
    }
    position_ = native->pos + native->size;
    return packet;
}

Result<media::Packet> TablePackets::next(const std::vector<bool>& wanted,
                                         std::int64_t max_bytes,
                                         DamageCounters& damage) {
    for (;;) {
        Track* track = earliest(wanted);
        if (track == nullptr) return Error{Errc::kEndOfStream, "read " + name_ + ": end of file"};
        const bool fits = track->ahead.size <= max_bytes;
        Result<media::Packet> read = Error{Errc::kInternal, "read " + name_ + ": nothing"};
        if (fits)
            read = packet(*track, damage);
        else
            ++damage.oversized;
        step(*track);
        if (fits) return read;
    }
}

}  // namespace sg::ingest
