#include <string_view>

#include <fmt/format.h>

#include <formats/bmff_reader.hpp>
#include <formats/byte_reader.hpp>

namespace sg::formats {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxTopBoxes = 65536;
constexpr std::size_t kMaxSamples = std::size_t{1} << 22;
constexpr std::uint32_t kNotSync = 0x10000;

Error bad_segment(std::string_view why) {
    return Error{Errc::kBadData, fmt::format("read media segment: {}", why)};
}

struct FragmentState {
    Bytes bytes;           ///< the whole segment
    std::size_t moof = 0;  ///< offset of the movie fragment
    std::uint32_t sequence = 0;
    std::uint64_t data_end = 0;  ///< where the run before ended
    std::size_t samples = 0;     ///< in the segment so far
};

struct Defaults {
    std::uint64_t base = 0;
    TrackExtends values;
};

Status parse_header(Bytes payload,
                    std::span<const TrackExtends> extends,
                    const FragmentState& state,
                    bool is_first,
                    Defaults& defaults) {
    ByteReader reader(payload);
    const std::uint32_t flags = reader.u32() & 0xFFFFFF;
    const std::uint32_t id = reader.u32();
    for (const TrackExtends& entry : extends) {
        if (entry.track_id == id) defaults.values = entry;
    }
    defaults.values.track_id = id;
    defaults.base = is_first || (flags & 0x20000) != 0 ? state.moof : state.data_end;
    if ((flags & 0x01) != 0) defaults.base = reader.u64();
    if ((flags & 0x02) != 0) reader.skip(4);
    if ((flags & 0x08) != 0) defaults.values.duration = reader.u32();
    if ((flags & 0x10) != 0) defaults.values.size = reader.u32();
    if ((flags & 0x20) != 0) defaults.values.flags = reader.u32();
    if (!reader.ok()) return bad_segment("tfhd is cut short");
    return {};
}

Status parse_run(Bytes payload,
                 const Defaults& defaults,
                 FragmentState& state,
                 ParsedFragment& fragment) {
    ByteReader reader(payload);
    const std::uint32_t flags = reader.u32() & 0xFFFFFF;
    const std::uint32_t count = reader.u32();
    std::uint64_t at = fragment.samples.empty() ? defaults.base : state.data_end;
    if ((flags & 0x001) != 0) {
        // Unsigned wrap on purpose: a bad sum fails the bounds check below.
        at = defaults.base + static_cast<std::uint64_t>(std::int64_t{reader.i32()});
    }
    std::uint32_t first_flags = defaults.values.flags;
    if ((flags & 0x004) != 0) first_flags = reader.u32();
    // The number of samples is bounded by their columns, and where they have none, by a fixed
    // limit.
    if (!reader.ok() || count > kMaxSamples || state.samples + count > kMaxSamples) {
        return bad_segment("trun is cut short or has too many samples");
    }
    std::size_t columns = 0;
    for (const std::uint32_t column : {0x100U, 0x200U, 0x400U, 0x800U}) {
        if ((flags & column) != 0) ++columns;
    }
    if (reader.left() < columns * 4 * count) return bad_segment("trun is cut short");
    state.samples += count;
    fragment.samples.reserve(fragment.samples.size() + count);
    for (std::uint32_t i = 0; i < count; ++i) {
        ParsedSample sample;
        sample.duration = (flags & 0x100) != 0 ? reader.u32() : defaults.values.duration;
        sample.size = (flags & 0x200) != 0 ? reader.u32() : defaults.values.size;
        std::uint32_t sample_flags = i == 0 ? first_flags : defaults.values.flags;
        if ((flags & 0x400) != 0) sample_flags = reader.u32();
        if ((flags & 0x800) != 0) sample.composition_offset = reader.i32();
        sample.key = (sample_flags & kNotSync) == 0;
        sample.offset = at;
        if (at > state.bytes.size() || sample.size > state.bytes.size() - at) {
            return bad_segment("a sample lies outside of the segment");
        }
        at += sample.size;
        fragment.samples.push_back(sample);
    }
    state.data_end = at;
    return {};
}

Status parse_track_fragment(Bytes traf,
                            std::span<const TrackExtends> extends,
                            bool is_first,
                            FragmentState& state,
                            ParsedFragment& fragment) {
    Defaults defaults;
    bool has_header = false;
    Boxes boxes(traf);
    Box box;
    while (boxes.next(box)) {
        if (box.type == fourcc("tfhd")) {
            SG_TRY(parse_header(box.payload, extends, state, is_first, defaults));
            fragment.track_id = defaults.values.track_id;
            has_header = true;
        } else if (box.type == fourcc("tfdt")) {
            ByteReader reader(box.payload);
            const bool wide = reader.u32() >> 24 == 1;
            fragment.decode_time = wide ? reader.u64() : reader.u32();
            fragment.has_decode_time = reader.ok();
        } else if (box.type == fourcc("trun")) {
            if (!has_header) return bad_segment("trun stands before tfhd");
            SG_TRY(parse_run(box.payload, defaults, state, fragment));
        }
    }
    if (boxes.damaged()) return bad_segment("traf holds a box that runs past its end");
    if (!has_header) return bad_segment("traf has no tfhd");
    return {};
}

Status parse_movie_fragment(const Box& moof,
                            std::span<const TrackExtends> extends,
                            FragmentState& state,
                            ParsedSegment& segment) {
    state.moof = moof.offset;
    state.data_end = moof.offset;
    state.sequence = 0;
    bool is_first = true;
    Boxes boxes(moof.payload);
    Box box;
    while (boxes.next(box)) {
        if (box.type == fourcc("mfhd")) {
            ByteReader reader(box.payload);
            reader.skip(4);
            state.sequence = reader.u32();
        } else if (box.type == fourcc("traf")) {
            if (segment.fragments.size() == kMaxTopBoxes) return bad_segment("too many fragments");
            ParsedFragment& fragment = segment.fragments.emplace_back();
            fragment.offset = moof.offset;
            fragment.sequence = state.sequence;
            SG_TRY(parse_track_fragment(box.payload, extends, is_first, state, fragment));
            is_first = false;
        }
    }
    if (boxes.damaged()) return bad_segment("moof holds a box that runs past its end");
    return {};
}

}  // namespace

std::uint64_t ParsedFragment::duration() const {
    std::uint64_t sum = 0;
    for (const ParsedSample& sample : samples) sum += sample.duration;
    return sum;
}

Result<ParsedSegment> parse_segment(Bytes bytes, std::span<const TrackExtends> defaults) {
    ParsedSegment segment;
    FragmentState state;
    state.bytes = bytes;
    Boxes boxes(bytes);
    Box box;
    while (boxes.next(box)) {
        if (segment.boxes.size() == kMaxTopBoxes) return bad_segment("too many boxes");
        segment.boxes.push_back(box.type);
        if (box.type == fourcc("sidx")) {
            SG_TRY_ASSIGN(ParsedIndex index, parse_segment_index(box.payload));
            segment.indexes.push_back(std::move(index));
        } else if (box.type == fourcc("moof")) {
            SG_TRY(parse_movie_fragment(box, defaults, state, segment));
        }
    }
    if (boxes.damaged()) return bad_segment("a box runs past the end");
    return segment;
}

Result<ParsedIndex> parse_segment_index(Bytes payload) {
    ByteReader reader(payload);
    ParsedIndex index;
    const bool wide = reader.u32() >> 24 == 1;
    index.track_id = reader.u32();
    index.timescale = reader.u32();
    index.earliest_presentation_time = wide ? reader.u64() : reader.u32();
    index.first_offset = wide ? reader.u64() : reader.u32();
    reader.skip(2);
    const std::uint16_t count = reader.u16();
    for (unsigned i = 0; i < count && reader.ok(); ++i) {
        ParsedReference reference;
        const std::uint32_t size = reader.u32();
        reference.is_index = size >> 31 != 0;
        reference.bytes = size & 0x7FFFFFFF;
        reference.duration = reader.u32();
        const std::uint32_t sap = reader.u32();
        reference.starts_with_sap = sap >> 31 != 0;
        reference.sap_type = static_cast<std::uint8_t>(sap >> 28 & 7);
        index.references.push_back(reference);
    }
    if (!reader.ok()) return bad_segment("sidx is cut short");
    return index;
}

}  // namespace sg::formats
