#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <base/digest.hpp>
#include <formats/elementary_stream.hpp>
#include <packagers/ts_renditions.hpp>

#include "audio_groups.hpp"

namespace sg::packagers {
namespace {

using namespace formats;

/// 90 kHz time of presentation time 0: room for priming, reordering and the decoder's buffer.
constexpr std::int64_t kBase = 10 * 90'000;
/// Frames of audio are gathered into one PES packet, which must be short enough to carry the clock
/// of audio-only streams.
constexpr std::int64_t kAudioUnitTicks = 8'000;
constexpr std::size_t kAudioUnitBytes = 2'900;

/// Media time without K to the 90 kHz clock, to the nearest tick.
std::int64_t clock_time(std::int64_t time, std::uint32_t timescale) {
    const std::int64_t scale = timescale;
    const std::int64_t shifted = time + kBase / 90'000 * scale;
    return shifted / scale * 90'000 + ((shifted % scale) * 90'000 + scale / 2) / scale;
}

ts::StreamType stream_type(const CodecConfig& config) {
    switch (config.codec) {
        case Codec::kH264:
            return ts::StreamType::kH264;
        case Codec::kHevc:
            return ts::StreamType::kHevc;
        case Codec::kAc3:
            return ts::StreamType::kAc3;
        case Codec::kEac3:
            return ts::StreamType::kEac3;
        case Codec::kMp3:
            return config.audio.sample_rate < 32'000 ? ts::StreamType::kMpeg2Audio
                                                     : ts::StreamType::kMpeg1Audio;
        default:
            return ts::StreamType::kAac;
    }
}

bool ts_can_carry(std::string_view codecs) {
    const std::string_view fourcc = codecs.substr(0, codecs.find('.'));
    for (const std::string_view known : {"avc1", "avc3", "hvc1", "hev1", "mp4a", "ac-3", "ec-3"})
        if (fourcc == known) return true;
    return false;
}

}  // namespace

/// Times in the track's timescale, with K.
struct TsRenditionWriter::Sample {
    std::int64_t pts = 0;
    std::int64_t dts = 0;
    std::uint32_t duration = 0;
    bool key = false;
    std::span<const std::byte> data;
};

/// One or more audio frames, ready for their PES packet.
struct TsRenditionWriter::AudioUnit {
    std::int64_t pts = 0;  ///< 90 kHz
    std::vector<std::byte> payload;
};

Status check_ts_codec(Codec codec) {
    switch (codec) {
        case Codec::kH264:
        case Codec::kHevc:
        case Codec::kAac:
        case Codec::kAc3:
        case Codec::kEac3:
        case Codec::kMp3:
            return {};
        default:
            return Error{Errc::kUnsupported,
                         fmt::format("package {} in a transport stream: players know no way to "
                                     "carry it there; package it as CMAF",
                                     codec_name(codec))};
    }
}

TsSelection select_ts_tracks(std::span<const TrackIndex> tracks) {
    TsSelection out;
    std::vector<TrackIndex> audio;
    for (const TrackIndex& t : tracks) {
        if (!ts_can_carry(t.description.codecs)) continue;
        if (t.description.type == TrackType::kVideo)
            out.videos.push_back(&t);
        else
            audio.push_back(t);
    }
    const AudioGroups groups = audio_groups(audio);
    if (groups.groups.empty()) return out;
    const AudioGroup& first = groups.groups.front();
    for (std::size_t i = 0; i < groups.members.size(); ++i) {
        const std::string& rendition = first.tracks[i]->description.rendition;
        const auto found = std::find_if(tracks.begin(), tracks.end(), [&](const TrackIndex& t) {
            return t.description.rendition == rendition;
        });
        if (groups.members[i].is_default)
            out.default_audio = &*found;
        else
            out.other_audio.push_back(&*found);
    }
    return out;
}

Result<TsTrack> make_ts_track(std::span<const std::byte> init_segment,
                              const TrackDescription& description) {
    SG_TRY_ASSIGN(const MovieInfo movie, parse_init(init_segment));
    if (movie.tracks.size() != 1)
        return Error{Errc::kBadData,
                     fmt::format("read init segment of {}: it has {} tracks, not one",
                                 description.rendition,
                                 movie.tracks.size())};
    TsTrack track;
    SG_TRY_ASSIGN(track.codec, codec_config_of(movie.tracks[0]));
    SG_TRY(check_ts_codec(track.codec.codec));
    track.defaults = {movie.tracks[0].extends};
    track.track_id = movie.tracks[0].id;
    track.timescale = movie.tracks[0].timescale;
    if (track.timescale == 0)
        return Error{Errc::kBadData,
                     fmt::format("read init segment of {}: timescale is 0", description.rendition)};
    track.offset = description.offset;
    track.language = description.language;
    return track;
}

Result<std::vector<TsRenditionWriter::Sample>> TsRenditionWriter::samples_of(
    const TsTrack& track, std::span<const std::byte> segment) {
    std::vector<Sample> out;
    if (segment.empty()) return out;
    std::int64_t end = 0;
    SG_TRY_ASSIGN(const ParsedSegment parsed, parse_segment(segment, track.defaults));
    for (const ParsedFragment& fragment : parsed.fragments) {
        if (fragment.track_id != track.track_id) continue;
        auto decode = static_cast<std::int64_t>(fragment.decode_time);
        for (const ParsedSample& s : fragment.samples) {
            Sample sample;
            sample.dts = decode;
            sample.pts = decode + s.composition_offset;
            sample.duration = s.duration;
            sample.key = s.key;
            sample.data = segment.subspan(s.offset, s.size);
            out.push_back(sample);
            decode += s.duration;
            end = decode;
        }
    }
    // Decoders of transport streams want an even pace: the presentation times in ascending order,
    // less a constant.
    std::vector<std::int64_t> shown;
    shown.reserve(out.size() + 1);
    for (const Sample& s : out) shown.push_back(s.pts);
    std::sort(shown.begin(), shown.end());
    // A first segment's decode times gain on what is shown; its last picture lasts as the one
    // before.
    if (!out.empty()) end += shown.front() - out.front().dts;
    if (const auto n = shown.size(); n > 1 && end <= shown.back())
        end = shown[n - 1] + shown[n - 1] - shown[n - 2];
    shown.push_back(end);
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].dts = shown[i];
        out[i].duration =
            static_cast<std::uint32_t>(std::max<std::int64_t>(0, shown[i + 1] - shown[i]));
    }
    return out;
}

Result<std::int64_t> largest_reorder(const TsTrack& track, std::span<const std::byte> segment) {
    SG_TRY_ASSIGN(const auto samples, TsRenditionWriter::samples_of(track, segment));
    std::int64_t largest = 0;
    for (const auto& s : samples) largest = std::max(largest, s.dts - s.pts);
    return largest;
}

TsRenditionWriter::TsRenditionWriter(std::optional<TsTrack> video,
                                     std::optional<TsTrack> audio,
                                     std::optional<AdtsFramer> adts,
                                     std::vector<ts::Stream> streams)
    : video_(std::move(video)), audio_(std::move(audio)), adts_(adts), writer_(std::move(streams)) {
    audio_stream_ = video_ ? 1 : 0;
}

Result<TsRenditionWriter> TsRenditionWriter::create(std::optional<TsTrack> video,
                                                    std::optional<TsTrack> audio) {
    if (!video && !audio)
        return Error{Errc::kInvalidArgument, "make a transport stream: it has no track"};
    std::vector<ts::Stream> streams;
    for (const std::optional<TsTrack>* track : {&video, &audio}) {
        if (!*track) continue;
        SG_TRY(check_ts_codec((*track)->codec.codec));
        streams.push_back({stream_type((*track)->codec), (*track)->language});
    }
    std::optional<AdtsFramer> framer;
    if (audio && audio->codec.codec == Codec::kAac) {
        SG_TRY_ASSIGN(framer, AdtsFramer::create(audio->codec.audio));
    }
    return TsRenditionWriter(std::move(video), std::move(audio), framer, std::move(streams));
}

Status TsRenditionWriter::write_video(const Sample& sample, std::vector<std::byte>& out) {
    const TsTrack& track = *video_;
    if (sample.dts - track.reorder > sample.pts)
        return Error{Errc::kMismatch,
                     fmt::format("make a transport stream: a picture is decoded {} ticks after it "
                                 "is shown, more than the {} that the track was said to need",
                                 sample.dts - sample.pts,
                                 track.reorder)};
    scratch_.clear();
    const NalCodec codec = track.codec.codec == Codec::kHevc ? NalCodec::kHevc : NalCodec::kH264;
    const std::span<const std::vector<std::byte>> sets =
        sample.key ? std::span<const std::vector<std::byte>>(track.codec.parameter_sets)
                   : std::span<const std::vector<std::byte>>();
    SG_TRY(append_annex_b(codec, sample.data, track.codec.nal_length_size, sets, scratch_));
    ts::Unit unit;
    unit.stream = 0;
    unit.pts = clock_time(sample.pts - track.offset, track.timescale);
    unit.dts = clock_time(sample.dts - track.offset - track.reorder, track.timescale);
    unit.random_access = sample.key;
    unit.payload = scratch_;
    writer_.write(unit, out);
    return {};
}

Result<std::vector<TsRenditionWriter::AudioUnit>> TsRenditionWriter::audio_units(
    const std::vector<Sample>& samples) {
    std::vector<AudioUnit> units;
    if (samples.empty()) return units;
    const TsTrack& track = *audio_;
    for (const Sample& s : samples) {
        const std::int64_t pts = clock_time(s.pts - track.offset, track.timescale);
        const std::int64_t end = clock_time(s.pts + s.duration - track.offset, track.timescale);
        if (units.empty() || end - units.back().pts > kAudioUnitTicks ||
            units.back().payload.size() + s.data.size() > kAudioUnitBytes)
            units.push_back({pts, {}});
        std::vector<std::byte>& payload = units.back().payload;
        if (adts_) {
            SG_TRY(adts_->append(s.data, payload));
        } else {
            payload.insert(payload.end(), s.data.begin(), s.data.end());
        }
    }
    return units;
}

Result<TsSegment> TsRenditionWriter::write_segment(std::int64_t number,
                                                   std::span<const std::byte> video,
                                                   std::span<const std::byte> audio) {
    std::vector<Sample> pictures;
    std::vector<Sample> frames;
    if (video_) {
        SG_TRY_ASSIGN(pictures, samples_of(*video_, video));
    }
    if (audio_) {
        SG_TRY_ASSIGN(frames, samples_of(*audio_, audio));
    }
    if (pictures.empty() && frames.empty())
        return Error{Errc::kInvalidArgument,
                     fmt::format("make transport stream segment {}: it has no samples", number)};
    SG_TRY_ASSIGN(const std::vector<AudioUnit> units, audio_units(frames));

    TsSegment segment;
    segment.bytes.reserve((video.size() + audio.size()) * 106 / 100 + 4 * ts::kPacketBytes);
    writer_.begin_segment(segment.bytes);
    // The first picture comes first, so that an I-frame playlist's range holds nothing else.
    std::uint64_t key_bytes = 0;
    std::size_t next_audio = 0;
    const auto write_audio = [&](std::int64_t until) {
        for (; next_audio < units.size() && units[next_audio].pts <= until; ++next_audio) {
            const AudioUnit& unit = units[next_audio];
            writer_.write({audio_stream_, unit.pts, unit.pts, !video_, unit.payload},
                          segment.bytes);
        }
    };
    for (const Sample& picture : pictures) {
        if (key_bytes != 0)
            write_audio(
                clock_time(picture.dts - video_->offset - video_->reorder, video_->timescale));
        SG_TRY(write_video(picture, segment.bytes));
        if (key_bytes == 0) key_bytes = segment.bytes.size();
    }
    write_audio(std::numeric_limits<std::int64_t>::max());

    segment.index = pictures.empty() ? index_of(frames, *audio_) : index_of(pictures, *video_);
    SegmentIndex& index = segment.index;
    index.number = number;
    index.bytes = segment.bytes.size();
    index.sha256 = sha256_hex(std::span<const std::byte>(segment.bytes));
    if (key_bytes != 0)
        index.fragments = {{0, index.bytes, key_bytes, index.start, index.duration}};
    return segment;
}

SegmentIndex TsRenditionWriter::index_of(const std::vector<Sample>& samples,
                                         const TsTrack& track) const {
    std::int64_t start = std::numeric_limits<std::int64_t>::max();
    std::int64_t duration = 0;
    for (const Sample& s : samples) {
        start = std::min(start, s.pts - track.offset);
        duration += s.duration;
    }
    const std::int64_t to = video_ ? video_->timescale : audio_->timescale;
    const std::int64_t from = track.timescale;
    const auto convert = [&](std::int64_t ticks) {
        return to == from ? ticks : (ticks * to + from / 2) / from;
    };
    SegmentIndex index;
    index.start = convert(start);
    index.duration = convert(start + duration) - index.start;
    index.samples = static_cast<std::uint32_t>(samples.size());
    index.independent = samples.front().key;
    return index;
}

TrackDescription describe_ts_rendition(const TrackDescription* video,
                                       const TrackDescription* audio) {
    TrackDescription out = video != nullptr ? *video : *audio;
    if (video != nullptr && audio != nullptr) out.codecs += "," + audio->codecs;
    out.init_file.clear();
    out.init_bytes = 0;
    return out;
}

}  // namespace sg::packagers
