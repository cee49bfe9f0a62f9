#include <formats/flv.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg;
using namespace sg::formats;

namespace {

std::vector<FlvPacket> video(const std::vector<std::byte>& body) {
    std::vector<FlvPacket> packets;
    const Status status = read_flv_video(body, packets);
    INFO((status ? std::string() : status.error().message));
    REQUIRE(status);
    return packets;
}
std::vector<FlvPacket> audio(const std::vector<std::byte>& body) {
    std::vector<FlvPacket> packets;
    REQUIRE(read_flv_audio(body, packets));
    return packets;
}
std::string video_error(const char* digits) {
    std::vector<FlvPacket> packets;
    const Status status = read_flv_video(from_hex(digits), packets);
    return status ? "accepted" : status.error().message;
}
std::string audio_error(const char* digits) {
    std::vector<FlvPacket> packets;
    const Status status = read_flv_audio(from_hex(digits), packets);
    return status ? "accepted" : status.error().message;
}

}  // namespace

TEST_CASE("legacy AVC tags give configuration, pictures and signed composition times") {
    const auto config = from_hex("17 00 000000 0142");
    REQUIRE(video(config).size() == 1);
    CHECK(video(config)[0].type == FlvPacketType::kSequenceStart);
    CHECK(to_hex(video(config)[0].data) == "0142");

    const auto picture = from_hex("27 01 ffffd8 aabb");
    const FlvPacket packet = video(picture).at(0);
    CHECK(packet.codec == fourcc("avc1"));
    CHECK_FALSE(packet.key);
    CHECK(packet.composition == -40);
    CHECK(to_hex(packet.data) == "aabb");

    CHECK(video(from_hex("17 02 000000")).at(0).type == FlvPacketType::kSequenceEnd);
}

TEST_CASE("legacy audio tags give AAC and MP3") {
    CHECK(audio(from_hex("af 00 1210")).at(0).type == FlvPacketType::kSequenceStart);
    CHECK(audio(from_hex("af 01 2110")).at(0).codec == fourcc("mp4a"));
    CHECK(audio(from_hex("2f fffb")).at(0).codec == fourcc(".mp3"));
}

TEST_CASE("bodies without pictures or sound give no packet") {
    CHECK(video({}).empty());
    CHECK(audio({}).empty());
    CHECK(video(from_hex("57 00")).empty());
    CHECK(video(from_hex("d1 00")).empty());
    CHECK(audio(from_hex("af 01")).empty());
}

TEST_CASE("codecs that are not supported are refused by their name") {
    CHECK(video_error("12 00").find("Sorenson H.263") != std::string::npos);
    CHECK(video_error("14 00").find("VP6") != std::string::npos);
    CHECK(audio_error("b6 00").find("Speex") != std::string::npos);
    CHECK(audio_error("6f 00").find("Nellymoser") != std::string::npos);
    CHECK(video_error("90 78787878").find("'xxxx'") != std::string::npos);
    CHECK(audio_error("91 78787878").find("'xxxx'") != std::string::npos);
}

TEST_CASE("Enhanced RTMP video packets are read") {
    const auto coded = from_hex("91 68766331 000028 cc");
    const FlvPacket hevc = video(coded).at(0);
    CHECK(hevc.codec == fourcc("hvc1"));
    CHECK(hevc.key);
    CHECK(hevc.composition == 40);
    CHECK(to_hex(hevc.data) == "cc");

    const auto coded_x = from_hex("a3 61766331 cc");
    CHECK(to_hex(video(coded_x).at(0).data) == "cc");
    const auto av1 = from_hex("a1 61763031 0000");
    CHECK(video(av1).at(0).data.size() == 2);
    CHECK(video(from_hex("90 76703039 01")).at(0).type == FlvPacketType::kSequenceStart);
    CHECK(video(from_hex("92 76703039")).at(0).type == FlvPacketType::kSequenceEnd);
    CHECK(video(from_hex("94 68766331 0200")).at(0).type == FlvPacketType::kMetadata);
    CHECK(video(from_hex("95 61763031 80")).at(0).type == FlvPacketType::kMpeg2TsSequenceStart);
}

TEST_CASE("Enhanced RTMP tracks of one message are told apart") {
    // Two tracks of one codec, then two of different codecs.
    const auto one_codec = from_hex("96 13 61766331 00 000001 aa 01 000002 bbcc");
    const auto packets = video(one_codec);
    REQUIRE(packets.size() == 2);
    CHECK(packets[0].track == 0);
    CHECK(packets[1].track == 1);
    CHECK(to_hex(packets[1].data) == "bbcc");

    const auto codecs = from_hex("95 21 6d703461 00 000001 aa 4f707573 02 000001 bb");
    const auto sounds = audio(codecs);
    REQUIRE(sounds.size() == 2);
    CHECK(sounds[0].codec == fourcc("mp4a"));
    CHECK(sounds[1].codec == fourcc("Opus"));
    CHECK(sounds[1].track == 2);

    const auto one_track = from_hex("96 00 68766331 05 0102");
    CHECK(video(one_track).at(0).track == 5);
    CHECK(video(one_track).at(0).type == FlvPacketType::kSequenceStart);
}

TEST_CASE("nanoseconds come from ModEx, and unknown modifiers are passed over") {
    const auto nano = from_hex("97 02 0001f4 03 68766331 aa");
    CHECK(video(nano).at(0).nanoseconds == 500);
    CHECK(to_hex(video(nano).at(0).data) == "aa");
    const auto sound = from_hex("97 00 77 57 02 0001f4 01 4f707573 aa");
    CHECK(audio(sound).at(0).nanoseconds == 500);
    CHECK(audio(sound).at(0).codec == fourcc("Opus"));
}

TEST_CASE("multichannel configurations tell their speakers") {
    const auto packet = from_hex("94 4f707573 01 06 0000003f");
    const auto packets = audio(packet);
    REQUIRE(packets.at(0).type == FlvPacketType::kMultichannelConfig);
    const auto channels = read_flv_channels(packets[0].data);
    REQUIRE(channels);
    CHECK(channels->count == 6);
    CHECK(channels->mask == 0x3f);
    CHECK_FALSE(read_flv_channels(from_hex("01 06 00000003")));
}

TEST_CASE("headers that end early are refused") {
    CHECK(video_error("17 01 00").find("header") != std::string::npos);
    CHECK(video_error("91 6876").find("header") != std::string::npos);
    CHECK(video_error("97 ff").find("header") != std::string::npos);
    CHECK(video_error("96 13 61766331 00 000005 aa").find("header") != std::string::npos);
    CHECK(video_error("96 46 61766331").find("multitrack") != std::string::npos);
}

TEST_CASE("what is written is read as the same packet") {
    const auto data = from_hex("0102");
    const auto check = [&](FlvPacket packet, bool is_video) {
        packet.data = data;
        std::vector<std::byte> body;
        is_video ? write_flv_video_header(packet, body) : write_flv_audio_header(packet, body);
        body.insert(body.end(), data.begin(), data.end());
        const FlvPacket again = (is_video ? video(body) : audio(body)).at(0);
        CHECK(again.codec == packet.codec);
        CHECK(again.type == packet.type);
        CHECK(again.track == packet.track);
        CHECK(again.composition == packet.composition);
        CHECK(to_hex(again.data) == "0102");
    };
    for (const FourCc codec : {fourcc("avc1"), fourcc("hvc1")}) {
        for (const std::uint8_t track : {std::uint8_t{0}, std::uint8_t{3}}) {
            for (const int composition : {0, 80, -80}) {
                FlvPacket packet;
                packet.codec = codec;
                packet.track = track;
                packet.composition = composition;
                check(packet, true);
            }
        }
    }
    for (const FourCc codec : {fourcc("mp4a"), fourcc(".mp3"), fourcc("Opus"), fourcc("ac-3")}) {
        for (const std::uint8_t track : {std::uint8_t{0}, std::uint8_t{3}}) {
            FlvPacket packet;
            packet.codec = codec;
            packet.track = track;
            check(packet, false);
        }
    }
}
