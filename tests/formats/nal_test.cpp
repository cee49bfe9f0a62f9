#include <formats/av1.hpp>
#include <formats/bit_reader.hpp>
#include <formats/nal.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg::formats;

namespace {

std::vector<std::string> annex_b(std::string_view hex) {
    const auto bytes = from_hex(hex);
    AnnexBNals nals(bytes);
    std::vector<std::string> out;
    std::span<const std::byte> nal;
    while (nals.next(nal)) out.push_back(to_hex(nal));
    return out;
}

}  // namespace

TEST_CASE("Annex B units are found behind three- and four-byte start codes") {
    CHECK(annex_b("00000001 6742 000001 68ce 00000001 6588") ==
          std::vector<std::string>{"6742", "68ce", "6588"});
}

TEST_CASE("Annex B ignores what stands before the first start code and trailing zeros") {
    CHECK(annex_b("ffff 000001 6742 0000 000000") == std::vector<std::string>{"6742"});
    CHECK(annex_b("").empty());
    CHECK(annex_b("0000").empty());
    CHECK(annex_b("000001").empty());
    CHECK(annex_b("000001 000001 09f0") == std::vector<std::string>{"09f0"});
}

TEST_CASE("length-prefixed units end where their lengths say") {
    const auto bytes = from_hex("00000002 6742 00000000 00000001 09");
    LengthPrefixedNals nals(bytes, 4);
    std::span<const std::byte> nal;
    REQUIRE(nals.next(nal));
    CHECK(to_hex(nal) == "6742");
    REQUIRE(nals.next(nal));
    CHECK(to_hex(nal) == "09");
    CHECK_FALSE(nals.next(nal));
    CHECK_FALSE(nals.damaged());
}

TEST_CASE("a length that runs past the end is damage") {
    const auto bytes = from_hex("0003 6742");
    LengthPrefixedNals nals(bytes, 2);
    std::span<const std::byte> nal;
    CHECK_FALSE(nals.next(nal));
    CHECK(nals.damaged());
}

TEST_CASE("emulation prevention bytes are taken out") {
    CHECK(to_hex(unescape_nal(from_hex("00000300000301000003"))) == "00000000010000");
    CHECK(to_hex(unescape_nal(from_hex("000103"))) == "000103");
}

TEST_CASE("Exp-Golomb codes follow the standard's table") {
    // 1 010 011 00100 00101 1...
    const auto bytes = from_hex("a642 98e2 0480 8000");
    BitReader bits(bytes);
    CHECK(bits.ue() == 0);
    CHECK(bits.ue() == 1);
    CHECK(bits.ue() == 2);
    CHECK(bits.ue() == 3);
    CHECK(bits.ue() == 4);
    CHECK(bits.ok());
    const auto signs = from_hex("a642 98");
    BitReader signed_bits(signs);
    CHECK(signed_bits.se() == 0);
    CHECK(signed_bits.se() == 1);
    CHECK(signed_bits.se() == -1);
    CHECK(signed_bits.se() == 2);
    CHECK(signed_bits.se() == -2);
}

TEST_CASE("reading bits past the end gives zeros and is remembered") {
    const auto bytes = from_hex("ff");
    BitReader bits(bytes);
    CHECK(bits.u(9) == 0);
    CHECK_FALSE(bits.ok());
    CHECK(bits.ue() == 0);
    const auto zeros = from_hex("00000000000000000000");
    BitReader endless(zeros);
    CHECK(endless.ue() == 0);
    CHECK_FALSE(endless.ok());
}

TEST_CASE("H.264 access units tell IDR, recovery point and others apart") {
    const auto kind = [](std::string_view hex) {
        return access_unit_random_access(NalCodec::kH264, from_hex(hex), 0);
    };
    CHECK(kind("000001 09f0 000001 6742 000001 65b8") == RandomAccess::kClosed);
    CHECK(kind("000001 0601 000001 419a") == RandomAccess::kNone);
    CHECK(kind("000001 060604 000001 419a") == RandomAccess::kOpen);
}

TEST_CASE("HEVC access units tell IDR from CRA") {
    const auto kind = [](std::string_view hex) {
        return access_unit_random_access(NalCodec::kHevc, from_hex(hex), 4);
    };
    CHECK(kind("00000003 4601 50 00000003 2801 af") == RandomAccess::kClosed);  // IDR_N_LP
    CHECK(kind("00000003 2601 af") == RandomAccess::kClosed);                   // IDR_W_RADL
    CHECK(kind("00000003 2a01 af") == RandomAccess::kOpen);                     // CRA
    CHECK(kind("00000003 0201 d0") == RandomAccess::kNone);                     // TRAIL_R
}

TEST_CASE("OBUs are walked with and without sizes") {
    const auto bytes = from_hex("1200 0a03 aabbcc 30 1122");
    Obus obus(bytes);
    Obu obu;
    REQUIRE(obus.next(obu));
    CHECK(obu.type == kObuTemporalDelimiter);
    REQUIRE(obus.next(obu));
    CHECK(obu.type == kObuSequenceHeader);
    CHECK(to_hex(obu.payload) == "aabbcc");
    REQUIRE(obus.next(obu));
    CHECK(obu.type == kObuFrame);
    CHECK(to_hex(obu.payload) == "1122");
    CHECK_FALSE(obus.next(obu));
    CHECK_FALSE(obus.damaged());
}

TEST_CASE("an OBU that runs past the end is damage") {
    const auto bytes = from_hex("0a05 aabb");
    Obus obus(bytes);
    Obu obu;
    CHECK_FALSE(obus.next(obu));
    CHECK(obus.damaged());
}

TEST_CASE("an AV1 temporal unit is a random access point only with a shown key frame") {
    CHECK(av1_random_access(from_hex("1200 3202 1000")) == RandomAccess::kClosed);
    CHECK(av1_random_access(from_hex("1200 3202 0000")) == RandomAccess::kNone);  // hidden
    CHECK(av1_random_access(from_hex("1200 3202 3000")) == RandomAccess::kNone);  // inter
    CHECK(av1_random_access(from_hex("1200 1a01 80")) == RandomAccess::kNone);    // show existing
}
