#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

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

/// Of an MPD's tracks that go on over the discontinuities of playlists.
constexpr std::int64_t kOwnStretch = -1;

std::pair<std::string, std::uint64_t> place_of(const SegmentRef& segment) {
    return {segment.name, segment.range ? segment.range->offset : 0};
}

class DashLoader {
  public:
    DashLoader(VerifyRun& run, std::string name) : run_(run), name_(std::move(name)) {}

    Status load();

  private:
    void check_document();
    void check_periods();
    void check_connected(const mpd::Period& period, std::size_t before);
    void place_periods();
    [[nodiscard]] std::int64_t period_length_us(std::size_t period) const;
    void join_stretches();
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
    std::vector<std::optional<std::int64_t>> starts_us_;  ///< of Periods
    std::vector<DashUse> uses_;
    std::size_t first_use_ = 0;  ///< of the Period that is being read
    std::map<std::pair<std::string, std::uint64_t>, std::size_t> by_first_segment_;
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
    place_periods();
    check_document();
    const auto& tracks = run_.presentation.tracks;
    for (std::size_t i = 0; i < tracks.size(); ++i)
        by_first_segment_.emplace(place_of(tracks[i].segments.front()), i);
    for (std::size_t p = 0; p < stored.mpd.periods.size(); ++p) {
        const auto& sets = stored.mpd.periods[p].adaptation_sets;
        first_use_ = uses_.size();
        for (std::size_t s = 0; s < sets.size(); ++s) {
            for (const auto& r : sets[s].representations) SG_TRY(representation(p, s, r));
        }
    }
    join_stretches();
    stored.uses = std::move(uses_);
    return {};
}

/// What only the MPD names is shown beside the playlists' tracks of the same Period.
void DashLoader::join_stretches() {
    auto& tracks = run_.presentation.tracks;
    std::vector<std::int64_t> stretches(doc_->periods.size());
    std::iota(stretches.begin(), stretches.end(), 0);
    for (const auto& u : uses_)
        if (!tracks[u.track].playlist.empty()) stretches[u.period] = tracks[u.track].stretch;
    for (const auto& u : uses_)
        if (tracks[u.track].playlist.empty() && tracks[u.track].stretch != kOwnStretch)
            tracks[u.track].stretch = stretches[u.period];
}

/// ISO/IEC 23009-1 section 5.3.2.1: without @start it begins where the one before ends.
void DashLoader::place_periods() {
    std::optional<std::int64_t> next = 0;
    for (const auto& p : doc_->periods) {
        if (p.start_us) next = p.start_us;
        starts_us_.push_back(next);
        next = next && p.duration_us ? std::optional(*next + *p.duration_us) : std::nullopt;
    }
}

std::int64_t DashLoader::period_length_us(std::size_t period) const {
    if (doc_->periods[period].duration_us) return *doc_->periods[period].duration_us;
    const auto end =
        period + 1 < doc_->periods.size() ? starts_us_[period + 1] : doc_->presentation_duration_us;
    return end ? std::max<std::int64_t>(0, *end - starts_us_[period].value_or(0)) : 0;
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
    for (const auto& p : doc.periods) {
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
    check_periods();
}

void DashLoader::check_periods() {
    const auto& periods = doc_->periods;
    const auto expect = [&](bool ok, auto&& detail) {
        return run_.checks.expect(ok, kind::kDashManifest, name_, detail);
    };
    const auto seconds = [](std::int64_t us) { return static_cast<double>(us) / 1e6; };
    for (std::size_t i = 1; i < periods.size(); ++i) {
        const auto start = starts_us_[i];
        const auto before = starts_us_[i - 1];
        if (!expect(start && before && *start >= *before, [&] {
                return fmt::format(
                    "it is not said when Period \"{}\" starts, or it is before the "
                    "one in front of it",
                    periods[i].id);
            }))
            return;
        const auto ends = *before + period_length_us(i - 1);
        expect(doc_->dynamic || std::abs(*start - ends) <= 1000, [&] {
            return fmt::format("Period \"{}\" starts at {:.3f} s, the one before ends at {:.3f} s",
                               periods[i].id,
                               seconds(*start),
                               seconds(ends));
        });
        check_connected(periods[i], i);
    }
    if (periods.empty() || !periods.back().duration_us || !doc_->presentation_duration_us) return;
    const auto last = periods.size() - 1;
    const auto ends = starts_us_[last].value_or(0) + period_length_us(last);
    expect(std::abs(ends - *doc_->presentation_duration_us) <= 1000, [&] {
        return fmt::format("the Periods last {:.3f} s, @mediaPresentationDuration says {:.3f} s",
                           seconds(ends),
                           seconds(*doc_->presentation_duration_us));
    });
}

/// ISO/IEC 23009-1 section 5.3.2.4: what goes on from an earlier Period has its ids, and needs no
/// other init segment.
void DashLoader::check_connected(const mpd::Period& period, std::size_t before) {
    for (const auto& set : period.adaptation_sets) {
        for (const auto& property : set.supplemental) {
            if (!property.scheme.starts_with("urn:mpeg:dash:period-con")) continue;
            const auto end = doc_->periods.begin() + static_cast<std::ptrdiff_t>(before);
            const auto from = std::find_if(doc_->periods.begin(), end, [&](const mpd::Period& p) {
                return p.id == property.value;
            });
            bool found = false;
            for (const auto& other :
                 from == end ? std::vector<mpd::AdaptationSet>() : from->adaptation_sets)
                found |= other.id == set.id && other.content_type == set.content_type;
            run_.checks.expect(found, kind::kDashManifest, name_, [&] {
                return fmt::format(
                    "an AdaptationSet of Period \"{}\" goes on from Period \"{}\", "
                    "which has none of its id before it",
                    period.id,
                    property.value);
            });
        }
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
    use.period_us = period_length_us(period);
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
    if (uses_.size() - first_use_ >= kMaxTracks) return {};
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
    const auto known = by_first_segment_.find(place_of(track.segments.front()));
    const auto same = known == by_first_segment_.end()
                          ? tracks.end()
                          : tracks.begin() + static_cast<std::ptrdiff_t>(known->second);
    // Where playlists have discontinuities and the MPD has none, each is read for itself.
    const bool split = same != tracks.end() && doc_->periods.size() == 1 &&
                       same->segments.size() < track.segments.size() && !same->playlist.empty() &&
                       run_.presentation.tracks_of_playlist.at(same->playlist).size() > 1;
    if (same == tracks.end() || split) {
        by_first_segment_.emplace(place_of(track.segments.front()), tracks.size());
        if (split) track.stretch = kOwnStretch;
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
