#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include <ingest/timeline_repair.hpp>
#include <support/catch.hpp>

#include "../formats/hex_bytes.hpp"
#include "live_publisher.hpp"

// Decode and display order of pictures.

using namespace sg;
using namespace sg::tests;
using ingest::TimelineRepair;

namespace {

std::vector<std::byte> from_bits(const std::string& bits) {
    std::vector<std::byte> out((bits.size() + 7) / 8);
    for (std::size_t i = 0; i < bits.size(); ++i) {
        if (bits[i] == '1') out[i / 8] |= std::byte{0x80} >> static_cast<int>(i % 8);
    }
    return out;
}

}  // namespace

TEST_CASE("composition offsets pass, and pictures below their decode time are put right") {
    Recorder out;
    TimelineRepair repair(out);
    const unsigned session = repair.begin_session({1000, 32}, 0);
    repair.track(session, video_track(0), 0);
    constexpr std::array<std::int64_t, 4> kCts{80, 160, 40, 0};
    for (int i = 0; i < 400; ++i) {
        const std::int64_t dts = i * 40;
        const std::int64_t cts = i == 200 ? -30 : kCts[static_cast<std::size_t>(i) % 4];
        repair.push(session, {0, dts + cts, dts, i % 40 == 0, false, {}}, i * 40 * kMs);
    }
    CHECK(out.disorder().empty());
    const auto video = out.units(0);
    REQUIRE(video.size() == 400);
    CHECK(video[1].pts - video[1].dts == 160 * kMs);
    CHECK(video[399].pts - video[0].pts == (399 * 40 - 80) * kMs);
    CHECK(repair.counters().dts_fixed == 1);
}

TEST_CASE(
    "display times sent as decode times come out in display order from the next key frame on") {
    Recorder out;
    TimelineRepair repair(out);
    const unsigned session = repair.begin_session({1000, 32}, 0);
    repair.track(session, video_track(0), 0);
    // I P B B P B B: display order 0 3 1 2 6 4 5.
    constexpr std::array<int, 3> kOrder{2, 0, 1};
    for (int i = 0; i < 300; ++i) {
        const int in_gop = i % 31;
        const int shown =
            in_gop == 0 ? i
                        : i - (in_gop - 1) % 3 + kOrder[static_cast<std::size_t>(in_gop - 1) % 3];
        repair.push(session, {0, shown * 40, shown * 40, in_gop == 0, false, {}}, i * 40 * kMs);
    }
    CHECK(out.disorder().empty());
    std::vector<std::int64_t> shown;
    const auto video = out.units(0);
    for (std::size_t i = 62; i < 248; ++i) shown.push_back(video[i].pts);
    std::sort(shown.begin(), shown.end());
    for (std::size_t i = 1; i < shown.size(); ++i) CHECK(shown[i] - shown[i - 1] == 40 * kMs);
    CHECK(repair.counters().missing_cts > 200);
}

TEST_CASE("display times that are missing follow from the picture order counts") {
    Recorder out;
    TimelineRepair repair(out);
    const unsigned session = repair.begin_session({1000, 32}, 0);
    ingest::LiveTrack track = video_track(0);
    // Main profile, 4 bits of frame_num, 6 of the count, one macroblock, frames only.
    track.config.parameter_sets = {
        from_bits("01100111"
                  "01001101"
                  "00000000"
                  "00011110"
                  "1"
                  "1"
                  "1"
                  "011"
                  "010"
                  "0"
                  "1"
                  "1"
                  "1"
                  "100")};
    repair.track(session, track, 0);
    constexpr std::array<int, 4> kShown{4, 2, 1, 3};  // a pyramid: P B b b
    for (int i = 0; i < 410; ++i) {
        const int in_gop = i % 41;
        const int shown =
            in_gop == 0 ? 0
                        : (in_gop - 1) / 4 * 4 + kShown[static_cast<std::size_t>(in_gop - 1) % 4];
        std::string bits = in_gop == 0 ? "01100101" : "01000001";
        bits +=
            "1"
            "1"
            "1"
            "0000";                    // first_mb, type, pps, frame_num
        if (in_gop == 0) bits += "1";  // idr_pic_id
        for (int bit = 5; bit >= 0; --bit) bits += (shown * 2 % 64 >> bit & 1) != 0 ? '1' : '0';
        std::vector<std::byte> unit(4, std::byte{0});
        const std::vector<std::byte> nal = from_bits(bits + "1111111111");
        unit[3] = static_cast<std::byte>(nal.size());
        unit.insert(unit.end(), nal.begin(), nal.end());
        repair.push(
            session, {0, i * 40, i * 40, in_gop == 0, false, std::move(unit)}, i * 40 * kMs);
        if (i < 41) continue;
        // Two pictures of delay suffice for this pyramid.
        const std::int64_t wanted = (i - in_gop + shown + 2) * 40 * kMs;
        CHECK(std::abs(out.units(0).back().pts - TimelineRepair::kOriginNs - wanted) < kMs);
    }
    CHECK(out.disorder().empty());
    CHECK(repair.counters().missing_cts > 200);
}

TEST_CASE("the same for HEVC, also where GOPs begin with a CRA picture") {
    Recorder out;
    TimelineRepair repair(out);
    const unsigned session = repair.begin_session({1000, 32}, 0);
    ingest::LiveTrack track = video_track(0);
    track.config.codec = formats::Codec::kHevc;
    // Of x265: 25 pictures a second, 8 bits of the count.
    track.config.parameter_sets = {
        formats::from_hex("40010c01ffff01600000030090000003000003003c959409"),
        formats::from_hex("42010101600000030090000003000003003ca00a080c1f3e595952930bc05a0200000300"
                          "02000003003210"),
        formats::from_hex("4401c073c189")};
    repair.track(session, track, 0);
    constexpr std::array<int, 4> kShown{4, 2, 1, 3};
    for (int i = 0; i < 410; ++i) {
        const int in_gop = i % 41;
        const int shown =
            in_gop == 0 ? 0
                        : (in_gop - 1) / 4 * 4 + kShown[static_cast<std::size_t>(in_gop - 1) % 4];
        // One IDR, then CRA pictures, which go on counting.
        const int count = i - in_gop + shown;
        std::string bits = i == 0        ? "0010011000000001"
                           : in_gop == 0 ? "0010101000000001"
                                         : "0000001000000001";
        bits += in_gop == 0 ? "10" : "1";  // first slice, no_output_of_prior_pics
        bits +=
            "1"
            "1";  // picture parameter set, type
        for (int bit = 7; i > 0 && bit >= 0; --bit) bits += (count >> bit & 1) != 0 ? '1' : '0';
        std::vector<std::byte> unit(4, std::byte{0});
        const std::vector<std::byte> nal = from_bits(bits + "1111111111");
        unit[3] = static_cast<std::byte>(nal.size());
        unit.insert(unit.end(), nal.begin(), nal.end());
        repair.push(
            session, {0, i * 40, i * 40, in_gop == 0, false, std::move(unit)}, i * 40 * kMs);
        if (i < 41) continue;
        const std::int64_t wanted = (count + 2) * 40 * kMs;
        CHECK(std::abs(out.units(0).back().pts - TimelineRepair::kOriginNs - wanted) < kMs);
    }
    CHECK(out.disorder().empty());
    CHECK(repair.counters().missing_cts > 200);
}
