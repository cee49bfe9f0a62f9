#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <formats/byte_reader.hpp>
#include <ingest/flv_depacketizer.hpp>
#include <ingest/timeline_repair.hpp>
#include <ingest/ts_depacketizer.hpp>

#include "ts_sections.hpp"

namespace {

using namespace sg;

struct NoTimeline final : ingest::TimelineSink {
    void on_track(const ingest::LiveTrack& /*track*/) override {}
    void on_unit(ingest::TimedUnit /*unit*/) override {}
    void on_marker(ingest::TimedMarker /*marker*/) override {}
    void on_track_end(int /*track*/) override {}
    void on_discontinuity(const ingest::TimelineDiscontinuity& /*border*/) override {}
};

/// On into the repair, as in a channel.
struct IntoRepair final : ingest::LiveSink {
    explicit IntoRepair(const ingest::LiveClock& clock) : session(repair.begin_session(clock, 0)) {}

    void on_track(const ingest::LiveTrack& track) override { repair.track(session, track, now); }
    void on_unit(ingest::LiveUnit unit) override {
        now += 10'000'000;
        repair.push(session, std::move(unit), now);
    }
    void on_marker(ingest::LiveMarker marker) override {
        repair.marker(session, std::move(marker), now);
    }
    void on_track_end(int track) override { repair.end_track(session, track, now); }
    void on_left_out(std::string_view what) override {
        if (what.empty()) __builtin_trap();
    }

    NoTimeline end;
    ingest::TimelineRepair repair{end};
    std::int64_t now = 0;
    unsigned session;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    formats::ByteReader in(std::as_bytes(std::span(data, size)));
    if ((in.u8() & 1U) != 0) {
        IntoRepair sink(ingest::TsDepacketizer::kClock);
        ingest::TsDepacketizer ts(sink);
        std::vector<std::byte> stream(in.rest().begin(), in.rest().end());
        tests::repair_sections(stream);
        const auto half = stream.size() / 2;
        ts.push(std::span(stream).first(half));
        ts.push(std::span(stream).subspan(half));
        ts.flush();
        return 0;
    }
    IntoRepair sink(ingest::FlvDepacketizer::kClock);
    ingest::FlvDepacketizer flv(sink);
    while (in.left() > 0) {
        const std::uint8_t type = in.u8();
        const std::uint32_t time = in.u16();
        const std::size_t length = in.u16();
        (void)flv.push(type, time, in.bytes(std::min(length, in.left()))).has_value();
    }
    return 0;
}
