#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <formats/ts_demuxer.hpp>
#include <ingest/live_unit.hpp>

namespace sg::ingest {

class ParameterSets;

/// One program of a transport stream as a live input's tracks and units: track ids are PIDs.
/// Video is Annex B as sent, AAC without its ADTS headers. At the start units wait until all tracks
/// that the table promises have told their configuration, half a second of media at most, or five
/// while the first key frame is still to come: so that they begin together. Takes hostile bytes.
class TsDepacketizer final : private formats::ts::DemuxSink {
  public:
    static constexpr LiveClock kClock{90000, 33};

    struct Options {
        unsigned program = 0;  ///< its number; 0: the first in the table that has media
    };
    struct Counters {
        std::uint64_t before_key = 0;  ///< pictures before the first key frame with parameters
        std::uint64_t without_time = 0;
        std::uint64_t bad_configs = 0;  ///< parameter sets or frame headers that break their rules
        std::uint64_t other_programs = 0;  ///< units of programs not chosen
    };

    TsDepacketizer(LiveSink& sink, Options options)
        : sink_(sink), options_(options), demuxer_(*this) {}
    explicit TsDepacketizer(LiveSink& sink) : TsDepacketizer(sink, Options{}) {}
    TsDepacketizer(const TsDepacketizer&) = delete;
    TsDepacketizer& operator=(const TsDepacketizer&) = delete;

    void push(std::span<const std::byte> bytes) { demuxer_.push(bytes); }
    /// The input ended: delivers what is still gathered.
    void flush() {
        demuxer_.flush();
        release();
    }

    [[nodiscard]] const Counters& counters() const { return counters_; }
    [[nodiscard]] const formats::ts::DemuxCounters& demux_counters() const {
        return demuxer_.counters();
    }
    /// The program that is delivered; 0 before there is one.
    [[nodiscard]] int program() const { return program_; }

  private:
    using Bytes = std::span<const std::byte>;

    struct TrackState {
        TrackState();
        ~TrackState();

        formats::ts::Track source;
        LiveTrack track;
        bool announced = false;
        bool refused = false;                 ///< told in left_out()
        bool started = false;                 ///< video: its first key frame has come
        std::vector<std::byte> header;        ///< audio: what `track.config` was made from
        std::unique_ptr<ParameterSets> sets;  ///< video: those of `track.config`
        /// Sets that a damaged key frame brought: two that agree are believed.
        std::vector<std::byte> doubtful;
    };

    void on_programs(std::span<const formats::ts::Program> programs) override;
    void on_unit(const formats::ts::AccessUnit& unit) override;
    void on_section(const formats::ts::Section& section) override;
    void on_clock(unsigned pid, std::int64_t clock, bool discontinuity) override;

    [[nodiscard]] const formats::ts::Program* choose(
        std::span<const formats::ts::Program> programs) const;
    void take_program(const formats::ts::Program& chosen);
    void leave_out(std::string what);
    /// Units come of programs while others have not been described yet.
    void wait_for_tables(const formats::ts::AccessUnit& unit);
    /// Of a key frame; false when nothing says how to decode it.
    bool prepare_video(TrackState& state, const formats::ts::AccessUnit& unit);
    /// False when the frame cannot be delivered.
    bool prepare_audio(TrackState& state, const formats::ts::AccessUnit& unit, Bytes& payload);
    bool configure(TrackState& state, formats::Codec codec, std::vector<std::byte> header);
    bool take(TrackState& state, Result<formats::CodecConfig> config);
    void deliver(LiveUnit unit);
    [[nodiscard]] bool may_begin(const LiveUnit& newest) const;
    void release();

    LiveSink& sink_;
    Options options_;
    int program_ = 0;
    std::map<unsigned, TrackState> tracks_;
    std::vector<formats::ts::Program> undecided_;  ///< programs, while it is open which one counts
    std::optional<std::int64_t> undecided_since_;  ///< 90 kHz
    std::set<std::string> left_out_;
    Counters counters_;
    bool begun_ = false;
    std::vector<LiveUnit> held_;  ///< until it has begun
    std::size_t held_bytes_ = 0;
    formats::ts::TsDemuxer demuxer_;
};

}  // namespace sg::ingest
