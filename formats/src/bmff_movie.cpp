#include "bmff_movie.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>

namespace sg::formats {

namespace {

constexpr std::size_t kMaxTracks = 1024;
constexpr std::size_t kMaxEdits = 65536;
constexpr std::size_t kMaxBrands = 256;

using Bytes = std::span<const std::byte>;

Error bad_movie(std::string_view why) {
    return Error{Errc::kBadData, fmt::format("read MP4 movie header: {}", why)};
}

std::uint8_t read_version(ByteReader& reader) {
    const std::uint8_t version = reader.u8();
    reader.skip(3);
    return version;
}

Status parse_movie_header(Bytes payload, MovieInfo& movie) {
    ByteReader reader(payload);
    const bool wide = read_version(reader) == 1;
    reader.skip(wide ? 16 : 8);
    movie.timescale = reader.u32();
    movie.duration = wide ? reader.u64() : reader.u32();
    if (!reader.ok()) return bad_movie("mvhd is cut short");
    return {};
}

Status parse_track_header(Bytes payload, TrackInfo& track) {
    ByteReader reader(payload);
    const std::uint8_t version = reader.u8();
    track.enabled = (reader.u24() & 1) != 0;
    reader.skip(version == 1 ? 16 : 8);
    track.id = reader.u32();
    reader.skip(version == 1 ? 12 : 8);
    reader.skip(16);
    for (std::int32_t& value : track.matrix) value = reader.i32();
    if (!reader.ok()) return bad_movie("tkhd is cut short");
    return {};
}

void parse_edits(Bytes edts, TrackInfo& track) {
    const auto elst = find_box(edts, fourcc("elst"));
    if (!elst) return;
    ByteReader reader(elst->payload);
    const bool wide = read_version(reader) == 1;
    const std::size_t count = std::min<std::size_t>(reader.u32(), kMaxEdits);
    for (std::size_t i = 0; i < count; ++i) {
        Edit edit;
        edit.duration = wide ? reader.u64() : reader.u32();
        edit.media_time = wide ? reader.i64() : reader.i32();
        reader.skip(4);
        if (!reader.ok()) return;
        track.edits.push_back(edit);
    }
}

Status parse_media_header(Bytes payload, TrackInfo& track) {
    ByteReader reader(payload);
    const bool wide = read_version(reader) == 1;
    reader.skip(wide ? 16 : 8);
    track.timescale = reader.u32();
    track.duration = wide ? reader.u64() : reader.u32();
    const std::uint16_t packed = reader.u16();
    if (!reader.ok()) return bad_movie("mdhd is cut short");
    if (track.timescale == 0) return bad_movie("a track's timescale is 0");
    // Values below 0x400 are QuickTime's own language numbers.
    track.language = "und";
    if (packed >= 0x400 && packed != 0x7FFF) {
        for (unsigned i = 0; i < 3; ++i) {
            const unsigned letter = packed >> (10 - 5 * i) & 31U;
            track.language[i] =
                letter >= 1 && letter <= 26 ? static_cast<char>('a' + letter - 1) : '?';
        }
        if (track.language.find('?') != std::string::npos) track.language = "und";
    }
    return {};
}

void parse_extended_language(Bytes payload, TrackInfo& track) {
    if (payload.size() <= 4) return;
    std::string tag;
    for (const std::byte byte : payload.subspan(4)) {
        const char c = static_cast<char>(byte);
        const bool allowed =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        if (!allowed || tag.size() == 64) break;
        tag += c;
    }
    if (!tag.empty()) track.language = tag;
}

Status parse_media(Bytes mdia, TrackInfo& track, Bytes& sample_table) {
    Boxes boxes(mdia);
    Box box;
    bool has_header = false;
    std::optional<Box> extended;
    while (boxes.next(box)) {
        if (box.type == fourcc("mdhd")) {
            SG_TRY(parse_media_header(box.payload, track));
            has_header = true;
        } else if (box.type == fourcc("hdlr")) {
            ByteReader reader(box.payload);
            reader.skip(8);
            track.handler = reader.u32();
        } else if (box.type == fourcc("elng")) {
            extended = box;
        } else if (box.type == fourcc("minf")) {
            if (const auto stbl = find_box(box.payload, fourcc("stbl")))
                sample_table = stbl->payload;
        }
    }
    if (boxes.damaged()) return bad_movie("mdia holds a box that runs past its end");
    if (!has_header) return bad_movie("a track has no mdhd");
    if (extended) parse_extended_language(extended->payload, track);
    if (const auto stsd = find_box(sample_table, fourcc("stsd"))) {
        parse_sample_description(stsd->payload, track);
    }
    return {};
}

Status parse_track(Bytes trak, TrackInfo& track, Bytes& sample_table) {
    Boxes boxes(trak);
    Box box;
    bool has_media = false;
    while (boxes.next(box)) {
        if (box.type == fourcc("tkhd")) {
            SG_TRY(parse_track_header(box.payload, track));
        } else if (box.type == fourcc("edts")) {
            parse_edits(box.payload, track);
        } else if (box.type == fourcc("mdia")) {
            SG_TRY(parse_media(box.payload, track, sample_table));
            has_media = true;
        }
    }
    if (boxes.damaged()) return bad_movie("trak holds a box that runs past its end");
    if (track.id == 0 || !has_media) return bad_movie("a track has no id or no mdia");
    return {};
}

void parse_extends(Bytes mvex, std::vector<TrackExtends>& all) {
    Boxes boxes(mvex);
    Box box;
    while (boxes.next(box) && all.size() < kMaxTracks) {
        if (box.type != fourcc("trex")) continue;
        ByteReader reader(box.payload);
        reader.skip(4);
        TrackExtends extends;
        extends.track_id = reader.u32();
        reader.skip(4);
        extends.duration = reader.u32();
        extends.size = reader.u32();
        extends.flags = reader.u32();
        if (reader.ok()) all.push_back(extends);
    }
}

}  // namespace

Result<MovieInfo> parse_movie(Bytes moov, std::vector<Bytes>& sample_tables) {
    MovieInfo movie;
    std::vector<TrackExtends> extends;
    bool has_header = false;
    Boxes boxes(moov);
    Box box;
    while (boxes.next(box)) {
        if (box.type == fourcc("mvhd")) {
            SG_TRY(parse_movie_header(box.payload, movie));
            has_header = true;
        } else if (box.type == fourcc("trak")) {
            if (movie.tracks.size() == kMaxTracks) return bad_movie("more than 1024 tracks");
            SG_TRY(parse_track(
                box.payload, movie.tracks.emplace_back(), sample_tables.emplace_back()));
        } else if (box.type == fourcc("mvex")) {
            movie.fragmented = true;
            parse_extends(box.payload, extends);
        } else if (box.type == fourcc("cmov")) {
            return Error{Errc::kUnsupported, "read MP4 movie header: it is compressed (cmov)"};
        }
    }
    if (boxes.damaged()) return bad_movie("moov holds a box that runs past its end");
    if (!has_header) return bad_movie("moov has no mvhd");
    for (TrackInfo& track : movie.tracks) {
        track.extends.track_id = track.id;
        for (const TrackExtends& entry : extends) {
            if (entry.track_id == track.id) track.extends = entry;
        }
    }
    return movie;
}

Result<MovieInfo> parse_init(Bytes bytes) {
    const auto moov = find_box(bytes, fourcc("moov"));
    if (!moov) return bad_movie("there is no moov box");
    std::vector<Bytes> sample_tables;
    SG_TRY_ASSIGN(MovieInfo movie, parse_movie(moov->payload, sample_tables));
    if (const auto ftyp = find_box(bytes, fourcc("ftyp"))) {
        ByteReader reader(ftyp->payload);
        movie.brands.push_back(reader.u32());
        reader.skip(4);
        while (reader.left() >= 4 && movie.brands.size() < kMaxBrands) {
            movie.brands.push_back(reader.u32());
        }
    }
    return movie;
}

}  // namespace sg::formats
