#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <packagers/clean_cuts.hpp>
#include <packagers/live_rendition.hpp>

namespace sg::packagers {

struct LivePackagerConfig {
    std::string epoch;  ///< in every URL; another one after each start of the service
    std::int64_t first_number = 0;
    /// The first segment follows others, of an earlier epoch.
    bool continues = false;
    std::chrono::nanoseconds segment{std::chrono::seconds(4)};
    /// A key frame that comes so much sooner ends a segment as well: times in milliseconds, as RTMP
    /// has them, make a GOP a little shorter than it is.
    std::chrono::nanoseconds early{std::chrono::milliseconds(10)};
    /// EXT-X-TARGETDURATION. No segment outlasts it, rounded; at least `segment`.
    std::chrono::seconds target{6};
    std::chrono::nanoseconds part_target{std::chrono::milliseconds(500)};
    /// All pictures have their key frames at the same times: the rendition with the smallest ones
    /// leads, since it is made soonest.
    bool aligned = false;
    /// A rendition that stays this far behind the others no longer holds them up.
    std::chrono::nanoseconds stall{std::chrono::seconds(2)};
    std::chrono::seconds offset{10};  ///< K
};

/// Takes what a packager makes, in the calls that feed it. `rendition` counts up from 0 in order of
/// appearance and stays a name's number for the packager's lifetime.
class LiveOutput {
  public:
    virtual ~LiveOutput() = default;
    /// A new rendition, or its new configuration from the next segment on.
    virtual void on_rendition(std::size_t rendition,
                              const std::shared_ptr<const LiveInit>& init) = 0;
    virtual void on_rendition_end(std::size_t rendition) = 0;
    /// Without parts yet; called with the segment's first sample.
    virtual void on_segment_start(std::size_t rendition, const LiveSegment& segment) = 0;
    virtual void on_part(std::size_t rendition, const LivePart& part) = 0;
    virtual void on_segment_end(std::size_t rendition,
                                std::shared_ptr<const LiveSegment> segment) = 0;
    /// Wall clock at a time of the channel; asked once for each segment number.
    [[nodiscard]] virtual std::optional<WallTime> date_at(std::int64_t ns) = 0;
};

struct LivePackagerCounts {
    std::uint64_t dependent_segments = 0;  ///< begin without a key frame
    std::uint64_t forced_cuts = 0;         ///< a GOP outlasted the target duration
    std::uint64_t gap_segments = 0;
    std::uint64_t dropped_samples = 0;  ///< late, repeated, or undecodable without a key frame
    std::uint64_t bad_samples = 0;
    std::uint64_t stalls = 0;  ///< segments closed without waiting for a rendition any longer
};

/// Cuts all renditions of one channel at the same borders: segment numbers mean the same in all of
/// them. The leader, the first video rendition (or the smallest) or else the first, says where. The
/// others are held back until the leader has passed them, or has stalled. Not thread-safe, no
/// clock: time is the samples' own.
class LivePackager {
  public:
    /// At least one rendition, of different names. `output` is borrowed.
    [[nodiscard]] static Result<LivePackager> create(LivePackagerConfig config,
                                                     std::vector<LiveRenditionConfig> renditions,
                                                     LiveOutput& output);

    /// `rendition` as in LiveOutput. An error leaves the sample out, and what depends on it; the
    /// packager goes on. kBadData also for times minutes ahead, which need discontinuity().
    [[nodiscard]] Status add(std::size_t rendition, LiveSample sample);

    /// Closes all renditions at once; what follows begins a new timeline, with these
    /// configurations: those of known names keep their number, and their init segment if they are
    /// equal.
    [[nodiscard]] Status discontinuity(std::vector<LiveRenditionConfig> renditions);

    /// Closes everything. Nothing may follow.
    [[nodiscard]] Status finish();

    /// Of the segment that will be started next when all that are open are closed.
    [[nodiscard]] std::int64_t next_number() const;
    [[nodiscard]] const LivePackagerCounts& counts() const { return counts_; }

  private:
    struct Border {
        std::int64_t number = 0;
        std::int64_t start_ns = 0;
        std::optional<WallTime> date;
        bool discontinuity = false;
    };
    struct Rendition {
        explicit Rendition(LiveRenditionWriter w) : writer(std::move(w)) {}
        LiveRenditionWriter writer;
        bool active = true;
        bool needs_key = true;
        std::deque<LiveSample> waiting;
        LiveSegment segment;
        bool open = false;                ///< `segment` is being made
        bool announced = false;           ///< and has a sample
        std::optional<std::int64_t> end;  ///< of the segment before, if this goes on from it
        std::int64_t first_dts_ns = 0;    ///< of the segment
        std::int64_t last_dts_ns = 0;
        std::int64_t shown_until_ns = 0;  ///< what has come, if nothing follows soon
        std::int64_t last_key_ns = 0;
        std::int64_t gop_ns = 0;
        CleanCuts cuts;
        std::optional<std::int64_t> newest_ns;  ///< latest decode time that has come
    };

    LivePackager(LivePackagerConfig config, LiveOutput& output)
        : config_(std::move(config)), output_(&output), next_number_(config_.first_number) {
        discontinuity_next_ = config_.continues;
    }

    [[nodiscard]] Status set_renditions(std::vector<LiveRenditionConfig> configs);
    [[nodiscard]] bool leads_better(const Rendition& r, const Rendition& leader) const;
    [[nodiscard]] Status lead(LiveSample sample);
    [[nodiscard]] bool key_ends_segment(const Rendition& r, const LiveSample& sample) const;
    [[nodiscard]] bool must_cut(const Rendition& r, const LiveSample& sample) const;
    [[nodiscard]] std::int64_t next_without(const Rendition& leader) const;
    void push_border(std::int64_t start_ns);
    [[nodiscard]] Status drain(std::size_t index);
    [[nodiscard]] Status place(std::size_t index, LiveSample sample);
    [[nodiscard]] bool starts_segment(const Rendition& r,
                                      const LiveSample& sample,
                                      const Border& border) const;
    [[nodiscard]] Status emit(std::size_t index, LiveSample sample);
    [[nodiscard]] Status check_stalls();
    [[nodiscard]] Status follow(std::size_t index);
    void open(std::size_t index, const Border& border);
    void announce(std::size_t index, std::int64_t start);
    [[nodiscard]] Status close(std::size_t index,
                               std::optional<LiveRenditionWriter::Place> next,
                               std::optional<std::int64_t> end);
    [[nodiscard]] Status advance(std::size_t index,
                                 std::int64_t number,
                                 std::optional<LiveRenditionWriter::Place> next,
                                 std::optional<std::int64_t> end);
    [[nodiscard]] const Border& border(std::int64_t number) const;
    [[nodiscard]] Status flush();
    [[nodiscard]] std::int64_t horizon(bool of_leader) const;
    void trim_borders();
    void deliver(std::size_t index);

    LivePackagerConfig config_;
    LiveOutput* output_;
    std::vector<std::unique_ptr<Rendition>> renditions_;
    std::size_t leader_ = 0;
    std::deque<Border> borders_;  ///< of the segments that some rendition is in
    std::int64_t next_number_;
    bool discontinuity_next_ = false;
    bool flushing_ = false;
    std::vector<LivePart> parts_;
    LivePackagerCounts counts_;
};

}  // namespace sg::packagers
