#include <algorithm>

#include <fmt/format.h>

#include "window_view.hpp"

// Media playlists of a view: RFC 8216bis.

namespace sg::live {
namespace {

using packagers::LiveSegment;
using std::chrono::seconds;

constexpr std::string_view kType = "application/vnd.apple.mpegurl";

std::int64_t segment_us(const LiveSegment& s) {
    return packagers::live_micros(s.duration, s.init->description.timescale);
}

std::int64_t part_target_us(const WindowConfig& config) {
    return config.low_latency
               ? std::chrono::duration_cast<std::chrono::microseconds>(config.part_target).count()
               : 0;
}

}  // namespace

/// RFC 8216bis §6.2.5.2.
Lookup::Outcome WindowView::check_directives(const RenditionState& r,
                                             const PlaylistDirectives& directives) const {
    using Outcome = Lookup::Outcome;
    if (directives.part && !directives.msn) return Outcome::kBadRequest;
    const bool ready =
        state_->config.low_latency && !joins_later(r) ? !r.empty() : !r.closed->empty();
    if (rendition_ended(r)) return ready ? Outcome::kFound : Outcome::kNotFound;
    if (!directives.msn) return ready ? Outcome::kFound : Outcome::kWait;
    const std::int64_t last = r.closed->empty() && r.open ? r.open->number - 1 : r.last_closed();
    if (*directives.msn > static_cast<std::uint64_t>(last + 2)) return Outcome::kBadRequest;
    const auto msn = static_cast<std::int64_t>(*directives.msn);
    if (msn == last && directives.part && state_->config.low_latency) {
        // Behind its last part: that is part 0 of the segment that follows.
        const SegmentEntry* newest = r.closed->find(last);
        const bool behind = newest != nullptr && newest->in_memory() &&
                            *directives.part >= newest->segment->parts.size();
        return !behind || r.has_parts() ? Outcome::kFound : Outcome::kWait;
    }
    if (msn <= last) return ready ? Outcome::kFound : Outcome::kWait;
    if (!directives.part || !state_->config.low_latency) return Outcome::kWait;
    const std::int64_t target_us = part_target_us(state_->config);
    const std::uint64_t advance =
        target_us < 1'000'000 ? static_cast<std::uint64_t>((3'000'000 + target_us - 1) / target_us)
                              : 3;
    const std::uint64_t parts =
        r.open && r.open->number == msn ? r.open->parts.size() : std::uint64_t{0};
    if (*directives.part < parts) return Outcome::kFound;
    return *directives.part - parts >= advance ? Outcome::kBadRequest : Outcome::kWait;
}

/// Has no segment yet, beside others that have: players that are offered its parts alone take it
/// for empty, and some never look again.
bool WindowView::joins_later(const RenditionState& r) const {
    return r.closed->empty() &&
           std::any_of(renditions_.begin(), renditions_.end(), [](const RenditionState& other) {
               return !other.ended && !other.closed->empty();
           });
}

std::int64_t WindowView::first_in_playlist(const RenditionState& r) const {
    if (r.closed->empty()) return r.open ? r.open->number : state_->first_listed;
    return std::max(state_->first_listed, r.closed->first_number());
}

std::int64_t WindowView::discontinuities_before(std::int64_t number) const {
    return state_->discontinuity_base + std::count_if(state_->discontinuities.begin(),
                                                      state_->discontinuities.end(),
                                                      [&](std::int64_t n) { return n < number; });
}

std::int64_t WindowView::skippable(const RenditionState& r, std::int64_t first) const {
    const std::int64_t boundary = packagers::live_skip_boundary_us(state_->config.target_seconds);
    std::int64_t after = r.open ? segment_us(*r.open) : 0;
    std::int64_t number = r.last_closed();
    for (; number >= first && after <= boundary; --number)
        after += segment_us(*r.closed->find(number)->segment);
    return std::max<std::int64_t>(0, number + 1 - first);
}

std::string WindowView::head(const RenditionState& r,
                             std::int64_t first,
                             std::int64_t skipped) const {
    packagers::LivePlaylistHead head;
    const WindowConfig& config = state_->config;
    head.target_seconds = config.target_seconds;
    head.media_sequence = first;
    head.discontinuity_sequence = discontinuities_before(first);
    head.event = config.length.count() == 0;
    head.independent = r.last_dependent < first;
    head.gaps = r.last_gap >= first;
    head.blocking_reload = !rendition_ended(r);
    // A client may skip only what it has: worth it when the window is longer than the boundary.
    head.can_skip =
        config.length.count() == 0 || config.length > seconds(6 * config.target_seconds);
    if (!rendition_ended(r)) head.part_target_us = part_target_us(config);
    head.skipped = skipped;
    const SegmentEntry* entry = r.closed->find(first);
    if (entry != nullptr && !entry->has_map)
        head.map_uri = entry->segment->init->description.init_file;
    else if (entry == nullptr && r.open && !r.open_has_map)
        head.map_uri = r.open->init->description.init_file;
    return packagers::live_playlist_head(head);
}

std::string WindowView::render_open(const RenditionState& r) const {
    std::string out;
    if (!state_->config.low_latency) return rendition_ended(r) ? "#EXT-X-ENDLIST\n" : out;
    if (r.has_parts())
        packagers::append_live_segment(
            *r.open, {packagers::LiveContainer::kCmaf, r.open_has_map, true}, out);
    if (rendition_ended(r)) {
        out += "#EXT-X-ENDLIST\n";
        return out;
    }
    const SegmentEntry* last = r.closed->find(r.last_closed());
    if (r.open)
        packagers::append_preload_hint(
            packagers::live_part_name(r.open->epoch, r.open->number, r.open->parts.size()), out);
    else if (last != nullptr && (last->in_memory() || last->segment->gap))
        // One of an earlier run does not tell what its follower will be called.
        packagers::append_preload_hint(
            packagers::live_part_name(last->segment->epoch, last->number() + 1, 0), out);
    for (const RenditionState& other : renditions_) {
        if (&other == &r || other.ended || other.empty()) continue;
        if (other.has_parts()) {
            packagers::append_rendition_report(
                other.name,
                other.open->number,
                static_cast<std::int64_t>(other.open->parts.size()) - 1,
                out);
            continue;
        }
        const SegmentEntry* newest = other.closed->find(other.last_closed());
        const auto parts = static_cast<std::int64_t>(newest->segment->parts.size());
        packagers::append_rendition_report(
            other.name, newest->number(), parts > 0 ? std::optional(parts - 1) : std::nullopt, out);
    }
    return out;
}

const std::shared_ptr<const std::vector<std::byte>>& WindowView::open_text(
    const RenditionState& r) const {
    OpenText& cache = open_texts_[static_cast<std::size_t>(&r - renditions_.data())];
    std::call_once(cache.once, [&] { cache.text = to_bytes(render_open(r)); });
    return cache.text;
}

Lookup WindowView::playlist(const RenditionState& r, const PlaylistDirectives& directives) const {
    Lookup out;
    out.outcome = check_directives(r, directives);
    if (out.outcome == Lookup::Outcome::kWait) return wait();
    if (out.outcome != Lookup::Outcome::kFound) return out;
    const std::int64_t first = first_in_playlist(r);
    const std::int64_t skipped = directives.skip ? skippable(r, first) : 0;
    Resource& list = out.resource;
    list.kind = ResourceKind::kPlaylist;
    list.content_type = kType;
    // Only segments are skipped: clients take date ranges that are not told for gone.
    auto begin = head(r, first, skipped);
    for (const auto& [number, lines] : r.closed->date_ranges)
        if (number >= first && number < first + skipped) begin += lines;
    list.pieces.push_back(text_piece(to_bytes(begin)));
    r.closed->append_lines(first + skipped, list.pieces);
    const auto& open = open_text(r);
    if (!open->empty()) list.pieces.push_back(text_piece(open));
    list.etag = fmt::format("{}-{}", serial_, skipped);
    const std::int64_t target = state_->config.target_seconds;
    // §6.2.5.2: what was waited for never changes; anything else is soon out of date.
    list.max_age = directives.msn || rendition_ended(r) ? seconds(6 * target)
                   : state_->config.low_latency         ? seconds(0)
                                                : seconds(std::max<std::int64_t>(1, target / 2));
    return out;
}

Lookup WindowView::ts_playlist(const RenditionState& r) const {
    const ClosedSegments& closed = *r.closed;
    if (closed.tail_ts_lines.offsets.empty()) return r.closed->empty() ? wait() : Lookup{};
    // From the newest back to the first that has none.
    std::size_t first = closed.tail.size();
    while (first > 0 && (closed.tail[first - 1]->ts || closed.tail[first - 1]->segment->gap) &&
           closed.tail[first - 1]->number() >= state_->first_listed)
        --first;
    if (first == closed.tail.size()) return wait();
    packagers::LivePlaylistHead head;
    head.container = packagers::LiveContainer::kTs;
    head.target_seconds = state_->config.target_seconds;
    head.media_sequence = closed.tail[first]->number();
    head.discontinuity_sequence = discontinuities_before(head.media_sequence);
    head.independent = r.last_dependent < head.media_sequence;
    head.gaps = r.last_gap >= head.media_sequence;
    Lookup out;
    out.outcome = Lookup::Outcome::kFound;
    Resource& list = out.resource;
    list.kind = ResourceKind::kPlaylist;
    list.content_type = kType;
    list.pieces.push_back(text_piece(to_bytes(packagers::live_playlist_head(head))));
    list.pieces.push_back(
        text_piece(closed.tail_ts_lines.text, closed.tail_ts_lines.offsets[first]));
    if (rendition_ended(r)) list.pieces.push_back(text_piece(to_bytes("#EXT-X-ENDLIST\n")));
    list.etag = fmt::format("{}-ts", serial_);
    list.max_age = seconds(std::max<std::int64_t>(1, state_->config.target_seconds / 2));
    return out;
}

}  // namespace sg::live
