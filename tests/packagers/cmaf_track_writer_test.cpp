#include <algorithm>

#include <base/digest.hpp>
#include <formats/bmff_reader.hpp>
#include <packagers/cmaf_init.hpp>
#include <packagers/cmaf_track_writer.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::packagers;
using formats::Codec;
using formats::CodecConfig;

namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<unsigned> values) {
    Bytes bytes;
    for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

const Bytes kSps =
    bytes_of({0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x10,
              0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x42, 0x99, 0x60});
const Bytes kPps = bytes_of({0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0});
const Bytes kStartCode = bytes_of({0, 0, 0, 1});

Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

CodecConfig h264() {
    return *formats::make_codec_config(Codec::kH264, joined({kStartCode, kSps, kStartCode, kPps}));
}

CodecConfig aac() {
    return *formats::make_codec_config(Codec::kAac, bytes_of({0x11, 0x90}));
}

constexpr std::int64_t kOffset = 1'000'000;

CmafTrackWriter make_writer(CodecConfig codec, bool annex_b = false) {
    CmafTrackConfig config;
    config.codec = std::move(codec);
    config.annex_b = annex_b;
    config.layout.offset = kOffset;
    return *CmafTrackWriter::create(std::move(config));
}

const Bytes kIdr = bytes_of({0, 0, 0, 3, 0x65, 0xb8, 0x11});
const Bytes kDelta = bytes_of({0, 0, 0, 2, 0x41, 0x9a});

/// Frames of 1001 ticks in the order that an encoder with two B-frames gives them.
void add_gop(CmafTrackWriter& writer, std::int64_t first_frame) {
    for (const std::int64_t frame : {0, 3, 1, 2, 4}) {
        const bool key = frame == 0;
        REQUIRE(writer.add_sample({key ? kIdr : kDelta, (first_frame + frame) * 1001, 1001, key}));
    }
}

formats::ParsedSegment parse(const CmafSegment& segment) {
    return *formats::parse_segment(segment.bytes, {});
}

std::vector<formats::ParsedSample> all_samples(const formats::ParsedSegment& segment) {
    std::vector<formats::ParsedSample> all;
    for (const auto& fragment : segment.fragments)
        all.insert(all.end(), fragment.samples.begin(), fragment.samples.end());
    return all;
}

}  // namespace

TEST_CASE("a segment's first decode time is its first presentation time plus the offset") {
    auto writer = make_writer(h264());
    add_gop(writer, 0);
    const auto first = writer.end_segment(1);
    REQUIRE(first);
    add_gop(writer, 5);
    const auto second = writer.end_segment(2);
    REQUIRE(second);
    CHECK(first->index.start == 0);
    CHECK(first->index.duration == 5005);
    CHECK(second->index.start == 5005);
    const auto parsed = parse(*second);
    REQUIRE(parsed.fragments.size() == 2);
    CHECK(parsed.fragments[0].decode_time == kOffset + 5005);
    CHECK(parsed.fragments[0].duration() + parsed.fragments[1].duration() == 5005);
}

TEST_CASE("reordered pictures are decoded early enough without moving the segment's start") {
    auto writer = make_writer(h264());
    add_gop(writer, 0);
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    CHECK(segment->index.start == 0);
    CHECK(segment->index.duration == 5005);
    const auto parsed = parse(*segment);
    CHECK(parsed.fragments[0].decode_time == kOffset);
    std::vector<std::int32_t> offsets;
    std::vector<std::uint32_t> durations;
    for (const auto& sample : all_samples(parsed)) {
        offsets.push_back(sample.composition_offset);
        durations.push_back(sample.duration);
    }
    CHECK(offsets == std::vector<std::int32_t>{0, 3003 - 500, 0, 0, 0});
    CHECK(durations == std::vector<std::uint32_t>{500, 501, 1001, 2002, 1001});
}

TEST_CASE("with a decode lead later segments are decoded at an even pace across their borders") {
    CmafTrackConfig config;
    config.codec = h264();
    config.layout.offset = kOffset;
    config.layout.decode_lead = 1001;
    auto writer = *CmafTrackWriter::create(std::move(config));
    std::vector<formats::ParsedSegment> parsed;
    for (const std::int64_t number : {1, 2, 3}) {
        add_gop(writer, (number - 1) * 5);
        auto segment = writer.end_segment(number);
        REQUIRE(segment);
        CHECK(segment->index.start == (number - 1) * 5005);
        CHECK(segment->index.duration == 5005);
        parsed.push_back(parse(*segment));
    }
    CHECK(parsed[0].fragments[0].decode_time == kOffset);
    CHECK(parsed[1].fragments[0].decode_time == kOffset + 5005 - 1001);
    CHECK(parsed[2].fragments[0].decode_time == kOffset + 2 * 5005 - 1001);
    std::vector<std::uint32_t> durations;
    std::vector<std::int32_t> offsets;
    for (const auto& sample : all_samples(parsed[1])) {
        durations.push_back(sample.duration);
        offsets.push_back(sample.composition_offset);
    }
    CHECK(durations == std::vector<std::uint32_t>{1001, 1001, 1001, 1001, 1001});
    CHECK(offsets == std::vector<std::int32_t>{1001, 3003, 0, 0, 1001});
}

TEST_CASE("no sample of deeply reordered pictures is decoded late or lasts beyond the end") {
    const std::int64_t lead = GENERATE(0, 1000);
    const std::int64_t start = GENERATE(0, 60000);
    CmafTrackConfig config;
    config.codec = h264();
    config.layout.offset = kOffset;
    config.layout.decode_lead = lead;
    auto writer = *CmafTrackWriter::create(std::move(config));
    const std::vector<std::int64_t> frames{0, 8, 4, 2, 1, 3, 6, 5, 7, 9, 12, 11, 10, 14, 13};
    for (const std::int64_t frame : frames) {
        REQUIRE(writer.add_sample(
            {frame == 0 ? kIdr : kDelta, start + frame * 1000, 1000, frame == 0}));
    }
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    const auto parsed = parse(*segment);
    auto decode = static_cast<std::int64_t>(parsed.fragments[0].decode_time) - kOffset;
    CHECK(decode == (start == 0 ? 0 : start - lead));
    std::size_t i = 0;
    for (const auto& sample : all_samples(parsed)) {
        CHECK(decode + sample.composition_offset == start + frames[i++] * 1000);
        CHECK(sample.composition_offset >= 0);
        CHECK(decode + sample.composition_offset + sample.duration <= start + 15000);
        decode += sample.duration;
    }
    CHECK(decode == start + 15000 - lead);
}

TEST_CASE("segments of one picture are decoded without a gap between them") {
    CmafTrackConfig config;
    config.codec = h264();
    config.layout.offset = kOffset;
    config.layout.decode_lead = 500;
    auto writer = *CmafTrackWriter::create(std::move(config));
    std::int64_t decoded = 0;
    for (const std::int64_t number : {1, 2, 3}) {
        const auto start = (number - 1) * 1000;
        REQUIRE(writer.add_sample({kIdr, start, 1000, true}));
        const auto segment = writer.end_segment(number);
        REQUIRE(segment);
        CHECK(segment->index.start == start);
        CHECK(segment->index.duration == 1000);
        const auto fragment = parse(*segment).fragments[0];
        CHECK(fragment.decode_time == static_cast<std::uint64_t>(kOffset + decoded));
        CHECK(fragment.samples[0].composition_offset == start - decoded);
        decoded += static_cast<std::int64_t>(fragment.duration());
        CHECK(decoded == start + 500);
    }
}

TEST_CASE("a picture that stays long in front of others gives the lead from its time") {
    CmafTrackConfig config;
    config.codec = h264();
    config.layout.offset = kOffset;
    config.layout.decode_lead = 1000;
    auto writer = *CmafTrackWriter::create(std::move(config));
    REQUIRE(writer.add_sample({kIdr, 0, 1000, true}));
    const auto first = writer.end_segment(1, 3000);
    REQUIRE(first);
    CHECK(first->index.duration == 3000);
    CHECK(parse(*first).fragments[0].duration() == 2000);
    REQUIRE(writer.add_sample({kIdr, 3000, 1000, true}));
    CHECK(parse(*writer.end_segment(2)).fragments[0].decode_time == kOffset + 2000);
}

TEST_CASE("a first segment no longer than the lead is refused") {
    CmafTrackConfig config;
    config.codec = h264();
    config.layout.offset = kOffset;
    config.layout.decode_lead = 1000;
    auto writer = *CmafTrackWriter::create(std::move(config));
    REQUIRE(writer.add_sample({kIdr, 0, 1000, true}));
    CHECK(writer.end_segment(1).error().code == Errc::kInternal);
}

TEST_CASE("pictures shown before their key frame are decoded in time too") {
    CmafTrackConfig config;
    config.codec = h264();
    config.layout.offset = kOffset;
    config.layout.allow_leading_pictures = true;
    auto writer = *CmafTrackWriter::create(std::move(config));
    for (const std::int64_t frame : {12, 11, 10, 13}) {
        REQUIRE(writer.add_sample({frame == 12 ? kIdr : kDelta, frame * 1000, 1000, frame == 12}));
    }
    const auto segment = writer.end_segment(2);
    REQUIRE(segment);
    CHECK(segment->index.start == 10000);
    const auto parsed = parse(*segment);
    for (const auto& sample : all_samples(parsed)) CHECK(sample.composition_offset >= 0);
    CHECK(parsed.fragments[0].decode_time > kOffset + 9000);
}

TEST_CASE("a timescale too coarse to decode early keeps the times with signed offsets") {
    auto writer = make_writer(h264());
    for (const std::int64_t frame : {0, 3, 1, 2, 4}) {
        REQUIRE(writer.add_sample({frame == 0 ? kIdr : kDelta, frame, 1, frame == 0}));
    }
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    std::vector<std::int32_t> offsets;
    const auto parsed = parse(*segment);
    for (const auto& sample : all_samples(parsed)) offsets.push_back(sample.composition_offset);
    CHECK(offsets == std::vector<std::int32_t>{0, 2, -1, -1, 0});
}

TEST_CASE("variable durations follow the presentation times") {
    auto writer = make_writer(h264());
    const std::vector<std::int64_t> pts{0, 900, 300, 350, 2000};
    for (const std::int64_t time : pts) {
        REQUIRE(writer.add_sample({time == 0 ? kIdr : kDelta, time, 1, time == 0}));
    }
    const auto segment = writer.end_segment(1, 2500);
    REQUIRE(segment);
    std::vector<std::uint32_t> durations;
    const auto parsed = parse(*segment);
    for (const auto& sample : all_samples(parsed)) {
        durations.push_back(sample.duration);
    }
    CHECK(durations == std::vector<std::uint32_t>{150, 150, 50, 1650, 500});
}

TEST_CASE("the last duration comes from the picture shown last") {
    auto writer = make_writer(h264());
    REQUIRE(writer.add_sample({kIdr, 0, 10, true}));
    REQUIRE(writer.add_sample({kDelta, 20, 7, false}));
    REQUIRE(writer.add_sample({kDelta, 10, 10, false}));
    CHECK(writer.end_segment(1)->index.duration == 27);
    REQUIRE(writer.add_sample({kIdr, 27, 0, true}));
    REQUIRE(writer.add_sample({kDelta, 37, 0, false}));
    CHECK(writer.end_segment(2)->index.duration == 20);
}

TEST_CASE("each key frame is a fragment of its own, and the index names it") {
    auto writer = make_writer(h264());
    add_gop(writer, 0);
    add_gop(writer, 5);
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    const SegmentIndex& index = segment->index;
    REQUIRE(index.fragments.size() == 4);
    CHECK(index.samples == 10);
    CHECK(index.bytes == segment->bytes.size());
    CHECK(index.sha256 == sha256_hex(segment->bytes));
    CHECK(index.fragments[2].start == 5005);
    CHECK(index.fragments[3].offset == index.fragments[2].offset + index.fragments[2].bytes);
    CHECK(index.fragments[3].offset + index.fragments[3].bytes == index.bytes);
    CHECK(index.fragments[2].key_bytes == index.fragments[2].bytes);
    CHECK(index.fragments[3].key_bytes == 0);
    const auto parsed = parse(*segment);
    REQUIRE(parsed.fragments.size() == 4);
    CHECK(parsed.fragments[2].offset == index.fragments[2].offset);
    REQUIRE(parsed.fragments[2].samples.size() == 1);
    const auto& key = parsed.fragments[2].samples[0];
    CHECK(key.offset + key.size == index.fragments[2].offset + index.fragments[2].key_bytes);
    CHECK(parsed.fragments[3].sequence == parsed.fragments[2].sequence + 1);
}

TEST_CASE("a segment's bytes do not depend on what was written before") {
    auto one = make_writer(h264());
    add_gop(one, 0);
    REQUIRE(one.end_segment(1));
    add_gop(one, 5);
    auto other = make_writer(h264());
    add_gop(other, 5);
    CHECK(one.end_segment(2)->bytes == other.end_segment(2)->bytes);
}

TEST_CASE("start codes become lengths, and what MP4 does not store is dropped") {
    auto writer = make_writer(h264(), true);
    const Bytes delimiter = bytes_of({0x09, 0xf0});
    const Bytes slice = bytes_of({0x65, 0xb8, 0x11});
    const Bytes sample =
        joined({kStartCode, delimiter, kStartCode, kSps, kStartCode, kPps, kStartCode, slice});
    REQUIRE(writer.add_sample({sample, 0, 1001, true}));
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    CHECK(std::ranges::equal(std::span(segment->bytes).last(7), kIdr));
}

TEST_CASE("parameter sets unlike the init segment's are an error") {
    auto writer = make_writer(h264(), true);
    const Bytes other = bytes_of({0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc1});
    const auto status = writer.add_sample(
        {joined({kStartCode, other, kStartCode, bytes_of({0x65, 0xb8})}), 0, 1, true});
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kMismatch);
    CHECK_FALSE(writer.has_samples());
}

TEST_CASE("damaged samples are refused and leave nothing behind") {
    auto writer = make_writer(h264());
    CHECK(writer.add_sample({bytes_of({0, 0, 0, 9, 0x65}), 0, 1, true}).error().code ==
          Errc::kBadData);
    CHECK(writer.add_sample({bytes_of({0, 0, 0, 2, 0x09, 0xf0}), 0, 1, true}).error().code ==
          Errc::kBadData);
    CHECK_FALSE(writer.has_samples());
}

TEST_CASE("segments that break their promise are refused") {
    SECTION("no key frame at the start") {
        auto writer = make_writer(h264());
        REQUIRE(writer.add_sample({kDelta, 0, 1001, false}));
        CHECK(writer.end_segment(1).error().code == Errc::kMismatch);
    }
    SECTION("a picture shown before the key frame") {
        auto writer = make_writer(h264());
        REQUIRE(writer.add_sample({kIdr, 2002, 1001, true}));
        REQUIRE(writer.add_sample({kDelta, 1001, 1001, false}));
        CHECK(writer.end_segment(1).error().code == Errc::kMismatch);
    }
    SECTION("two pictures at one time") {
        auto writer = make_writer(h264());
        REQUIRE(writer.add_sample({kIdr, 0, 1001, true}));
        REQUIRE(writer.add_sample({kDelta, 0, 1001, false}));
        CHECK(writer.end_segment(1).error().code == Errc::kMismatch);
    }
    SECTION("a gap to the segment before") {
        auto writer = make_writer(h264());
        add_gop(writer, 0);
        REQUIRE(writer.end_segment(1));
        add_gop(writer, 6);
        CHECK(writer.end_segment(2).error().code == Errc::kMismatch);
    }
    SECTION("an end before its last sample") {
        auto writer = make_writer(h264());
        add_gop(writer, 0);
        CHECK(writer.end_segment(1, 4004).error().code == Errc::kMismatch);
    }
    SECTION("nothing in it") {
        auto writer = make_writer(h264());
        CHECK(writer.end_segment(1).error().code == Errc::kMismatch);
    }
    SECTION("times that the offset does not lift above zero") {
        auto writer = make_writer(aac());
        REQUIRE(writer.add_sample({bytes_of({1}), -kOffset - 1, 1024, true}));
        CHECK(writer.end_segment(1).error().code == Errc::kInvalidArgument);
    }
}

TEST_CASE("a segment may start without a key frame where that is allowed, and says so") {
    CmafTrackConfig config;
    config.codec = h264();
    config.layout.allow_delta_start = true;
    auto writer = *CmafTrackWriter::create(std::move(config));
    REQUIRE(writer.add_sample({kDelta, 0, 1001, false}));
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    CHECK_FALSE(segment->index.independent);
}

TEST_CASE("audio priming lies before the origin and is one fragment") {
    auto writer = make_writer(aac());
    for (std::int64_t i = 0; i < 10; ++i) {
        REQUIRE(writer.add_sample({bytes_of({1, 2, 3}), -1024 + 1024 * i, 1024, true}));
    }
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    CHECK(segment->index.start == -1024);
    CHECK(segment->index.duration == 10240);
    REQUIRE(segment->index.fragments.size() == 1);
    CHECK(parse(*segment).fragments[0].decode_time == kOffset - 1024);
}

TEST_CASE("AV1 samples lose their temporal delimiters") {
    const Bytes sequence =
        bytes_of({0x0a, 0x0b, 0x00, 0x00, 0x00, 0x04, 0x3c, 0xfe, 0xcc, 0x02, 0xf8, 0x00, 0x40});
    const Bytes frame = bytes_of({0x32, 0x02, 0x10, 0x00});
    auto writer = make_writer(*formats::make_codec_config(Codec::kAv1, sequence));
    REQUIRE(writer.add_sample({joined({bytes_of({0x12, 0x00}), sequence, frame}), 0, 1, true}));
    const auto segment = writer.end_segment(1);
    REQUIRE(segment);
    CHECK(parse(*segment).fragments[0].samples[0].size == sequence.size() + frame.size());
    Bytes other = sequence;
    other.back() = std::byte{0x41};
    CHECK(writer.add_sample({joined({other, frame}), 1, 1, true}).error().code == Errc::kMismatch);
}

TEST_CASE("an init segment is named by its digest and described from its bitstream") {
    formats::InitTrack track;
    track.timescale = 30000;
    track.config = h264();
    track.config.video.transfer = 18;
    const auto init = make_cmaf_init(track, 300000);
    REQUIRE(init);
    const TrackDescription& description = init->description;
    CHECK(description.init_file == "init-" + sha256_hex(init->bytes).substr(0, 8) + ".mp4");
    CHECK(description.init_bytes == init->bytes.size());
    CHECK(description.codecs == "avc1.64000d");
    CHECK(description.width == 320);
    CHECK(description.range == VideoRange::kHlg);
    CHECK(description.frame_rate_num == 30000);
    CHECK(description.offset == 300000);
}
