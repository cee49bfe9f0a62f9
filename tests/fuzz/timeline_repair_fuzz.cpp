#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <utility>

#include <formats/byte_reader.hpp>
#include <ingest/timeline_repair.hpp>

namespace {

using namespace sg;

/// Aborts where the promises of TimedUnit and TimelineSink are broken.
class Judge final : public ingest::TimelineSink {
  public:
    void on_track(const ingest::LiveTrack& track) override { known_[track.id] = true; }
    void on_unit(ingest::TimedUnit unit) override {
        if (!known_[unit.track]) std::abort();
        if (unit.pts_ns < unit.dts_ns) std::abort();
        const auto last = last_.find(unit.track);
        if (last != last_.end() && unit.dts_ns <= last->second) std::abort();
        last_[unit.track] = unit.dts_ns;
    }
    void on_marker(ingest::TimedMarker /*marker*/) override {}
    void on_track_end(int track) override {
        if (!std::exchange(known_[track], false)) std::abort();
    }
    void on_discontinuity(const ingest::TimelineDiscontinuity& /*border*/) override {}

  private:
    std::map<int, bool> known_;
    std::map<int, std::int64_t> last_;
};

ingest::LiveTrack make_track(std::uint8_t what, int id) {
    ingest::LiveTrack track;
    track.id = id;
    const bool video = (what & 1U) != 0;
    track.config.codec = video ? formats::Codec::kH264 : formats::Codec::kAac;
    track.config.payload.assign(1, std::byte(what >> 4U));
    track.config.audio.sample_rate = video ? 0 : 8000U << (what >> 6U);
    track.config.audio.samples_per_frame = (what & 2U) != 0 ? 1024 : 0;
    track.config.video.frame_rate_num = (what & 4U) != 0 ? 30 : 0;
    return track;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    formats::ByteReader in(std::as_bytes(std::span(data, size)));
    Judge judge;
    ingest::TimelineRepair repair(judge);
    std::int64_t now = 0;
    unsigned session = repair.begin_session({1000, 32}, now);
    while (in.left() > 0) {
        const std::uint8_t op = in.u8();
        now += std::int64_t{in.u8()} * ((op & 8U) != 0 ? 100'000'000 : 1'000'000);
        const int track = op >> 6U;
        switch (op & 7U) {
            case 0:
                session = repair.begin_session({in.u32(), in.u8()}, now);
                break;
            case 1:
                repair.track(session, make_track(in.u8(), track), now);
                break;
            case 2:
                repair.end_track(session, track, now);
                break;
            case 3:
                repair.advance(now);
                repair.marker(session, {ingest::LiveMarker::Kind::kScte35, in.i64(), {}}, now);
                break;
            default: {
                ingest::LiveUnit unit;
                unit.track = track;
                unit.dts = (op & 4U) != 0 && (op & 3U) != 0 ? now / 1'000'000 + in.u8() : in.i64();
                unit.pts = unit.dts;
                if ((op & 16U) != 0) {
                    unit.pts =
                        static_cast<std::int64_t>(static_cast<std::uint64_t>(unit.dts) + in.u8());
                }
                unit.key = (op & 32U) != 0;
                repair.push(session, std::move(unit), now);
            }
        }
    }
    return 0;
}
