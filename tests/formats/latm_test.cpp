#include <string>

#include <formats/latm.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg;
using formats::from_hex;
using formats::LatmReader;

namespace {

std::string bits(std::string_view digits) {
    std::string out;
    for (const std::byte byte : from_hex(digits)) {
        for (int bit = 7; bit >= 0; --bit)
            out += (std::to_integer<int>(byte) >> bit & 1) != 0 ? '1' : '0';
    }
    return out;
}

std::vector<std::byte> packed(const std::string& digits) {
    std::vector<std::byte> out((digits.size() + 7) / 8);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (digits[i] == '1') out[i / 8] |= std::byte{0x80} >> static_cast<int>(i % 8);
    }
    return out;
}

/// Version 0, one program, one layer, `frames` of them in an element.
std::string mux_config(const std::string& config, unsigned frames = 1) {
    std::string count;
    for (int bit = 5; bit >= 0; --bit) count += (frames - 1) >> bit & 1U ? '1' : '0';
    return "0"
           "1" +
           count +
           "0000"
           "000" +
           config +
           "000"
           "11111111"
           "0"
           "0";
}

const std::string kStereo48k = bits("1190");

}  // namespace

TEST_CASE("LATM gives raw frames and the configuration they go by") {
    LatmReader reader;
    // Before a configuration there is nothing to decode with.
    const auto plain = packed("1" + bits("02") + bits("2122"));
    REQUIRE_FALSE(reader.read(plain));
    CHECK(reader.read(plain).error().code == Errc::kAgain);

    REQUIRE(reader.read(packed("0" + mux_config(kStereo48k) + bits("03") + bits("210a0b"))));
    CHECK(formats::to_hex(reader.config()) == "1190");
    CHECK(reader.facts().sample_rate == 48000);
    CHECK(reader.facts().channels == 2);
    REQUIRE(reader.frames().size() == 1);
    CHECK(formats::to_hex(reader.frames()[0]) == "210a0b");

    // The same configuration goes on; lengths above 254 take another byte.
    std::string long_frame;
    for (int i = 0; i < 300; ++i) long_frame += bits("a5");
    REQUIRE(reader.read(packed("1" + bits("ff2d") + long_frame)));
    CHECK(reader.frames().at(0).size() == 300);
    CHECK(reader.frames()[0][299] == std::byte{0xa5});
}

TEST_CASE("LATM may hold several frames, and a configuration with its length in front") {
    LatmReader reader;
    REQUIRE(reader.read(packed("0" + mux_config(kStereo48k, 2) + bits("01") + bits("aa") +
                               bits("02") + bits("bbcc"))));
    REQUIRE(reader.frames().size() == 2);
    CHECK(formats::to_hex(reader.frames()[1]) == "bbcc");

    // Version 1 of the multiplex, HE-AAC told behind the core's configuration: 24 to 48 kHz.
    const std::string config = bits("131056e598");
    const std::string head =
        "0"
        "1"
        "0" +
        ("00" + bits("00")) +
        "1"
        "000000"
        "0000"
        "000" +
        ("00" + bits("28")) + config +
        "000"
        "11111111"
        "0"
        "0";
    REQUIRE(reader.read(packed(head + bits("01") + bits("dd"))));
    CHECK(formats::to_hex(reader.config()) == "131056e598");
    CHECK(reader.facts().sample_rate == 48000);
    CHECK(reader.facts().samples_per_frame == 2048);
    CHECK(reader.frames().size() == 1);
}

TEST_CASE("LATM that breaks its rules is an error and changes no configuration") {
    LatmReader reader;
    REQUIRE(reader.read(packed("0" + mux_config(kStereo48k) + bits("01") + bits("aa"))));
    CHECK_FALSE(reader.read(packed("1" + bits("09") + bits("aabb"))));
    CHECK_FALSE(reader.read({}));
    // Two layers, a reserved sampling frequency, and a codec that is no AAC.
    std::string layers = mux_config(kStereo48k);
    layers[14] = '1';
    CHECK(reader.read(packed("0" + layers)).error().code == Errc::kUnsupported);
    CHECK_FALSE(reader.read(packed("0" + mux_config(bits("1690")) + bits("01aa"))));
    std::string celp = mux_config(kStereo48k);
    celp[15 + 16] = '1';
    CHECK(reader.read(packed("0" + celp + bits("01aa"))).error().code == Errc::kUnsupported);
    CHECK(formats::to_hex(reader.config()) == "1190");
    REQUIRE(reader.read(packed("1" + bits("01") + bits("aa"))));
}
