#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <live/playback.hpp>
#include <live/window.hpp>

#include <packagers/live_dash.hpp>

#include "closed_segments.hpp"
#include "period_log.hpp"
#include "resource_path.hpp"

namespace sg::live {

/// A rendition at one moment.
struct RenditionState {
    std::string name;
    std::shared_ptr<const packagers::LiveInit> init;  ///< of the newest segment
    std::shared_ptr<const ClosedSegments> closed;
    std::shared_ptr<const packagers::LiveSegment> open;  ///< null between segments
    bool open_has_map = false;
    bool ended = false;
    std::int64_t last_dependent = -1;  ///< number of the newest segment without a key frame first
    std::int64_t last_gap = -1;

    [[nodiscard]] bool has_parts() const { return open && !open->parts.empty(); }
    /// Number of the newest complete segment, -1 without.
    [[nodiscard]] std::int64_t last_closed() const { return closed->end_number() - 1; }
    [[nodiscard]] bool empty() const { return closed->empty() && !has_parts(); }
};

/// A text that changes with segments, not with parts; made when it is first asked for. Any thread.
class LazyText {
  public:
    explicit LazyText(std::uint64_t version) : version_(version) {}
    virtual ~LazyText() = default;
    [[nodiscard]] std::uint64_t version() const { return version_; }
    [[nodiscard]] const std::shared_ptr<const std::vector<std::byte>>& get() const {
        std::call_once(once_, [this] { text_ = to_bytes(render()); });
        return text_;
    }

  private:
    [[nodiscard]] virtual std::string render() const = 0;
    std::uint64_t version_;
    mutable std::once_flag once_;
    mutable std::shared_ptr<const std::vector<std::byte>> text_;
};

struct MultivariantText final : LazyText {
    using LazyText::LazyText;
    std::vector<packagers::LiveRenditionSummary> renditions;
    [[nodiscard]] std::string render() const override;
};

struct TsMultivariantText final : LazyText {
    using LazyText::LazyText;
    std::vector<packagers::LiveRenditionSummary> renditions;
    std::optional<packagers::TrackDescription> sound;
    [[nodiscard]] std::string render() const override;
};

struct ManifestText final : LazyText {
    using LazyText::LazyText;
    struct Track {
        std::shared_ptr<const ClosedSegments> closed;
        packagers::LiveRenditionSummary summary;
        std::shared_ptr<const packagers::LiveInit> init;
        std::string epoch;
    };
    std::vector<Track> tracks;
    std::vector<PeriodMark> periods;
    std::int64_t first_listed = 0;
    std::int64_t newest_started = 0;
    packagers::LiveDashOptions options;
    [[nodiscard]] std::string render() const override;
};

/// What all views between two segment ends share.
struct WindowState {
    WindowConfig config;
    std::int64_t first_listed = 0;
    std::int64_t discontinuity_base = 0;
    std::vector<std::int64_t> discontinuities;       ///< numbers, from first_listed on
    std::vector<std::int64_t> kept_discontinuities;  ///< also of segments that left the playlists
    bool ready = false;                              ///< the presentation can be started
    std::shared_ptr<const MultivariantText> multivariant;
    std::shared_ptr<const TsMultivariantText> ts_multivariant;  ///< null: no transport streams yet
    std::shared_ptr<const ManifestText> manifest;               ///< null: not yet, or not wanted
};

class WindowView final : public ChannelView {
  public:
    WindowView(std::shared_ptr<const WindowState> state,
               std::vector<RenditionState> renditions,
               bool ended,
               std::uint64_t serial);

    [[nodiscard]] Lookup find(std::string_view path,
                              const PlaylistDirectives& directives) const override;
    [[nodiscard]] bool ended() const override { return ended_; }

  private:
    struct OpenText {
        std::once_flag once;
        std::shared_ptr<const std::vector<std::byte>> text;
    };

    [[nodiscard]] Lookup wait() const;
    [[nodiscard]] Lookup text(ResourceKind kind,
                              const LazyText& from,
                              std::string_view type,
                              std::chrono::seconds max_age) const;
    [[nodiscard]] const RenditionState* rendition(std::string_view name) const;
    [[nodiscard]] Lookup playlist(const RenditionState& r,
                                  const PlaylistDirectives& directives) const;
    [[nodiscard]] Lookup ts_playlist(const RenditionState& r) const;
    [[nodiscard]] Lookup init(const RenditionState& r, std::string_view file) const;
    [[nodiscard]] Lookup segment(const RenditionState& r, const ResourcePath& path) const;
    [[nodiscard]] Lookup part(const RenditionState& r, const ResourcePath& path) const;

    [[nodiscard]] bool rendition_ended(const RenditionState& r) const { return ended_ || r.ended; }
    [[nodiscard]] bool joins_later(const RenditionState& r) const;
    [[nodiscard]] std::int64_t first_in_playlist(const RenditionState& r) const;
    [[nodiscard]] std::int64_t discontinuities_before(std::int64_t number) const;
    [[nodiscard]] std::int64_t skippable(const RenditionState& r, std::int64_t first) const;
    [[nodiscard]] std::string head(const RenditionState& r,
                                   std::int64_t first,
                                   std::int64_t skipped) const;
    [[nodiscard]] const std::shared_ptr<const std::vector<std::byte>>& open_text(
        const RenditionState& r) const;
    [[nodiscard]] std::string render_open(const RenditionState& r) const;
    [[nodiscard]] Lookup::Outcome check_directives(const RenditionState& r,
                                                   const PlaylistDirectives& directives) const;

    std::shared_ptr<const WindowState> state_;
    std::vector<RenditionState> renditions_;
    bool ended_;
    std::uint64_t serial_;
    mutable std::vector<OpenText> open_texts_;  ///< beside `renditions_`
};

}  // namespace sg::live
