#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <engine/index.hpp>
#include <ingest/source.hpp>
#include <ingest/timed_reader.hpp>

#include "index_audio.hpp"
#include "index_clock.hpp"
#include "index_record.hpp"
#include "index_seek.hpp"
#include "index_tables.hpp"
#include "index_video.hpp"

namespace sg::engine {
namespace {

using media::kNoTime;
using media::MediaType;

struct Trackers {
    std::vector<std::optional<VideoTracker>> video;
    std::vector<std::optional<AudioTracker>> audio;

    Trackers(const ingest::SourceFacts& facts, const IndexOptions& options)
        : video(facts.streams.size()), audio(facts.streams.size()) {
        for (const auto& s : facts.streams) {
            const auto i = static_cast<std::size_t>(s.index);
            if (s.is_playable_video())
                video[i].emplace(s, options.max_key_frames);
            else if (s.type == MediaType::kAudio)
                audio[i].emplace(s);
        }
    }
    void add(const IndexRecord& record) {
        const auto i = static_cast<std::size_t>(record.stream);
        if (video[i])
            video[i]->add(record);
        else if (audio[i])
            audio[i]->add(record);
    }
};

void note(Index& index, std::string code, std::int64_t count, std::string text) {
    if (count > 0) index.repairs.push_back({std::move(code), count, std::move(text)});
}

double seconds(std::int64_t ns) {
    return static_cast<double>(ns) / 1e9;
}

void write_repairs(Index& index,
                   const IndexClock& clock,
                   const ingest::SourceFacts& facts,
                   std::int64_t before_zero) {
    for (const auto& v : index.video) {
        const auto name = fmt::format("stream {}", v.stream);
        note(index,
             "lost_before_key_frame",
             v.lost_before_key_frame,
             fmt::format(
                 "{}: {} pictures before the first key frame cannot be decoded and are left out",
                 name,
                 v.lost_before_key_frame));
        note(index,
             "video_times_missing",
             v.untimed,
             fmt::format(
                 "{}: {} pictures had no presentation time; it was worked out from their order",
                 name,
                 v.untimed));
        note(index,
             "duplicate_times",
             v.duplicates,
             fmt::format("{}: {} pictures had the time of another; one of each is shown",
                         name,
                         v.duplicates));
        note(index,
             "video_gaps",
             v.gap_count,
             fmt::format(
                 "{}: {} gaps in the picture; the last one before is held", name, v.gap_count));
    }
    for (const auto& a : index.audio) {
        const auto name = fmt::format("stream {}", a.stream);
        note(index,
             "audio_times_missing",
             a.untimed,
             fmt::format(
                 "{}: {} sound packets had no time; they follow the one before", name, a.untimed));
        note(
            index,
            "audio_gaps",
            a.gap_count,
            fmt::format(
                "{}: {} gaps or overlaps in the sound, {:.3f} s in all; filled with silence or cut",
                name,
                a.gap_count,
                seconds(a.gap_total_ns)));
        if (std::llabs(a.drift_ns) > 40'000'000)
            note(index,
                 "audio_drift",
                 1,
                 fmt::format("{}: the sound's clock drifts {:.3f} s from its samples; it follows "
                             "the timestamps",
                             name,
                             seconds(a.drift_ns)));
    }
    note(index,
         "clock_jumps",
         clock.jump_count(),
         fmt::format("the source's clock jumped {} times; what follows continues where the media "
                     "before ended",
                     clock.jump_count()));
    note(index,
         "stray_packets",
         clock.outliers(),
         fmt::format("{} packets with times that fit nothing around them are left out",
                     clock.outliers()));
    note(
        index,
        "times_before_zero",
        before_zero,
        fmt::format("{} packets lie before the container's zero, where it gives no times; the film "
                    "begins with them",
                    before_zero));
    note(index,
         "damaged_packets",
         index.damaged_packets,
         fmt::format("{} packets arrived damaged", index.damaged_packets));
    note(index,
         "read_errors",
         index.skipped_errors,
         fmt::format("{} unreadable places were passed over", index.skipped_errors));
    if (index.truncated)
        note(index,
             "truncated",
             1,
             fmt::format("{} ends before its own index says; what is missing is lost", facts.name));
}

/// Formats that hold one timeline by construction never jump; broadcast clocks may in both
/// directions.
IndexClock make_clock(const ingest::SourceFacts& facts) {
    const std::string_view demuxer = facts.demuxer;
    const bool fixed = demuxer.starts_with("mov,") || demuxer == "avi" || demuxer == "mxf" ||
                       demuxer == "wav" || demuxer == "flac";
    const bool broadcast = demuxer == "mpegts" || demuxer == "mpeg" || demuxer == "flv";
    std::vector<bool> pictures;
    for (const auto& s : facts.streams) pictures.push_back(s.is_playable_video());
    return IndexClock(pictures, !fixed, broadcast);
}

Status scan(ingest::TimedReader& reader,
            const IndexOptions& options,
            IndexClock& clock,
            Trackers& trackers) {
    using Clock = std::chrono::steady_clock;
    auto& input = reader.input();
    const auto& facts = input.facts();
    SG_TRY(reader.seek({}, pipeline::SeekMethod::kScan, -1));
    std::vector<IndexRecord> decided;
    std::int64_t packets = 0;
    auto last_report = Clock::now();
    for (;;) {
        auto timed = reader.read();
        if (!timed) {
            if (timed.error().code == Errc::kEndOfStream) break;
            return std::move(timed).error();
        }
        if (++packets > options.max_packets)
            return Error{Errc::kLimit,
                         "index " + facts.name + ": more than " +
                             std::to_string(options.max_packets) + " packets"};
        clock.add(
            to_record(*timed, facts.streams[static_cast<std::size_t>(timed->packet.stream())]),
            decided);
        for (const auto& record : decided) trackers.add(record);
        decided.clear();
        if (input.damage().read_errors > options.max_read_errors)
            return Error{Errc::kBadData,
                         "index " + facts.name + ": more than " +
                             std::to_string(options.max_read_errors) +
                             " unreadable places; the file is too damaged"};
        if (options.progress && packets % 256 == 0) {
            const auto now = Clock::now();
            if (now - last_report > std::chrono::milliseconds(100)) {
                last_report = now;
                options.progress(std::min(input.position(), facts.bytes), facts.bytes);
            }
        }
    }
    clock.finish(decided);
    for (const auto& record : decided) trackers.add(record);
    return {};
}

}  // namespace

const VideoIndex* Index::video_stream(int stream) const {
    const auto found = std::find_if(
        video.begin(), video.end(), [&](const VideoIndex& v) { return v.stream == stream; });
    return found != video.end() ? &*found : nullptr;
}

const AudioIndex* Index::audio_stream(int stream) const {
    const auto found = std::find_if(
        audio.begin(), audio.end(), [&](const AudioIndex& a) { return a.stream == stream; });
    return found != audio.end() ? &*found : nullptr;
}

ingest::TableStream StreamTable::packets() const {
    return {stream,
            track_id,
            span.first,
            span.end,
            span.pts_offset,
            dts_offset,
            span.discarded,
            last_duration,
            skip_samples};
}

std::vector<ingest::TableStream> Index::table_streams() const {
    if (tables.size() != video.size() + audio.size()) return {};
    std::vector<ingest::TableStream> streams;
    for (const auto& t : tables) streams.push_back(t.packets());
    return streams;
}

Result<Index> build_index(ingest::MediaInput& input, const IndexOptions& options) {
    const auto& facts = input.facts();
    Index index;
    index.identity = facts.identity;
    index.demuxer = facts.demuxer;
    Trackers trackers(facts, options);
    IndexClock clock = make_clock(facts);
    std::vector<int> streams;
    for (const auto& s : facts.streams) {
        if (s.is_playable_video() || s.type == MediaType::kAudio) streams.push_back(s.index);
    }
    input.select(streams);
    input.set_stop(options.stop);
    ingest::TimedReader reader(input);
    bool done = false;
    if (facts.bytes >= options.tables_from_bytes || input.abridged()) {
        SG_TRY_ASSIGN(
            done,
            records_from_tables(
                reader, streams, [&](const IndexRecord& r) { trackers.add(r); }, index.tables));
    }
    if (!done) {
        SG_TRY(input.show_whole());
        SG_TRY(scan(reader, options, clock, trackers));
    }
    index.timeline = pipeline::TimelineMap(clock.epochs());
    index.jumps = clock.jumps();
    for (auto& t : trackers.video) {
        if (t) index.video.push_back(t->finish());
    }
    for (auto& t : trackers.audio) {
        if (t) index.audio.push_back(t->finish());
    }
    const auto& damage = input.damage();
    index.damaged_packets = damage.corrupt_packets;
    index.skipped_errors = damage.read_errors;
    index.truncated = damage.truncated;
    write_repairs(index, clock, facts, damage.before_zero);
    const bool playable = std::any_of(index.video.begin(),
                                      index.video.end(),
                                      [](const VideoIndex& v) { return v.frames > 0; }) ||
                          std::any_of(index.audio.begin(),
                                      index.audio.end(),
                                      [](const AudioIndex& a) { return a.packets > 0; });
    if (!playable)
        return Error{Errc::kBadData,
                     "index " + facts.name + ": no picture and no sound could be read from it"};
    if (input.abridged()) {
        if (const auto tables = index.table_streams(); !tables.empty())
            SG_TRY(input.read_by_tables(tables));
        else
            SG_TRY(input.show_whole());
    }
    SG_TRY_ASSIGN(index.seek, prove_seek(reader, index));
    if (options.progress) options.progress(facts.bytes, facts.bytes);
    return index;
}

}  // namespace sg::engine
