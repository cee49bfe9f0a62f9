#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <engine/live_link.hpp>
#include <pipeline/stage.hpp>

// A machine that is too slow must leave out work as early as it can and never wait: what a decoder
// or an encoder has no time for is not sent to it.

namespace sg::engine {

/// How far a lane is behind what is sent to it. One thread sends, another takes. Times ascend, in
/// any unit.
class LiveBacklog {
  public:
    void sent(std::int64_t at);
    void taken(std::int64_t at) { taken_.store(at, std::memory_order_relaxed); }
    /// How long what waits has been waiting when `at` comes; 0 when all is taken.
    [[nodiscard]] std::int64_t behind(std::int64_t at) const;
    /// Whether `at` may be sent without the backlog getting longer than `most`. What comes while
    /// the lane starts waits up to `at_start`, once.
    [[nodiscard]] bool has_room(std::int64_t at, std::int64_t most, std::int64_t at_start);
    /// For the one that takes: how far what was sent last is ahead of `at`.
    [[nodiscard]] std::int64_t ahead_of(std::int64_t at) const {
        return last_.load(std::memory_order_relaxed) - at;
    }
    [[nodiscard]] bool caught_up() const { return caught_up_.load(std::memory_order_relaxed); }

  private:
    std::optional<std::int64_t> first_;
    std::atomic<std::int64_t> last_{0};
    std::atomic<bool> caught_up_{false};
    std::atomic<std::int64_t> taken_{INT64_MIN};
};

/// At the front of a decoder's lane: what passes is taken.
class LiveIntakeStage final : public pipeline::Stage {
  public:
    explicit LiveIntakeStage(LiveBacklog& backlog) : backlog_(backlog) {}

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    LiveBacklog& backlog_;
};

/// In front of a rung's scaling: pictures wait for its encoder as long as a burst of the network
/// lasts, and much shorter once it has turned out too slow. One goes at least each 300 ms, as long
/// as the encoder gets on at all, since a picture cannot be shared out over low-latency parts.
/// Frames are numbers of the rung's grid.
class PictureGate {
  public:
    explicit PictureGate(std::int64_t frame_ns) : frame_ns_(frame_ns) {}

    /// `marked`: it starts a GOP, which no rung may go without. False: leave it out.
    [[nodiscard]] bool take(std::int64_t frame, bool marked);
    /// For the encoder: a frame that was sent while it started, and has become too old since.
    [[nodiscard]] bool stale(std::int64_t frame) const;
    /// Whether nothing for so many frames is a hole that nobody should make.
    [[nodiscard]] bool too_long(std::int64_t frames) const;
    [[nodiscard]] LiveBacklog& backlog() { return backlog_; }

  private:
    std::int64_t frame_ns_;
    LiveBacklog backlog_;
    std::int64_t tight_until_ = INT64_MIN;
};

/// At the front of a rung's encoder: drops what is stale, unless a Cue marks it or the hole gets
/// too long.
class PictureIntakeStage final : public pipeline::Stage {
  public:
    explicit PictureIntakeStage(PictureGate& gate) : gate_(gate) {}

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    PictureGate& gate_;
    std::int64_t last_ = 0;  ///< frame that passed
    bool marked_ = false;
};

/// In front of a video decoder: pictures that no other refers to go first, then all up to a key
/// frame. What waits at the start, while the decoder catches up with what was before, stays.
class PacketGate {
  public:
    /// False: leave it out, and tell.
    [[nodiscard]] bool take(std::int64_t dts_ns, bool key, bool disposable);
    [[nodiscard]] LiveBacklog& backlog() { return backlog_; }
    /// What follows is another configuration: it begins with a key frame.
    void restart() { needs_key_ = false; }

  private:
    LiveBacklog backlog_;
    bool needs_key_ = false;
};

/// No other picture refers to this access unit (ITU-T H.264 section 7.4.1, nal_ref_idc; H.265 table
/// 7-1, sub-layer non-reference pictures).
[[nodiscard]] bool is_disposable(const LiveSourceTrack& track, std::span<const std::byte> unit);

}  // namespace sg::engine
