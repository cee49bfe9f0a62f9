#include <formats/scte35.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg;
using namespace sg::formats;
using scte35::Splice;

namespace {

// The examples of SCTE 35, section 14.
constexpr const char* kOpportunity =
    "fc3034000000000000fffff00506fe72bd0050001e021c435545494800008e7fcf0001a599b008080000000"
    "02ca0a18a3402009ac9d17e";
constexpr const char* kBreak =
    "fc302f000000000000fffff014054800008f7feffe7369c02efe0052ccf500000000000a0008435545490000013562"
    "dba30a";

}  // namespace

TEST_CASE("splice_insert begins a break at a time and for a time") {
    const auto splice = scte35::parse_section(from_hex(kBreak));
    REQUIRE(splice);
    CHECK(splice->command == Splice::Command::kInsert);
    CHECK(splice->event_id == 0x4800008f);
    CHECK(splice->out_of_network);
    CHECK(splice->pts == 0x7369c02eU);
    CHECK(splice->duration == 0x52ccf5U);
    CHECK_FALSE(splice->segmentation_type);
}

TEST_CASE("time_signal takes its event from the segmentation descriptor") {
    const auto splice = scte35::parse_section(from_hex(kOpportunity));
    REQUIRE(splice);
    CHECK(splice->command == Splice::Command::kTimeSignal);
    CHECK(splice->event_id == 0x4800008e);
    CHECK(splice->pts == 0x72bd0050U);
    CHECK(splice->duration == 0x1a599b0U);
    CHECK(splice->segmentation_type == 0x34);
}

TEST_CASE("a splice section with a flipped bit is refused") {
    auto section = from_hex(kBreak);
    section[20] ^= std::byte{1};
    const auto splice = scte35::parse_section(section);
    REQUIRE_FALSE(splice);
    CHECK(splice.error().code == Errc::kBadData);
}

TEST_CASE("a splice section that is cut short anywhere is refused") {
    const auto section = from_hex(kOpportunity);
    for (std::size_t size = 0; size < section.size(); ++size)
        CHECK_FALSE(scte35::parse_section(std::span(section).first(size)));
}
