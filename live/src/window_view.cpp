#include "window_view.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sg::live {
namespace {

using packagers::LiveSegment;
using std::chrono::seconds;

constexpr std::string_view kHlsType = "application/vnd.apple.mpegurl";
constexpr std::string_view kDashType = "application/dash+xml";
/// Names are never used again with other bytes.
constexpr seconds kForever{365 * 24 * 3600};

Lookup not_found() {
    return {};
}

Lookup found(Resource resource) {
    Lookup out;
    out.outcome = Lookup::Outcome::kFound;
    out.resource = std::move(resource);
    return out;
}

MediaBytes whole(const packagers::SharedBytes& bytes) {
    MediaBytes piece;
    piece.memory = bytes;
    piece.bytes = bytes->size();
    return piece;
}

std::string_view media_type(const packagers::LiveInit& init) {
    return init.description.type == packagers::TrackType::kVideo ? "video/mp4" : "audio/mp4";
}

}  // namespace

std::string MultivariantText::render() const {
    return packagers::live_multivariant(renditions);
}

std::string TsMultivariantText::render() const {
    return packagers::live_ts_multivariant(renditions, sound);
}

WindowView::WindowView(std::shared_ptr<const WindowState> state,
                       std::vector<RenditionState> renditions,
                       bool ended,
                       std::uint64_t serial)
    : state_(std::move(state)),
      renditions_(std::move(renditions)),
      ended_(ended),
      serial_(serial),
      open_texts_(renditions_.size()) {}

Lookup WindowView::wait() const {
    Lookup out;
    if (ended_) return out;
    out.outcome = Lookup::Outcome::kWait;
    out.wait_limit = seconds(3 * state_->config.target_seconds);
    return out;
}

const RenditionState* WindowView::rendition(std::string_view name) const {
    const auto found = std::find_if(renditions_.begin(),
                                    renditions_.end(),
                                    [&](const RenditionState& r) { return r.name == name; });
    return found == renditions_.end() ? nullptr : &*found;
}

Lookup WindowView::text(ResourceKind kind,
                        const LazyText& from,
                        std::string_view type,
                        seconds max_age) const {
    Resource out;
    out.kind = kind;
    out.content_type = type;
    out.pieces.push_back(text_piece(from.get()));
    out.etag = fmt::format("{}", from.version());
    out.max_age = max_age;
    return found(std::move(out));
}

Lookup WindowView::find(std::string_view path, const PlaylistDirectives& directives) const {
    const auto parsed = parse_resource_path(path);
    if (!parsed) return not_found();
    using Kind = ResourcePath::Kind;
    if (parsed->kind == Kind::kMultivariant || parsed->kind == Kind::kManifest) {
        const bool dash = parsed->kind == Kind::kManifest;
        if (dash ? !state_->config.dash : !state_->config.hls) return not_found();
        if (!state_->ready || (dash && !state_->manifest)) return wait();
        return dash ? text(ResourceKind::kManifest, *state_->manifest, kDashType, seconds(1))
                    : text(ResourceKind::kPlaylist,
                           *state_->multivariant,
                           kHlsType,
                           seconds(state_->config.target_seconds));
    }
    if (parsed->kind == Kind::kTsMultivariant) {
        if (!state_->config.hls || !state_->config.ts) return not_found();
        if (!state_->ts_multivariant) return wait();
        return text(ResourceKind::kPlaylist,
                    *state_->ts_multivariant,
                    kHlsType,
                    seconds(state_->config.target_seconds));
    }
    const RenditionState* r = rendition(parsed->rendition);
    if (r == nullptr) return not_found();
    switch (parsed->kind) {
        case Kind::kPlaylist:
            return state_->config.hls ? playlist(*r, directives) : not_found();
        case Kind::kTsPlaylist:
            return state_->config.hls ? ts_playlist(*r) : not_found();
        case Kind::kInit:
            return init(*r, parsed->file);
        case Kind::kPart:
            return part(*r, *parsed);
        default:
            return segment(*r, *parsed);
    }
}

Lookup WindowView::init(const RenditionState& r, std::string_view file) const {
    std::shared_ptr<const packagers::LiveInit> wanted;
    if (r.init->description.init_file == file) wanted = r.init;
    // Older ones belong to segments between two discontinuities.
    const ClosedSegments& closed = *r.closed;
    const auto look = [&](std::int64_t number) {
        const SegmentEntry* e = closed.find(number);
        if (e != nullptr && e->segment->init->description.init_file == file)
            wanted = e->segment->init;
    };
    if (!wanted && !closed.empty()) {
        look(closed.first_number());
        look(closed.end_number() - 1);
        for (const std::int64_t number : state_->kept_discontinuities) look(number);
    }
    if (!wanted) return not_found();
    Resource out;
    out.kind = ResourceKind::kInit;
    out.content_type = media_type(*wanted);
    out.pieces.push_back(whole(wanted->bytes));
    out.etag = std::string(file);
    out.max_age = kForever;
    return found(std::move(out));
}

Lookup WindowView::segment(const RenditionState& r, const ResourcePath& path) const {
    Resource out;
    out.kind = ResourceKind::kSegment;
    out.etag = std::string(path.file);
    out.max_age = kForever;
    out.content_type = media_type(*r.init);
    const bool ts = path.kind == ResourcePath::Kind::kTsSegment;
    if (const SegmentEntry* e = r.closed->find(path.number); e != nullptr) {
        const LiveSegment& s = *e->segment;
        if (s.epoch != path.epoch || s.gap) return not_found();
        if (ts) {
            if (!e->ts) return not_found();
            out.content_type = "video/mp2t";
            out.pieces.push_back(whole(e->ts));
            return found(std::move(out));
        }
        if (e->in_memory()) {
            for (const packagers::LivePart& p : s.parts) out.pieces.push_back(whole(p.bytes));
        } else {
            out.pieces.push_back(e->stored);
        }
        return found(std::move(out));
    }
    if (ts || rendition_ended(r)) return not_found();
    if (r.open && r.open->number == path.number) {
        if (r.open->epoch != path.epoch) return not_found();
        if (!state_->config.low_latency || r.open->parts.empty()) return wait();
        for (const packagers::LivePart& p : r.open->parts) out.pieces.push_back(whole(p.bytes));
        out.complete = false;
        out.etag.clear();
        return found(std::move(out));
    }
    const std::int64_t next = r.open ? r.open->number + 1 : r.last_closed() + 1;
    return path.number == next ? wait() : not_found();
}

Lookup WindowView::part(const RenditionState& r, const ResourcePath& path) const {
    const LiveSegment* s = nullptr;
    bool closed = false;
    if (const SegmentEntry* e = r.closed->find(path.number); e != nullptr) {
        s = e->segment.get();
        closed = true;
    } else if (r.open && r.open->number == path.number) {
        s = r.open.get();
    }
    if (s != nullptr) {
        if (s->epoch != path.epoch) return not_found();
        if (path.part < s->parts.size()) {
            Resource out;
            out.kind = ResourceKind::kPart;
            out.content_type = media_type(*s->init);
            out.pieces.push_back(whole(s->parts[path.part].bytes));
            out.etag = std::string(path.file);
            out.max_age = kForever;
            return found(std::move(out));
        }
        const bool hinted = !closed && path.part == s->parts.size();
        return hinted && !rendition_ended(r) ? wait() : not_found();
    }
    // The hint behind a segment that has just been closed.
    const bool hinted = !r.open && path.number == r.last_closed() + 1 && path.part == 0;
    return hinted && !rendition_ended(r) ? wait() : not_found();
}

}  // namespace sg::live
