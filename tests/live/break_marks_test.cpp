#include "break_marks.hpp"

#include <support/catch.hpp>

#include "../formats/hex_bytes.hpp"

using namespace sg;
using namespace sg::live;
using formats::from_hex;
using std::chrono::seconds;

namespace {

const auto kNoon = packagers::WallTime(seconds(1'780'000'000));

// SCTE 35, section 14.2: splice_insert, out of network for 60.293 s.
const auto kOut = from_hex(
    "fc302f000000000000fffff014054800008f7feffe7369c02efe0052ccf500000000000a0008435545490000013562"
    "dba30a");

}  // namespace

TEST_CASE("a break's begin is a date range with its planned length") {
    BreakMarks marks;
    const auto line = marks.line(kOut, kNoon);
    REQUIRE(line);
    CHECK(line->rfind(
              "#EXT-X-DATERANGE:ID=\"scte35-1207959695-1780000000000\",START-DATE=\"2026-05-28T"
              "20:26:40.000Z\",PLANNED-DURATION=60.294,SCTE35-OUT=0xFC302F",
              0) == 0);
    CHECK(line->back() == '\n');
}

TEST_CASE("a repeated section is told once") {
    BreakMarks marks;
    REQUIRE(marks.line(kOut, kNoon));
    CHECK_FALSE(marks.line(kOut, kNoon + seconds(1)));
}

TEST_CASE("a broken section is no date range") {
    BreakMarks marks;
    auto broken = kOut;
    broken[12] ^= std::byte{4};
    CHECK_FALSE(marks.line(broken, kNoon));
    CHECK_FALSE(marks.line({}, kNoon));
}
