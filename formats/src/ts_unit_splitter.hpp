#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <formats/ts_demuxer.hpp>

namespace sg::formats::ts {

inline constexpr std::int64_t kTimeMask = (std::int64_t{1} << 33) - 1;

/// a - b on the circle of 2^33.
inline std::int64_t time_difference(std::int64_t a, std::int64_t b) {
    const std::int64_t d = (a - b) & kTimeMask;
    return d > kTimeMask / 2 ? d - kTimeMask - 1 : d;
}

struct PesTimes {
    std::optional<std::int64_t> pts;
    std::optional<std::int64_t> dts;
};

/// Takes the payload of one PID's PES packets, gives whole access units.
class UnitSplitter {
  public:
    using Out = std::function<void(AccessUnit&)>;

    UnitSplitter(DemuxCounters& counters, Out out) : counters_(counters), out_(std::move(out)) {}
    virtual ~UnitSplitter() = default;
    UnitSplitter(const UnitSplitter&) = delete;
    UnitSplitter& operator=(const UnitSplitter&) = delete;

    virtual void begin_pes(const PesTimes& times) = 0;
    virtual void data(std::span<const std::byte> bytes) = 0;
    /// The last byte of a PES packet has come, and it may well end an access unit too.
    virtual void end_pes() = 0;
    /// Bytes are missing between what came and what comes next.
    virtual void lost() = 0;
    virtual void flush() = 0;
    [[nodiscard]] virtual std::size_t buffered() const = 0;
    /// Gives up what is gathered.
    virtual void drop() = 0;
    /// The sender announced that times jump here.
    void announce_discontinuity() { discontinuity_ = true; }

  protected:
    void deliver(AccessUnit& unit) {
        unit.discontinuity = discontinuity_;
        discontinuity_ = false;
        if (unit.damaged) ++counters_.damaged_units;
        out_(unit);
    }
    void mark_discontinuity() { discontinuity_ = true; }
    [[nodiscard]] DemuxCounters& counters() { return counters_; }

  private:
    DemuxCounters& counters_;
    Out out_;
    bool discontinuity_ = false;
};

[[nodiscard]] std::unique_ptr<UnitSplitter> make_video_splitter(NalCodec codec,
                                                                std::size_t max_bytes,
                                                                DemuxCounters& counters,
                                                                UnitSplitter::Out out);

/// For the audio formats of TrackFormat.
[[nodiscard]] std::unique_ptr<UnitSplitter> make_audio_splitter(TrackFormat format,
                                                                DemuxCounters& counters,
                                                                UnitSplitter::Out out);

}  // namespace sg::formats::ts
