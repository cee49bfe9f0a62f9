#include <algorithm>

#include <fmt/format.h>

#include <formats/bmff_writer.hpp>
#include <formats/byte_writer.hpp>

#include "language_code.hpp"

namespace sg::formats {

namespace {

constexpr std::uint32_t kUnspecified = 2;
constexpr std::uint32_t kMaxEntryRate = 65535;
constexpr std::size_t kMaxLanguageTag = 64;

void write_matrix(ByteWriter& writer) {
    for (const std::uint32_t value : {0x10000U, 0U, 0U, 0U, 0x10000U, 0U, 0U, 0U, 0x40000000U}) {
        writer.u32(value);
    }
}

void write_file_type(ByteWriter& writer, std::span<const InitTrack> tracks) {
    const std::size_t box = writer.begin_box(fourcc("ftyp"));
    writer.u32(fourcc("iso6"));
    writer.u32(0);
    writer.u32(fourcc("iso6"));
    writer.u32(fourcc("cmfc"));
    // cmf2: no video edit lists, per-fragment defaults, and pictures are shown from their
    // fragment's decode time on, which those of reordering tracks are not (ADR 0001).
    const bool either = std::ranges::any_of(tracks, [](const InitTrack& t) {
        const bool may_reorder = t.config.codec == Codec::kH264 || t.config.codec == Codec::kHevc;
        return t.edit_media_time.has_value() || (may_reorder && t.config.video.reorder_depth != 0);
    });
    if (!either) writer.u32(fourcc("cmf2"));
    writer.u32(fourcc("dash"));
    const bool av1 = std::ranges::any_of(
        tracks, [](const InitTrack& t) { return t.config.codec == Codec::kAv1; });
    if (av1) writer.u32(fourcc("av01"));
    writer.end_box(box);
}

void write_movie_header(ByteWriter& writer, std::uint32_t timescale, std::uint32_t next_track) {
    const std::size_t box = writer.begin_full_box(fourcc("mvhd"), 0, 0);
    writer.zeros(8);
    writer.u32(timescale);
    writer.u32(0);
    writer.u32(0x10000);
    writer.u16(0x100);
    writer.zeros(10);
    write_matrix(writer);
    writer.zeros(24);
    writer.u32(next_track);
    writer.end_box(box);
}

void write_track_header(ByteWriter& writer, const InitTrack& track) {
    constexpr std::uint32_t kEnabledInMovie = 3;
    const VideoFacts& video = track.config.video;
    const bool is_picture = is_video(track.config.codec);
    const std::size_t box = writer.begin_full_box(fourcc("tkhd"), 0, kEnabledInMovie);
    writer.zeros(8);
    writer.u32(track.id);
    writer.zeros(4 + 4 + 8);
    writer.u16(0);
    writer.u16(0);
    writer.u16(is_picture ? 0 : 0x100);
    writer.u16(0);
    write_matrix(writer);
    if (is_picture) {
        // As shown, in 16.16: the sample aspect ratio stretches the width.
        const std::uint64_t num = video.sar_num == 0 ? 1 : video.sar_num;
        const std::uint64_t den = video.sar_num == 0 || video.sar_den == 0 ? 1 : video.sar_den;
        const std::uint64_t width = (std::uint64_t{video.width} << 16) * num / den;
        writer.u32(static_cast<std::uint32_t>(std::min<std::uint64_t>(width, 0xFFFFFFFFU)));
        writer.u32(video.height << 16);
    } else {
        writer.zeros(8);
    }
    writer.end_box(box);
}

void write_edit_list(ByteWriter& writer, std::int64_t media_time) {
    const std::size_t edts = writer.begin_box(fourcc("edts"));
    const std::size_t elst = writer.begin_full_box(fourcc("elst"), 1, 0);
    writer.u32(1);
    writer.u64(0);  // to the end, whose time a fragmented file does not say
    writer.u64(static_cast<std::uint64_t>(media_time));
    writer.u32(0x10000);
    writer.end_box(elst);
    writer.end_box(edts);
}

void write_media_header(ByteWriter& writer, const InitTrack& track) {
    const std::size_t mdhd = writer.begin_full_box(fourcc("mdhd"), 0, 0);
    writer.zeros(8);
    writer.u32(track.timescale);
    writer.u32(0);
    writer.u16(packed_language(track.language));
    writer.u16(0);
    writer.end_box(mdhd);
    const bool picture = is_video(track.config.codec);
    const std::size_t hdlr = writer.begin_full_box(fourcc("hdlr"), 0, 0);
    writer.u32(0);
    writer.u32(picture ? fourcc("vide") : fourcc("soun"));
    writer.zeros(12);
    writer.text(picture ? "video" : "audio");
    writer.u8(0);
    writer.end_box(hdlr);
    if (needs_extended_language(track.language)) {
        const std::size_t elng = writer.begin_full_box(fourcc("elng"), 0, 0);
        writer.text(track.language);
        writer.u8(0);
        writer.end_box(elng);
    }
}

void write_config_box(ByteWriter& writer, const CodecConfig& config) {
    const std::size_t box = writer.begin_box(config.box_type);
    writer.bytes(config.payload);
    writer.end_box(box);
}

void write_visual_boxes(ByteWriter& writer, const InitTrack& track) {
    const VideoFacts& video = track.config.video;
    if (video.sar_num != 0 && video.sar_den != 0) {
        const std::size_t pasp = writer.begin_box(fourcc("pasp"));
        writer.u32(video.sar_num);
        writer.u32(video.sar_den);
        writer.end_box(pasp);
    }
    if (video.colour_primaries != kUnspecified || video.transfer != kUnspecified ||
        video.matrix != kUnspecified || video.full_range) {
        const std::size_t colr = writer.begin_box(fourcc("colr"));
        writer.u32(fourcc("nclx"));
        writer.u16(video.colour_primaries);
        writer.u16(video.transfer);
        writer.u16(video.matrix);
        writer.u8(video.full_range ? 0x80 : 0);
        writer.end_box(colr);
    }
    if (video.mastering) {
        const std::size_t mdcv = writer.begin_box(fourcc("mdcv"));
        for (const MasteringDisplay::Point& point : video.mastering->primaries) {
            writer.u16(point.x);
            writer.u16(point.y);
        }
        writer.u16(video.mastering->white.x);
        writer.u16(video.mastering->white.y);
        writer.u32(video.mastering->max_luminance);
        writer.u32(video.mastering->min_luminance);
        writer.end_box(mdcv);
    }
    if (video.content_light) {
        const std::size_t clli = writer.begin_box(fourcc("clli"));
        writer.u16(video.content_light->max_content);
        writer.u16(video.content_light->max_frame_average);
        writer.end_box(clli);
    }
}

void write_sample_entry(ByteWriter& writer, const InitTrack& track) {
    const CodecConfig& config = track.config;
    const std::size_t entry = writer.begin_box(config.sample_entry);
    writer.zeros(6);
    writer.u16(1);
    if (is_video(config.codec)) {
        writer.zeros(16);
        writer.u16(config.video.width);
        writer.u16(config.video.height);
        writer.u32(0x480000);
        writer.u32(0x480000);
        writer.u32(0);
        writer.u16(1);
        writer.zeros(32);
        writer.u16(0x18);
        writer.u16(0xFFFF);
        write_config_box(writer, config);
        write_visual_boxes(writer, track);
    } else {
        // Rates past 16 bits are given as a regular division; the configuration has the true one.
        std::uint32_t rate = config.audio.sample_rate;
        while (rate > kMaxEntryRate) rate /= 2;
        writer.zeros(8);
        writer.u16(config.audio.channels);
        writer.u16(config.audio.bits_per_sample == 0 ? 16 : config.audio.bits_per_sample);
        writer.u32(0);
        writer.u32(rate << 16);
        write_config_box(writer, config);
    }
    if (track.bit_rates) {
        const std::size_t btrt = writer.begin_box(fourcc("btrt"));
        writer.u32(track.bit_rates->buffer_bytes);
        writer.u32(track.bit_rates->maximum);
        writer.u32(track.bit_rates->average);
        writer.end_box(btrt);
    }
    writer.end_box(entry);
}

void write_media_information(ByteWriter& writer, const InitTrack& track) {
    const std::size_t minf = writer.begin_box(fourcc("minf"));
    if (is_video(track.config.codec)) {
        const std::size_t vmhd = writer.begin_full_box(fourcc("vmhd"), 0, 1);
        writer.zeros(8);
        writer.end_box(vmhd);
    } else {
        const std::size_t smhd = writer.begin_full_box(fourcc("smhd"), 0, 0);
        writer.zeros(4);
        writer.end_box(smhd);
    }
    const std::size_t dinf = writer.begin_box(fourcc("dinf"));
    const std::size_t dref = writer.begin_full_box(fourcc("dref"), 0, 0);
    writer.u32(1);
    const std::size_t url = writer.begin_full_box(fourcc("url "), 0, 1);
    writer.end_box(url);
    writer.end_box(dref);
    writer.end_box(dinf);
    const std::size_t stbl = writer.begin_box(fourcc("stbl"));
    const std::size_t stsd = writer.begin_full_box(fourcc("stsd"), 0, 0);
    writer.u32(1);
    write_sample_entry(writer, track);
    writer.end_box(stsd);
    for (const FourCc empty : {fourcc("stts"), fourcc("stsc")}) {
        const std::size_t box = writer.begin_full_box(empty, 0, 0);
        writer.u32(0);
        writer.end_box(box);
    }
    const std::size_t stsz = writer.begin_full_box(fourcc("stsz"), 0, 0);
    writer.zeros(8);
    writer.end_box(stsz);
    const std::size_t stco = writer.begin_full_box(fourcc("stco"), 0, 0);
    writer.u32(0);
    writer.end_box(stco);
    writer.end_box(stbl);
    writer.end_box(minf);
}

void write_track(ByteWriter& writer, const InitTrack& track) {
    const std::size_t trak = writer.begin_box(fourcc("trak"));
    write_track_header(writer, track);
    if (track.edit_media_time) write_edit_list(writer, *track.edit_media_time);
    const std::size_t mdia = writer.begin_box(fourcc("mdia"));
    write_media_header(writer, track);
    write_media_information(writer, track);
    writer.end_box(mdia);
    writer.end_box(trak);
}

Status check_track(const InitTrack& track) {
    const auto refuse = [&](const char* why) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("write init segment of track {}: {}", track.id, why)};
    };
    if (track.id == 0) return refuse("a track id must not be 0");
    if (track.timescale == 0) return refuse("its timescale is 0");
    if (track.config.payload.empty()) return refuse("it has no codec configuration");
    if (track.language.size() > kMaxLanguageTag) return refuse("its language tag is too long");
    const VideoFacts& video = track.config.video;
    if (!is_video(track.config.codec)) return {};
    if (video.width == 0 || video.height == 0) return refuse("its picture size is not known");
    if (video.width > 65535 || video.height > 65535) return refuse("its picture is too large");
    return {};
}

}  // namespace

Status append_init_segment(std::span<const InitTrack> tracks, std::vector<std::byte>& out) {
    if (tracks.empty()) {
        return Error{Errc::kInvalidArgument, "write init segment: there are no tracks"};
    }
    std::uint32_t highest_id = 0;
    for (const InitTrack& track : tracks) {
        SG_TRY(check_track(track));
        highest_id = std::max(highest_id, track.id);
    }
    ByteWriter writer(out);
    write_file_type(writer, tracks);
    const std::size_t moov = writer.begin_box(fourcc("moov"));
    write_movie_header(writer, tracks.front().timescale, highest_id + 1);
    for (const InitTrack& track : tracks) write_track(writer, track);
    const std::size_t mvex = writer.begin_box(fourcc("mvex"));
    for (const InitTrack& track : tracks) {
        const std::size_t trex = writer.begin_full_box(fourcc("trex"), 0, 0);
        writer.u32(track.id);
        writer.u32(1);
        writer.zeros(12);  // every fragment says its own defaults
        writer.end_box(trex);
    }
    writer.end_box(mvex);
    writer.end_box(moov);
    return {};
}

}  // namespace sg::formats
