#include <formats/codec_config.hpp>
#include <formats/vp9.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg;
using namespace sg::formats;

namespace {

CodecConfig make(Codec codec, std::string_view hex) {
    auto config = make_codec_config(codec, from_hex(hex));
    if (!config) FAIL(config.error().message);
    return *config;
}

Errc failure(Codec codec, std::string_view hex) {
    const auto config = make_codec_config(codec, from_hex(hex));
    REQUIRE_FALSE(config);
    CHECK_FALSE(config.error().message.empty());
    return config.error().code;
}

constexpr std::string_view kAvcSps = "6764000dacd941419f9f011000003e90000ea600f1429960";
constexpr std::string_view kAvcPps = "68ebe3cb22c0";

std::string annex_b(std::initializer_list<std::string_view> nals) {
    std::string out;
    for (const std::string_view nal : nals) out += "00000001" + std::string(nal);
    return out;
}

}  // namespace

TEST_CASE("H.264 Annex B parameter sets become an avcC") {
    const CodecConfig config = make(Codec::kH264, annex_b({kAvcSps, kAvcPps, "0605ff"}));
    CHECK(config.codecs == "avc1.64000d");
    CHECK(config.sample_entry == fourcc("avc1"));
    CHECK(config.box_type == fourcc("avcC"));
    CHECK(to_hex(config.payload) ==
          "0164000dffe10018" + std::string(kAvcSps) + "010006" + std::string(kAvcPps) + "fdf8f800");
    CHECK(config.from_annex_b);
    CHECK(config.nal_length_size == 4);
    CHECK(config.parameter_sets.size() == 2);
    CHECK(config.video.width == 320);
    CHECK(config.video.height == 180);
    CHECK(config.video.frame_rate_num == 30000);
    CHECK(config.video.frame_rate_den == 1001);
    CHECK(config.video.sar_num == 1);
    CHECK(config.video.reorder_depth == 2);
}

TEST_CASE("an avcC comes out as it went in") {
    const std::string avcc =
        "0164000dffe10018" + std::string(kAvcSps) + "010006" + std::string(kAvcPps) + "fdf8f800";
    const CodecConfig config = make(Codec::kH264, avcc);
    CHECK(to_hex(config.payload) == avcc);
    CHECK_FALSE(config.from_annex_b);
}

TEST_CASE("an avcC of high profile without its extension gets one") {
    const CodecConfig config = make(
        Codec::kH264, "0164000dffe10018" + std::string(kAvcSps) + "010006" + std::string(kAvcPps));
    CHECK(to_hex(config.payload).ends_with("fdf8f800"));
}

TEST_CASE("a sequence parameter set extension survives being read and written") {
    const CodecConfig first = make(Codec::kH264, annex_b({"0d00ac", kAvcSps, kAvcPps}));
    CHECK(to_hex(first.payload).ends_with("fdf8f80100030d00ac"));
    CHECK(make(Codec::kH264, to_hex(first.payload)).payload == first.payload);
}

TEST_CASE("H.264 with 4:2:2, ten bits and full range is told as such") {
    const CodecConfig config =
        make(Codec::kH264,
             "017a000cffe1001b677a000cb6cd941419f8dc05b2000003000200000300641e28532c"
             "01000668ebe3cb22c0fefafa00");
    CHECK(config.codecs == "avc1.7a000c");
    CHECK(config.video.bit_depth == 10);
    CHECK(config.video.chroma_format == 2);
    CHECK(config.video.full_range);
    CHECK(config.video.frame_rate_num == 25);
}

TEST_CASE("broken H.264 configurations are refused") {
    CHECK(failure(Codec::kH264, "") == Errc::kBadData);
    CHECK(failure(Codec::kH264, "0164000dff") == Errc::kBadData);
    CHECK(failure(Codec::kH264, "0164000dffe1ffff67640000") == Errc::kBadData);
    CHECK(failure(Codec::kH264, annex_b({kAvcPps})) == Errc::kBadData);
    CHECK(failure(Codec::kH264, annex_b({"6764000d", kAvcPps})) == Errc::kBadData);
}

TEST_CASE("HEVC gives its tier, level and constraint bytes") {
    const CodecConfig config =
        make(Codec::kHevc,
             annex_b({"40010c01ffff01600000030090000003000003003c959809",
                      "42010101600000030090000003000003003ca00a480b9c9596566924caf0e6a0202020800"
                      "00003008000000c84",
                      "4401c172b46240"}));
    CHECK(config.codecs == "hvc1.1.6.L60.90");
    CHECK(config.sample_entry == fourcc("hvc1"));
    CHECK(config.video.width == 322);
    CHECK(config.video.height == 182);
    CHECK(config.video.sar_num == 4);
    CHECK(config.video.sar_den == 3);
    CHECK(config.video.frame_rate_num == 25);
    CHECK(config.video.colour_primaries == 1);
    CHECK(config.video.bit_depth == 8);
    CHECK(to_hex(config.payload).starts_with("0101600000009000000000003cf000fcfdf8f800000f03a0"));
    CHECK(config.parameter_sets.size() == 3);
}

TEST_CASE("HEVC units too short for a header are left out") {
    const char* vps = "40010c01ffff01600000030090000003000003003c959809";
    const char* sps =
        "42010101600000030090000003000003003ca00a480b9c9596566924caf0e6a020202080000003008000000c8"
        "4";
    const char* pps = "4401c172b46240";
    const CodecConfig config = make(Codec::kHevc, annex_b({"42", vps, sps, "44", pps}));
    CHECK(config.payload == make(Codec::kHevc, annex_b({vps, sps, pps})).payload);
}

TEST_CASE("HEVC Main 10 with HLG keeps its colours") {
    const CodecConfig config = make(Codec::kHevc,
                                    "01022000000000000000000099f000fcfdfafa00000f03a00001001840010c"
                                    "01ffff02200000030000030000030"
                                    "0000300992c09a10001002842010102200000030000030000030000030099a"
                                    "003c0801107cada2d2bb04bb9a848"
                                    "904815c50a40a20001000a4401c06670c8640cc640");
    CHECK(config.codecs == "hvc1.2.4.L153");
    CHECK(config.video.width == 1920);
    CHECK(config.video.height == 1080);
    CHECK(config.video.bit_depth == 10);
    CHECK(config.video.transfer == 18);
}

TEST_CASE("AV1 reads the sequence header with or without av1C around it") {
    const CodecConfig config = make(Codec::kAv1, "81000c00 0a0b000000043cfecc02f80040");
    CHECK(config.codecs == "av01.0.00M.08");
    CHECK(to_hex(config.payload) == "81000c000a0b000000043cfecc02f80040");
    CHECK(config.video.width == 320);
    CHECK(config.video.height == 180);
    const CodecConfig bare = make(Codec::kAv1, "1200 0a0b000000043cfecc02f80040 3201ff");
    CHECK(bare.payload == config.payload);
}

TEST_CASE("AV1 without a sequence header asks for more") {
    CHECK(failure(Codec::kAv1, "81000c00") == Errc::kAgain);
}

TEST_CASE("VP9 takes its facts from a key frame and its level from the picture") {
    const CodecConfig config = make(Codec::kVp9, "82498342000a0007840038241c180e00");
    CHECK(config.codecs == "vp09.00.10.08");
    CHECK(config.video.width == 161);
    CHECK(config.video.height == 121);
    CHECK(to_hex(config.payload) == "01000000000a820202020000");
    const CodecConfig deep = make(Codec::kVp9, "b124c1a100009f8059b021c120e0c2c0");
    CHECK(deep.codecs == "vp09.03.11.10.03.02.02.02.00");
    CHECK(make(Codec::kVp9, to_hex(deep.payload)).codecs == deep.codecs);
}

TEST_CASE("VP9 levels grow with picture and rate") {
    CHECK(vp9_level(1280, 720, 30, 1) == 31);
    CHECK(vp9_level(1920, 1080, 30, 1) == 40);
    CHECK(vp9_level(1920, 1080, 60, 1) == 41);
    CHECK(vp9_level(3840, 2160, 60, 1) == 51);
    CHECK(vp9_level(60000, 60000, 60, 1) == 62);
}

TEST_CASE("AAC configurations name object type, rate and channels") {
    const CodecConfig stereo = make(Codec::kAac, "1190");
    CHECK(stereo.codecs == "mp4a.40.2");
    CHECK(stereo.audio.sample_rate == 48000);
    CHECK(stereo.audio.channels == 2);
    CHECK(stereo.audio.samples_per_frame == 1024);
    CHECK(to_hex(stereo.payload) ==
          "00000000038080802200000004808080144015000000000000000000000005808080021190068080800102");
    const CodecConfig program =
        make(Codec::kAac, "118004c844002000c40d4c61766335382e35342e31303056e500");
    CHECK(program.audio.channels == 6);
}

TEST_CASE("AAC with SBR is told from its output rate in both ways of signalling") {
    const CodecConfig explicit_sbr = make(Codec::kAac, "2b118800");
    CHECK(explicit_sbr.codecs == "mp4a.40.5");
    CHECK(explicit_sbr.audio.sample_rate == 48000);
    CHECK(explicit_sbr.audio.core_sample_rate == 24000);
    CHECK(explicit_sbr.audio.samples_per_frame == 2048);
    const CodecConfig compatible = make(Codec::kAac, "131056e598");
    CHECK(compatible.codecs == "mp4a.40.2");
    CHECK(compatible.audio.sample_rate == 48000);
}

TEST_CASE("AAC without channels or with a reserved rate is refused") {
    CHECK(failure(Codec::kAac, "") == Errc::kBadData);
    CHECK(failure(Codec::kAac, "1680") == Errc::kBadData);
    CHECK(failure(Codec::kAac, "1180") == Errc::kBadData);
}

TEST_CASE("AC-3 frames describe themselves") {
    const CodecConfig config = make(Codec::kAc3, "0b77b50b1e40ebf8403eff99ff0841fc");
    CHECK(to_hex(config.payload) == "103de0");
    CHECK(config.audio.channels == 6);
    CHECK(config.audio.sample_rate == 48000);
    CHECK(config.codecs == "ac-3");
}

TEST_CASE("E-AC-3 counts the channels of dependent substreams") {
    const CodecConfig plain = make(Codec::kEac3, "0b77037f3f87c00020f8200002004000");
    CHECK(to_hex(plain.payload) == "0e00200f00");
    CHECK(plain.audio.channels == 6);
    const CodecConfig wide =
        make(Codec::kEac3, "0b7700073f87c0000000000000000000 0b7740073487d0200000000000000000");
    CHECK(wide.audio.channels == 8);
    CHECK(to_hex(wide.payload) == "0040200f0202");
}

TEST_CASE("Opus headers turn into big-endian dOps") {
    const CodecConfig config =
        make(Codec::kOpus, "4f70757348656164 01 06 3801 80bb0000 0000 01 04 02 000401020305");
    CHECK(to_hex(config.payload) == "000601380000bb800000010402000401020305");
    CHECK(config.audio.channels == 6);
    CHECK(config.audio.priming == 312);
    CHECK(failure(Codec::kOpus, "4f70757348656164 01 06 3801 80bb0000 0000 01 04 02") ==
          Errc::kBadData);
    CHECK(failure(Codec::kOpus, "4f70757348656165 01 01 3801 80bb0000 0000 00") == Errc::kBadData);
}

TEST_CASE("Opus whose times place its priming tells decoders to trim nothing") {
    CodecConfig config = make(Codec::kOpus, "4f70757348656164 01 02 3801 80bb0000 0000 00");
    keep_priming(config);
    CHECK(to_hex(config.payload) == "000200000000bb80000000");
    CHECK(config.audio.priming == 0);
}

TEST_CASE("FLAC takes STREAMINFO bare or behind its marker") {
    const std::string info =
        "12001200000160 0004ff0bb800f000005dc01964e7953bdf1b99cddc8a6487e0a0d0";
    const CodecConfig bare = make(Codec::kFlac, info);
    CHECK(bare.codecs == "flac");
    CHECK(bare.audio.sample_rate == 48000);
    CHECK(bare.audio.channels == 1);
    CHECK(bare.audio.bits_per_sample == 16);
    CHECK(make(Codec::kFlac, "664c6143 80000022" + info).payload == bare.payload);
    CHECK(failure(Codec::kFlac, "1200") == Errc::kBadData);
}

TEST_CASE("MP3 is typed by its sampling rate") {
    const CodecConfig full = make(Codec::kMp3, "fffb54c4");
    CHECK(full.codecs == "mp4a.6b");
    CHECK(full.audio.sample_rate == 48000);
    CHECK(full.audio.channels == 1);
    const CodecConfig half = make(Codec::kMp3, "fff340c4");
    CHECK(half.codecs == "mp4a.69");
    CHECK(half.audio.sample_rate == 22050);
    CHECK(failure(Codec::kMp3, "0b770000") == Errc::kBadData);
}
