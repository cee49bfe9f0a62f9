#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "verify_model.hpp"
#include "verify_names.hpp"

namespace sg::engine {
namespace {

namespace mpd = formats::mpd;

std::optional<ByteRange> range_of(const std::optional<mpd::ByteRange>& r) {
    if (!r || r->last < r->first) return std::nullopt;
    return ByteRange{r->first, r->last - r->first + 1};
}

class DashLoader {
  public:
    DashLoader(VerifyRun& run, std::string name) : run_(run), name_(std::move(name)) {}

    Status load();

  private:
    void check_document();
    Status representation(std::size_t period, std::size_t set, const mpd::Representation& r);
    /// Nothing when it is wrong, which is then in the book.
    std::optional<Track> templated(const mpd::Representation& r,
                                   const std::string& base,
                                   DashUse& use);
    Result<std::optional<Track>> indexed(const mpd::Representation& r,
                                         const std::string& base,
                                         DashUse& use);
    std::size_t track_for(Track track);
    void fail(const std::string& detail) { run_.checks.fail(kind::kDashManifest, name_, detail); }

    VerifyRun& run_;
    std::string name_;
    const mpd::Mpd* doc_ = nullptr;
    std::vector<DashUse> uses_;
};

Status DashLoader::load() {
    ObjectBytes bytes;
    if (auto status = run_.fetcher.read(name_, std::nullopt, kMaxManifestBytes, bytes); !status) {
        if (status.error().code == Errc::kCancelled) return status;
        run_.checks.fail(kind::kFilesPresent, name_, status.error().message);
        return {};
    }
    run_.presentation.manifests.push_back(name_);
    auto parsed = mpd::parse(bytes.text());
    if (!run_.checks.expect(
            parsed.has_value(), kind::kDashManifest, name_, [&] { return parsed.error().message; }))
        return {};
    auto& stored = run_.presentation.dash.emplace_back();
    stored.name = name_;
    stored.mpd = std::move(parsed).value();
    doc_ = &stored.mpd;
    check_document();
    for (std::size_t p = 0; p < stored.mpd.periods.size(); ++p) {
        const auto& sets = stored.mpd.periods[p].adaptation_sets;
        for (std::size_t s = 0; s < sets.size(); ++s) {
            for (const auto& r : sets[s].representations) SG_TRY(representation(p, s, r));
        }
    }
    stored.uses = std::move(uses_);
    return {};
}

void DashLoader::check_document() {
    const auto& doc = *doc_;
    auto& book = run_.checks;
    const auto expect = [&](bool ok, auto&& detail) {
        return book.expect(ok, kind::kDashManifest, name_, detail);
    };
    if (doc.dynamic) {
        book.warn(kind::kDashManifest,
                  name_,
                  "@type is dynamic: the presentation is still growing, its length is not checked");
    } else {
        expect(doc.presentation_duration_us.has_value(),
               [] { return "a static MPD needs @mediaPresentationDuration"; });
    }
    expect(doc.min_buffer_us > 0, [] { return "@minBufferTime is missing or zero"; });
    expect(!doc.periods.empty(), [] { return "it has no Period"; });
    std::int64_t periods_us = 0;
    bool all_known = true;
    for (const auto& p : doc.periods) {
        periods_us += p.duration_us.value_or(0);
        all_known &= p.duration_us.has_value();
        expect(!p.adaptation_sets.empty(),
               [&] { return fmt::format("Period \"{}\" has no AdaptationSet", p.id); });
        std::set<std::string> ids;
        for (const auto& set : p.adaptation_sets) {
            expect(!set.representations.empty(),
                   [] { return "an AdaptationSet has no Representation"; });
            for (const auto& r : set.representations) {
                expect(ids.insert(r.id).second,
                       [&] { return fmt::format("Representation id \"{}\" appears twice", r.id); });
                expect(r.bandwidth > 0, [&] {
                    return fmt::format("Representation \"{}\" has no @bandwidth", r.id);
                });
                expect(!r.mime_type.empty() || !set.mime_type.empty(),
                       [&] { return fmt::format("Representation \"{}\" has no @mimeType", r.id); });
            }
        }
    }
    if (all_known && !doc.periods.empty() && doc.presentation_duration_us) {
        expect(std::abs(periods_us - *doc.presentation_duration_us) <= 1000, [&] {
            return fmt::format(
                "the Periods last {:.3f} s, @mediaPresentationDuration says {:.3f} s",
                static_cast<double>(periods_us) / 1e6,
                static_cast<double>(*doc.presentation_duration_us) / 1e6);
        });
    }
}

Status DashLoader::representation(std::size_t period,
                                  std::size_t set,
                                  const mpd::Representation& r) {
    const auto& p = doc_->periods[period];
    std::string base = run_.fetcher.base_of(name_);
    for (const auto& url :
         {doc_->base_url, p.base_url, p.adaptation_sets[set].base_url, r.base_url}) {
        if (url.empty()) continue;
        auto resolved = resolve_name(run_.fetcher.root(), base, url);
        if (!run_.checks.expect(resolved.has_value(), kind::kDashManifest, name_, [&] {
                return resolved.error().message;
            }))
            return {};
        base = *resolved;
    }
    DashUse use;
    use.period = period;
    use.set = set;
    // Addresses of vectors that do not change any more.
    use.representation = &r;
    use.subject = name_ + " " + r.id;
    use.period_us = p.duration_us.value_or(doc_->presentation_duration_us.value_or(0));
    std::optional<Track> track;
    if (r.segment_template) {
        track = templated(r, base, use);
    } else if (r.segment_base) {
        SG_TRY_ASSIGN(track, indexed(r, base, use));
    } else {
        fail(
            fmt::format("Representation \"{}\" has neither SegmentTemplate nor SegmentBase, the "
                        "two ways that are checked",
                        r.id));
    }
    if (!track || track->segments.empty()) return {};
    if (run_.presentation.tracks.size() >= kMaxTracks) return {};
    if (track->rendition.empty()) track->rendition = r.id;
    track->subject = r.id;
    use.track = track_for(std::move(*track));
    uses_.push_back(std::move(use));
    return {};
}

std::optional<Track> DashLoader::templated(const mpd::Representation& r,
                                           const std::string& base,
                                           DashUse& use) {
    const auto& t = *r.segment_template;
    use.timescale = t.timescale;
    use.offset = t.presentation_time_offset;
    if (t.timescale == 0) {
        fail(fmt::format("Representation \"{}\": @timescale is 0", r.id));
        return std::nullopt;
    }
    auto list = mpd::expand(t, use.period_us, kMaxSegments);
    if (!run_.checks.expect(list.has_value(), kind::kDashManifest, name_, [&] {
            return fmt::format("Representation \"{}\": {}", r.id, list.error().message);
        }))
        return std::nullopt;
    Track track;
    const auto name_it = [&](const std::string& pattern,
                             std::int64_t number,
                             std::int64_t time) -> std::optional<std::string> {
        auto uri = mpd::fill_template(pattern, r, number, time);
        if (uri) uri = resolve_name(run_.fetcher.root(), base, *uri);
        if (run_.checks.expect(uri.has_value(), kind::kDashManifest, name_, [&] {
                return fmt::format("Representation \"{}\": {}", r.id, uri.error().message);
            }))
            return *uri;
        return std::nullopt;
    };
    if (!t.initialization.empty()) {
        const auto name = name_it(t.initialization, 0, 0);
        if (!name) return std::nullopt;
        track.inits.push_back({*name, std::nullopt});
    }
    for (const auto& s : *list) {
        const auto name = name_it(t.media, s.number, s.time);
        if (!name) return std::nullopt;
        track.segments.push_back({*name, std::nullopt, 0, -1, false});
    }
    use.timeline = std::move(*list);
    if (!track.segments.empty()) track.rendition = folder_of(track.segments.front().name);
    return track;
}

Result<std::optional<Track>> DashLoader::indexed(const mpd::Representation& r,
                                                 const std::string& base,
                                                 DashUse& use) {
    const auto& b = *r.segment_base;
    use.timescale = b.timescale;
    use.offset = b.presentation_time_offset;
    const auto index = range_of(b.index_range);
    const auto init = range_of(b.initialization_range);
    if (!index || !init) {
        fail(fmt::format(
            "Representation \"{}\": SegmentBase without @indexRange or Initialization@range",
            r.id));
        return std::optional<Track>();
    }
    ObjectBytes bytes;
    if (auto status = run_.fetcher.read(base, index, kMaxInitBytes, bytes); !status) {
        if (status.error().code == Errc::kCancelled) return status.error();
        run_.checks.fail(kind::kFilesPresent, r.id, status.error().message);
        return std::optional<Track>();
    }
    const auto box = formats::find_box(bytes.span(), formats::fourcc("sidx"));
    if (!run_.checks.expect(
            box.has_value() && box->offset + box->whole.size() == bytes.span().size(),
            kind::kDashManifest,
            name_,
            [&] {
                return fmt::format(
                    "Representation \"{}\": @indexRange {}-{} is not exactly a sidx box",
                    r.id,
                    b.index_range->first,
                    b.index_range->last);
            })) {
        return std::optional<Track>();
    }
    auto parsed = formats::parse_segment_index(box->payload);
    if (!run_.checks.expect(parsed.has_value(), kind::kDashManifest, name_, [&] {
            return fmt::format("Representation \"{}\": {}", r.id, parsed.error().message);
        })) {
        return std::optional<Track>();
    }
    run_.checks.expect(parsed->timescale == b.timescale, kind::kDashManifest, name_, [&] {
        return fmt::format("Representation \"{}\": @timescale {} differs from the sidx box's {}",
                           r.id,
                           b.timescale,
                           parsed->timescale);
    });
    Track track;
    track.inits.push_back({base, init});
    auto at = index->offset + index->bytes + parsed->first_offset;
    for (const auto& reference : parsed->references) {
        if (reference.is_index || track.segments.size() >= kMaxSegments) {
            fail(
                fmt::format("Representation \"{}\": its sidx refers to another sidx or to too many "
                            "segments, which is not checked",
                            r.id));
            return std::optional<Track>();
        }
        track.segments.push_back({base, ByteRange{at, reference.bytes}, 0, -1, false});
        at += reference.bytes;
    }
    use.timescale = parsed->timescale;
    use.references = parsed->references;
    use.index_start = static_cast<std::int64_t>(parsed->earliest_presentation_time);
    track.rendition = folder_of(base);
    return std::optional<Track>(std::move(track));
}

/// The track that a playlist already made of the same segments, else a new one.
std::size_t DashLoader::track_for(Track track) {
    auto& tracks = run_.presentation.tracks;
    const auto same = std::find_if(tracks.begin(), tracks.end(), [&](const Track& t) {
        return t.segments.front().same_bytes(track.segments.front());
    });
    if (same == tracks.end()) {
        tracks.push_back(std::move(track));
        return tracks.size() - 1;
    }
    auto& book = run_.checks;
    const auto& subject = track.subject;
    book.expect(same->segments.size() == track.segments.size(), kind::kDashManifest, name_, [&] {
        return fmt::format("Representation \"{}\" names {} segments, the playlist {} names {}",
                           subject,
                           track.segments.size(),
                           same->playlist,
                           same->segments.size());
    });
    const auto common = std::min(same->segments.size(), track.segments.size());
    for (std::size_t i = 0; i < common; ++i) {
        if (same->segments[i].same_bytes(track.segments[i])) continue;
        book.fail(kind::kDashManifest,
                  name_,
                  fmt::format("Representation \"{}\": segment {} is {}, in the playlist it is {}",
                              subject,
                              i + 1,
                              track.segments[i].name,
                              same->segments[i].name));
    }
    book.expect(
        same->inits.empty() || track.inits.empty() || same->inits.front() == track.inits.front(),
        kind::kDashManifest,
        name_,
        [&] {
            return fmt::format(
                "Representation \"{}\" has another init segment ({}) than its playlist",
                subject,
                track.inits.front().name);
        });
    // The longer list is the one to read.
    if (track.segments.size() > same->segments.size()) {
        for (std::size_t i = same->segments.size(); i < track.segments.size(); ++i)
            same->segments.push_back(track.segments[i]);
    }
    return static_cast<std::size_t>(same - tracks.begin());
}

}  // namespace

Status load_dash(VerifyRun& run, const std::string& name) {
    return DashLoader(run, name).load();
}

}  // namespace sg::engine
