#include <formats/bmff_writer.hpp>
#include <ingest/fragment_depacketizer.hpp>
#include <support/catch.hpp>

#include "live_collector.hpp"

using namespace sg;

namespace {

using Codec = formats::Codec;

std::vector<std::byte> init_of(const std::vector<std::pair<std::uint32_t, Codec>>& wanted) {
    // AAC LC, 48 kHz, stereo (ISO/IEC 14496-3 section 1.6.2.1).
    const std::vector<std::byte> header{std::byte{0x11}, std::byte{0x90}};
    formats::VideoFacts facts;
    facts.width = 320;
    facts.height = 180;
    std::vector<formats::InitTrack> tracks;
    for (const auto& [id, codec] : wanted) {
        formats::InitTrack track;
        track.id = id;
        track.timescale = 48000;
        track.config = codec == Codec::kVp9 ? formats::make_vp9_config(facts)
                                            : formats::make_codec_config(codec, header).value();
        tracks.push_back(std::move(track));
    }
    std::vector<std::byte> bytes;
    REQUIRE(formats::append_init_segment(tracks, bytes));
    return bytes;
}

}  // namespace

TEST_CASE("fragments: another init segment ends the tracks that it has no more") {
    tests::LiveCollector out;
    ingest::FragmentDepacketizer depacketizer(out);
    REQUIRE(depacketizer.init(init_of({{1, Codec::kAac}, {2, Codec::kAac}})));
    CHECK(out.tracks.size() == 2);
    REQUIRE(depacketizer.init(init_of({{2, Codec::kAac}, {3, Codec::kAac}})));
    CHECK(out.ended == std::vector<int>{1});
    CHECK(out.tracks.size() == 4);
    REQUIRE_FALSE(depacketizer.init({}));
    CHECK(out.ended.size() == 1);
}

TEST_CASE("fragments: a track id that means pictures now and sound before is another track") {
    tests::LiveCollector out;
    ingest::FragmentDepacketizer depacketizer(out);
    REQUIRE(depacketizer.init(init_of({{1, Codec::kVp9}, {2, Codec::kAac}})));
    REQUIRE(depacketizer.init(init_of({{1, Codec::kAac}, {2, Codec::kVp9}})));
    CHECK(out.ended == std::vector<int>{1, 2});
}
