#include <algorithm>

#include <formats/bmff_reader.hpp>
#include <formats/bmff_writer.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg;
using namespace sg::formats;

namespace {

CodecConfig avc() {
    return *make_codec_config(Codec::kH264,
                              from_hex("0164000dffe100186764000dacd941419f9f011000003e90000ea600f14"
                                       "2996001000668ebe3cb22c0fdf8f800"));
}

CodecConfig aac() {
    return *make_codec_config(Codec::kAac, from_hex("1190"));
}

std::vector<std::byte> init_of(const InitTrack& track) {
    std::vector<std::byte> bytes;
    REQUIRE(append_init_segment(std::span(&track, 1), bytes));
    return bytes;
}

InitTrack video_track() {
    InitTrack track;
    track.timescale = 30000;
    track.config = avc();
    return track;
}

}  // namespace

TEST_CASE("an init segment reads back as it was written") {
    InitTrack track = video_track();
    track.id = 7;
    track.language = "pt-BR";
    track.config.video.sar_num = 4;
    track.config.video.sar_den = 3;
    track.config.video.colour_primaries = 9;
    track.config.video.transfer = 16;
    track.config.video.matrix = 9;
    track.config.video.mastering = MasteringDisplay{};
    track.config.video.content_light = ContentLight{1000, 400};
    const auto bytes = init_of(track);
    const auto movie = parse_init(bytes);
    REQUIRE(movie);
    CHECK(movie->fragmented);
    CHECK(movie->brands ==
          std::vector<FourCc>{fourcc("iso6"), fourcc("iso6"), fourcc("cmfc"), fourcc("dash")});
    REQUIRE(movie->tracks.size() == 1);
    const TrackInfo& read = movie->tracks[0];
    CHECK(read.id == 7);
    CHECK(read.handler == fourcc("vide"));
    CHECK(read.timescale == 30000);
    CHECK(read.language == "pt-BR");
    CHECK(read.width == 320);
    CHECK(read.height == 180);
    CHECK(read.sar_num == 4);
    CHECK(read.sar_den == 3);
    REQUIRE(read.colour);
    CHECK(read.colour->transfer == 16);
    CHECK(read.edits.empty());
    CHECK(read.config == track.config.payload);
    CHECK(read.extends.track_id == 7);
    const auto config = codec_config_of(read);
    REQUIRE(config);
    CHECK(config->codecs == "avc1.64000d");
}

TEST_CASE("equal tracks give equal init segments") {
    CHECK(init_of(video_track()) == init_of(video_track()));
}

TEST_CASE("audio tracks keep channels, rate and language") {
    InitTrack track;
    track.timescale = 48000;
    track.config = aac();
    track.language = "de";
    const auto movie = parse_init(init_of(track));
    REQUIRE(movie);
    const TrackInfo& read = movie->tracks[0];
    CHECK(read.channels == 2);
    CHECK(read.sample_rate == 48000);
    CHECK(read.language == "de");
    CHECK(codec_config_of(read)->codecs == "mp4a.40.2");
}

TEST_CASE(
    "an edit list is written only when asked for, and then without the brand that forbids it") {
    InitTrack track = video_track();
    track.edit_media_time = 1001;
    const auto movie = parse_init(init_of(track));
    REQUIRE(movie);
    REQUIRE(movie->tracks[0].edits.size() == 1);
    CHECK(movie->tracks[0].edits[0].media_time == 1001);
    CHECK(std::count(movie->brands.begin(), movie->brands.end(), fourcc("cmf2")) == 0);
}

TEST_CASE("the brand that ties pictures to decode times is for tracks that do not reorder") {
    const auto claims = [](const InitTrack& track) {
        const auto movie = parse_init(init_of(track));
        REQUIRE(movie);
        return std::count(movie->brands.begin(), movie->brands.end(), fourcc("cmf2")) == 1;
    };
    InitTrack track = video_track();
    track.config.video.reorder_depth = 2;
    CHECK_FALSE(claims(track));
    track.config.video.reorder_depth = 0;
    CHECK(claims(track));
}

TEST_CASE("tracks that cannot be described are refused") {
    std::vector<std::byte> bytes;
    InitTrack track = video_track();
    track.timescale = 0;
    CHECK_FALSE(append_init_segment(std::span(&track, 1), bytes));
    track = video_track();
    track.config.video.width = 0;
    CHECK_FALSE(append_init_segment(std::span(&track, 1), bytes));
    CHECK_FALSE(append_init_segment({}, bytes));
}

TEST_CASE("a fragment reads back sample by sample") {
    const std::vector<FragmentSample> samples{
        {5, 1001, 0, true}, {3, 1001, 2002, false}, {2, 1000, -1001, false}};
    std::vector<std::byte> bytes;
    append_segment_type(bytes);
    const std::size_t moof = bytes.size();
    REQUIRE(append_fragment_header({42, 1, std::uint64_t{1} << 40, samples}, bytes));
    const std::size_t payload = bytes.size();
    bytes.resize(bytes.size() + 10);
    const auto segment = parse_segment(bytes, {});
    REQUIRE(segment);
    CHECK(segment->boxes == std::vector<FourCc>{fourcc("styp"), fourcc("moof"), fourcc("mdat")});
    REQUIRE(segment->fragments.size() == 1);
    const ParsedFragment& fragment = segment->fragments[0];
    CHECK(fragment.sequence == 42);
    CHECK(fragment.offset == moof);
    CHECK(fragment.decode_time == std::uint64_t{1} << 40);
    CHECK(fragment.duration() == 3002);
    REQUIRE(fragment.samples.size() == 3);
    CHECK(fragment.samples[0].offset == payload);
    CHECK(fragment.samples[1].offset == payload + 5);
    CHECK(fragment.samples[2].size == 2);
    CHECK(fragment.samples[1].composition_offset == 2002);
    CHECK(fragment.samples[2].composition_offset == -1001);
    CHECK(fragment.samples[0].key);
    CHECK_FALSE(fragment.samples[1].key);
}

TEST_CASE("columns that samples share are not written") {
    const std::vector<FragmentSample> audio(100, FragmentSample{300, 1024, 0, true});
    std::vector<std::byte> bytes;
    REQUIRE(append_fragment_header({1, 1, 0, audio}, bytes));
    CHECK(bytes.size() < 120);
    std::vector<FragmentSample> sizes = audio;
    sizes[7].size = 301;
    std::vector<std::byte> larger;
    REQUIRE(append_fragment_header({1, 1, 0, sizes}, larger));
    CHECK(larger.size() == bytes.size() + 400 - 4);
}

TEST_CASE("key samples in the middle of a fragment keep their flag") {
    const std::vector<FragmentSample> samples{
        {1, 1, 0, true}, {1, 1, 0, false}, {1, 1, 0, true}, {1, 1, 0, false}};
    std::vector<std::byte> bytes;
    REQUIRE(append_fragment_header({1, 1, 0, samples}, bytes));
    bytes.resize(bytes.size() + 4);
    const auto segment = parse_segment(bytes, {});
    REQUIRE(segment);
    std::vector<bool> keys;
    for (const ParsedSample& sample : segment->fragments[0].samples) keys.push_back(sample.key);
    CHECK(keys == std::vector<bool>{true, false, true, false});
}

TEST_CASE("a payload past 4 GiB gets a large mdat") {
    const std::vector<FragmentSample> samples(2, FragmentSample{0xF0000000U, 1, 0, true});
    std::vector<std::byte> bytes;
    REQUIRE(append_fragment_header({1, 1, 0, samples}, bytes));
    CHECK(to_hex(std::span(bytes).last(16)) == "000000016d64617400000001e0000010");
}

TEST_CASE("a fragment without samples is refused") {
    std::vector<std::byte> bytes;
    CHECK_FALSE(append_fragment_header({1, 1, 0, {}}, bytes));
}

TEST_CASE("samples outside of the segment are refused") {
    const std::vector<FragmentSample> samples{{100, 1, 0, true}};
    std::vector<std::byte> bytes;
    REQUIRE(append_fragment_header({1, 1, 0, samples}, bytes));
    bytes.resize(bytes.size() + 99);
    const auto segment = parse_segment(bytes, {});
    REQUIRE_FALSE(segment);
    CHECK(segment.error().code == Errc::kBadData);
}

TEST_CASE("a segment index reads back") {
    const std::vector<SegmentReference> references{{1000, 60060, true}, {2000, 30030, false}};
    std::vector<std::byte> bytes;
    REQUIRE(append_segment_index({3, 30000, 300000, references}, bytes));
    CHECK(bytes.size() == segment_index_size(2));
    const auto box = find_box(bytes, fourcc("sidx"));
    REQUIRE(box);
    const auto index = parse_segment_index(box->payload);
    REQUIRE(index);
    CHECK(index->track_id == 3);
    CHECK(index->earliest_presentation_time == 300000);
    REQUIRE(index->references.size() == 2);
    CHECK(index->references[0].bytes == 1000);
    CHECK(index->references[0].starts_with_sap);
    CHECK(index->references[0].sap_type == 1);
    CHECK_FALSE(index->references[1].starts_with_sap);
    const std::vector<SegmentReference> huge{{0x80000000U, 1, true}};
    CHECK(append_segment_index({1, 1, 0, huge}, bytes).error().code == Errc::kLimit);
}

TEST_CASE("boxes that run past the end are damage, a zero terminator is not") {
    const auto cut = from_hex("00000010 66726565 0000");
    Boxes boxes(cut);
    Box box;
    CHECK_FALSE(boxes.next(box));
    CHECK(boxes.damaged());
    const auto terminated = from_hex("00000008 66726565 00000000");
    Boxes list(terminated);
    REQUIRE(list.next(box));
    CHECK_FALSE(list.next(box));
    CHECK_FALSE(list.damaged());
    const auto tiny = from_hex("00000007 66726565");
    Boxes small(tiny);
    CHECK_FALSE(small.next(box));
    CHECK(small.damaged());
}
